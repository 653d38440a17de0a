"""Components of TFX, the channels between them, and the pipelines that list them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Program, StageKind
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.values import NOT_KNOWN, Class, Model, Unknown, Value, carried, text_of, unknown

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator
    from pipeaudit.systems.tfx.calls import Tfx

STAGE_KINDS = {
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
OUTPUT_KINDS = {
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


@dataclass(eq=False)
class Component(Model):
    name: str
    type: str
    at: Location
    call_site: Call
    library: Tfx
    program: Program | None = None
    inputs: dict[Output, None] = field(default_factory=dict)
    before: dict[Component, None] = field(default_factory=dict)
    outputs: dict[str, ArtifactKind] = field(default_factory=dict)
    mapped: bool = False

    @property
    def is_conditional(self) -> bool:
        return self.call_site.node in self.call_site.file.conditional

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name == "outputs":
            return Outputs(self)
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
    component: Component
    name: str

    def call(self, call: Call) -> Value:
        others = [leaf for leaf in carried(*call.values) if isinstance(leaf, Component)]
        if self.name.startswith("add_upstream"):
            self.component.before.update(dict.fromkeys(others))
        elif self.name.startswith("add_downstream"):
            for other in others:
                other.before[self.component] = None
        elif self.name == "with_id":
            self.component.name = text_of(call.argument(0, "id", default=None)) or self.component.name
        return self.component


@dataclass(eq=False)
class Output(Model):
    """A channel, and whatever is asked of one: `.future()[0].custom_property('blessed') == 1`."""

    component: Component
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
class Outputs(Model):
    component: Component

    def item(self, key: Value) -> Value:
        return self._channel(text_of(key))

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return _Get(self) if name == "get" else self._channel(name)

    def _channel(self, name: str | None) -> Value:
        key = name or "output"
        self.component.outputs.setdefault(key, OUTPUT_KINDS.get(key, ArtifactKind.OTHER))
        return Output(self.component, key)


@dataclass(eq=False)
class _Get(Model):
    outputs: Outputs

    def call(self, call: Call) -> Value:
        return self.outputs.item(call.args[0] if call.args else None)


@dataclass(eq=False)
class Factory(Model):
    """What makes a component when it is called: a function under `@component`, a container component."""

    name: str
    library: Tfx
    program: Program | None
    outputs: dict[str, ArtifactKind]

    def call(self, call: Call) -> Value:
        made = self.library.component(call, self.name, self.program)
        made.outputs.update(self.outputs)
        return made


@dataclass(eq=False)
class Decorator(Model):
    library: Tfx

    def call(self, call: Call) -> Value:
        return self.library.decorated(call.args[0] if call.args else Unknown())


@dataclass(eq=False)
class Scope(Model):
    """`with Cond(predicate):` and `with ForEach(channel) as each:`; what is made inside waits for what is asked."""

    library: Tfx
    asked: tuple[Output, ...]
    repeats: bool

    def enter(self) -> Value:
        self.library.scopes.append(self)
        return self.asked[0] if self.repeats and self.asked else self

    def leave(self) -> None:
        self.library.scopes.pop()


@dataclass(eq=False)
class Executor(Model):
    """`ExecutorClassSpec(Executor)`: the class whose `Do` a component runs."""

    cls: Class


@dataclass(eq=False)
class Pipeline(Model):
    name: str
    at: Location
    call_site: Call
    components: list[Component]
    listed: bool = False  # the definition itself lists its components, one by one

    @property
    def place(self) -> str:
        return f"{self.at.path}:{self.at.cell}:{self.at.line}"

    def set_attribute(self, name: str, value: Value) -> None:
        if name == "components":
            self.components = components_in(value)
            self.listed = False


@dataclass(eq=False)
class Interactive(Model):
    """A notebook's context: what it runs is a pipeline, one component after the other."""

    pipeline: Pipeline

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return _Run(self.pipeline) if name == "run" else NOT_KNOWN


@dataclass(eq=False)
class _Run(Model):
    pipeline: Pipeline

    def call(self, call: Call) -> Value:
        self.pipeline.components += [c for c in components_in(call.args[:1]) if c not in self.pipeline.components]
        return Unknown()


def components_in(value: Value) -> list[Component]:
    return list(dict.fromkeys(leaf for leaf in carried(value) if isinstance(leaf, Component)))
