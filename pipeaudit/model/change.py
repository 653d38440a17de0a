"""What changed in the audited tree since a commit."""

from __future__ import annotations

from dataclasses import dataclass

from pipeaudit.model.location import Location


@dataclass(frozen=True, slots=True)
class ChangedLines:
    """Files with the lines of theirs that are new or stand where something was; None for all lines of a file.

    In notebooks lines are pairs of cell and line, elsewhere the cell is None.
    """

    files: tuple[tuple[str, frozenset[tuple[int | None, int]] | None], ...]

    @property
    def paths(self) -> frozenset[str]:
        return frozenset(path for path, _ in self.files)

    def touch(self, at: Location) -> bool:
        """Whether any line of a place changed; a place that stands for a whole file changes with any of its lines."""
        for path, lines in self.files:
            if path == at.path:
                span = range(at.line, (at.end_line or at.line) + 1)
                return lines is None or at.is_whole_file or any((at.cell, line) in lines for line in span)
        return False
