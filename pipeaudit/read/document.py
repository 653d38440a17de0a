"""What Markdown and reStructuredText are read into: sections with what stands below their headings."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeaudit.model.location import Location

_NUMBERING = re.compile(r"^\W*(?:(?:\d{1,4}|[ivxIVX]{1,5}|[a-zA-Z])[.):](?:\d{1,4}[.):])*\d{0,4}\s+|\d{1,4}\s+(?=\S))")
_WORD = re.compile(r"[^\W_](?:['’-]?[^\W_])*")
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Fence:
    """A code block; `language` is lower-cased (`mermaid`, `python`, "" for none)."""

    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Link:
    """A link, or an image whose `text` is its alternative text."""

    text: str
    target: str
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and all below it up to the next heading of its level or above, subsections included.

    The text before a file's first heading is a section without title, of level 0. `words` counts prose only: no code,
    no comments, no pictures, no link targets. `rows` is the most rows of one table, `items` the number of list items.
    """

    title: str
    level: int
    at: Location
    end_line: int
    rows: int = 0
    items: int = 0
    _contents: tuple[Content, ...] = field(default=(), repr=False, compare=False)
    _lines: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @property
    def words(self) -> int:
        return sum(map(count_words, self.prose))

    @property
    def prose(self) -> tuple[str, ...]:
        return tuple(text for part in self._contents for text in part.inline.prose)

    @property
    def fences(self) -> tuple[Fence, ...]:
        return tuple(fence for part in self._contents for fence in part.fences)

    @property
    def images(self) -> tuple[Link, ...]:
        return tuple(image for part in self._contents for image in part.inline.images)

    @property
    def links(self) -> tuple[Link, ...]:
        return tuple(link for part in self._contents for link in part.inline.links)

    @property
    def body(self) -> str:
        """The text below the heading, as it is written."""
        start = self.at.line if self.title else self.at.line - 1
        return "\n".join(self._lines[start : self.end_line])

    @property
    def key(self) -> str:
        """The title in lower case without numbering, emoji and punctuation: what term lists are compared with."""
        return normalized(self.title)


@dataclass(frozen=True, slots=True)
class Document:
    """`front_matter` is the YAML text between the `---` lines at the top, "" where there is none."""

    path: str
    sections: tuple[Section, ...]
    front_matter: str = ""
    cell: int | None = None

    @property
    def title(self) -> str:
        return next((section.title for section in self.sections if section.title), "")

    @property
    def links(self) -> tuple[Link, ...]:
        return tuple(link for section in self._tops() for link in section.links)

    @property
    def images(self) -> tuple[Link, ...]:
        return tuple(image for section in self._tops() for image in section.images)

    @property
    def fences(self) -> tuple[Fence, ...]:
        return tuple(fence for section in self._tops() for fence in section.fences)

    @property
    def words(self) -> int:
        return sum(section.words for section in self._tops())

    def _tops(self) -> list[Section]:
        """Sections that no other one holds."""
        tops: list[Section] = []
        end = 0
        for section in self.sections:
            if section.at.line > end or not tops:
                tops.append(section)
                end = section.end_line
        return tops


def count_words(text: str) -> int:
    return len(_WORD.findall(text))


def normalized(title: str) -> str:
    return " ".join(_NO_WORD.sub(" ", _NUMBERING.sub("", title[:1000])).lower().split())


Line = tuple[str, int, bool]  # its text and number, and whether it counts as prose: a heading does not


@dataclass(slots=True)
class Inline:
    """What lines hold once their markup is read."""

    prose: list[str] = field(default_factory=list)
    images: list[Link] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)


@dataclass(slots=True)
class Content:
    """What one heading has below it before the next heading, while a file is read."""

    title: str
    level: int
    line: int
    rows: int = 0
    items: int = 0
    fences: list[Fence] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    read: Callable[[list[Line]], Inline] | None = None
    _inline: Inline | None = None

    @property
    def inline(self) -> Inline:
        """What stands in the lines: read when somebody asks, as few sections are ever asked."""
        if self._inline is None:
            self._inline = self.read(self.lines) if self.read is not None else Inline()
        return self._inline

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all stands there."""
        if self.rows or self.items or self.fences:
            return False
        inline = self.inline
        return not inline.images and not inline.links and not any(_WORD.search(text) for text in inline.prose)


def assemble(
    path: str, contents: list[Content], lines: tuple[str, ...], front_matter: str, cell: int | None
) -> Document:
    """Sections from what stands directly below each heading: each takes what its subsections hold."""
    sections: list[Section] = []
    for at, content in enumerate(contents):
        end = at + 1
        if content.level:
            while end < len(contents) and contents[end].level > content.level:
                end += 1
        held = contents[at:end]
        sections.append(
            Section(
                content.title,
                content.level,
                Location(path, content.line, cell=cell),
                contents[end].line - 1 if end < len(contents) else len(lines),
                max([part.rows for part in held]),
                sum([part.items for part in held]),
                tuple(held),
                lines,
            )
        )
    return Document(path, tuple(sections), front_matter, cell)
