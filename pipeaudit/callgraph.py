"""Engines whose pipelines are functions that call tasks: each call is a stage, a result handed on an edge."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Evaluator, Library
from pipeaudit.pyeval.values import (
    NOT_KNOWN,
    Class,
    External,
    Function,
    Model,
    Partial,
    Unknown,
    Value,
    carried,
    strings,
    text_of,
)
from pipeaudit.system import Declared, Problem, PythonSource, Stage, bounded

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(eq=False)
class TaskCall(Model):
    """One call of a task inside a flow, and all that its result is asked for."""

    name: str
    key: str
    at: Location
    task: Task
    library: FlowLibrary
    before: dict[TaskCall, None] = field(default_factory=dict)
    mapped: bool = False

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name in ("set_upstream", "after", "set_downstream", "runs_before"):
            return _Ordering(self, name)
        return _Part(self, name)

    def call(self, call: Call) -> Value:
        return self

    def item(self, key: Value) -> Value:
        return self

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        if operator not in (">>", "<<"):
            return NOT_KNOWN
        earlier, later = ([self], calls_in(other)) if (operator == ">>") is not reflected else (calls_in(other), [self])
        self.library.order(earlier, later)
        return self if reflected else other


@dataclass(eq=False)
class _Part(Model):
    """An attribute or a method of a result: `.result()`, `.output`, `.load()`."""

    owner: TaskCall
    name: str

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self

    def call(self, call: Call) -> Value:
        if self.name == "map" and call.args:
            return call.evaluator.call(call.args[0], [self.owner], node=call.node)
        return self.owner

    def item(self, key: Value) -> Value:
        return self.owner


@dataclass(eq=False)
class _Ordering(Model):
    owner: TaskCall
    name: str

    def call(self, call: Call) -> Value:
        others = calls_in(call.values)
        if self.name in ("set_upstream", "after"):
            self.owner.library.order(others, [self.owner])
        else:
            self.owner.library.order([self.owner], others)
        return self.owner


@dataclass(eq=False)
class Task(Model):
    """What makes a stage when it is called inside a flow."""

    name: str
    function: Value
    library: FlowLibrary
    options: dict[str, Value] = field(default_factory=dict)
    mapped: bool = False

    def call(self, call: Call) -> Value:
        return self.library.task_called(self, call)

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self.library.task_attribute(self, name)

    @property
    def program(self) -> Program | None:
        function = self.function.function if isinstance(self.function, Partial) else self.function
        if isinstance(function, Function):
            name = f"{function.owner.name}.{function.name}" if function.owner is not None else function.name
            return Program(path=function.file.path, function=name)
        return None


@dataclass(eq=False)
class Variant(Model):
    """A method of a task that gives a changed task (`with_options`) or calls it in another way (`submit`, `map`)."""

    task: Task
    kind: str  # "options", "call" or "map"

    def call(self, call: Call) -> Value:
        task = self.task
        if self.kind == "options":
            given = call.argument(0, "name", "node_name", default=None)
            name = (given if isinstance(given, str) else None) or task.name
            return Task(name, task.function, task.library, {**task.options, **call.keywords}, task.mapped)
        made = Task(task.name, task.function, task.library, task.options, task.mapped or self.kind == "map")
        return made.call(call)


@dataclass(eq=False)
class Flow(Model):
    """A pipeline function."""

    name: str
    function: Value
    library: FlowLibrary
    calls: list[TaskCall] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    is_part: bool = False
    was_run: bool = False

    def call(self, call: Call) -> Value:
        return self.library.flow_called(self, call)

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name in ("with_options", "with_overrides", "configure", "to_job", "override"):
            return _Same(self)
        if name in ("submit", "map", "execute_in_process", "run"):
            return self
        return NOT_KNOWN


@dataclass(eq=False)
class _Same(Model):
    value: Value

    def call(self, call: Call) -> Value:
        return self.value


@dataclass(eq=False)
class _Decorator(Model):
    """A decorator with options, before it meets its function."""

    library: FlowLibrary
    kind: str
    options: dict[str, Value]

    def call(self, call: Call) -> Value:
        return self.library.decorated(self.kind, call.args[0] if call.args else Unknown(), self.options)


class FlowLibrary(Library):
    """What an engine of this kind says of its names; subclasses answer `kind_of` and little else."""

    system = ""
    nested_as_stage = False  # a flow inside a flow is one stage, instead of the stages in it
    repeat = "{name}-{number}"  # how the engine tells repeated calls apart
    once = False  # a task called twice is one stage

    def __init__(self) -> None:
        self.flows: list[Flow] = []
        self.running: list[Flow] = []

    def kind_of(self, name: str) -> str:
        """`task` or `flow` for the decorator of that name, "" for any other name."""
        return ""

    def call(self, call: Call) -> Value:
        kind = self.kind_of(call.name)
        if not kind:
            return self.other_call(call)
        function = call.args[0] if call.args else call.keywords.get("_func")
        if isinstance(function, Function | Class | Partial):
            return self.decorated(kind, function, call.keywords)
        return _Decorator(self, kind, dict(call.keywords))

    def other_call(self, call: Call) -> Value:
        return NOT_KNOWN

    def decorated(self, kind: str, function: Value, options: dict[str, Value]) -> Value:
        name = text_of(options.get("name")) or function_name(function)
        if kind == "task":
            return Task(name, function, self, dict(options))
        flow = Flow(name, function, self)
        self.flows.append(flow)
        return flow

    def task_attribute(self, task: Task, name: str) -> Value:
        if name in ("submit", "delay", "apply_async", "__call__"):
            return Variant(task, "call")
        if name == "map":
            return Variant(task, "map")
        if name in ("with_options", "with_overrides", "override", "configured", "alias", "configure"):
            return Variant(task, "options")
        if name in ("fn", "entrypoint", "task_function"):
            return task.function
        if name in ("name", "__name__"):
            return task.name
        return NOT_KNOWN

    def task_called(self, task: Task, call: Call) -> Value:
        if not self.running:
            return NOT_KNOWN
        flow = self.running[-1]
        if self.once:
            known = next((made for made in flow.calls if made.name == task.name), None)
            if known is not None:
                self.order(calls_in(call.values), [known])
                return known
        flow.taken[task.name] = flow.taken.get(task.name, 0) + 1
        number = flow.taken[task.name]
        name = task.name if number == 1 else self.repeat.format(name=task.name, number=number, before=number - 1)
        path = "/".join(one.name for one in self.running)
        made = TaskCall(name, f"{path}/{name}#{number}", call.at, task, self, mapped=task.mapped)
        self.order(calls_in(call.values), [made])
        self.order(calls_in(task.options.get("after"), task.options.get("wait_for")), [made])
        named = set(strings([task.options.get("after"), call.keywords.get("after"), call.keywords.get("wait_for")]))
        self.order([earlier for earlier in flow.calls if earlier.name in named], [made])
        for outer in self.running:
            outer.calls.append(made)
        return made

    def flow_called(self, flow: Flow, call: Call) -> Value:
        if self.running and self.nested_as_stage:
            return self.task_called(Task(flow.name, flow.function, self), call)
        if any(flow is outer for outer in self.running):
            return NOT_KNOWN
        if self.running:
            flow.is_part = True
            before = self.running[-1].taken
            inner = Flow(flow.name, flow.function, self)
            inner.taken = before
            return self._run(inner, call)
        if flow.was_run:
            return NOT_KNOWN
        flow.was_run = True
        return self._run(flow, call)

    def _run(self, flow: Flow, call: Call) -> Value:
        self.running.append(flow)
        try:
            return call.evaluator.call(flow.function, call.args, call.keywords, call.node)
        finally:
            self.running.pop()

    def order(self, earlier: Iterable[TaskCall], later: Iterable[TaskCall]) -> None:
        firsts = list(earlier)
        for call in later:
            call.before.update(dict.fromkeys(first for first in firsts if first is not call))


def calls_in(*values: Value) -> list[TaskCall]:
    """The task calls whose results values hold or were made from."""
    found: dict[TaskCall, None] = {}
    for leaf in carried(*values):
        if isinstance(leaf, TaskCall):
            found[leaf] = None
        elif isinstance(leaf, _Part | _Ordering):
            found[leaf.owner] = None
    return list(found)


def function_name(function: Value) -> str:
    if isinstance(function, Function | Class):
        return function.name
    if isinstance(function, Partial):
        return function_name(function.function)
    if isinstance(function, External | Unknown) and function.name:
        return function.name.rpartition(".")[2]
    return "task"


def flow_stages(source: PythonSource, library: FlowLibrary) -> Iterator[Declared]:
    """The stages of all flows that a file defines; flows that are only parts of others come inside those."""
    evaluator, _, problems = source.run(library, as_main=True)
    yield from problems
    yield from flow_stages_of(source, library, evaluator)


def flow_stages_of(source: PythonSource, library: FlowLibrary, evaluator: Evaluator) -> Iterator[Declared]:
    """The same for a file that has been run."""
    problems: list[Problem] = []
    with bounded(source.path, problems):
        for flow in list(library.flows):
            if not flow.was_run and _is_own(flow, source):
                flow.was_run = True
                library.running.append(flow)
                evaluator.call(flow.function)
                library.running.pop()
    yield from problems
    for flow in library.flows:
        if not flow.is_part and _is_own(flow, source):
            yield from _declared(source, library, flow)


def _is_own(flow: Flow, source: PythonSource) -> bool:
    return isinstance(flow.function, Function) and flow.function.file.path == source.path


def _declared(source: PythonSource, library: FlowLibrary, flow: Flow) -> Iterator[Stage]:
    line = flow.function.node.lineno if isinstance(flow.function.node, ast.FunctionDef | ast.AsyncFunctionDef) else 1
    keys = {made: f"{source.path}:{flow.name}:{line}:{made.key}" for made in flow.calls}
    for made in dict.fromkeys(flow.calls):
        program = made.task.program
        yield Stage(
            name=made.name,
            system=library.system,
            at=made.at,
            key=keys[made],
            after=tuple(keys[earlier] for earlier in made.before if earlier in keys),
            runs=(program,) if program is not None else (),
            pipeline=flow.name,
            note="one of many" if made.mapped else "",
        )
