"""Prefect: each call of a task inside a flow is a stage; tasks of a subflow count as the outer flow's."""

from __future__ import annotations

from collections.abc import Iterator

from pipeaudit.callgraph import FlowLibrary, flow_stages
from pipeaudit.system import Declared, PythonSource, python_system


@python_system("prefect", package="prefect", containing=(b"@flow", b"flow("))
def stages(source: PythonSource) -> Iterator[Declared]:
    yield from flow_stages(source, _Prefect())


class _Prefect(FlowLibrary):
    system = "prefect"
    packages = ("prefect",)

    def kind_of(self, name: str) -> str:
        if not name.startswith("prefect."):
            return ""
        return {"task": "task", "flow": "flow", "materialize": "task"}.get(name.rpartition(".")[2], "")
