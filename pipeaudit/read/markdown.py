"""Markdown to sections: headings, prose, tables, lists, code blocks, images and links; nothing is rendered."""

from __future__ import annotations

import re
from functools import lru_cache

from pipeaudit.read.document import Content, Document, Fence, Inline, Line, Link, assemble

MOST_SECTIONS = 10_000  # headings beyond it count as text
_COMMENT_START = "<!--"
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+|$)")
_HTML_HEADING = re.compile(r"[ \t]{0,8}<h([1-6])\b[^<>]{0,300}>(.{0,500}?)</h\1>", re.IGNORECASE)
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
_ITEM = re.compile(r"\s{0,40}(?:[-*+]|\d{1,9}[.)])[ \t]+\S")
_TABLE_RULE = re.compile(r"[ \t]{0,8}\|?[ \t:]*-[-:| \t]*$")
_IMAGE = re.compile(r"!\[([^\[\]\n]{0,500})\]\(([^()\s]{0,2000})[^()\n]{0,300}\)")
_LINK = re.compile(
    r"\[([^\[\]\n]{0,500})\]\(<?([^()\s<>]{0,2000}(?:\([^()\s]{0,200}\)[^()\s<>]{0,200})?)>?[^()\n]{0,300}\)"
)
_REFERENCE = re.compile(r" {0,3}\[([^\[\]\n]{1,300})\]:[ \t]*(\S{1,2000})")
_URL = re.compile(r"https?://[^\s<>()\[\]\"'`]{1,2000}")
_HTML_IMAGE = re.compile(r"<img\b([^<>]{0,2000})>", re.IGNORECASE)
_HTML_LINK = re.compile(r"<a\b([^<>]{0,2000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(src|alt|href)[ \t]{0,9}=[ \t]{0,9}(?:\"([^\"]{0,2000})\"|'([^']{0,2000})')", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,2000}>")
_MARKUP = re.compile(r"[*`~]+|(?<!\w)_+|_+(?!\w)")
_MARKS = re.compile(r"[\[<*`~_]")
_ROW_TAG = re.compile(r"<tr\b", re.IGNORECASE)


def parse(path: str, data: bytes) -> Document:
    """A Markdown file; bytes that are not UTF-8 become replacement characters."""
    return parse_text(path, data.decode("utf-8-sig", "replace"))


def parse_text(path: str, text: str, cell: int | None = None) -> Document:
    """Markdown text, such as a notebook's cell."""
    contents, lines, front_matter = _contents(text)
    return assemble(path, contents, lines, front_matter, cell)


