"""Tasks and groups of Airflow, and the order between them: `>>`, `set_downstream`, a result that is handed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.values import NOT_KNOWN, Model, Unknown, Value, flat

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator
    from pipeaudit.systems.airflow.calls import Airflow


@dataclass(eq=False)
class Group(Model):
    """A DAG (which has no parent) or a task group: what it holds, and the prefix of names in it."""

    name: str
    parent: Group | None
    library: Airflow
    at: Location
    owner: str = ""
    prefixes: bool = True
    members: list[Task | Group] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    waits_for: list[str] = field(default_factory=list)

    @property
    def dag(self) -> Group:
        return self if self.parent is None else self.parent.dag

    def prefix(self) -> str:
        if self.parent is None:
            return ""
        outer = self.parent.prefix()
        return f"{outer}{self.name}." if self.prefixes else outer

    def tasks(self) -> list[Task]:
        found: list[Task] = []
        for member in self.members:
            found += member.tasks() if isinstance(member, Group) else [member]
        return found

    def enter(self) -> Value:
        self.library.contexts.append(self)
        return self

    def leave(self) -> None:
        self.library.contexts.pop()

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        return _shift(self.library, self, operator, other, reflected)

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name in ("dag_id", "group_id"):
            return self.name
        return _linking(self.library, self, name)


@dataclass(eq=False)
class Task(Model):
    name: str
    group: Group
    library: Airflow
    at: Location
    operator: str
    keywords: dict[str, Value]
    runs: tuple[Program, ...] = ()
    is_setup: bool = False
    is_teardown: bool = False
    is_mapped: bool = False
    before: dict[Task, None] = field(default_factory=dict)
    after: dict[Task, None] = field(default_factory=dict)

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        return _shift(self.library, self, operator, other, reflected)

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name == "output":
            return Output(self)
        if name == "task_id":
            return self.name
        if name in ("as_setup", "as_teardown"):
            return _Marker(self, name)
        return _linking(self.library, self, name)

    def set_attribute(self, name: str, value: Value) -> None:
        self.library.link(handed_on(value), [self])

    def enter(self) -> Value:
        """`with setup >> teardown:` and `with teardown:` put what is inside between the two."""
        self.library.scopes.append((self, []))
        return self

    def leave(self) -> None:
        _, inside = self.library.scopes.pop()
        setups = [task for task in self.before if task.is_setup] or ([self] if self.is_setup else [])
        teardowns = [self] if self.is_teardown else [task for task in self.after if task.is_teardown]
        known = set(inside)
        for task in inside:
            if not any(earlier in known for earlier in task.before):
                self.library.link(setups, [task])
            if not any(later in known for later in task.after):
                self.library.link([task], teardowns)


@dataclass(eq=False)
class Output(Model):
    """What a task returns; handing it to another task is an edge."""

    task: Task

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        result = _shift(self.task.library, self, operator, other, reflected)
        return NOT_KNOWN if result is NOT_KNOWN else result

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name in ("map", "zip", "concat", "filter"):
            return _Mapped(self)
        if name == "operator":
            return self.task
        return self.task.attribute(name, evaluator)

    def item(self, key: Value) -> Value:
        return self

    def enter(self) -> Value:
        self.task.enter()
        return self

    def leave(self) -> None:
        self.task.leave()


@dataclass(eq=False)
class _Mapped(Model):
    """`output.map(f)`, `output.zip(other)`: a value that depends on the same tasks."""

    output: Output

    def call(self, call: Call) -> Value:
        others = [value for value in flat(call.args) if isinstance(value, Output)]
        return [self.output, *others] if others else self.output


@dataclass(eq=False)
class _Marker(Model):
    """`task.as_setup()`, `task.as_teardown(setups=...)`."""

    task: Task
    name: str

    def call(self, call: Call) -> Value:
        self.task.is_setup |= self.name == "as_setup"
        self.task.is_teardown |= self.name == "as_teardown"
        for setup in tasks_in(call.argument(None, "setups", default=None)):
            setup.is_setup = True
            self.task.library.link([setup], [self.task])
        return Output(self.task)


@dataclass(eq=False)
class _Link(Model):
    """`a.set_downstream(b)` and `a.set_upstream(b)`."""

    library: Airflow
    node: Value
    downstream: bool

    def call(self, call: Call) -> Value:
        other = call.argument(0, "task_or_task_list", default=None)
        ends = (self.node, other) if self.downstream else (other, self.node)
        self.library.link(nodes_in(ends[0]), nodes_in(ends[1]))
        return None


class LabelledEdge(Model):
    """`Label("...")` between two tasks: it passes on what stands before it."""

    def __init__(self, library: Airflow) -> None:
        self.library = library
        self.before: list[Value] = []
        self.after: list[Value] = []

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        if operator not in (">>", "<<"):
            return NOT_KNOWN
        is_before = (operator == ">>") is reflected
        (self.before if is_before else self.after).append(other)
        self.library.link(nodes_in(self.before), nodes_in(self.after))
        return self if reflected else other


def _linking(library: Airflow, node: Value, name: str) -> Value:
    if name in ("set_downstream", "set_upstream"):
        return _Link(library, node, name == "set_downstream")
    return NOT_KNOWN


def _shift(library: Airflow, node: Value, operator: str, other: Value, reflected: bool) -> Value:
    if operator not in (">>", "<<"):
        return NOT_KNOWN
    if isinstance(other, LabelledEdge):
        return other.operate(operator, node, not reflected)
    if (operator == ">>") is reflected:
        library.link(nodes_in(other), nodes_in(node))
    else:
        library.link(nodes_in(node), nodes_in(other))
    return node if reflected else other


def nodes_in(value: Value) -> list[Task | Group]:
    """Tasks and groups in a value or nested lists of them."""
    found: list[Task | Group] = []
    for leaf in flat(value):
        if isinstance(leaf, Output):
            found.append(leaf.task)
        elif isinstance(leaf, Task | Group):
            found.append(leaf)
        elif isinstance(leaf, Unknown):
            found += [
                part.task if isinstance(part, Output) else part
                for part in leaf.carried
                if isinstance(part, Output | Task | Group)
            ]
    return found


def tasks_in(value: Value) -> list[Task]:
    return [node for node in nodes_in(value) if isinstance(node, Task)]


def handed_on(values: Value) -> list[Task | Group]:
    """Tasks whose results are handed on as they are; one inside a text is none: the engine sees only the text."""
    return [
        leaf.task for leaf in flat(list(values) if not isinstance(values, list) else values) if isinstance(leaf, Output)
    ]


def roots(group: Group) -> list[Task]:
    tasks = group.tasks()
    known = set(tasks)
    return [task for task in tasks if not any(earlier in known for earlier in task.before)]


def leaves(group: Group) -> list[Task]:
    """Last tasks of a group; behind a teardown, the work that it cleans up after."""
    tasks = group.tasks()
    known = set(tasks)
    found: dict[Task, None] = {}
    for task in tasks:
        if any(later in known for later in task.after):
            continue
        if not task.is_teardown:
            found[task] = None
            continue
        waiting, seen = [task], {task}
        while waiting:
            for earlier in waiting.pop().before:
                if earlier not in known or earlier in seen:
                    continue
                seen.add(earlier)
                if earlier.is_teardown:
                    waiting.append(earlier)
                elif not earlier.is_setup and not any(
                    later in known and not later.is_teardown for later in earlier.after
                ):
                    found[earlier] = None
    return list(found)
