"""Which file and key of the repository each read of a loaded configuration means."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from posixpath import dirname, join, normpath

from pipeaudit.flow.events import Event, Events


@dataclass(frozen=True, slots=True)
class ConfigRead:
    """One key that code reads: `defined` in the file; `required` where nothing stands in when it is absent.

    A last part `*` stands for all keys at once. `certain`: the file is one, and no weak link lies between.
    """

    file: str
    key: tuple[str | int, ...]
    event: Event
    defined: bool
    required: bool
    certain: bool

    @property
    def dotted(self) -> str:
        return ".".join(str(part) for part in self.key)


def config_reads(program: Events, paths: Container[str]) -> list[ConfigRead]:
    """The reads of a program, in order; keys that are computed and files that are not in the tree are left out."""
    found = []
    for event in program.of("config_read"):
        detail = event.detail
        files = candidates(str(detail["file"]), program.path, paths)
        key = detail["key"]
        if not files or not detail["known"] or not isinstance(key, tuple) or not key:
            continue
        if all(isinstance(part, str | int) and not (isinstance(part, str) and "{}" in part) for part in key):
            certain = len(files) == 1 and event.strong
            found.append(ConfigRead(files[0], key, event, bool(detail["defined"]), bool(detail["required"]), certain))
    return found


def candidates(name: str, program: str, paths: Container[str]) -> list[str]:
    """Files that a path in a program may mean: from the root, or from the program's folder."""
    if name.startswith(("/", "~")) or "{}" in name:
        return []
    places = dict.fromkeys((normpath(name), normpath(join(dirname(program), name))))
    return [place for place in places if place in paths]
