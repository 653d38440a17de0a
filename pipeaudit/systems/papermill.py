"""papermill: each notebook that a program runs as a whole is a stage, one after the other as the program runs them; so
is each that a notebook on Databricks runs.
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
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Library
from pipeaudit.pyeval.values import NOT_KNOWN, Value, text_of
from pipeaudit.system import Declared, PythonSource, Sources, Stage, bounded, program_system, python_system

_CALLS: Final = ("papermill.execute_notebook", "papermill.execute.execute_notebook")
_OF_DATABRICKS: Final = b"dbutils.notebook.run"  # a name that nothing imports
_ENDINGS: Final = ("", ".ipynb", ".py")


@python_system("papermill", package="papermill", containing=(b"execute_notebook",))
def stages(source: PythonSource) -> Iterator[Declared]:
    library = _Papermill(_Runs("papermill", source.sources, source.path))
    evaluator, frame, problems = source.run(library, as_main=True)
    with bounded(source.path, problems):
        for function in source.uncalled(evaluator, frame, _CALLS.__contains__):
            library.runs.last = ""
            evaluator.call(function)
    yield from problems
    yield from library.runs.stages()


@program_system("databricks")
def stages_of_notebooks(sources: Sources, events: Mapping[str, Events]) -> Iterator[Declared]:
    for path in sorted(events):
        if not events[path].is_test and _OF_DATABRICKS in (sources.data(path) or b""):
            yield from _run_by(sources, path).stages()


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


@dataclass(slots=True)
class _Runs:
    """The notebooks that one program runs, in order."""

    system: str
    sources: Sources
    path: str
    by_key: dict[str, _Run] = field(default_factory=dict)
    last: str = ""

    def add(self, at: Location, notebook: str, output: str, params: dict[str, object], conditional: bool) -> None:
        found = self._found(notebook)
        name = basename(found or notebook).removesuffix(".ipynb").removesuffix(".py").replace("{}", "").strip("_- ")
        key = f"{self.path}:{at.path}:{at.cell}:{at.line}:{found or notebook}"
        run = self.by_key.get(key)
        if run is None:
            run = self.by_key[key] = _Run(key, name, at, found, "" if conditional else self.last)
        run.times += 1
        run.params.update(params)
        if output and not output.startswith("{}"):
            is_placed = "://" in output or output.startswith("/") or not self.path.endswith(".ipynb")
            run.writes[output if is_placed else join(dirname(self.path), output)] = None
        self.last = "" if conditional else key

    def stages(self) -> Iterator[Stage]:
        for run in self.by_key.values():
            arguments = tuple(part for key, value in run.params.items() for part in ("-p", key, str(value)))
            note = "one of many" if run.times > 1 else ""
            yield Stage(
                name=run.name or "notebook",
                system=self.system,
                at=run.at,
                key=run.key,
                writes=tuple(run.writes),
                after=(run.before,) if run.before else (),
                runs=(Program(path=run.notebook, arguments=arguments),) if run.notebook else (),
                params=tuple(run.params),
                pipeline=self.path,
                note=note if run.notebook else "which notebook it runs is known at run time",
            )

    def _found(self, text: str) -> str:
        text = text.removeprefix("{}/")  # the working folder, mostly
        if not text or "{}" in text or "://" in text:
            return ""
        folder = dirname(self.path)
        return next((at for end in _ENDINGS if (at := located(text + end, folder, self.sources))), "")


class _Papermill(Library):
    packages = ("papermill",)

    def __init__(self, runs: _Runs) -> None:
        self.runs = runs

    def call(self, call: Call) -> Value:
        if call.name not in _CALLS:
            return NOT_KNOWN
        given = call.argument(2, "parameters", default=None)
        self.runs.add(
            call.at,
            text_of(call.argument(0, "input_path", default=None)) or "",
            text_of(call.argument(1, "output_path", default=None)) or "",
            {name: text_of(value, "{}") for name, value in given.items() if isinstance(name, str)}
            if isinstance(given, dict)
            else {},
            call.node in call.file.conditional,
        )
        return NOT_KNOWN


def _run_by(sources: Sources, path: str) -> _Runs:
    """What a notebook runs by `dbutils.notebook.run(path, timeout, parameters)`."""
    runs = _Runs("databricks", sources, path)
    file = sources.python(path)
    calls = [node for node in ast.walk(file.tree) if isinstance(node, ast.Call)] if file is not None else []
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        if file is not None and call.args and _is_of_databricks(call.func):
            given = call.args[2] if len(call.args) > 2 else None
            keys = given.keys if isinstance(given, ast.Dict) else []
            names = [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
            notebook = call.args[0].value if isinstance(call.args[0], ast.Constant) else ""
            runs.add(file.at(call), str(notebook), "", dict.fromkeys(names, "{}"), conditional=False)
    return runs


def _is_of_databricks(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "run"
        and isinstance(function.value, ast.Attribute)
        and function.value.attr == "notebook"
        and isinstance(function.value.value, ast.Name)
        and function.value.value.id == "dbutils"
    )
