"""The lines of code that a report shows around a place, and how people are told where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeaudit.model.audit import Source
from pipeaudit.model.location import Location
from pipeaudit.report.redact import redacted
from pipeaudit.report.text import SNIPPET_LIMIT, cut, path, source_lines, unicode_form, visible

_LONGEST_REGION = 12
_LINE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class FrameLine:
    """A line of code; `start` and `end` bound the flagged columns, 0-based and half open, None on lines of context."""

    number: int
    text: str
    start: int | None = None
    end: int | None = None

    @property
    def flagged(self) -> bool:
        return self.start is not None


@dataclass(frozen=True, slots=True)
class Region:
    """A place with both ends: the end column is one past the last character, columns count code points."""

    line: int
    column: int
    end_line: int
    end_column: int


def place(at: Location) -> str:
    """`src/train.py:12:5`, and for notebooks `eda.ipynb, cell 4, line 2`."""
    if at.cell is not None:
        return f"{path(at.path)}, cell {at.cell + 1}, line {at.line}"
    if at.is_whole_file:
        return path(at.path)
    return f"{path(at.path)}:{at.line}:{at.column}" if at.column > 1 else f"{path(at.path)}:{at.line}"


def short_place(at: Location, beside: Location) -> str:
    """Where a step of a path is, without the file where that is the one of the finding."""
    if at.path != beside.path:
        return place(at)
    return f"line {at.line}" if at.cell is None else f"cell {at.cell + 1}, line {at.line}"


def text_lines(sources: Mapping[str, Source], at: Location) -> tuple[str, ...]:
    """All lines of the file or cell that a place is in; none where the source is not at hand."""
    source = sources.get(at.path)
    if source is None:
        return ()
    if at.cell is None:
        return source_lines(source.text)
    return source_lines(source.cells[at.cell].text) if at.cell < len(source.cells) else ()


def region(sources: Mapping[str, Source], at: Location) -> Region:
    """The place with its end filled in: to the end of the line where only the start is known."""
    end_line = max(at.end_line or at.line, at.line)
    if at.end_column is not None:
        return Region(at.line, at.column, end_line, at.end_column)
    lines = text_lines(sources, at)
    length = len(lines[end_line - 1]) if end_line <= len(lines) else 0
    return Region(at.line, at.column, end_line, max(length + 1, at.column))


def physical_region(sources: Mapping[str, Source], at: Location) -> Region:
    """Where the place is in the file itself: in a notebook, the line of the JSON string with the source line."""
    where = region(sources, at)
    if at.cell is None:
        return where
    source = sources.get(at.path)
    physical = source.cells[at.cell].physical if source is not None and at.cell < len(source.cells) else ()
    if source is None or not physical:
        return Region(1, 1, 1, 1)
    line, column = physical[min(where.line, len(physical)) - 1]
    end_line, end_start = physical[min(where.end_line, len(physical)) - 1]
    lines = source_lines(source.text)
    end = len(lines[end_line - 1]) + 1 if len(lines) > 1 and end_line <= len(lines) else end_start + where.end_column
    return Region(line, column, end_line, max(end, column + 1) if end_line == line else end)


def file_line(sources: Mapping[str, Source], at: Location) -> int:
    """The line in the file itself, of a notebook too where its form is known."""
    return at.line if at.cell is None else physical_region(sources, at).line


def frame(sources: Mapping[str, Source], at: Location, context: int = 2) -> list[FrameLine]:
    """The flagged lines with some around them; a long statement is cut after its first lines."""
    lines = text_lines(sources, at)
    if not lines or at.line > len(lines) or at.is_whole_file:
        return []
    where = region(sources, at)
    last = min(where.end_line, at.line + _LONGEST_REGION - 1, len(lines))
    first, final = max(1, at.line - context), min(len(lines), last + context)
    shown = [
        _frame_line(number, lines[number - 1], where, flagged=at.line <= number <= last)
        for number in range(first, final + 1)
    ]
    if at.end_line is None and at.line == 1 and at.column == 1:  # a cell as a whole
        shown = [FrameLine(line.number, line.text) for line in shown]
    return _without_blank_ends(shown)


def code_line(sources: Mapping[str, Source], at: Location) -> str:
    """The first flagged line alone, without its indentation."""
    lines = text_lines(sources, at)
    return _shown(lines[at.line - 1]).strip() if at.line <= len(lines) and not at.is_whole_file else ""


def snippet(sources: Mapping[str, Source], at: Location, context: int = 0) -> str:
    """The flagged lines as they stand, bounded and without credentials, for formats that carry code."""
    lines = text_lines(sources, at)
    where = region(sources, at)
    chosen = lines[max(0, at.line - 1 - context) : where.end_line + context]
    return cut(redacted(unicode_form("\n".join(chosen))), SNIPPET_LIMIT)


def _frame_line(number: int, text: str, where: Region, *, flagged: bool) -> FrameLine:
    shown = _shown(text)
    if not flagged:
        return FrameLine(number, shown)
    indent = len(shown) - len(shown.lstrip())
    start = where.column - 1 if number == where.line else indent
    end = where.end_column - 1 if number == where.end_line else len(shown)
    if shown != text:  # escapes and redaction move columns; the line as a whole is still the right one
        start, end = indent, len(shown)
    start = min(start, len(shown))
    return FrameLine(number, shown, start, max(min(end, len(shown)), start))


def _shown(line: str) -> str:
    return cut(visible(redacted(unicode_form(line)).replace("\t", "    ")), _LINE_LIMIT)


def _without_blank_ends(lines: list[FrameLine]) -> list[FrameLine]:
    while lines and not lines[0].flagged and not lines[0].text.strip():
        lines = lines[1:]
    while lines and not lines[-1].flagged and not lines[-1].text.strip():
        lines = lines[:-1]
    return lines
