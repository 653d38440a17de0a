"""Pipelines of Azure ML as they are built: components, the nodes that calls of them make, and their outputs."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.values import NOT_KNOWN, Function, Model, Unknown, Value, carried, text_of, unknown

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator
    from pipeaudit.systems.azureml_sdk.calls import AzureML


@dataclass(eq=False)
class Component(Model):
    """What makes a node when it is called: a command, a file that was loaded, a decorated function."""

    name: str
    at: Location
    library: AzureML
    runs: tuple[Program, ...] = ()
    outputs: tuple[str, ...] = ()
    note: str = ""
    is_closed: bool = False  # its outputs are all known
    is_job: bool = False  # it can be submitted as it is
    inputs: tuple[Data, ...] = ()
    was_called: bool = False

    def call(self, call: Call) -> Value:
        if not self.library.building:
            return self
        self.was_called = True
        return self.library.node(self, call)

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return _Swept(self) if name == "sweep" else NOT_KNOWN


@dataclass(eq=False)
class _Swept(Model):
    """`node.sweep(...)`: what tries a component again and again stands in its place."""

    of: Component | JobNode

    def call(self, call: Call) -> Value:
        return self.of.replaced(call) if isinstance(self.of, JobNode) else self.of


@dataclass(eq=False)
class JobNode(Model):
    name: str
    key: str
    at: Location
    component: Component
    library: AzureML
    site: ast.AST
    before: dict[JobNode, None] = field(default_factory=dict)
    reads: dict[Output, None] = field(default_factory=dict)
    data: dict[str, None] = field(default_factory=dict)
    outputs: dict[str, ast.AST] = field(default_factory=dict)

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name == "outputs":
            return _Outputs(self)
        return _Swept(self) if name == "sweep" else NOT_KNOWN

    def call(self, call: Call) -> Value:
        """A command that is written inside a pipeline and then called with its inputs is one node, the called one."""
        return self.replaced(call)

    def replaced(self, call: Call) -> Value:
        if not self.library.building:
            return self
        for built in self.library.building:
            built.nodes = [one for one in built.nodes if one is not self]
        made = self.library.node(self.component, call)
        made.before.update(self.before)
        made.reads.update(self.reads)
        made.data.update(self.data)
        return made


@dataclass(eq=False)
class _Outputs(Model):
    node: JobNode

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if hasattr(dict, name):
            return NOT_KNOWN  # a method of the mapping, no output
        site = evaluator.site
        self.node.outputs.setdefault(name, site[1] if site is not None else ast.Pass())
        return Output(self.node, name)

    def item(self, key: Value) -> Value:
        name = text_of(key) or "output"
        self.node.outputs.setdefault(name, ast.Pass())
        return Output(self.node, name)


@dataclass(eq=False)
class Output(Model):
    node: JobNode
    name: str

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self


@dataclass(eq=False)
class Data(Model):
    """`Input(path=...)`."""

    path: str


@dataclass(eq=False)
class Nested(Model):
    """A pipeline inside a pipeline, as a node of the outer one."""

    built: Built
    result: Value

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self if name == "outputs" else self.item(name)

    def item(self, key: Value) -> Value:
        found = self.result.get(key) if isinstance(self.result, dict) else None
        return found if carried(found) else unknown(self)

    @property
    def last(self) -> list[JobNode]:
        followed = {earlier for node in self.built.nodes for earlier in node.before}
        return [node for node in self.built.nodes if node not in followed]


@dataclass(eq=False)
class Pipeline(Model):
    name: str
    function: Function
    library: AzureML
    was_built: bool = False

    def call(self, call: Call) -> Value:
        if any(one.pipeline is self for one in self.library.building) or (self.was_built and not self.library.building):
            return Unknown()
        return self.library.build(call.evaluator, self, call)


@dataclass(eq=False)
class Built:
    """A pipeline as it was built once; `targets` are the names that its function gives to what it calls."""

    pipeline: Pipeline
    targets: dict[ast.AST, str]
    nodes: list[JobNode] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    known: set[ast.AST] = field(default_factory=set)  # calls that were understood

    @property
    def function(self) -> Function:
        return self.pipeline.function


def nodes_in(leaf: Model) -> list[JobNode]:
    if isinstance(leaf, JobNode):
        return [leaf]
    if isinstance(leaf, Output | _Outputs):
        return [leaf.node]
    if isinstance(leaf, Nested):
        return leaf.last
    return []
