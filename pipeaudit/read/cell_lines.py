"""Where each source line of a notebook's cells stands in the file itself: services show the JSON, not the cells.

Only the way down to the cells is walked here; outputs and everything else are stepped over by the C decoder.
"""

from __future__ import annotations

import re
from json.decoder import JSONDecoder, scanstring  # type: ignore[attr-defined] # typeshed leaves it out

from pipeaudit.read.lines import Lines, Place

_BLANK = re.compile(r"[ \t\r\n]*")
_SKIP = JSONDecoder(parse_int=float)  # whole numbers of thousands of digits are no error here
_SOURCE_KEYS = ("source", "input", "code", "text")


def cell_lines(data: bytes) -> tuple[tuple[Place, ...], ...]:
    """For each cell the line and column (from 1) where the text of each of its lines begins; nothing for odd files."""
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        return tuple(_Walk(text).cells())
    except (ValueError, IndexError, RecursionError):
        return ()


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.places = Lines(text)

    def cells(self) -> list[tuple[Place, ...]]:
        found: list[tuple[Place, ...]] = []
        for name, at in self._entries(self._blank(0)):
            if name == "cells":
                found += [self._cell(cell) for cell in self._items(at)]
            elif name == "worksheets":
                for sheet in self._items(at):
                    for inner, start in self._entries(sheet):
                        if inner == "cells":
                            found += [self._cell(cell) for cell in self._items(start)]
        return found

    def _cell(self, at: int) -> tuple[Place, ...]:
        sources = {name: start for name, start in self._entries(at) if name in _SOURCE_KEYS}
        start = next((sources[key] for key in _SOURCE_KEYS if key in sources), None)
        if start is None:
            return ()
        if self.text[start] == '"':
            return self._lines(start)
        places: list[Place] = []
        joined = True  # whether the next part begins a line of its own
        for part in self._items(start):
            if self.text[part] != '"':
                continue
            lines = self._lines(part)
            places += lines if joined else lines[1:]
            joined = False
            if scanstring(self.text, part + 1)[0].endswith("\n"):
                joined = True
                places.pop()
        return tuple(places) if not joined or not places else (*places, places[-1])

    def _lines(self, quote: int) -> tuple[Place, ...]:
        """The lines of one JSON string: the first begins behind the quote, others behind their escaped line feed."""
        _, end = scanstring(self.text, quote + 1)
        raw = self.text[quote + 1 : end - 1]
        return (
            self.places.place(quote + 1),
            *(self.places.place(quote + 1 + m.end()) for m in re.finditer(r"(?<!\\)(?:\\\\)*\\n", raw)),
        )

    def _blank(self, at: int) -> int:
        found = _BLANK.match(self.text, at)
        return found.end() if found else at

    def _entries(self, at: int) -> list[tuple[str, int]]:
        """Keys of an object with the place of their values."""
        if self.text[at] != "{":
            return []
        entries: list[tuple[str, int]] = []
        at = self._blank(at + 1)
        while self.text[at] == '"':
            key, at = scanstring(self.text, at + 1)
            at = self._blank(self._blank(at) + 1)
            entries.append((key, at))
            at = self._next(at)
        return entries

    def _items(self, at: int) -> list[int]:
        if self.text[at] != "[":
            return []
        items: list[int] = []
        at = self._blank(at + 1)
        while self.text[at] != "]":
            items.append(at)
            at = self._next(at)
        return items

    def _next(self, at: int) -> int:
        """Behind a value, and behind the comma that may follow it."""
        at = self._blank(_SKIP.raw_decode(self.text, at)[1])
        return self._blank(at + 1) if self.text[at] == "," else at