@lru_cache(maxsize=20_000)  # the notebooks of a repository have many cells in common: licences, how to set up
def _contents(text: str) -> tuple[list[Content], tuple[str, ...], str]:
    lines = tuple(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    front_matter, start = _front_matter(lines)
    return _Reader(_without_comments(lines), start).contents(), lines, front_matter


def plain_title(text: str) -> str:
    """A heading without the marks of links, images, emphasis and HTML."""
    if not _MARKS.search(text):
        return text[:2000].strip()
    text = _IMAGE.sub(lambda match: match[1], text[:2000])
    text = _LINK.sub(lambda match: match[1], text)
    return _MARKUP.sub("", _TAG.sub("", text)).strip()


def _front_matter(lines: tuple[str, ...]) -> tuple[str, int]:
    if lines[0].rstrip() != "---":
        return "", 0
    for number in range(1, len(lines)):
        if lines[number].rstrip() in ("---", "..."):
            return "\n".join(lines[1:number]), number + 1
    return "", 0


def _without_comments(lines: tuple[str, ...]) -> list[str]:
    """The lines with HTML comments blanked, but for those in code blocks."""
    if not any(_COMMENT_START in line for line in lines):
        return list(lines)
    kept: list[str] = []
    fence = ""
    inside = False
    for line in lines:
        if not inside and (match := _FENCE.match(line)):
            if not fence:
                fence = match[1]
            elif match[1].startswith(fence):
                fence = ""
        if fence:
            kept.append(line)
            continue
        parts: list[str] = []
        position = 0
        while position <= len(line):
            mark = "-->" if inside else _COMMENT_START
            found = line.find(mark, position)
            if not inside:
                parts.append(line[position:] if found < 0 else line[position:found])
            if found < 0:
                break
            position = found + len(mark)
            inside = not inside
        kept.append("".join(parts))
    return kept


class _Reader:
    def __init__(self, lines: list[str], start: int) -> None:
        self.lines = lines
        self.start = start
        self.found = [Content("", 0, start + 1, read=_inline)]
        self.rows = 0
        self.in_table = False

    def contents(self) -> list[Content]:
        number = self.start
        while number < len(self.lines):
            number = self._block(number)
        return self.found[1:] if self.found[0].is_empty and len(self.found) > 1 else self.found

    def _block(self, number: int) -> int:
        line = self.lines[number]
        first = line.lstrip()[:1]  # tells at once what most lines are not
        if not first:
            self.in_table = False
            return number + 1
        if first in "`~" and (fence := _FENCE.match(line)):
            return self._fence(number, fence[1], fence[2])
        if len(self.found) > MOST_SECTIONS:
            self._line(line, number)
            return number + 1
        if first == "#" and (heading := _HEADING.match(line)):
            title = line[heading.end() :].strip().rstrip("#").rstrip()
            self._open(title, len(heading[1]), number)
            return number + 1
        if first == "<" and (html := _HTML_HEADING.match(line)):
            self._open(html[2], int(html[1]), number)
            self.found[-1].lines.append((html[2], number + 1, False))
            return number + 1
        if self._is_underlined(number):
            self._open(line.strip(), 1 if "=" in self.lines[number + 1] else 2, number)
            return number + 2
        self._line(line, number)
        return number + 1

    def _open(self, title: str, level: int, number: int) -> None:
        self.in_table = False
        self.found.append(Content(plain_title(title), level, number + 1, read=_inline))
        self.found[-1].lines.append((title, number + 1, False))

    def _is_underlined(self, number: int) -> bool:
        """A paragraph of one line above `===` or `---`."""
        if number + 1 >= len(self.lines):
            return False
        below = self.lines[number + 1]
        if below.lstrip(" ")[:1] not in ("=", "-") or not _UNDERLINE.match(below):
            return False
        line = self.lines[number]
        alone = number == self.start or not self.lines[number - 1].strip() or self.found[-1].line == number
        return (
            alone and "|" not in line and not _ITEM.match(line) and not line.startswith(("    ", ">", "\t", "-", "="))
        )

    def _fence(self, number: int, mark: str, language: str) -> int:
        end = number + 1
        while end < len(self.lines):
            closing = self.lines[end].strip()
            if closing.startswith(mark) and not closing.strip(mark[0]):
                break
            end += 1
        name = language.strip("{}.").partition(",")[0].lower()
        self.found[-1].fences.append(Fence(name, "\n".join(self.lines[number + 1 : end]), number + 1))
        return end + 1

    def _line(self, line: str, number: int) -> None:
        here = self.found[-1]
        if "|" in line:
            if _TABLE_RULE.match(line):
                self.in_table, self.rows = True, 0
                return
            if self.in_table:
                self.rows += 1
                here.rows = max(here.rows, self.rows)
        else:
            self.in_table = False
        if "<" in line and _ROW_TAG.search(line):
            here.rows += len(_ROW_TAG.findall(line))
        first = line.lstrip()[:1]
        if (first in "-*+" or first.isdecimal()) and _ITEM.match(line):
            here.items += 1
        here.lines.append((line, number + 1, True))


def _inline(lines: list[Line]) -> Inline:
    here = Inline()
    for line, number, counts in lines:
        if "[" in line:
            if reference := _REFERENCE.match(line):
                here.links.append(Link(reference[1], reference[2], number))
                continue
            if "](" in line:
                for image in _IMAGE.finditer(line):
                    here.images.append(Link(image[1], image[2], number))
                line = _IMAGE.sub("", line)  # the words of a picture or a badge are no prose
                for link in _LINK.finditer(line):
                    here.links.append(Link(link[1], link[2], number))
                line = _LINK.sub(lambda match: match[1], line)
        if "<" in line:
            for tag in _HTML_IMAGE.finditer(line):
                attributes = _attributes(tag[1])
                here.images.append(Link(attributes.get("alt", ""), attributes.get("src", ""), number))
            for tag in _HTML_LINK.finditer(line):
                here.links.append(Link("", _attributes(tag[1]).get("href", ""), number))
            line = _TAG.sub(" ", line)
        if "://" in line:
            for url in _URL.finditer(line):
                here.links.append(Link("", url[0].rstrip(".,;:!?"), number))
            line = _URL.sub(" ", line)
        if counts:
            here.prose.append(line)
    return here


def _attributes(text: str) -> dict[str, str]:
    return {name.lower(): double or single for name, double, single in _ATTRIBUTE.findall(text)}
