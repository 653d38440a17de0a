"""Pieces of text in place of others: how every edit is said in the end, whatever format it was made for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\r|\n")

NOT_THIS_FORM = "the code there has another form than the edit is for"


class Refused(Exception):
    """An edit can't be made safely; the message says why."""


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """`text` in place of what stands from `start` to `end`, in characters of a file or of a notebook's cell."""

    start: int
    end: int
    text: str

    def meets(self, other: Change) -> bool:
        """Whether the two touch the same text, so that one has to wait for the other."""
        return self.start <= other.end and other.start <= self.end


def applied(text: str, changes: Iterable[Change]) -> str:
    """The text with all changes made; they must not meet."""
    for change in sorted(changes, reverse=True):
        text = text[: change.start] + change.text + text[change.end :]
    return text


def difference(before: str, after: str) -> Change:
    """The smallest single change that leads from one to the other."""
    most = min(len(before), len(after))
    start = 0
    while start < most and before[start] == after[start]:
        start += 1
    end = 0
    while end < most - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return Change(start, len(before) - end, after[start : len(after) - end])


def line_starts(text: str) -> list[int]:
    """Where each line begins; lines end as Python's and YAML's do."""
    return [0, *(found.end() for found in _LINE_END.finditer(text))]
