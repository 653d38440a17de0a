"""Where something stands: a file, a line, and in notebooks a cell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Location:
    """A place in an audited file.

    `path` is POSIX and relative to the audited root. Lines and columns are 1-based, columns count Unicode code points,
    `end_column` is one past the last character. In a notebook `cell` is the 0-based index among all cells and lines
    count inside that cell. Line 1 with column 1 stands for a whole file.
    """

    path: str
    line: int = 1
    column: int = 1
    end_line: int | None = None
    end_column: int | None = None
    cell: int | None = None

    @property
    def key(self) -> tuple[str, int, int, int]:
        """The order of everything that is reported: path, cell, line, column."""
        return (self.path, -1 if self.cell is None else self.cell, self.line, self.column)

    @property
    def spoken(self) -> str:
        """How a message names it to people: `line 12`, `cell 4, line 2`."""
        return f"line {self.line}" if self.cell is None else f"cell {self.cell + 1}, line {self.line}"

    @property
    def is_whole_file(self) -> bool:
        """Whether it speaks of its file and of no line in it; how the file begins then says nothing."""
        return self.cell is None and self.line == 1 and self.column == 1 and self.end_line is None

    def seen_from(self, here: Location) -> str:
        """How a message that stands at `here` names it: with its file, where that is another one."""
        return self.spoken if self.path == here.path else f"{self.spoken} of `{self.path}`"

    def __str__(self) -> str:
        cell = "" if self.cell is None else f":cell {self.cell + 1}"
        return f"{self.path}{cell}:{self.line}"
