"""Notebooks: each one that moves data is a stage; scripts that its cells start with `!python` count as its programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import basename, dirname, join, normpath

from pipeaudit.flow.events import Events
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program
from pipeaudit.model.roles import KIND_OF_ROLE
from pipeaudit.read import magics, notebook
from pipeaudit.read.error import ReadError
from pipeaudit.system import Declared, Sources, Stage, program_system

_STARTING = ("!python", "! python", "%run", "!papermill", "%%bash", "%%sh", "!bash", "!sh ")


@program_system("notebook")
def stages(sources: Sources, events: Mapping[str, Events]) -> Iterator[Declared]:
    for path in sorted(events):
        known = events[path]
        if not known.is_notebook or known.is_test:
            continue
        if not any(role in KIND_OF_ROLE for event in known.ran() for role in event.roles):
            continue
        first = min((event.at.cell for event in known.ran() if event.at.cell is not None), default=0)
        yield Stage(
            name=basename(path).removesuffix(".ipynb"),
            system="notebook",
            at=Location(path, cell=first),
            key=path,
            runs=(Program(path=path), *_started(sources, path)),
            pipeline=path,
        )


def _started(sources: Sources, path: str) -> Iterator[Program]:
    data = sources.data(path)
    if data is None:
        return
    try:
        cells = notebook.parse(path, data).code_cells
    except ReadError:  # whoever read its events has told why
        return
    if not any(mark in cell.source for cell in cells for mark in _STARTING):
        return
    for cell in cells:
        cleaned = magics.clean(cell.source)
        for _, command in cleaned.shell:
            yield Program(command=command, folder=dirname(path))
        for magic in cleaned.magics:
            if magic.name in ("run", "%run") and magic.argument:
                yield _included(sources, path, magic.argument)


def _included(sources: Sources, path: str, argument: str) -> Program:
    """`%run train.py --lr 1`; Databricks names notebooks without an extension: `%run ../helpers`."""
    name = argument.split()[0].strip("'\"")
    if "." not in basename(name):
        for ending in (".ipynb", ".py"):
            if (found := normpath(join(dirname(path), name + ending))) in sources:
                return Program(path=found)
    return Program(command=f"python {argument}", folder=dirname(path))
