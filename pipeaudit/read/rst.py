"""reStructuredText to the same sections as Markdown: underlined titles, directives, tables and links."""

from __future__ import annotations

import re

from pipeaudit.read.document import Content, Document, Fence, Link, assemble
from pipeaudit.read.markdown import MOST_SECTIONS

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{2,}[ \t]*$")
_DIRECTIVE = re.compile(r"([ \t]*)\.\.[ \t]+([A-Za-z][\w:-]*)::[ \t]*(.*)")
_OPTION = re.compile(r"[ \t]+:([\w-]+):[ \t]*(.*)")
_TARGET = re.compile(r"\.\.[ \t]+_([^:\n]{1,300}):[ \t]*(\S{1,2000})")
_LINK = re.compile(r"`([^`<>\n]{0,500})<([^`<>\s]{1,2000})>`_")
_URL = re.compile(r"https?://[^\s<>()\[\]\"'`]{1,2000}")
_ITEM = re.compile(r"\s{0,40}(?:[-*+•]|(?:\d{1,9}|#|[a-zA-Z])[.)])[ \t]+\S")
_GRID_RULE = re.compile(r"[ \t]*\+[-=+]{2,}\+[ \t]*$")
_SIMPLE_RULE = re.compile(r"[ \t]*={2,}(?:[ \t]+={2,})+[ \t]*$")
_CODE = frozenset(
    ("code", "code-block", "sourcecode", "literalinclude", "mermaid", "graphviz", "parsed-literal", "prompt")
)
_PICTURES = frozenset(("image", "figure"))
_TABLES = frozenset(("list-table", "csv-table", "table"))


def parse(path: str, data: bytes) -> Document:
    """An RST file; bytes that are not UTF-8 become replacement characters."""
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    lines = tuple(text.split("\n"))
    return assemble(path, _Reader(lines).contents(), lines, "", None)


class _Reader:
    def __init__(self, lines: tuple[str, ...]) -> None:
        self.lines = lines
        self.found = [Content("", 0, 1)]
        self.styles: list[tuple[str, bool]] = []  # adornments in the order of their first use: that is their level

    def contents(self) -> list[Content]:
        number = 0
        while number < len(self.lines):
            number = self._block(number)
        return self.found[1:] if self.found[0].is_empty and len(self.found) > 1 else self.found

    def _block(self, number: int) -> int:
        line = self.lines[number]
        if not line.strip():
            return number + 1
        if len(self.found) <= MOST_SECTIONS and (title := self._title(number)):
            text, style, at, end = title
            if style not in self.styles:
                self.styles.append(style)
            self.found.append(Content(text, self.styles.index(style) + 1, at + 1))
            return end
        if directive := _DIRECTIVE.match(line):
            return self._directive(number, len(directive[1]), directive[2], directive[3].strip())
        if target := _TARGET.match(line):
            self.found[-1].inline.links.append(Link(target[1].strip("`"), target[2], number + 1))
            return number + 1
        if line.lstrip().startswith(".. "):
            return self._indented_end(number, len(line) - len(line.lstrip()))
        if _GRID_RULE.match(line) or _SIMPLE_RULE.match(line):
            return self._table(number)
        self._inline(line, number + 1)
        return number + 1

    def _title(self, number: int) -> tuple[str, tuple[str, bool], int, int] | None:
        """Text of a title, its style, its line, and the line after it."""
        lines = self.lines
        above = _ADORNMENT.match(lines[number])
        if above and number + 2 < len(lines):
            below = _ADORNMENT.match(lines[number + 2])
            if below and below[1] == above[1] and lines[number + 1].strip():
                return lines[number + 1].strip(), (above[1], True), number + 1, number + 3
        if number + 1 >= len(lines) or above or lines[number][0] in " \t":
            return None
        below = _ADORNMENT.match(lines[number + 1])
        if below and len(lines[number + 1].rstrip()) >= min(len(lines[number].rstrip()), 4):
            return lines[number].strip(), (below[1], False), number, number + 2
        return None

    def _directive(self, number: int, indent: int, name: str, argument: str) -> int:
        end = self._indented_end(number, indent)
        here = self.found[-1]
        if name in _CODE:
            language = name if name in ("mermaid", "graphviz") else argument.lower()
            here.fences.append(Fence(language, "\n".join(self.lines[number + 1 : end]).strip("\n"), number + 1))
            return end
        if name in _PICTURES:
            options = (match.groups() for line in self.lines[number + 1 : end] if (match := _OPTION.match(line)))
            alternative = next((value for key, value in options if key == "alt"), "")
            here.inline.images.append(Link(alternative.strip(), argument, number + 1))
            return end
        if name in _TABLES:
            mark = "* -" if name == "list-table" else ""
            rows = sum(
                1
                for line in self.lines[number + 1 : end]
                if line.strip() and line.lstrip().startswith(mark or line.strip()[:1])
            )
            here.rows = max(here.rows, rows)
            for at in range(number + 1, end):
                self._inline(self.lines[at], at + 1)
            return end
        if argument and name not in ("toctree", "contents", "include"):
            here.inline.prose.append(argument)
        return number + 1  # notes, warnings and the like hold ordinary text

    def _indented_end(self, number: int, indent: int) -> int:
        end = number + 1
        while end < len(self.lines):
            line = self.lines[end]
            if line.strip() and len(line) - len(line.lstrip()) <= indent:
                break
            end += 1
        return end

    def _table(self, number: int) -> int:
        end = number
        is_grid = bool(_GRID_RULE.match(self.lines[number]))
        rows = 0
        while end < len(self.lines) and self.lines[end].strip():
            if is_grid:
                rows += bool(_GRID_RULE.match(self.lines[end]))
            else:
                rows += not _SIMPLE_RULE.match(self.lines[end])
            if not _GRID_RULE.match(self.lines[end]):
                self._inline(self.lines[end], end + 1)
            end += 1
        here = self.found[-1]
        here.rows = max(here.rows, rows - (2 if is_grid else 1))
        return max(end, number + 1)

    def _inline(self, line: str, number: int) -> None:
        here = self.found[-1]
        if _ITEM.match(line):
            here.items += 1
        if "`" in line:
            for link in _LINK.finditer(line):
                here.inline.links.append(Link(link[1].strip(), link[2], number))
            line = _LINK.sub(lambda match: match[1], line)
        if "://" in line:
            for url in _URL.finditer(line):
                here.inline.links.append(Link("", url[0].rstrip(".,;:!?"), number))
            line = _URL.sub(" ", line)
        here.inline.prose.append(line)
