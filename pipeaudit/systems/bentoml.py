"""BentoML: each service is a deployment that reads the models of the store which it names, and comes after the services
it calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from posixpath import dirname
from typing import TYPE_CHECKING

from pipeaudit.flow.events import is_test
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Program, StageKind, stored_model
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Evaluator, Library
from pipeaudit.pyeval.values import NOT_KNOWN, Class, Model, Value, carried, text_of
from pipeaudit.read.node import Node
from pipeaudit.system import Artifact, Declared, PythonSource, Sources, Stage, repository_system, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

_BUILDS = ("bentofile.yaml", "bentofile.yml")
_MODELS = frozenset(("get", "load_model", "load_runner", "load", "BentoModel", "HuggingFaceModel"))


@repository_system("bentoml", *_BUILDS, "pyproject.toml", package="bentoml", containing=(b"service",))
def stages(sources: Sources, files: Sequence[PythonSource]) -> Iterator[Declared]:
    builds = _builds(sources)
    told: set[str] = set()
    served: set[str] = set()
    for source in files:
        library = _BentoML()
        evaluator, _, problems = source.run(library)
        yield from problems
        services = [service for service in library.services if service.at.path == source.path]
        build = builds.get(source.path)
        for service in services:
            served.add(source.path)
            program = Program(path=source.path, function=service.function if len(services) > 1 else "")
            reads = [*service.reads(evaluator), *(_models(build) if build and len(services) == 1 else ())]
            yield from _stage(service, program, reads, told)
    for path, build in sorted(builds.items()):
        if path not in served:
            service = _Service(build.get("name").text or dirname(build.path) or "service", build.get("service").at)
            yield from _stage(service, Program(path=path), _models(build), told)


def _builds(sources: Sources) -> Mapping[str, Node]:
    """Build files by the Python file of the service that they pack."""
    found: dict[str, Node] = {}
    for path in sources.matching(*_BUILDS, "pyproject.toml"):
        is_named = not path.endswith(".toml") or b"bentoml" in (sources.data(path) or b"")
        document = sources.document(path) if is_named and not is_test(path) else None
        build = document.get("tool", "bentoml", "build") if document and path.endswith(".toml") else document
        if build is None or not build.get("service").text:
            continue
        module, _, _ = build.get("service").text.partition(":")
        dotted = module.removesuffix(".py").replace("/", ".")
        file = sources.modules.find(dotted, path)
        named = resolve(dirname(path), module)
        target = named if named in sources else file
        if target is not None and target.endswith(".py"):
            found.setdefault(target, build)
    return found


def _models(build: Node) -> list[str]:
    named = [node.text or node.get("tag").text for node in build.list("models")]
    return [stored_model("bentoml", name) for name in named if name]


def _stage(service: _Service, program: Program, reads: list[str], told: set[str]) -> Iterator[Declared]:
    yield Stage(
        name=service.name,
        system="bentoml",
        at=service.at,
        key=f"{service.at.path}:{service.name}",
        reads=tuple(dict.fromkeys(reads)),
        after=tuple(f"{other.at.path}:{other.name}" for other in service.calls),
        runs=(program,),
        kind=StageKind.DEPLOYMENT,
        pipeline=service.name,
    )
    for name in dict.fromkeys(reads):
        if name not in told:
            told.add(name)
            yield Artifact(name, ArtifactKind.MODEL)


@dataclass(eq=False)
class _Stored(Model):
    """A model of the store, a runner of it, or what was loaded of it."""

    name: str

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self

    def call(self, call: Call) -> Value:
        return self


@dataclass(eq=False)
class _Service(Model):
    """`bentoml.Service(...)`, or a class under `@bentoml.service`; `function` is the class."""

    name: str
    at: Location
    function: str = ""
    holds: list[Value] = field(default_factory=list)

    def reads(self, evaluator: Evaluator) -> list[str]:
        values = [evaluator.force(value) for value in self.holds]
        return [one.name for one in carried(*values) if isinstance(one, _Stored)]

    @property
    def calls(self) -> list[_Service]:
        return [one.on for one in carried(*self.holds) if isinstance(one, _Dependency)]

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self if name == "inner" else NOT_KNOWN


@dataclass(eq=False)
class _Dependency(Model):
    """`bentoml.depends(Other)`."""

    on: _Service


@dataclass(eq=False)
class _Decorator(Model):
    library: _BentoML
    options: dict[str, Value]

    def call(self, call: Call) -> Value:
        return self.library.service(call.args[0] if call.args else None, self.options)


@dataclass(eq=False)
class _BentoML(Library):
    packages = ("bentoml",)
    services: list[_Service] = field(default_factory=list)

    def call(self, call: Call) -> Value:
        if not call.name.startswith("bentoml."):
            return NOT_KNOWN
        last = call.name.rpartition(".")[2]
        if last == "service":
            cls = call.args[0] if call.args else None
            return self.service(cls, call.keywords) if isinstance(cls, Class) else _Decorator(self, dict(call.keywords))
        if last == "Service":
            name = text_of(call.argument(0, "name", default=None)) or "service"
            return self._made(_Service(name, call.at, "", list(call.values[1:])))
        if last == "depends":
            on = call.args[0] if call.args else None
            return _Dependency(on) if isinstance(on, _Service) else NOT_KNOWN
        if last in _MODELS:
            tag = text_of(call.argument(0, "tag", "bento_model", "model_id", "tag_like", default=None))
            if tag and tag.replace("{}", ""):
                return _Stored(tag if last == "HuggingFaceModel" else stored_model("bentoml", tag))
        return NOT_KNOWN

    def service(self, cls: Value, options: dict[str, Value]) -> Value:
        if not isinstance(cls, Class):
            return NOT_KNOWN
        name = text_of(options.get("name")) or cls.name
        return self._made(_Service(name, cls.file.at(cls.node), cls.name, list(cls.attributes.values())))

    def _made(self, service: _Service) -> _Service:
        self.services.append(service)
        return service
