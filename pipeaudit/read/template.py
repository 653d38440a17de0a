"""Template marks in YAML and TOML (`{{ x }}`, `{% if %}`), hidden from the parser and shown again in what it read.

Each character of a mark that means something to a parser is replaced by one of a private range, so that columns stay.
Lines that hold nothing but marks steer the template (`{% if x %}`, `{{- end }}`): they become blank.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeaudit.read.error import ReadError
from pipeaudit.read.node import SCALAR, Node

_SPECIAL = " \t{}[]\"'`:#,&*!|>%@?-"
_FIRST_PRIVATE = 0xE000
_HIDE = {ord(character): _FIRST_PRIVATE + number for number, character in enumerate(_SPECIAL)}
_SHOW = {private: chr(special) for special, private in _HIDE.items()}
_CLOSERS = {"{{": "}}", "{%": "%}", "{#": "#}"}

Span = tuple[int, int]


def read(data: bytes, reader: Callable[[bytes], list[Node]], failure: ReadError) -> list[Node]:
    """What `reader` makes of a file that it refused as it stands, if the file is a template; else the failure again."""
    hidden = hide_marks(data)
    if hidden is None:
        raise failure
    try:
        documents = reader(hidden)
    except ReadError as error:
        raise ReadError(error.path, error.line, f"{error.why} (the file is a template)") from error
    for document in documents:
        show_marks(document)
    return documents


def hide_marks(data: bytes) -> bytes | None:
    """The text with its marks hidden; None where it has none, or is not UTF-8."""
    if b"{{" not in data and b"{%" not in data:
        return None  # the common case, without decoding
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    found = list(_marks(text))
    if not found:
        return None
    parts: list[str] = []
    position = 0
    for marks in _lines_of_marks(text, found):
        hide = _blank if _stand_alone(text, marks, position) else _as_word
        for start, end in marks:
            parts += text[position:start], hide(text[start:end])
            position = end
    parts.append(text[position:])
    return "".join(parts).encode("utf-8")


def show_marks(document: Node) -> None:
    """Puts the marks back into the scalars of a tree that nobody else has seen yet."""
    for node in document.walk():
        if node.shape == SCALAR:
            node.raw = node.raw.translate(_SHOW)
        for key, _ in node.entries:
            key.raw = key.raw.translate(_SHOW)


def _marks(text: str) -> Iterator[Span]:
    unclosed: set[str] = set()
    position = 0
    while (start := text.find("{", position)) >= 0:
        closer = _CLOSERS.get(text[start : start + 2])
        position = start + 1
        if closer is None or closer in unclosed:
            continue
        end = text.find(closer, start + 2)
        if end < 0:
            unclosed.add(closer)  # nor will a later one be closed: looking again would be quadratic
            continue
        position = end + 2
        if text[start - 1 : start] != "$":  # `${{ x }}` is plain text to YAML, and a CI system's, not a template's
            yield start, position


def _lines_of_marks(text: str, marks: list[Span]) -> Iterator[list[Span]]:
    """The marks in groups, each of those that share a line."""
    group: list[Span] = []
    for mark in marks:
        if group and text.find("\n", group[-1][1], mark[0]) >= 0:
            yield group
            group = []
        group.append(mark)
    if group:
        yield group


def _stand_alone(text: str, marks: list[Span], position: int) -> bool:
    """Whether a line has marks and blanks only; `position` is where the marks of an earlier line ended."""
    line_start = text.rfind("\n", position, marks[0][0]) + 1 or position
    line_end = text.find("\n", marks[-1][1])
    borders = [line_start, *(border for mark in marks for border in mark), len(text) if line_end < 0 else line_end]
    return not any(text[start:end].strip() for start, end in zip(borders[::2], borders[1::2], strict=True))


def _blank(mark: str) -> str:
    return "".join("\n" if character == "\n" else " " for character in mark)


def _as_word(mark: str) -> str:
    first, newline, rest = mark.partition("\n")
    return first.translate(_HIDE) + (newline + _blank(rest) if newline else "")
