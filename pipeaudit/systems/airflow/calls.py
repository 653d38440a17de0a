"""What calls of Airflow's names make: DAGs, groups, operators and the links between them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.calls import Call, instantiate
from pipeaudit.pyeval.evaluator import Library
from pipeaudit.pyeval.values import NOT_KNOWN, Choice, Function, Model, Partial, Unknown, Value, flat, strings, text_of
from pipeaudit.systems.airflow.functions import Decorator, GroupFunction, TaskFunction, decorator_kind
from pipeaudit.systems.airflow.tasks import Group, LabelledEdge, Output, Task, handed_on, leaves, nodes_in, roots

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator

_OPERATOR = re.compile(r"(Operator|Sensor|SensorAsync|OperatorAsync|Transfer)$")
_DATASETS = ("Dataset", "Asset", "DatasetAlias", "AssetAlias")


class Airflow(Library):
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
        if kind := decorator_kind(name):
            if call.args and not isinstance(call.args[0], str):
                options = call.keywords
                return self.decorated(kind, name, call.args[0], options)
            return Decorator(self, kind, name, dict(call.keywords))
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
        made.waits_for = datasets_in(options.get("schedule", options.get("schedule_interval")))
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
        self.link(handed_on(values), [made])
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
            return TaskFunction(self, function, operator, dict(options))
        return GroupFunction(self, function, dict(options), is_dag=kind == "dag")

    def _linked(self, name: str, call: Call) -> Value:
        if name == "Label":
            return LabelledEdge(self)
        steps = [nodes_in(argument) for argument in call.args]
        if name == "cross_downstream":
            ends = [
                nodes_in(call.argument(0, "from_tasks", default=[])),
                nodes_in(call.argument(1, "to_tasks", default=[])),
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
                    if isinstance(one, Group) and before not in leaves(one):
                        continue
                    for after in roots(other) if isinstance(other, Group) else [other]:
                        before.after[after] = None
                        after.before[before] = None


@dataclass(eq=False)
class _PartialOperator(Model):
    """`SomeOperator.partial(task_id=...)`, which `.expand(...)` makes a task."""

    library: Airflow
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


def _unique(scope: Group, name: str) -> str:
    scope.taken[name] = scope.taken.get(name, -1) + 1
    return name if scope.taken[name] == 0 else f"{name}__{scope.taken[name]}"


def _own_name(call: Call) -> str:
    """A task id that the class hands to its base itself."""
    assert call.cls is not None
    instance = instantiate(call.evaluator, call.cls, call)
    return text_of(instance.attributes.get("task_id")) or ""


def datasets_in(value: Value) -> list[str]:
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
