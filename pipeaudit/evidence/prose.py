"""What a control asks of a document: its opening, how much a section says, where in it a word stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeaudit.model.location import Location
from pipeaudit.read.document import Document, Fence, Link, Section

_PLACEHOLDER = re.compile(
    r"\b(?:todo|tbd|fixme|lorem ipsum)\b|\[more information needed\]|\{\{\s*cookiecutter", re.IGNORECASE
)
_MARKUP = re.compile(r"<[^<>]{0,400}>|[*_`]+|\]\([^()]*\)|!?\[")
_STOPS = (". ", "\n\n", ".\n", "\n#")
_WORDS_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Writing:
    """One document, or all Markdown cells of one notebook."""

    path: str
    parts: tuple[Document, ...]
    is_notebook: bool = False

    @property
    def sections(self) -> Iterator[Section]:
        for part in self.parts:
            yield from part.sections

    @property
    def images(self) -> Iterator[tuple[Section, Link]]:
        """Pictures, each with the innermost section that holds it."""
        for part in self.parts:
            for image in part.images:
                holding = [s for s in part.sections if s.at.line <= image.line <= s.end_line]
                if holding:
                    yield holding[-1], image

    @property
    def fences(self) -> Iterator[tuple[Document, Fence]]:
        for part in self.parts:
            for fence in part.fences:
                yield part, fence

    @property
    def opening(self) -> Section | None:
        """What stands before the document turns to details: the first section that holds words."""
        first = [section for part in self.parts[:3] for section in part.sections][:3]
        return next((section for section in first if section.words), None)


def says(section: Section, words: int, rows: int = 2) -> bool:
    """Whether a section holds more than a placeholder: so many words, or a table or list of so many rows."""
    placeholders = len(_PLACEHOLDER.findall(section.body)) if section.words < 4 * words else 0
    if placeholders and section.words - 3 * placeholders < words:
        return False
    return section.words >= words or max(section.rows, section.items) >= rows


def at_offset(section: Section, offset: int) -> Location:
    """The place of a word in a section's body."""
    first = section.at.line + (1 if section.title else 0)
    return Location(section.at.path, first + section.body.count("\n", 0, offset), cell=section.at.cell)


def around(section: Section, offset: int) -> str:
    """The sentence around a word of the body, on one line and without markup."""
    body = section.body
    start = max((found + len(stop) for stop in _STOPS if (found := body.rfind(stop, 0, offset)) >= 0), default=0)
    end = min((found for stop in _STOPS if (found := body.find(stop, offset)) > 0), default=len(body))
    words = " ".join(_MARKUP.sub(" ", body[start:end]).split())
    return words if len(words) <= _WORDS_SHOWN else words[: _WORDS_SHOWN - 1].rpartition(" ")[0] + "…"


def opening_words(section: Section) -> str:
    """The part of a body above its first subsection."""
    return re.split(r"\n\s{0,3}#{1,6}\s", section.body, maxsplit=1)[0]
