"""Plain Python: a program that reads, trains, evaluates or serves is a stage, whether or not a pipeline names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import basename

from pipeaudit.flow.events import Events
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program, StageKind
from pipeaudit.model.roles import KIND_OF_ROLE
from pipeaudit.read.exported import is_exported, twin
from pipeaudit.system import Declared, Sources, Stage, program_system

_TOOLING = frozenset(("setup.py", "conftest.py", "noxfile.py", "tasks.py", "conf.py", "__init__.py"))


@program_system("python")
def stages(sources: Sources, events: Mapping[str, Events]) -> Iterator[Declared]:
    for path in sorted(events):
        known = events[path]
        if known.is_notebook or known.is_test or basename(path) in _TOOLING or not _does_something(known):
            continue
        if twin(path) in events and is_exported(sources.data(path) or b""):
            continue  # the notebook beside it is the same
        yield Stage(
            name=basename(path).removesuffix(".py"),
            system="python",
            at=Location(path),
            key=path,
            runs=(Program(path=path),),
            pipeline=path,
        )


def _does_something(known: Events) -> bool:
    """Whether running the file moves data: looking at it alone, or reading settings, is no stage."""
    kinds = {KIND_OF_ROLE[role] for event in known.ran() for role in event.roles if role in KIND_OF_ROLE}
    return bool(kinds - {StageKind.EXPLORATION, StageKind.OTHER})
