"""What a program is seen to read and write: paths of its events, as far as they are known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath

from pipeaudit.flow.events import Event, Events
from pipeaudit.link.artifacts import normal
from pipeaudit.link.feature_stores import FeatureStores
from pipeaudit.link.options import Scripts
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Program, stored_model
from pipeaudit.read.sql import statement
from pipeaudit.sources import Sources

_READS = ("reads", "load")
_WRITES = ("writes", "save")
_ROOTED = re.compile(r"[A-Za-z][\w+.-]{0,20}:[/\\]")  # a drive, or a model of MLflow's registry: `models:/churn/1`
_BY_WORD = {kind.value: kind for kind in ArtifactKind}
_BY_ROLE = {
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


def observed(
    runs: Iterable[Program],
    events: Mapping[str, Events],
    sources: Sources,
    stores: FeatureStores,
    scripts: Scripts,
) -> Observed:
    """What these programs read and write, together; what one reads back of its own writing is no input."""
    seen = Observed()
    for program in runs:
        known = events.get(program.path)
        if known is None:
            continue
        options = scripts.options(program)
        for event in own_events(known, program.function):
            if stores and _feature_store(event, known, seen, stores):
                continue
            path = _opened(event) or event.detail.get("path")
            if options is not None and isinstance(path, str) and (option := _option(event, known)):
                path = options.path(path, option)
            _note(event, path, program, seen, sources)
    return seen


def _feature_store(event: Event, known: Events, seen: Observed, stores: FeatureStores) -> bool:
    """Whether a call asks a feature store that the repository defines, or gives it something."""
    read, written = [*stores.reads(event, known, event.at.path)], [*stores.writes(event, event.at.path)]
    for name in read:
        seen.reads.setdefault(name, event.at)
    for name in written:
        seen.writes.setdefault(name, event.at)
    return bool(read or written)


def settle(seen: Observed, reads: Iterable[str], writes: Iterable[str]) -> None:
    """Fills leading holes from what the stage's definition says, and drops names that start with one otherwise.

    `{}/train.pkl` of a script that is handed its folder is in the one folder that the definition lists.
    """
    for listed, declared in ((seen.reads, reads), (seen.writes, writes)):
        folders = [folder for name in declared if (folder := normal(name)) and "." not in folder.rpartition("/")[2]]
        for name in [name for name in listed if name.startswith("{}")]:
            at = listed.pop(name)
            rest = name.removeprefix("{}")
            if len(folders) == 1 and rest.startswith("/") and "{}" not in rest:
                listed.setdefault(folders[0] + rest, at)
                if name in seen.kinds:
                    seen.kinds.setdefault(folders[0] + rest, seen.kinds[name])


def own_events(known: Events, function: str = "") -> Iterator[Event]:
    """The events that running a program brings about, or calling one function of it."""
    if function:
        yield from known.once("by function", _by_function).get(function, ())
    else:
        yield from known.ran()


def _by_function(known: Events) -> dict[str, list[Event]]:
    """Events by the function they are in and by each that this one lies in; a pipeline may have a stage for each."""
    found: dict[str, list[Event]] = {}
    for event in known:
        name = event.function
        while name:
            found.setdefault(name, []).append(event)
            name = name.rpartition(".")[0]
    return found


def _note(event: Event, path: object, program: Program, seen: Observed, sources: Sources) -> None:
    if not isinstance(path, str) or not path.replace("{}", "").strip("./"):
        return
    if (said := statement(path)) is not None:
        for listed, names in ((seen.writes, said.writes), (seen.reads, said.reads)):
            for table in (_table(name, program, sources) for name in names):
                listed.setdefault(table, event.at)
                seen.kinds.setdefault(table, ArtifactKind.DATASET)
        return
    stored = any(event.effect(operation).get("fmt") == "bentoml" for operation in ("save", "load"))
    name = stored_model("bentoml", path) if stored else normal(_placed(path, program, sources))
    is_read = any(operation in event.detail for operation in _READS)
    is_write = any(operation in event.detail for operation in _WRITES) or bool(_opened(event))
    if is_write:
        seen.writes.setdefault(name, event.at)
    if is_read and name not in seen.writes:
        seen.reads.setdefault(name, event.at)
    for operation in (*_WRITES, *_READS):
        kind = _BY_WORD.get(str(event.effect(operation).get("what", "")))
        if kind is not None:
            seen.kinds.setdefault(name, kind)
    for role in event.roles:
        if role in _BY_ROLE:
            seen.kinds.setdefault(name, _BY_ROLE[role])


def _opened(event: Event) -> str:
    """The file that a call of `open` makes or appends to, if its name is known."""
    if "open" not in event.roles:
        return ""
    name, mode = event.constant("name"), event.constant("mode", "r")
    return name if isinstance(name, str) and isinstance(mode, str) and set(mode) & set("wxa") else ""


def _option(event: Event, known: Events) -> str:
    """The command line option that the path of a read or write comes from, or that of the open file it goes through."""
    for operation in (*_READS, *_WRITES):
        if operation in event.detail:
            given = event.port(operation, "path") or event.receiver
            if given is not None and given.is_a("builtins.file") and 0 <= given.produced < len(known.items):
                given = known.items[given.produced].argument("name")
            if given is not None and given.option:
                return given.option
    return ""


def _table(name: str, program: Program, sources: Sources) -> str:
    """A table is called as it is everywhere; a file that an engine reads in place is a file."""
    return normal(_placed(name, program, sources)) if "/" in name or name.count("{}") > 1 else f"sql:{name.lower()}"


def _placed(path: str, program: Program, sources: Sources) -> str:
    """Relative paths are meant from the working folder: the one that a command tells, else the one where the file is
    found.
    """
    if "://" in path or path.startswith(("/", "~")) or _ROOTED.match(path):
        return path
    home = dirname(program.path)
    if program.folder or not home:
        return join(program.folder, path)
    beside = normpath(join(home, path))
    if program.path.endswith(".ipynb") or normpath(path).startswith("..") or beside in sources:
        return beside
    return path
