"""What programs hand to each other by files: who writes a path, who reads it, and whether two paths are one file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import dirname, join

from pipeaudit.flow.events import Event, Events
from pipeaudit.link.artifacts import normal

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_WRITES = ("writes", "save")
_READS = ("reads", "load")
_DATA = frozenset("pandas numpy polars pyspark tuple list dict set str int float bool bytes".split())


@dataclass(frozen=True, slots=True)
class Touch:
    """One file that a program reads or writes.

    `places` are the paths from the root that it may mean, the likeliest first: of a notebook from its own folder, of a
    script from the root.
    """

    program: str
    event: Event
    places: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.places[0]

    @property
    def is_model(self) -> bool:
        """Whether a model (or what a transformer has learned) is saved or loaded, and no table or text."""
        if "load_model" in self.event.roles:
            return True
        effect = self.event.detail.get("save")
        if not isinstance(effect, Mapping):
            return False
        value = self.event.argument(str(effect.get("obj"))) or self.event.receiver
        if effect.get("what") == "model" or value is None or not value.types:
            return effect.get("what") == "model" or "save_model" in self.event.roles
        held = [inner for inner in value.elements if inner.types]
        return any(inner.types[0].partition(".")[0] not in _DATA for inner in (value, *held))


def written(programs: Mapping[str, Events]) -> list[Touch]:
    """Files that programs write, by program; paths with unknown parts are left out."""
    return list(_touches(programs, _WRITES))


def read(programs: Mapping[str, Events]) -> list[Touch]:
    return list(_touches(programs, _READS))


def same_file(one: Touch, other: Touch) -> bool | None:
    """True where both likeliest places are one, None where only some of the places are."""
    if one.places[0] == other.places[0]:
        return True
    return None if set(one.places) & set(other.places) else False


def _touches(programs: Mapping[str, Events], operations: tuple[str, ...]) -> Iterator[Touch]:
    for path in sorted(programs):
        known = programs[path]
        seen = set()
        for event in known:
            named = event.detail.get("path")
            if not isinstance(named, str) or "{}" in named or not normal(named):
                continue
            if any(operation in event.detail for operation in operations) and (named, event.at) not in seen:
                seen.add((named, event.at))
                yield Touch(path, event, _places(named, path, known.is_notebook))


def _places(named: str, program: str, is_notebook: bool) -> tuple[str, ...]:
    if "://" in named or named.startswith(("/", "~")) or _DRIVE.match(named):
        return (normal(named),)
    beside = normal(join(dirname(program), named))
    both = (beside, normal(named)) if is_notebook else (normal(named), beside)
    return tuple(dict.fromkeys(both))
