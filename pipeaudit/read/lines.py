"""Offsets in a text, counted from 0, to lines and columns, counted from 1, and back."""

from __future__ import annotations

import re
from bisect import bisect_right

Place = tuple[int, int]


class Lines:
    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, offset: int) -> Place:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + column - 1
