"""Pipelines of Kubeflow as they are built: tasks, their outputs, the groups they stand in, and what waits for what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeaudit.model.location import Location
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.values import NOT_KNOWN, Function, Model, Value, carried, text_of, unknown

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator
    from pipeaudit.systems.kubeflow.calls import Kubeflow


@dataclass(eq=False)
class Task(Model):
    name: str
    key: str
    at: Location
    library: Kubeflow
    component: Component
    scope: Built
    before: dict[Task, None] = field(default_factory=dict)
    reads: list[Output] = field(default_factory=list)
    mapped: bool = False

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name in ("output", "pvolume", "volume", "artifact"):
            return Output(self, "output")
        if name == "outputs":
            return _Outputs(self)
        if name == "name":
            return unknown(self, text=self.name)
        return Chained(self, name)


@dataclass(eq=False)
class Chained(Model):
    """A method that configures a task and gives it back; `.after(...)` is an edge."""

    task: Task
    name: str

    def call(self, call: Call) -> Value:
        if self.name == "after":
            for leaf in carried(*call.args):
                for task in tasks_in(leaf):
                    if task is not self.task:
                        self.task.before[task] = None
        else:
            self._configured_by(call)
        if self.name in ("set_display_name", "set_name") and (name := text_of(call.argument(0, "name", default=None))):
            self.task.component = Component(self.task.component.name, self.task.component.function, name)
        elif self.name == "apply" and call.args:
            call.evaluator.call(call.args[0], [self.task], node=call.node)
        return self.task

    def _configured_by(self, call: Call) -> None:
        """A setting that another task's output gives is an input too."""
        for leaf in carried(*call.values):
            self.task.before.update(dict.fromkeys(task for task in tasks_in(leaf) if task is not self.task))

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        """v1 tasks have parts such as `task.container` whose methods configure them too."""
        return Chained(self.task, name)


@dataclass(eq=False)
class Output(Model):
    task: Task
    name: str

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        if operator in ("==", "!=", "<", "<=", ">", ">=", "in", "not in"):
            return _Comparison((self, other))
        return NOT_KNOWN

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self

    def item(self, key: Value) -> Value:
        return self


@dataclass(eq=False)
class _Outputs(Model):
    task: Task

    def item(self, key: Value) -> Value:
        return Output(self.task, text_of(key) or "output")

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return Output(self.task, name)


@dataclass(eq=False)
class Parameter(Model):
    """A pipeline's argument, or the item of a loop: a placeholder, which every condition on it takes for true."""

    name: str
    origin: tuple[Output, ...] = ()

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        if operator in ("==", "!=", "<", "<=", ">", ">="):
            return _Comparison((*self.origin, other))
        return NOT_KNOWN

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return Parameter(f"{self.name}.{name}", self.origin)

    def item(self, key: Value) -> Value:
        return self


@dataclass(eq=False)
class _Comparison(Model):
    parts: tuple[Value, ...]

    def truth(self) -> bool | None:
        return True


@dataclass(eq=False)
class Group(Model):
    """`dsl.Condition`, `dsl.ParallelFor`, `dsl.ExitHandler`: what is in it waits for what it depends on, as a whole."""

    library: Kubeflow
    kind: str
    producers: list[Task]
    item: Value = None
    exit_tasks: list[Task] = field(default_factory=list)
    members: list[Task] = field(default_factory=list)
    depth: int = 0

    def enter(self) -> Value:
        self.library.groups.append(self)
        self.depth = len(self.library.groups)
        return self.item if self.kind == "ParallelFor" else self

    def leave(self) -> None:
        self.library.groups.pop()


@dataclass(eq=False)
class Nested(Model):
    """A pipeline that was called inside another: its result, and what waits for it waits for its last tasks."""

    built: Built
    result: Value

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name == "output":
            return self.result
        return self if name == "outputs" else _ChainedNested(self, name)

    def item(self, key: Value) -> Value:
        return self.result


@dataclass(eq=False)
class _ChainedNested(Model):
    nested: Nested
    name: str

    def call(self, call: Call) -> Value:
        if self.name == "after":
            earlier = [task for leaf in carried(*call.args) for task in tasks_in(leaf)]
            for task in roots(self.nested.built.tasks):
                task.before.update(dict.fromkeys(earlier))
        return self.nested


@dataclass(eq=False)
class Component(Model):
    """What makes a task when it is called inside a pipeline."""

    name: str
    function: Function | None = None
    title: str = ""
    library: Kubeflow | None = None
    command: str = ""

    def call(self, call: Call) -> Value:
        return NOT_KNOWN if self.library is None else self.library.task(call, self)

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self.function if name == "python_func" and self.function is not None else NOT_KNOWN


@dataclass(eq=False)
class Pipeline(Model):
    """A pipeline function; called inside another pipeline it is a part of that."""

    name: str
    function: Function
    library: Kubeflow
    decorated: bool = True
    is_part: bool = False

    def call(self, call: Call) -> Value:
        if not self.library.building:
            return NOT_KNOWN
        self.is_part = True
        return self.library.build(call.evaluator, self, call)


@dataclass(eq=False)
class Built:
    """A pipeline as it was built once."""

    pipeline: Pipeline
    name: str
    nested_in: Built | None = None
    tasks: list[Task] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)


def tasks_in(leaf: Model) -> list[Task]:
    if isinstance(leaf, Task):
        return [leaf]
    if isinstance(leaf, Output | _Outputs | Chained):
        return [leaf.task]
    if isinstance(leaf, Parameter):
        return [output.task for output in leaf.origin]
    if isinstance(leaf, _Comparison):
        return [task for part in carried(*leaf.parts) for task in tasks_in(part)]
    if isinstance(leaf, Nested):
        return _leaves(leaf.built.tasks)
    return []


def roots(tasks: list[Task]) -> list[Task]:
    known = set(tasks)
    return [task for task in tasks if not any(earlier in known for earlier in task.before)]


def _leaves(tasks: list[Task]) -> list[Task]:
    followed = {earlier for task in tasks for earlier in task.before}
    return [task for task in tasks if task not in followed]


def wait_for_groups(built: Built) -> None:
    """What a condition or loop depends on comes before its first tasks, what an exit handler holds before its exit
    task.
    """
    for group in sorted(built.groups, key=lambda group: -group.depth):
        producers = [task for task in group.producers if task not in group.members]
        for task in roots(group.members):
            task.before.update(dict.fromkeys(producers))
        for task in group.exit_tasks:
            task.before.update(dict.fromkeys(_leaves(group.members)))
