"""ZenML: each step that a pipeline function calls is a stage; results and `after` are its order."""

from __future__ import annotations

from collections.abc import Iterator

from pipeaudit.callgraph import FlowLibrary, Task, flow_stages
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.values import NOT_KNOWN, Function, Value, text_of
from pipeaudit.system import Declared, PythonSource, python_system


@python_system("zenml", package="zenml")
def stages(source: PythonSource) -> Iterator[Declared]:
    yield from flow_stages(source, _ZenML())


class _ZenML(FlowLibrary):
    system = "zenml"
    packages = ("zenml",)
    repeat = "{name}_{number}"

    def kind_of(self, name: str) -> str:
        if not name.startswith("zenml"):
            return ""
        return {"step": "task", "pipeline": "flow"}.get(name.rpartition(".")[2], "")

    def construct(self, call: Call) -> Value:
        """A step written as a class, as older versions have it."""
        assert call.cls is not None
        if not any(base.endswith("BaseStep") for base in call.cls.external_bases()):
            return NOT_KNOWN
        entry = call.cls.find("entrypoint")
        return Task(call.cls.name, entry if isinstance(entry, Function) else call.cls, self)

    def task_called(self, task: Task, call: Call) -> Value:
        name = text_of(call.keywords.get("id"))
        return super().task_called(Task(name, task.function, self, task.options) if name else task, call)
