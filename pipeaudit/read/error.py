"""The one exception of readers."""

from __future__ import annotations


class ReadError(Exception):
    """An input can't be read: which file, at which line, and why in words for its author."""

    def __init__(self, path: str, line: int, why: str) -> None:
        super().__init__(f"{path}:{line}: {why}")
        self.path = path
        self.line = line
        self.why = why
