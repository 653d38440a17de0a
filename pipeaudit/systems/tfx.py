"""TFX: each component of a pipeline is a stage; channels from one to another, `add_upstream_node` and `Cond` are its
order.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeaudit.located import located
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Program, StageKind
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Library
from pipeaudit.pyeval.values import (
    NOT_KNOWN,
    Class,
    Function,
    Model,
    Unknown,
    Value,
    carried,
    strings,
    text_of,
    unknown,
)
from pipeaudit.system import (
    Artifact,
    Declared,
    Problem,
    PythonSource,
    Sources,
    Stage,
    bounded,
    repository_system,
)

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator
    from pipeaudit.pyeval.frames import Frame

_PACKAGES = ("tfx", "tfx_addons")
_KINDS = {
    "StatisticsGen": StageKind.EXPLORATION,
    "SchemaGen": StageKind.PREPROCESSING,
    "ImportSchemaGen": StageKind.PREPROCESSING,
    "ExampleValidator": StageKind.PREPROCESSING,
    "DistributionValidator": StageKind.PREPROCESSING,
    "ExampleDiff": StageKind.EXPLORATION,
    "Transform": StageKind.PREPROCESSING,
    "Trainer": StageKind.TRAINING,
    "Tuner": StageKind.TRAINING,
    "Evaluator": StageKind.EVALUATION,
    "ModelValidator": StageKind.EVALUATION,
    "InfraValidator": StageKind.EVALUATION,
    "Pusher": StageKind.DEPLOYMENT,
    "BulkInferrer": StageKind.DEPLOYMENT,
    "Resolver": StageKind.OTHER,
    "ResolverNode": StageKind.OTHER,
    "Importer": None,  # of data, of a schema or of parameters: its name tells
    "ImporterNode": None,
}
_OUTPUTS = {
    "examples": ArtifactKind.DATASET,
    "output_examples": ArtifactKind.DATASET,
    "transformed_examples": ArtifactKind.FEATURES,
    "transform_graph": ArtifactKind.FEATURES,
    "model": ArtifactKind.MODEL,
    "pushed_model": ArtifactKind.MODEL,
    "evaluation": ArtifactKind.METRICS,
    "blessing": ArtifactKind.METRICS,
    "best_hyperparameters": ArtifactKind.PARAMS,
    "inference_result": ArtifactKind.DATASET,
    "statistics": ArtifactKind.REPORT,
    "anomalies": ArtifactKind.REPORT,
}
_ALWAYS = {  # what a component writes whether or not another one reads it
    "Trainer": "model",
    "Evaluator": "evaluation",
    "Pusher": "pushed_model",
    "ExampleValidator": "anomalies",
    "BulkInferrer": "inference_result",
}
_FUNCTIONS = {
    "Transform": ("preprocessing_fn",),
    "Trainer": ("run_fn", "trainer_fn"),
    "Tuner": ("tuner_fn",),
    "Evaluator": ("custom_eval_shared_model", "custom_extractors"),
}
_PLACES = ("input_base", "input", "schema_file", "source_uri")
_NO_COMPONENTS = frozenset(("types", "proto", "placeholders", "placeholder", "experimental_placeholders"))
_BASES = ("BaseComponent", "BaseBeamComponent", "BaseNode", *_KINDS)


@repository_system("tfx", package=_PACKAGES)
def stages(sources: Sources, files: list[PythonSource]) -> Iterator[Declared]:
    """Runners build one pipeline each from functions of other files: all files are run, and of a pipeline that several
    build the first one stands.
    """
    built: dict[tuple[str, str], _Pipeline] = {}
    runs: list[tuple[PythonSource, _Tfx, Evaluator, Frame]] = []
    for source in files:
        library = _Tfx()
        evaluator, frame, problems = source.run(library, as_main=True)
        for pipeline in library.pipelines:
            built.setdefault((pipeline.place, pipeline.name), pipeline)
        runs.append((source, library, evaluator, frame))
        yield from problems
    called = {place for place, _ in built}  # a function that is called with nothing known tells less than its caller
    for source, library, evaluator, frame in runs:
        problems = []
        library.pipelines.clear()
        with bounded(source.path, problems):
            for function in source.uncalled(evaluator, frame, _makes_pipeline):
                evaluator.call(function)
        for pipeline in library.pipelines:
            if pipeline.place not in called:
                built.setdefault((pipeline.place, ""), pipeline)
        yield from problems
    taken: dict[str, int] = {}
    for pipeline in built.values():
        name = f"{pipeline.at.path}:{pipeline.name}"
        taken[name] = taken.get(name, 0) + 1
        yield from _Declaration(sources, pipeline, name if taken[name] == 1 else f"{name}#{taken[name]}").all()


def _makes_pipeline(name: str) -> bool:
    return name.startswith("tfx.") and name.endswith((".Pipeline", ".InteractiveContext"))


@dataclass(eq=False)
class _Component(Model):
    name: str
    type: str
    at: Location
    call_site: Call
    library: _Tfx
    program: Program | None = None
    inputs: dict[_Output, None] = field(default_factory=dict)
    before: dict[_Component, None] = field(default_factory=dict)
    outputs: dict[str, ArtifactKind] = field(default_factory=dict)
    mapped: bool = False

    @property
    def is_conditional(self) -> bool:
        return self.call_site.node in self.call_site.file.conditional

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name == "outputs":
            return _Outputs(self)
        if name in ("id", "component_id", "node_id"):
            return self.name
        if name.startswith("with_") or name.endswith(("_upstream_node", "_upstream_nodes")) or "_downstream_" in name:
            return _Chained(self, name)
        return NOT_KNOWN

    def set_attribute(self, name: str, value: Value) -> None:
        if name in ("id", "_id") and (text := text_of(value)):
            self.name = text


@dataclass(eq=False)
class _Chained(Model):
    component: _Component
    name: str

    def call(self, call: Call) -> Value:
        others = [leaf for leaf in carried(*call.values) if isinstance(leaf, _Component)]
        if self.name.startswith("add_upstream"):
            self.component.before.update(dict.fromkeys(others))
        elif self.name.startswith("add_downstream"):
            for other in others:
                other.before[self.component] = None
        elif self.name == "with_id":
            self.component.name = text_of(call.argument(0, "id", default=None)) or self.component.name
        return self.component


@dataclass(eq=False)
class _Output(Model):
    """A channel, and whatever is asked of one: `.future()[0].custom_property('blessed') == 1`."""

    component: _Component
    key: str

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self

    def call(self, call: Call) -> Value:
        return self

    def item(self, key: Value) -> Value:
        return self

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        return unknown(self, other)


@dataclass(eq=False)
class _Outputs(Model):
    component: _Component

    def item(self, key: Value) -> Value:
        return self._channel(text_of(key))

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return _Get(self) if name == "get" else self._channel(name)

    def _channel(self, name: str | None) -> Value:
        key = name or "output"
        self.component.outputs.setdefault(key, _OUTPUTS.get(key, ArtifactKind.OTHER))
        return _Output(self.component, key)


@dataclass(eq=False)
class _Get(Model):
    outputs: _Outputs

    def call(self, call: Call) -> Value:
        return self.outputs.item(call.args[0] if call.args else None)


@dataclass(eq=False)
class _Factory(Model):
    """What makes a component when it is called: a function under `@component`, a container component."""

    name: str
    library: _Tfx
    program: Program | None
    outputs: dict[str, ArtifactKind]

    def call(self, call: Call) -> Value:
        made = self.library.component(call, self.name, self.program)
        made.outputs.update(self.outputs)
        return made


@dataclass(eq=False)
class _Decorator(Model):
    library: _Tfx

    def call(self, call: Call) -> Value:
        return self.library.decorated(call.args[0] if call.args else Unknown())


@dataclass(eq=False)
class _Scope(Model):
    """`with Cond(predicate):` and `with ForEach(channel) as each:`; what is made inside waits for what is asked."""

    library: _Tfx
    asked: tuple[_Output, ...]
    repeats: bool

    def enter(self) -> Value:
        self.library.scopes.append(self)
        return self.asked[0] if self.repeats and self.asked else self

    def leave(self) -> None:
        self.library.scopes.pop()


@dataclass(eq=False)
class _Executor(Model):
    """`ExecutorClassSpec(Executor)`: the class whose `Do` a component runs."""

    cls: Class


@dataclass(eq=False)
class _Pipeline(Model):
    name: str
    at: Location
    call_site: Call
    components: list[_Component]
    listed: bool = False  # the definition itself lists its components, one by one

    @property
    def place(self) -> str:
        return f"{self.at.path}:{self.at.cell}:{self.at.line}"

    def set_attribute(self, name: str, value: Value) -> None:
        if name == "components":
            self.components = _components(value)
            self.listed = False


@dataclass(eq=False)
class _Interactive(Model):
    """A notebook's context: what it runs is a pipeline, one component after the other."""

    pipeline: _Pipeline

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return _Run(self.pipeline) if name == "run" else NOT_KNOWN


