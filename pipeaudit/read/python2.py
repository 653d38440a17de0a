"""Python 2 as the Python of today, line by line: `print x`, `except E, e`, `5L`, `<>` and their like.

Much code of notebooks and papers is that old, and what it does to data reads the same. Lines stay where they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_OPENER = re.compile(r"#|\"\"\"|'''|[\"']")
_MARKS = re.compile(
    r"^[ \t]*print(?:[ \t]+[^=(\s]|[ \t]*$|[ \t]*>>)|:[ \t]*print[ \t]+[^=(\s]|\b\d+[lL]\b"
    r"|\bexcept\b[^:\n]+,[ \t]*\w+[ \t]*:|<>|`|\braise[ \t]+\w+,|\bexec[ \t]+[^(\s]|\b0[0-7]+\b"
    r"|\blambda[ \t]*\(|\t",
    re.MULTILINE,
)
_LARGEST, _LONGEST_LINE = 300_000, 2_000
_PRINT = re.compile(r"((?:^|[:;])[ \t]*)print\b[ \t]*(?!=)")
_INTO = re.compile(r">>[ \t]*([\w.]+)[ \t]*,?")
_STRING, _COMMENT = "\x00", "\x01"

_LONG = re.compile(r"\b(0[xX][0-9a-fA-F]+|\d+)[lL]\b")
_OCTAL = re.compile(r"(?<![\w.])0([0-7]+)(?![\w.])")
_EXCEPT = re.compile(r"\bexcept\b([^:\n]*?),[ \t]*(\w+)[ \t]*:")
_RAISE = re.compile(r"\braise[ \t]+([\w.]+),[ \t]*([^\n,]+)")
_EXEC = re.compile(r"\bexec[ \t]+(?!\()([^\n;]+)")
_TICKS = re.compile(r"`([^`\n]*)`")
_TUPLE = re.compile(r"\blambda[ \t]*\(([\w, \t]*)\)[ \t]*:")


def modernised(text: str) -> str | None:
    """The text with what only Python 2 understands rewritten; None where nothing of the kind is in it."""
    if len(text) > _LARGEST or max(map(len, text.split("\n"))) > _LONGEST_LINE:
        return None  # nobody wrote that by hand
    text = text.expandtabs(8) if "\t" in text else text
    hidden = _without_text(text)
    if not _MARKS.search(hidden) and "\t" not in text:
        return None
    edits = [*_prints(hidden), *_others(text, hidden)]
    parts: list[str] = []
    position = 0
    for start, end, new in sorted(edits):
        if start >= position:  # edits that overlap come from text that is no Python of any age
            parts += [text[position:start], new]
            position = end
    return "".join([*parts, text[position:]])


def _without_text(text: str) -> str:
    """The same length, with strings and comments blotted out; one pass, and an open string ends it."""
    parts: list[str] = []
    position = 0
    while opener := _OPENER.search(text, position):
        parts.append(text[position : opener.start()])
        quote = opener.group()
        end = _end_of_line(text, opener.end()) if quote == "#" else _end_of_string(text, opener.end(), quote)
        parts.append((_COMMENT if quote == "#" else _STRING) * (end - opener.start()))
        position = end
    parts.append(text[position:])
    return "".join(parts)


def _end_of_line(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _end_of_string(text: str, start: int, quote: str) -> int:
    for sign in re.compile(rf"\\.|{quote}" + ("" if len(quote) > 1 else r"|\n"), re.DOTALL).finditer(text, start):
        if sign.group() == quote:
            return sign.end()
        if sign.group() == "\n":
            return sign.start()
    return len(text)


def _others(text: str, hidden: str) -> Iterator[tuple[int, int, str]]:
    for match in _LONG.finditer(hidden):
        yield match.end() - 1, match.end(), ""
    for match in _OCTAL.finditer(hidden):
        yield match.start(), match.start() + 1, "0o"
    for match in _EXCEPT.finditer(hidden):
        yield match.end(1), match.start(2), " as "
    for match in _RAISE.finditer(hidden):
        yield match.end(1), match.start(2), "("
        yield match.end(2), match.end(2), ")"
    for match in _EXEC.finditer(hidden):
        yield match.start(1), match.start(1), "("
        yield match.end(1), match.end(1), ")"
    for match in _TICKS.finditer(hidden):
        yield match.start(), match.start() + 1, "repr("
        yield match.end() - 1, match.end(), ")"
    for match in _TUPLE.finditer(hidden):
        yield match.start(1) - 1, match.start(1), " "
        yield match.end(1), match.end(1) + 1, ""
    for match in re.finditer("<>", hidden):
        yield match.start(), match.end(), "!="
    for match in re.finditer(r"\b[uU][rR](?=[\"'])", text):
        if hidden[match.start()] == _STRING:
            yield match.start(), match.start() + 1, ""


def _prints(hidden: str) -> Iterator[tuple[int, int, str]]:
    """Print statements become calls: what follows up to the end of the statement stands in brackets."""
    for start, end in _statements(hidden):
        for match in _PRINT.finditer(hidden[start:end]):
            first = start + match.end()
            told = hidden[first : _end(hidden, first, end)].rstrip(" \t\n" + _COMMENT)
            last = first + len(told)
            if told.startswith("(") and _is_call(told):
                continue
            into = _INTO.match(told)
            shown = into is not None and into.end() < len(told)
            file = "" if into is None else f"file={into[1]}"
            yield first, first + (into.end() if into else 0), "("
            yield last, last, f"{', ' if shown and not told.endswith(',') else ''}{file})"


def _statements(hidden: str) -> Iterator[tuple[int, int]]:
    """Logical lines: brackets that are open and a backslash at the end carry on."""
    start = depth = 0
    for match in re.finditer(r"[()\[\]{}]|\\\n|\n", hidden):
        sign = match.group()
        if sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth = max(0, depth - 1)
        elif sign == "\n" and depth == 0:
            yield start, match.start()
            start = match.end()
    yield start, len(hidden)


def _end(hidden: str, first: int, end: int) -> int:
    """Where a statement of a line ends: at a semicolon outside brackets, or before a comment at the line's end."""
    depth = 0
    for position in range(first, end):
        sign = hidden[position]
        if sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif sign == ";" and depth == 0:
            return position
    return end


def _is_call(rest: str) -> bool:
    """Whether the bracket after `print` closes at the end of the statement."""
    depth = 0
    for position, sign in enumerate(rest):
        depth += (sign in "([{") - (sign in ")]}")
        if depth == 0:
            return not rest[position + 1 :].strip()
    return True
