"""Azure Machine Learning in Python: each component that a function under `@pipeline` calls is a stage, each command job
outside of one, too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from pipeaudit.pyeval.values import Model
from pipeaudit.system import Declared, Problem, PythonSource, Stage, bounded, python_system, resolve
from pipeaudit.systems.azureml_sdk.calls import JOB_MAKERS, PACKAGES, AzureML
from pipeaudit.systems.azureml_sdk.nodes import Built, Component


@python_system("azureml", package=PACKAGES)
def stages(source: PythonSource) -> Iterator[Declared]:
    library = AzureML(source)
    evaluator, frame, problems = source.run(library, as_main=True)
    with bounded(source.path, problems):
        for function in source.uncalled(evaluator, frame, _makes_jobs):
            evaluator.call(function)
        for pipeline in list(library.pipelines):
            if not pipeline.was_built and pipeline.function.file.path == source.path:
                library.build(evaluator, pipeline)
    yield from problems
    for built in library.built:
        if built.function.file.path == source.path:
            yield from _declared(source, built)
    for component in library.components:
        if component.is_job and not component.was_called and component.at.path == source.path:
            yield _job(source, component)


def _makes_jobs(name: str) -> bool:
    return name.startswith("azure.ai.ml") and (name.endswith(".pipeline") or name.rpartition(".")[2] in JOB_MAKERS)


def _declared(source: PythonSource, built: Built) -> Iterator[Declared]:
    prefix = f"{source.path}:"
    keys = {node: prefix + node.key for node in built.nodes}
    unknown_nodes = _unknown(built)
    elsewhere = {name: f"{prefix}{built.pipeline.name}/{name}" for name in unknown_nodes}
    by_name = {node.name: key for node, key in keys.items()} | elsewhere
    for node in built.nodes:
        closed = node.component.is_closed
        for name in node.outputs if closed else ():
            if name not in node.component.outputs:
                yield Problem(node.at.path, node.at.line, f"component `{node.component.name}` has no output `{name}`")
        outputs = [*node.component.outputs, *(name for name in node.outputs if not closed)]
        yield Stage(
            name=node.name,
            system="azureml",
            at=node.at,
            key=keys[node],
            reads=tuple(
                dict.fromkeys(
                    [
                        *(_artifact(keys[o.node], o.name) for o in node.reads if o.node in keys),
                        *(_path(source, path) for path in node.data),
                    ]
                )
            ),
            writes=tuple(dict.fromkeys(_artifact(keys[node], name) for name in outputs)),
            after=(
                *(keys[earlier] for earlier in node.before if earlier in keys and earlier is not node),
                *(elsewhere[name] for name in _named(node.site, elsewhere)),
            ),
            runs=node.component.runs,
            pipeline=prefix + built.pipeline.name,
            note=node.component.note,
        )
    for name, call in unknown_nodes.items():
        yield _stage_of_unknown(built, name, call, by_name)


def _unknown(built: Built) -> dict[str, ast.Call]:
    """Nodes of components that are made elsewhere: names given to calls whose `outputs` the function asks for.

    What a branch that is not taken would call is known, and has made no node.
    """
    function = built.function
    asked = {
        node.value.id
        for node in ast.walk(function.node)
        if isinstance(node, ast.Attribute) and node.attr == "outputs" and isinstance(node.value, ast.Name)
    }
    return {
        name: call
        for call, name in built.targets.items()
        if isinstance(call, ast.Call) and name in asked and call not in built.known
        if not isinstance(call.func, ast.Name) or not isinstance(function.frame.load(call.func.id), Model)
    }


def _stage_of_unknown(built: Built, name: str, call: ast.Call, keys: Mapping[str, str]) -> Stage:
    return Stage(
        name=name,
        system="azureml",
        at=built.function.file.at(call),
        key=keys[name],
        after=tuple(keys[other] for other in _named(call, keys) if other != name),
        pipeline=keys[name].rpartition("/")[0],
        note="a component that is not known",
    )


def _named(node: ast.AST, names: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(part.id for part in ast.walk(node) if isinstance(part, ast.Name) and part.id in names))


def _job(source: PythonSource, component: Component) -> Stage:
    return Stage(
        name=component.name,
        system="azureml",
        at=component.at,
        key=f"{source.path}:{component.at.line}:{component.name}",
        reads=tuple(dict.fromkeys(_path(source, data.path) for data in component.inputs)),
        runs=component.runs,
        pipeline=f"{source.path}:{component.name}",
        note=component.note,
    )


def _artifact(key: str, output: str) -> str:
    node = key.rpartition("/")[2]
    return f"azureml:{key}#{node}/{output}"


def _path(source: PythonSource, path: str) -> str:
    """Data as `Input(path=...)` names it: a path from the file's folder, a URI, or a registered asset's name."""
    if re.match(r"azureml:|\w+://", path) or "@" in path:
        return path
    return resolve(source.path.rpartition("/")[0], path)
