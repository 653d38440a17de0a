"""Luigi: each task class is a stage; what its `requires` gives comes before it, what its `output` names it writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeaudit.model.pipeline import Program, StageKind
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Evaluator, Library
from pipeaudit.pyeval.values import (
    NOT_KNOWN,
    Bound,
    Class,
    Function,
    Instance,
    Model,
    Unknown,
    Value,
    carried,
    flat,
    text_of,
)
from pipeaudit.system import Declared, PythonSource, Sources, Stage, bounded, repository_system

if TYPE_CHECKING:
    from pipeaudit.pyeval.frames import Frame

_CONFIGS = ("luigi.Config",)


@repository_system("luigi", package="luigi")
def stages(sources: Sources, files: Sequence[PythonSource]) -> Iterator[Declared]:
    found: dict[tuple[str, str], _TaskClass] = {}
    instantiated: set[tuple[str, str]] = set()
    bases: set[tuple[str, str]] = set()
    for source in files:
        library = _Luigi()
        evaluator, frame, problems = source.run(library)
        with bounded(source.path, problems):
            for cls in _classes(frame, source.path):
                made = library.explore(evaluator, cls)
                if made is not None:
                    found[_key(cls)] = made
                    instantiated |= {_key(other.cls) for other in made.requires}
                    bases |= {_key(b) for b in cls.lineage() if isinstance(b, Class) and b is not cls}
        yield from problems
    for key, task in sorted(found.items()):
        if key in bases and key not in instantiated:
            continue  # a base class that no pipeline runs itself
        yield _stage(task, found)


def _key(cls: Class) -> tuple[str, str]:
    return (cls.file.path, cls.name)


def _classes(frame: Frame, path: str) -> list[Class]:
    return list(dict.fromkeys(v for v in frame.names.values() if isinstance(v, Class) and v.file.path == path))


def _is_task(cls: Class) -> bool:
    names = [base for base in cls.external_bases() if base.startswith("luigi") and base not in _CONFIGS]
    return any(not name.endswith(("Parameter", "Target", "Config", "Event", "Format", "FileSystem")) for name in names)


@dataclass(eq=False)
class _TaskClass:
    cls: Class
    requires: list[_Task] = field(default_factory=list)
    writes: tuple[str, ...] = ()


class _Task(Model):
    """An instance of a task class."""

    def __init__(self, cls: Class, instance: Instance, library: _Luigi) -> None:
        self.cls = cls
        self.instance = instance
        self.library = library

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name in self.instance.attributes:
            return self.instance.attributes[name]
        if name in ("clone", "clone_parent"):
            return _Clone(self)
        found = self.cls.find(name)
        if isinstance(found, Function):
            return Bound(found, self)
        return Unknown((), "{}") if found is NOT_KNOWN or isinstance(found, Unknown) else found

    def set_attribute(self, name: str, value: Value) -> None:
        self.instance.attributes[name] = value


class _Clone(Model):
    """`self.clone(Other)`: an instance of the other class."""

    def __init__(self, task: _Task) -> None:
        self.task = task

    def call(self, call: Call) -> Value:
        cls = call.argument(0, "cls", default=None)
        return self.task.library.instance(cls, call.keywords) if isinstance(cls, Class) else NOT_KNOWN


class _Target(Model):
    """`luigi.LocalTarget(path)` and its like."""

    def __init__(self, path: str) -> None:
        self.path = path

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return (
            Unknown(text=self.path)
            if "{}" in self.path and name in ("path", "fn")
            else self.path
            if name in ("path", "fn")
            else NOT_KNOWN
        )


class _Requires(Model):
    """`@requires(A, B)` and `@inherits(...)` of luigi.util."""

    def __init__(self, library: _Luigi, classes: list[Class], adds: bool) -> None:
        self.library = library
        self.classes = classes
        self.adds = adds

    def call(self, call: Call) -> Value:
        cls = call.args[0] if call.args else None
        if isinstance(cls, Class) and self.adds:
            self.library.required.setdefault(_key(cls), []).extend(self.classes)
        return NOT_KNOWN if cls is None else cls


class _Luigi(Library):
    packages = ("luigi",)

    def __init__(self) -> None:
        self.required: dict[tuple[str, str], list[Class]] = {}

    def call(self, call: Call) -> Value:
        last = call.name.rpartition(".")[2]
        if not call.name.startswith("luigi"):
            return NOT_KNOWN
        if last in ("requires", "inherits", "common_params"):
            classes = [value for value in flat(call.args) if isinstance(value, Class)]
            return _Requires(self, classes, adds=last == "requires")
        if last.endswith("Target"):
            path = text_of(call.argument(0, "path", "fn", default=None))
            return _Target(path) if path else NOT_KNOWN
        if last.endswith("Parameter"):
            default = call.keywords.get("default")
            return default if isinstance(default, str | int | float) else Unknown(text="{}")
        return NOT_KNOWN

    def construct(self, call: Call) -> Value:
        assert call.cls is not None
        return self.instance(call.cls, call.keywords) if _is_task(call.cls) else NOT_KNOWN

    def instance(self, cls: Class, values: dict[str, Value]) -> _Task:
        return _Task(cls, Instance(cls, dict(values)), self)

    def explore(self, evaluator: Evaluator, cls: Class) -> _TaskClass | None:
        """What an instance of the class requires and writes."""
        if not _is_task(cls):
            return None
        task = self.instance(cls, {})
        found = _TaskClass(cls)
        for step in cls.lineage():
            if isinstance(step, Class):
                found.requires += [self.instance(other, {}) for other in self.required.get(_key(step), ())]
        requires = cls.find("requires")
        if isinstance(requires, Function):
            result = evaluator.call(requires, [task])
            found.requires += [leaf for leaf in carried(*flat(result)) if isinstance(leaf, _Task) and leaf is not task]
        output = cls.find("output")
        if isinstance(output, Function):
            result = evaluator.call(output, [task])
            found.writes = tuple(
                dict.fromkeys(leaf.path for leaf in carried(*flat(result)) if isinstance(leaf, _Target))
            )
        return found


def _stage(task: _TaskClass, found: dict[tuple[str, str], _TaskClass]) -> Stage:
    cls = task.cls
    before = dict.fromkeys(_key(other.cls) for other in task.requires if _key(other.cls) != _key(cls))
    reads = [path for key in before if key in found for path in found[key].writes]
    run = cls.find("run")
    program = (
        Program(path=run.file.path, function=f"{run.owner.name}.run")
        if isinstance(run, Function) and run.owner
        else None
    )
    return Stage(
        name=cls.name,
        system="luigi",
        at=cls.file.at(cls.node),
        key=f"{cls.file.path}:{cls.name}",
        reads=tuple(dict.fromkeys(reads)),
        writes=task.writes,
        after=tuple(f"{path}:{name}" for path, name in before),
        runs=(program,) if program is not None else (),
        kind=StageKind.COLLECTION if "luigi.ExternalTask" in cls.external_bases() else None,
        pipeline="luigi",
    )
