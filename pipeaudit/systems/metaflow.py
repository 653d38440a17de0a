"""Metaflow: each `@step` method of a flow class is a stage; `self.next(...)` is its order."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.evaluator import Library
from pipeaudit.pyeval.values import Class, Function
from pipeaudit.system import Declared, Problem, PythonSource, Stage, python_system


@python_system("metaflow", package="metaflow", containing=(b"FlowSpec",))
def stages(source: PythonSource) -> Iterator[Declared]:
    _, frame, problems = source.run(_Metaflow())
    yield from problems
    for value in list(frame.names.values()):
        if isinstance(value, Class) and value.file.path == source.path and _is_flow(value):
            yield from _flow(source, value)


class _Metaflow(Library):
    packages = ("metaflow",)


@dataclass(frozen=True, slots=True)
class _Next:
    """Where a step goes, and whether each of many goes there."""

    targets: tuple[str, ...]
    is_foreach: bool


def _is_flow(cls: Class) -> bool:
    return any(base.rpartition(".")[2] == "FlowSpec" for base in cls.external_bases())


def _flow(source: PythonSource, cls: Class) -> Iterator[Declared]:
    steps = _steps(cls)
    if "start" not in steps or "end" not in steps:
        return  # a base class for flows, or a fragment
    after: dict[str, list[str]] = {name: [] for name in steps}
    mapped: set[str] = set()
    for name, step in steps.items():
        for following in _nexts(step):
            for target in following.targets:
                if target not in steps:
                    yield Problem(
                        step.file.path, step.node.lineno, f"step `{name}` goes on to `{target}`, which is no step"
                    )
                else:
                    after[target].append(name)
                    mapped |= {target} if following.is_foreach else set()
    for name, step in steps.items():
        yield Stage(
            name=name,
            system="metaflow",
            at=source.at(step.node) if step.file is source.file else step.file.at(step.node),
            key=f"{source.path}:{cls.name}:{name}",
            after=tuple(f"{source.path}:{cls.name}:{earlier}" for earlier in dict.fromkeys(after[name])),
            runs=(Program(path=step.file.path, function=f"{step.owner.name if step.owner else cls.name}.{name}"),),
            pipeline=cls.name,
            note="one of many" if name in mapped else "",
        )


def _steps(cls: Class) -> dict[str, Function]:
    found: dict[str, Function] = {}
    for step in cls.lineage():
        if isinstance(step, Class):
            for name, value in step.attributes.items():
                if isinstance(value, Function) and any(d.rpartition(".")[2] == "step" for d in value.decorations):
                    found.setdefault(name, value)
    return found


def _nexts(step: Function) -> Iterator[_Next]:
    for node in ast.walk(step.node):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "next":
            continue
        targets: list[str] = []
        for argument in node.args:
            values = argument.values if isinstance(argument, ast.Dict) else [argument]
            targets += [value.attr for value in values if isinstance(value, ast.Attribute)]
        yield _Next(tuple(targets), any(keyword.arg == "foreach" for keyword in node.keywords))
