"""Airflow: each operator and each call of a TaskFlow function inside a DAG is a stage; `>>` and passed results are its
order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from shlex import quote
from typing import TYPE_CHECKING

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.calls import Call, instantiate
from pipeaudit.pyeval.evaluator import Library
from pipeaudit.pyeval.values import (
    NOT_KNOWN,
    Choice,
    Class,
    External,
    Function,
    Model,
    Partial,
    Unknown,
    Value,
    flat,
    strings,
    text_of,
)
from pipeaudit.system import Declared, PythonSource, Stage, python_system

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator

_TASK_DECORATOR = re.compile(
    r"(airflow\.(decorators|sdk)(\.\w+)*\.task|airflow\.decorators\.\w+_task|airflow\.sdk\.definitions\.decorators\.task)(\.\w+)?$"
)
_SQL_DECORATOR = re.compile(r"astro\.sql\.(\w+\.)*(dataframe|transform|run_raw_sql|check_\w+)$")
_OPERATOR = re.compile(r"(Operator|Sensor|SensorAsync|OperatorAsync|Transfer)$")
_DATASETS = ("Dataset", "Asset", "DatasetAlias", "AssetAlias")


@python_system("airflow", package="airflow")
def stages(source: PythonSource) -> Iterator[Declared]:
    library = _Airflow()
    _evaluator, _, problems = source.run(library)
    yield from problems
    for dag in library.dags:
        if dag.owner == source.path:
            yield from _dag_stages(source, dag)


@dataclass(eq=False)
class Group(Model):
    """A DAG (which has no parent) or a task group: what it holds, and the prefix of names in it."""

    name: str
    parent: Group | None
    library: _Airflow
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
    library: _Airflow
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
        self.library.link(_outputs(value), [self])

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
        for setup in _tasks(call.argument(None, "setups", default=None)):
            setup.is_setup = True
            self.task.library.link([setup], [self.task])
        return Output(self.task)


@dataclass(eq=False)
class _Link(Model):
    """`a.set_downstream(b)` and `a.set_upstream(b)`."""

    library: _Airflow
    node: Value
    downstream: bool

    def call(self, call: Call) -> Value:
        other = call.argument(0, "task_or_task_list", default=None)
        ends = (self.node, other) if self.downstream else (other, self.node)
        self.library.link(_nodes(ends[0]), _nodes(ends[1]))
        return None


class _Edge(Model):
    """`Label("...")` between two tasks: it passes on what stands before it."""

    def __init__(self, library: _Airflow) -> None:
        self.library = library
        self.before: list[Value] = []
        self.after: list[Value] = []

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        if operator not in (">>", "<<"):
            return NOT_KNOWN
        is_before = (operator == ">>") is reflected
        (self.before if is_before else self.after).append(other)
        self.library.link(_nodes(self.before), _nodes(self.after))
        return self if reflected else other


@dataclass(eq=False)
class _TaskFunction(Model):
    """A function under `@task`: each call is a task."""

    library: _Airflow
    function: Value
    operator: str
    options: dict[str, Value]
    is_mapped: bool = False

    def call(self, call: Call) -> Value:
        name = text_of(self.options.get("task_id"), None) or _function_name(self.function) or "task"
        task = self.library.task(
            call, name, self.operator, {**self.options, **call.keywords}, call.values, self.function
        )
        if task is None:
            return NOT_KNOWN
        task.is_mapped = self.is_mapped
        task.is_setup |= self.operator.endswith(".setup")
        task.is_teardown |= self.operator.endswith(".teardown")
        return Output(task)

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name in ("override", "partial", "expand", "expand_kwargs"):
            return _Variant(self, name)
        return NOT_KNOWN


@dataclass(eq=False)
class _Variant(Model):
    """`.override()`, `.partial()`, `.expand()` of a task function or a task group function."""

    made: _TaskFunction | _GroupFunction
    name: str
    values: list[Value] = field(default_factory=list)

    def call(self, call: Call) -> Value:
        made = self.made
        if self.name == "override":
            return _with_options(made, {**made.options, **call.keywords})
        if self.name == "partial":
            return _Partially(made, dict(call.keywords))
        inner = Call(call.evaluator, made, [], dict(call.keywords), call.file, call.node, rest=call.args)
        mapped = _with_options(made, made.options)
        mapped.is_mapped = True
        return mapped.call(inner)


@dataclass(eq=False)
class _Partially(Model):
    made: _TaskFunction | _GroupFunction
    keywords: dict[str, Value]

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self if name in ("expand", "expand_kwargs", "partial") else NOT_KNOWN

    def call(self, call: Call) -> Value:
        mapped = _with_options(self.made, self.made.options)
        mapped.is_mapped = True
        inner = Call(
            call.evaluator, mapped, [], {**self.keywords, **call.keywords}, call.file, call.node, rest=call.args
        )
        return mapped.call(inner)


def _with_options(made: _TaskFunction | _GroupFunction, options: dict[str, Value]) -> _TaskFunction | _GroupFunction:
    if isinstance(made, _TaskFunction):
        return _TaskFunction(made.library, made.function, made.operator, options, made.is_mapped)
    return _GroupFunction(made.library, made.function, options)


@dataclass(eq=False)
class _GroupFunction(Model):
    """A function under `@task_group` or `@dag`: each call makes a group and runs the body inside it."""

    library: _Airflow
    function: Value
    options: dict[str, Value]
    is_dag: bool = False
    is_mapped: bool = False

    def call(self, call: Call) -> Value:
        name = (
            text_of(self.options.get("dag_id" if self.is_dag else "group_id"))
            or _function_name(self.function)
            or "group"
        )
        group = (
            self.library.dag(call, name, self.options) if self.is_dag else self.library.group(call, name, self.options)
        )
        if group is None:
            return NOT_KNOWN
        group.enter()
        result = call.evaluator.call(self.function, call.args, call.keywords, call.node)
        group.leave()
        if not self.is_dag:
            for value in _outputs(call.values):
                self.library.link([value], [group])
        if self.is_dag:
            return group
        return result if flat(result) and any(isinstance(v, Model) for v in flat(result)) else group

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return _Variant(self, name) if name in ("override", "partial", "expand", "expand_kwargs") else NOT_KNOWN


@dataclass(eq=False)
class _Decorator(Model):
    """`@task(...)`, `@task_group(...)`, `@dag(...)` with options, before they meet the function."""

    library: _Airflow
    kind: str
    operator: str
    options: dict[str, Value]

    def call(self, call: Call) -> Value:
        return self.library.decorated(self.kind, self.operator, call.args[0] if call.args else Unknown(), self.options)


class _Airflow(Library):
    packages = ("airflow", "astro")

    def __init__(self) -> None:
        self.dags: list[Group] = []
        self.contexts: list[Group] = []
        self.scopes: list[tuple[Task, list[Task]]] = []
        self.links: list[tuple[Task | Group, Task | Group]] = []

    def call(self, call: Call) -> Value:
        name = call.name
        last = name.rpartition(".")[2]
        if last == "DAG" and name.startswith("airflow"):
            title = text_of(call.argument(0, "dag_id", default=None)) or "dag"
            return self.dag(call, title, call.keywords)
        if last == "TaskGroup" and name.startswith("airflow"):
            return self._task_group(call)
        if kind := _decorator_kind(name):
            if call.args and not isinstance(call.args[0], str):
                options = call.keywords
                return self.decorated(kind, name, call.args[0], options)
            return _Decorator(self, kind, name, dict(call.keywords))
        if name.startswith("airflow") and last in ("chain", "chain_linear", "cross_downstream", "Label"):
            return self._linked(last, call)
        if last in _DATASETS and name.startswith("airflow"):
            return Unknown(text=text_of(call.argument(0, "uri", "name", default=None)), name=name)
        return self._operator(call)

    def construct(self, call: Call) -> Value:
        """An operator class of the repository."""
        assert call.cls is not None
        bases = call.cls.external_bases()
        if not any(_OPERATOR.search(base) or base.startswith("airflow.models") for base in bases):
            return NOT_KNOWN
        name = text_of(call.argument(None, "task_id", default=None)) or _own_name(call) or call.cls.name
        fields = call.cls.find("template_fields")
        values = call.values
        if isinstance(fields, list | tuple):
            known = set(strings(fields))
            values = [value for key, value in call.keywords.items() if key in known]
        run = call.cls.find("execute")
        task = self.task(call, name, call.cls.name, call.keywords, values, run)
        return NOT_KNOWN if task is None else task

    def _operator(self, call: Call) -> Value:
        name, last = call.name, call.name.rpartition(".")[2]
        if last == "partial" and ("task_id" in call.keywords or _OPERATOR.search(name.rpartition(".")[0])):
            return _PartialOperator(self, name.rpartition(".")[0], dict(call.keywords))
        if last.startswith("__") or not last[:1].isalpha():
            return NOT_KNOWN
        if "task_id" not in call.keywords and not (_OPERATOR.search(last) and self._context(call) is not None):
            return NOT_KNOWN
        title = text_of(call.argument(None, "task_id", default=None)) or last
        task = self.task(call, title, last, call.keywords, call.values, call.keywords.get("python_callable", Unknown()))
        return NOT_KNOWN if task is None else (task if last[:1].isupper() else Output(task))

    def dag(self, call: Call, name: str, options: dict[str, Value]) -> Group:
        owner = call.evaluator.running[-1] if call.evaluator.running else call.file.path
        made = Group(name, None, self, call.at, owner)
        made.waits_for = _datasets(options.get("schedule", options.get("schedule_interval")))
        self.dags.append(made)
        return made

    def group(self, call: Call, name: str, options: dict[str, Value]) -> Group | None:
        parent = options.get("parent_group")
        outer = parent if isinstance(parent, Group) else self._context(call)
        if outer is None:
            return None
        made = Group(_unique(outer, name), outer, self, call.at, prefixes=options.get("prefix_group_id") is not False)
        outer.members.append(made)
        return made

    def _task_group(self, call: Call) -> Value:
        name = text_of(call.argument(0, "group_id", default=None)) or "group"
        made = self.group(call, name, call.keywords)
        return NOT_KNOWN if made is None else made

    def task(
        self, call: Call, name: str, operator: str, keywords: dict[str, Value], values: Iterable[Value], function: Value
    ) -> Task | None:
        explicit = call.keywords.get("task_group") or keywords.get("task_group")
        group = explicit if isinstance(explicit, Group) else self._context(call, keywords)
        if group is None:
            return None
        full = _unique(group.dag, f"{group.prefix()}{name}")
        made = Task(full, group, self, call.at, operator, keywords, _programs(function, keywords))
        group.members.append(made)
        self.link(_outputs(values), [made])
        for _, inside in self.scopes[-1:]:
            inside.append(made)
        return made

    def _context(self, call: Call, keywords: dict[str, Value] | None = None) -> Group | None:
        dag = (keywords or call.keywords).get("dag")
        current = self.contexts[-1] if self.contexts else None
        if isinstance(dag, Group) and (current is None or current.dag is not dag):
            return dag
        if isinstance(dag, Choice):
            return next((option for option in dag.options if isinstance(option, Group)), current)
        return current

    def decorated(self, kind: str, operator: str, function: Value, options: dict[str, Value]) -> Value:
        if kind == "task":
            return _TaskFunction(self, function, operator, dict(options))
        return _GroupFunction(self, function, dict(options), is_dag=kind == "dag")

    def _linked(self, name: str, call: Call) -> Value:
        if name == "Label":
            return _Edge(self)
        steps = [_nodes(argument) for argument in call.args]
        if name == "cross_downstream":
            ends = [
                _nodes(call.argument(0, "from_tasks", default=[])),
                _nodes(call.argument(1, "to_tasks", default=[])),
            ]
            self.link(*ends)
            return None
        steps = [step for step in steps if step]
        for argument, earlier, later in zip(call.args, steps, steps[1:], strict=False):
            if name == "chain" and len(earlier) == len(later) > 1 and isinstance(argument, list | tuple):
                for one, other in zip(earlier, later, strict=True):
                    self.link([one], [other])
            else:
                self.link(earlier, later)
        return None

    def link(self, earlier: Iterable[Task | Group], later: Iterable[Task | Group]) -> None:
        following = list(later)
        for one in earlier:
            for other in following:
                if one is other:
                    continue
                self.links.append((one, other))
                for before in one.tasks() if isinstance(one, Group) else [one]:
                    if isinstance(one, Group) and before not in _leaves(one):
                        continue
                    for after in _roots(other) if isinstance(other, Group) else [other]:
                        before.after[after] = None
                        after.before[before] = None


@dataclass(eq=False)
class _PartialOperator(Model):
    """`SomeOperator.partial(task_id=...)`, which `.expand(...)` makes a task."""

    library: _Airflow
    operator: str
    keywords: dict[str, Value]

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self

    def call(self, call: Call) -> Value:
        keywords = {**self.keywords, **call.keywords}
        last = self.operator.rpartition(".")[2]
        title = text_of(keywords.get("task_id")) or last
        values = [*keywords.values(), *call.args]
        task = self.library.task(call, title, last, keywords, values, keywords.get("python_callable", Unknown()))
        if task is None:
            return NOT_KNOWN
        task.is_mapped = True
        return task


def _decorator_kind(name: str) -> str:
    if (
        _TASK_DECORATOR.fullmatch(name)
        or _SQL_DECORATOR.fullmatch(name)
        or name
        in ("airflow.decorators.setup", "airflow.decorators.teardown", "airflow.sdk.setup", "airflow.sdk.teardown")
    ):
        return "task"
    first = name.partition(".")[0]
    last = name.rpartition(".")[2]
    return last if first == "airflow" and last in ("dag", "task_group") else ""


def _linking(library: _Airflow, node: Value, name: str) -> Value:
    if name in ("set_downstream", "set_upstream"):
        return _Link(library, node, name == "set_downstream")
    return NOT_KNOWN


def _shift(library: _Airflow, node: Value, operator: str, other: Value, reflected: bool) -> Value:
    if operator not in (">>", "<<"):
        return NOT_KNOWN
    if isinstance(other, _Edge):
        return other.operate(operator, node, not reflected)
    if (operator == ">>") is reflected:
        library.link(_nodes(other), _nodes(node))
    else:
        library.link(_nodes(node), _nodes(other))
    return node if reflected else other


def _nodes(value: Value) -> list[Task | Group]:
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


def _tasks(value: Value) -> list[Task]:
    return [node for node in _nodes(value) if isinstance(node, Task)]


def _outputs(values: Value) -> list[Task | Group]:
    """Tasks whose results are handed on as they are; one inside a text is none: the engine sees only the text."""
    return [
        leaf.task for leaf in flat(list(values) if not isinstance(values, list) else values) if isinstance(leaf, Output)
    ]


def _roots(group: Group) -> list[Task]:
    tasks = group.tasks()
    known = set(tasks)
    return [task for task in tasks if not any(earlier in known for earlier in task.before)]


def _leaves(group: Group) -> list[Task]:
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


def _unique(scope: Group, name: str) -> str:
    scope.taken[name] = scope.taken.get(name, -1) + 1
    return name if scope.taken[name] == 0 else f"{name}__{scope.taken[name]}"


def _function_name(function: Value) -> str:
    if isinstance(function, Function | Class):
        return function.name
    if isinstance(function, Partial):
        return _function_name(function.function)
    return function.name.rpartition(".")[2] if isinstance(function, External | Unknown) else ""


def _own_name(call: Call) -> str:
    """A task id that the class hands to its base itself."""
    assert call.cls is not None
    instance = instantiate(call.evaluator, call.cls, call)
    return text_of(instance.attributes.get("task_id")) or ""


def _datasets(value: Value) -> list[str]:
    return [
        leaf.text
        for leaf in flat(value)
        if isinstance(leaf, Unknown) and leaf.text and leaf.name.rpartition(".")[2] in _DATASETS
    ]


def _programs(function: Value, keywords: dict[str, Value]) -> tuple[Program, ...]:
    if isinstance(function, Partial):
        function = function.function
    if isinstance(function, Function):
        name = f"{function.owner.name}.{function.name}" if function.owner is not None else function.name
        return (Program(path=function.file.path, function=name),)
    for name in ("bash_command", "command", "cmds", "application", "py_file"):
        value = keywords.get(name)
        if isinstance(value, list) and (words := strings(value)):
            return (Program(command=" ".join(words)),)
        if isinstance(value, str | Unknown) and (text := text_of(value)):
            return (Program(command=f"spark-submit {text}" if name == "application" else text),)
    if notebook := text_of(keywords.get("input_nb")):
        return (Program(command=f"papermill {quote(notebook)}"),)
    return ()


def _dag_stages(source: PythonSource, dag: Group) -> Iterator[Declared]:
    tasks = dag.tasks()
    keys = {task: f"{source.path}:{dag.name}:{task.name}" for task in tasks}
    for task in tasks:
        is_root = not task.before
        yield Stage(
            name=task.name,
            system="airflow",
            at=task.at,
            key=keys[task],
            reads=tuple(dict.fromkeys([*_datasets(task.keywords.get("inlets")), *(dag.waits_for if is_root else ())])),
            writes=tuple(dict.fromkeys(_datasets(task.keywords.get("outlets")))),
            after=tuple(keys[earlier] for earlier in task.before if earlier in keys),
            runs=task.runs,
            pipeline=dag.name,
            note="mapped at run time" if task.is_mapped or "{}" in task.name else "",
        )
