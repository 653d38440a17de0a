"""Messages are prose with code between backticks; formats that can show the difference do."""

from __future__ import annotations

from dataclasses import dataclass

from pipeaudit.report.text import message


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a message: prose, or code that stood between backticks."""

    text: str
    code: bool = False


def prose(words: str) -> tuple[Part, ...]:
    """A message in its parts; an odd backtick is just a character."""
    pieces = message(words).split("`")
    if len(pieces) % 2 == 0:
        pieces[-2:] = ["`".join(pieces[-2:])]
    return tuple(Part(piece, position % 2 == 1) for position, piece in enumerate(pieces) if piece)