@dataclass(eq=False)
class _Run(Model):
    pipeline: _Pipeline

    def call(self, call: Call) -> Value:
        self.pipeline.components += [c for c in _components(call.args[:1]) if c not in self.pipeline.components]
        return Unknown()


class _Tfx(Library):
    packages = _PACKAGES

    def __init__(self) -> None:
        self.pipelines: list[_Pipeline] = []
        self.scopes: list[_Scope] = []

    def call(self, call: Call) -> Value:
        if call.name.partition(".")[0] not in _PACKAGES:
            return NOT_KNOWN
        last = call.name.rpartition(".")[2]
        if last == "Pipeline":
            return self._pipeline(call)
        if last == "InteractiveContext":
            name = text_of(call.argument(0, "pipeline_name", default=None)) or "interactive"
            made = _Pipeline(name, call.at, call, [])
            self.pipelines.append(made)
            return _Interactive(made)
        if last == "component" and "component" in call.name.split(".")[-2]:
            return self.decorated(call.args[0]) if call.args else _Decorator(self)
        if last == "create_container_component":
            command = " ".join(strings(call.keywords.get("command")))
            outputs = call.keywords.get("outputs")
            keys = [key for key in outputs if isinstance(key, str)] if isinstance(outputs, dict) else []
            return _Factory(
                text_of(call.argument(0, "name", default=None)) or "container",
                self,
                Program(command=command) if command else None,
                {key: _OUTPUTS.get(key, ArtifactKind.OTHER) for key in keys},
            )
        if last in ("Cond", "ForEach"):
            asked = tuple(leaf for leaf in carried(*call.values) if isinstance(leaf, _Output))
            return _Scope(self, asked, last == "ForEach")
        if last == "RuntimeParameter":
            return Unknown(text=text_of(call.keywords.get("default")))
        if last in ("Filesystem", "PushDestination"):
            return Unknown(text=text_of(call.argument(0, "base_directory", "filesystem", default=None)))
        if last in ("ExecutorClassSpec", "BeamExecutorSpec"):
            cls = call.argument(0, "executor_class", default=None)
            return _Executor(cls) if isinstance(cls, Class) else NOT_KNOWN
        if _is_component(call.name) or (last[:1].isupper() and _takes_channels(call)):
            return self.component(call, last, None)
        return NOT_KNOWN

    def construct(self, call: Call) -> Value:
        """A component class of the repository."""
        assert call.cls is not None
        bases = [base for base in call.cls.external_bases() if base.partition(".")[0] in _PACKAGES]
        if not any(base.rpartition(".")[2] in _BASES or _is_component(base) for base in bases):
            return NOT_KNOWN
        spec = call.cls.find("EXECUTOR_SPEC")
        executor = spec.cls if isinstance(spec, _Executor) else None
        program = Program(path=executor.file.path, function=f"{executor.name}.Do") if executor else None
        made = self.component(call, call.cls.name, program)
        made.type = next((base.rpartition(".")[2] for base in bases if _is_component(base)), made.type)
        return made

    def decorated(self, function: Value) -> Value:
        if not isinstance(function, Function) or isinstance(function.node, ast.Lambda):
            return NOT_KNOWN
        program = Program(path=function.file.path, function=function.name)
        return _Factory(function.name, self, program, dict(_annotated(function.node)))

    def component(self, call: Call, kind: str, program: Program | None) -> _Component:
        own = text_of(call.keywords.get("instance_name"))
        made = _Component(f"{kind}.{own}" if own else kind, kind, call.at, call, self, program)
        made.inputs.update((leaf, None) for leaf in carried(*call.values) if isinstance(leaf, _Output))
        for scope in self.scopes:
            made.before.update((output.component, None) for output in scope.asked)
            made.mapped |= scope.repeats
        return made

    def _pipeline(self, call: Call) -> Value:
        name = text_of(call.argument(0, "pipeline_name", default=None)) or "pipeline"
        given = call.argument(3, "components", default=[])
        written = next((k.value for k in getattr(call.node, "keywords", ()) if k.arg == "components"), None)
        listed = (
            isinstance(written, ast.List)
            and isinstance(given, list)
            and not any(isinstance(element, ast.Starred) for element in written.elts)
            and all(_components(value) for value in given)
        )
        made = _Pipeline(name, call.at, call, _components(given), listed)
        self.pipelines.append(made)
        return made


