"""What a repository says about findings that it lives with."""

from __future__ import annotations

from dataclasses import dataclass

from pipeaudit.model.location import Location


@dataclass(frozen=True, slots=True)
class Suppression:
    """One ignore comment, range, cell tag or configured ignore.

    `at` is the comment, `first` and `last` the lines that it covers (in its cell, where there is one; `last` None: to
    the end). `codes` are as written: rule ids, rule names, or either with a kind (`PA201:scaling`). `until` is the last
    day on which it counts. The last four fields are filled in when it was held against the findings: which of its codes
    hid nothing though their rule ran, which name nothing known (with the nearest known one), whether it hides errors.
    """

    at: Location
    codes: tuple[str, ...]
    reason: str = ""
    until: str = ""
    first: int = 1
    last: int | None = None
    whole_file: bool = False
    unused: tuple[str, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()
    hides_errors: bool = False

    def covers(self, place: Location) -> bool:
        if place.path != self.at.path or self.whole_file:
            return place.path == self.at.path
        return (
            (self.at.cell is None or place.cell == self.at.cell)
            and self.first <= place.line
            and (self.last is None or place.line <= self.last)
        )
