"""What a program is seen to read and write: paths of its events, as far as they are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import dirname, join

from pipeaudit.flow.events import Event, Events
from pipeaudit.link.artifacts import normal
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Program

_OPERATIONS = {"reads": ("reads", "load"), "writes": ("writes", "save")}
_KINDS = {
    "save_model": ArtifactKind.MODEL,
    "load_model": ArtifactKind.MODEL,
    "log_metric": ArtifactKind.METRICS,
    "plot": ArtifactKind.IMAGE,
    "report": ArtifactKind.REPORT,
    "config_load": ArtifactKind.PARAMS,
}


@dataclass(slots=True)
class Observed:
    """Artifacts by name, each with the place where it is first touched."""

    reads: dict[str, Location] = field(default_factory=dict)
    writes: dict[str, Location] = field(default_factory=dict)
    kinds: dict[str, ArtifactKind] = field(default_factory=dict)


def observed(runs: Iterable[Program], events: Mapping[str, Events]) -> Observed:
    """What these programs read and write, together."""
    seen = Observed()
    for program in runs:
        known = events.get(program.path)
        if known is None:
            continue
        for event in _own(known, program.function):
            _note(event, program, seen)
    for name in [name for name in seen.reads if name in seen.writes]:
        if seen.writes[name].key < seen.reads[name].key:
            del seen.reads[name]  # it reads back what it has written itself
    return seen


def _own(known: Events, function: str) -> Iterator[Event]:
    for event in known:
        if not function or event.function == function or event.function.startswith(f"{function}."):
            yield event


def _note(event: Event, program: Program, seen: Observed) -> None:
    for listed, wanted in ((seen.reads, "reads"), (seen.writes, "writes")):
        for path in _paths(event, wanted):
            name = normal(_placed(path, program))
            listed.setdefault(name, event.at)
            for role in event.roles:
                if role in _KINDS:
                    seen.kinds.setdefault(name, _KINDS[role])


def _paths(event: Event, wanted: str) -> list[str]:
    """Paths that the event names as read or written."""
    path = event.detail.get("path")
    does = any(operation in event.detail for operation in _OPERATIONS[wanted])
    return [path] if does and isinstance(path, str) and path else []


def _placed(path: str, program: Program) -> str:
    """Relative paths are meant from the working folder; for a notebook that is its own."""
    if "://" in path or path.startswith(("/", "~")):
        return path
    folder = dirname(program.path) if program.path.endswith(".ipynb") and not program.folder else program.folder
    return join(folder, path)