def _is_component(name: str) -> bool:
    parts = name.split(".")
    return parts[-1] in _KINDS or parts[-1].endswith("ExampleGen") or (parts[0] == "tfx_addons" and parts[-1].istitle())


def _takes_channels(call: Call) -> bool:
    """Whether the call makes a component that nobody here has heard of: it is given what another one makes."""
    return _NO_COMPONENTS.isdisjoint(call.name.split(".")) and any(
        isinstance(value, _Output | _Outputs) for value in call.keywords.values()
    )


def _components(value: Value) -> list[_Component]:
    return list(dict.fromkeys(leaf for leaf in carried(value) if isinstance(leaf, _Component)))


def _annotated(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, ArtifactKind]]:
    """Outputs that the signature of a component function says: `model: OutputArtifact[Model]`."""
    for argument in (*node.args.args, *node.args.kwonlyargs):
        annotation = argument.annotation
        if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("OutputArtifact"):
            kind = {"Model": ArtifactKind.MODEL, "Examples": ArtifactKind.DATASET}
            yield argument.arg, kind.get(ast.unparse(annotation.slice).rpartition(".")[2], ArtifactKind.OTHER)


@dataclass(slots=True)
class _Declaration:
    """One pipeline in the words of the graph."""

    sources: Sources
    pipeline: _Pipeline
    prefix: str
    names: dict[_Component, str] = field(default_factory=dict)

    def all(self) -> Iterator[Declared]:
        pipeline = self.pipeline
        if not pipeline.components:
            if not isinstance(pipeline.call_site.argument(3, "components", default=[]), list):
                yield Stage(
                    name=pipeline.name,
                    system="tfx",
                    at=pipeline.at,
                    key=self.prefix,
                    pipeline=self.prefix,
                    note="components unknown",
                )
            return
        by_name: dict[str, list[_Component]] = {}
        for component in pipeline.components:
            by_name.setdefault(component.name, []).append(component)
            self.names[component] = component.name
        if pipeline.listed:
            yield from self._problems(by_name)
        for alternatives in by_name.values():
            yield from self._stage(alternatives)

    def _problems(self, by_name: dict[str, list[_Component]]) -> Iterator[Problem]:
        for name, same in by_name.items():
            for repeated in same[1:]:
                if not (repeated.is_conditional or same[0].is_conditional):
                    yield Problem(
                        repeated.at.path,
                        repeated.at.line,
                        f"two components of pipeline `{self.pipeline.name}` have the id `{name}`",
                    )
        for component in self.pipeline.components:
            for output in component.inputs:
                if output.component.name not in by_name:
                    yield Problem(
                        component.at.path,
                        component.at.line,
                        f"component `{component.name}` reads `{output.key}` of `{output.component.name}`, "
                        f"which pipeline `{self.pipeline.name}` does not list",
                    )

    def _stage(self, alternatives: list[_Component]) -> Iterator[Declared]:
        first = alternatives[0]
        inputs = [output for one in alternatives for output in one.inputs]
        before = [*(output.component for output in inputs), *(c for one in alternatives for c in one.before)]
        outputs = {key: kind for one in alternatives for key, kind in one.outputs.items()}
        if always := _ALWAYS.get(first.type):
            outputs.setdefault(always, _OUTPUTS[always])
        names = {key: self._artifact(first.name, key) for key in outputs}
        yield Stage(
            name=first.name,
            system="tfx",
            at=first.at,
            key=f"{self.prefix}:{first.name}",
            reads=tuple(
                dict.fromkeys(
                    [
                        *(self._artifact(o.component.name, o.key) for o in inputs if o.component in self.names),
                        *_places(alternatives),
                    ]
                )
            ),
            writes=(*names.values(), *_destinations(alternatives)),
            after=tuple(
                dict.fromkeys(f"{self.prefix}:{c.name}" for c in before if c in self.names and c.name != first.name)
            ),
            runs=tuple(dict.fromkeys(program for one in alternatives for program in self._programs(one))),
            kind=StageKind.COLLECTION if first.type.endswith("ExampleGen") else _KINDS.get(first.type),
            pipeline=self.prefix,
            note="one of many" if first.mapped else "",
        )
        yield from (Artifact(names[key], kind) for key, kind in outputs.items())

    def _artifact(self, component: str, key: str) -> str:
        return f"tfx:{self.prefix}#{component}.{key}"

    def _programs(self, component: _Component) -> Iterator[Program]:
        if component.program is not None:
            yield component.program
        call, functions = component.call_site, _FUNCTIONS.get(component.type, ())
        folder = call.file.path.rpartition("/")[0]
        path = text_of(call.keywords.get("module_file")) or ""
        module = located(path, folder, self.sources) if path.endswith(".py") else None
        if module is not None:
            defined = _defined(self.sources, module)
            wanted = [name for name in functions if name in defined]
            yield from (Program(path=module, function=name) for name in wanted)
            if not wanted:
                yield Program(path=module)
        for name in functions:
            value = call.keywords.get(name)
            if isinstance(value, Function):
                yield Program(path=value.file.path, function=value.name)
                continue
            dotted, _, function = (text_of(value) or "").rpartition(".")
            found = self.sources.modules.find(dotted, call.file.path) if dotted else None
            if found is not None and found.endswith(".py"):
                yield Program(path=found, function=function)


def _defined(sources: Sources, path: str) -> set[str]:
    file = sources.python(path)
    body = () if file is None else file.tree.body
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


def _places(components: Iterable[_Component]) -> Iterator[str]:
    """Where data comes from that no other component makes."""
    for component in components:
        for name in _PLACES:
            text = text_of(component.call_site.keywords.get(name)) or ""
            if text and not text.startswith("{}"):
                yield text


def _destinations(components: Iterable[_Component]) -> Iterator[str]:
    """Folders that a pusher fills."""
    for component in components:
        text = text_of(component.call_site.keywords.get("push_destination")) or ""
        if text and not text.startswith("{}"):
            yield text
