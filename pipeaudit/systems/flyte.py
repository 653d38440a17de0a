"""Flyte: each call of a task in a workflow is a stage; a dynamic or nested workflow is one stage of the outer one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote

from pipeaudit.callgraph import Flow, FlowLibrary, Task, calls_in, flow_stages
from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Evaluator
from pipeaudit.pyeval.values import NOT_KNOWN, Choice, Model, Value, text_of
from pipeaudit.system import Declared, PythonSource, python_system

_READY_MADE = (
    "ShellTask",
    "ContainerTask",
    "SQLTask",
    "SnowflakeTask",
    "BigQueryTask",
    "RawContainerTask",
)


@python_system("flyte", package=("flytekit", "flytekitplugins", "union", "flyte"))
def stages(source: PythonSource) -> Iterator[Declared]:
    yield from flow_stages(source, _Flyte())


class _Flyte(FlowLibrary):
    system = "flyte"
    packages = ("flytekit", "flytekitplugins", "union", "flyte")
    nested_as_stage = True
    repeat = "{name}#{number}"

    def kind_of(self, name: str) -> str:
        if name.partition(".")[0] not in self.packages:
            return ""
        last = name.rpartition(".")[2]
        return {"task": "task", "workflow": "flow", "dynamic": "flow", "eager": "flow"}.get(last, "")

    def other_call(self, call: Call) -> Value:
        if call.name.partition(".")[0] not in self.packages:
            return NOT_KNOWN
        last = call.name.rpartition(".")[2]
        inner = call.args[0] if call.args else None
        if last in ("map_task", "map", "array_node_map_task") and isinstance(inner, Task):
            return Task(inner.name, inner.function, self, inner.options, mapped=True)
        if last in ("reference_task", "reference_workflow"):
            return _Reference(self)
        if last == "NotebookTask":
            path = text_of(call.keywords.get("notebook_path")) or ""
            return _Notebook(text_of(call.argument(0, "name", default=None)) or last, None, self, path=path)
        if last in _READY_MADE or last.endswith("Task"):
            return Task(text_of(call.argument(0, "name", default=None)) or last, None, self)
        if last == "create_node" and isinstance(inner, Task | Flow):
            made = Call(call.evaluator, inner, call.args[1:], call.keywords, call.file, call.node)
            return inner.call(made)
        if last == "conditional":
            return _Conditional([])
        if last in ("approve", "wait_for_input", "sleep"):
            return self.task_called(Task(text_of(call.args[0]) or last if call.args else last, None, self), call)
        return NOT_KNOWN


@dataclass(eq=False)
class _Notebook(Task):
    """A task that runs a notebook."""

    path: str = ""

    @property
    def program(self) -> Program | None:
        return Program(command=f"papermill {quote(self.path)}") if self.path.replace("{}", "") else None


class _Reference(Model):
    """`@reference_task(...)`: a task that is registered elsewhere."""

    def __init__(self, library: _Flyte) -> None:
        self.library = library

    def call(self, call: Call) -> Value:
        return self.library.decorated("task", call.args[0] if call.args else None, {})


class _Conditional(Model):
    """`conditional("x").if_(...).then(a()).else_().then(b())`: one of the results, known at run time."""

    def __init__(self, results: list[Value]) -> None:
        self.results = results

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return _Then(self) if name in ("then", "fail") else self

    def call(self, call: Call) -> Value:
        return self

    def item(self, key: Value) -> Value:
        return Choice(tuple(self.results)) if self.results else NOT_KNOWN

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        for call in calls_in(self.results):
            call.operate(operator, other, reflected)
        return self if reflected else other


class _Then(Model):
    def __init__(self, conditional: _Conditional) -> None:
        self.conditional = conditional

    def call(self, call: Call) -> Value:
        self.conditional.results += call.args
        return _Decided(self.conditional)


class _Decided(_Conditional):
    """After a `then`: more branches may follow, or the result is handed on."""

    def __init__(self, conditional: _Conditional) -> None:
        super().__init__(conditional.results)
