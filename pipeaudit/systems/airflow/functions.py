"""TaskFlow: functions under `@task`, `@task_group` and `@dag`, whose calls are tasks, groups and DAGs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.values import NOT_KNOWN, Class, External, Function, Model, Partial, Unknown, Value, flat, text_of
from pipeaudit.systems.airflow.tasks import Output, handed_on

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator
    from pipeaudit.systems.airflow.calls import Airflow

_TASK_DECORATOR = re.compile(
    r"(airflow\.(decorators|sdk)(\.\w+)*\.task|airflow\.decorators\.\w+_task|airflow\.sdk\.definitions\.decorators\.task)(\.\w+)?$"
)
_SQL_DECORATOR = re.compile(r"astro\.sql\.(\w+\.)*(dataframe|transform|run_raw_sql|check_\w+)$")


@dataclass(eq=False)
class TaskFunction(Model):
    """A function under `@task`: each call is a task."""

    library: Airflow
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

    made: TaskFunction | GroupFunction
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
    made: TaskFunction | GroupFunction
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


def _with_options(made: TaskFunction | GroupFunction, options: dict[str, Value]) -> TaskFunction | GroupFunction:
    if isinstance(made, TaskFunction):
        return TaskFunction(made.library, made.function, made.operator, options, made.is_mapped)
    return GroupFunction(made.library, made.function, options)


@dataclass(eq=False)
class GroupFunction(Model):
    """A function under `@task_group` or `@dag`: each call makes a group and runs the body inside it."""

    library: Airflow
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
            for value in handed_on(call.values):
                self.library.link([value], [group])
        if self.is_dag:
            return group
        return result if flat(result) and any(isinstance(v, Model) for v in flat(result)) else group

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return _Variant(self, name) if name in ("override", "partial", "expand", "expand_kwargs") else NOT_KNOWN


@dataclass(eq=False)
class Decorator(Model):
    """`@task(...)`, `@task_group(...)`, `@dag(...)` with options, before they meet the function."""

    library: Airflow
    kind: str
    operator: str
    options: dict[str, Value]

    def call(self, call: Call) -> Value:
        return self.library.decorated(self.kind, self.operator, call.args[0] if call.args else Unknown(), self.options)


def decorator_kind(name: str) -> str:
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


def _function_name(function: Value) -> str:
    if isinstance(function, Function | Class):
        return function.name
    if isinstance(function, Partial):
        return _function_name(function.function)
    return function.name.rpartition(".")[2] if isinstance(function, External | Unknown) else ""
