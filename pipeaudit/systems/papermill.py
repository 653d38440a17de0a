"""papermill: each notebook that a program runs as a whole is a stage, one after the other as the program runs them;
notebooks that run others on Databricks count as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import basename, dirname, join
from typing import Final

from pipeaudit.flow.events import Events
from pipeaudit.located import located
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program
from pipeaudit.system import Declared, Sources, Stage, program_system

_CALLS: Final = {
    "papermill.execute_notebook": ("input_path", "output_path", "parameters"),
    "papermill.execute.execute_notebook": ("0", "1", "2"),
}
_OF_DATABRICKS: Final = b"dbutils.notebook.run"  # a name that nothing imports
_ENDINGS: Final = ("", ".ipynb", ".py")


@program_system("papermill")
def stages(sources: Sources, events: Mapping[str, Events]) -> Iterator[Declared]:
    for path in sorted(events):
        known = events[path]
        if known.is_test:
            continue
        runs = _Runs(sources, path)
        for event in known.named(*_CALLS):
            notebook, output, parameters = (event.constant(name) for name in _CALLS[event.name])
            runs.add(event.at, event.function, notebook, output, parameters, event.conditional)
        if _OF_DATABRICKS in (sources.data(path) or b""):
            _add_of_databricks(runs, sources, path)
        yield from (run.stage() for run in runs.by_key.values())


@dataclass(slots=True)
class _Run:
    """One call, as often as it is made with the same notebook."""

    key: str
    name: str
    at: Location
    notebook: str
    before: str
    writes: dict[str, None] = field(default_factory=dict)
    params: dict[str, object] = field(default_factory=dict)
    times: int = 0

    def stage(self) -> Stage:
        arguments = tuple(part for key, value in self.params.items() for part in ("-p", key, str(value)))
        found = self.notebook
        note = "one of many" if self.times > 1 else ""
        return Stage(
            name=self.name or "notebook",
            system="papermill",
            at=self.at,
            key=self.key,
            writes=tuple(self.writes),
            after=(self.before,) if self.before else (),
            runs=(Program(path=found, arguments=arguments),) if found else (),
            params=tuple(self.params),
            pipeline=self.at.path,
            note=note if found else "which notebook it runs is known at run time",
        )


@dataclass(slots=True)
class _Runs:
    sources: Sources
    path: str
    by_key: dict[str, _Run] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)  # by function: what it ran last

    def add(
        self, at: Location, function: str, notebook: object, output: object, parameters: object, conditional: bool
    ) -> None:
        text = notebook if isinstance(notebook, str) else ""
        found = self._found(text)
        name = basename(found or text).removesuffix(".ipynb").removesuffix(".py").replace("{}", "").strip("_- ")
        key = f"{self.path}:{at.cell}:{at.line}:{found or text}"
        run = self.by_key.get(key)
        if run is None:
            before = "" if conditional else self.last.get(function, "")
            run = self.by_key[key] = _Run(key, name, at, found, before)
        run.times += 1
        self.last[function] = key
        if isinstance(output, str) and output and not output.startswith("{}"):
            is_placed = "://" in output or output.startswith("/") or not self.path.endswith(".ipynb")
            run.writes[output if is_placed else join(dirname(self.path), output)] = None
        if isinstance(parameters, dict):
            run.params.update((str(name), value) for name, value in parameters.items())

    def _found(self, text: str) -> str:
        if not text or "{}" in text or "://" in text:
            return ""
        folder = dirname(self.path)
        return next((at for end in _ENDINGS if (at := located(text + end, folder, self.sources))), "")


def _add_of_databricks(runs: _Runs, sources: Sources, path: str) -> None:
    file = sources.python(path)
    calls = [node for node in ast.walk(file.tree) if isinstance(node, ast.Call)] if file is not None else []
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        if file is not None and call.args and _is_of_databricks(call.func):
            given = call.args[2] if len(call.args) > 2 else None
            names = (
                [key.value for key in given.keys if isinstance(key, ast.Constant)]
                if isinstance(given, ast.Dict)
                else []
            )
            notebook = call.args[0].value if isinstance(call.args[0], ast.Constant) else None
            runs.add(file.at(call), "", notebook, None, dict.fromkeys(map(str, names), "{}"), conditional=False)


def _is_of_databricks(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "run"
        and isinstance(function.value, ast.Attribute)
        and function.value.attr == "notebook"
        and isinstance(function.value.value, ast.Name)
        and function.value.value.id == "dbutils"
    )
