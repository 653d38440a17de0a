"""Kedro: each node of the registered pipelines is a stage; dataset names join them, the catalog says where they lie."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import dirname
from typing import TYPE_CHECKING

from pipeaudit.pyeval.values import Function, Unknown, Value, carried, flat
from pipeaudit.system import Declared, Problem, PythonSource, Sources, Stage, bounded, repository_system
from pipeaudit.systems.kedro.calls import Kedro
from pipeaudit.systems.kedro.catalog import catalogued
from pipeaudit.systems.kedro.pipelines import Pipeline

if TYPE_CHECKING:
    from collections.abc import Sequence


@repository_system(
    "kedro",
    "pipeline_registry.py",
    "*conf/*.yml",
    "*conf/*.yaml",
    package="kedro",
    containing=(b"register_pipelines", b"filepath"),
)
def stages(sources: Sources, files: Sequence[PythonSource]) -> Iterator[Declared]:
    registries = [file for file in files if file.path.rpartition("/")[2] in ("pipeline_registry.py", "hooks.py")]
    registries += _registries_by_name(sources, registries)
    done: set[str] = set()
    folders: list[str] = []
    for source in registries:
        library = Kedro(sources, dirname(source.path))
        evaluator, frame, problems = source.run(library)
        register = evaluator.global_value(frame, "register_pipelines")
        with bounded(source.path, problems):
            result = evaluator.call(register) if isinstance(register, Function) else Unknown()
            if isinstance(register, Function):
                folders.append(dirname(source.path))
                yield from _declared(source.path, _pipelines(result), done)
        yield from problems
    for source in files:
        if any(source.path.startswith(f"{folder}/") or not folder for folder in folders):
            continue
        yield from _alone(source, done)
    yield from catalogued(sources)


def _registries_by_name(sources: Sources, known: list[PythonSource]) -> Iterator[PythonSource]:
    """Registries that import Kedro's classes through other modules only."""
    paths = {source.path for source in known}
    for path in sources.ending("pipeline_registry.py"):
        file = sources.python(path) if path not in paths else None
        if file is not None and "register_pipelines" in file.source:
            yield PythonSource(path, sources, file, ("kedro",))


def _alone(source: PythonSource, done: set[str]) -> Iterator[Declared]:
    """A pipeline file outside of any project: what its `create_pipeline` makes, or what stands at its top."""
    library = Kedro(source.sources, dirname(source.path))
    evaluator, frame, problems = source.run(library)
    with bounded(source.path, problems):
        create = evaluator.global_value(frame, "create_pipeline")
        made = (
            evaluator.call(create)
            if isinstance(create, Function)
            else [v for v in frame.names.values() if isinstance(v, Pipeline)]
        )
        yield from _declared(source.path, _pipelines(made), done)
    yield from problems


def _pipelines(result: Value) -> list[Pipeline]:
    found = [leaf for leaf in flat(result) if isinstance(leaf, Pipeline)]
    found += [
        leaf for leaf in carried(*[v for v in flat(result) if isinstance(v, Unknown)]) if isinstance(leaf, Pipeline)
    ]
    return found


def _declared(registry: str, pipelines: list[Pipeline], done: set[str]) -> Iterator[Declared]:
    nodes = dict.fromkeys(node for pipeline in pipelines for node in pipeline.nodes)
    for node in nodes:
        whole = f"{registry}:{node.full_name}({','.join(node.inputs)})->{','.join(node.outputs)}"
        if whole in done:
            continue  # to the engine, nodes that say the same are one, wherever they are written
        key = f"{registry}:{node.full_name}"
        key = whole if key in done else key
        done.update((key, whole))
        if set(node.outputs) & set(node.inputs):
            yield Problem(
                node.at.path, node.at.line, f"node `{node.full_name}` reads what it writes: Kedro refuses that"
            )
        yield Stage(
            name=node.full_name,
            system="kedro",
            at=node.at,
            key=key,
            reads=tuple(f"kedro:{name}" for name in node.inputs if not _is_parameter(name)),
            writes=tuple(f"kedro:{name}" for name in node.outputs),
            runs=(node.program,) if node.program is not None else (),
            params=tuple(name for name in node.inputs if _is_parameter(name)),
            pipeline=registry,
            note="one of many" if "{}" in node.full_name else "",
        )


def _is_parameter(name: str) -> bool:
    return name.startswith("params:") or name == "parameters"
