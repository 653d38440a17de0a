"""TOML to nodes.

The standard library's reader says no lines, and takes minutes for a key of many dots; this one is linear, and a test
holds it against that one over many documents. It is a little more lenient about what may be defined twice.
"""

from __future__ import annotations

import re

from pipeaudit.limits import DEFAULT, Limits
from pipeaudit.read.error import ReadError
from pipeaudit.read.lines import Lines
from pipeaudit.read.node import LIST, MAPPING, SCALAR, Node

_BLANK = re.compile(r"[ \t]*")
_BLANK_LINES = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE = re.compile(r"\d{4}-\d\d-\d\d [0-9][0-9:.Z+-]*|[A-Za-z0-9_+.:-]+")
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[-+]\d\d:\d\d)?)?|\d\d:\d\d(?::\d\d(?:\.\d+)?)?"
)
_NUMBER = re.compile(
    r"[-+]?(?:0|[1-9](?:_?[0-9])*)(?:\.[0-9](?:_?[0-9])*)?(?:[eE][-+]?[0-9](?:_?[0-9])*)?"
    r"|[-+]?(?:inf|nan)|0x[0-9A-Fa-f](?:_?[0-9A-Fa-f])*|0o[0-7](?:_?[0-7])*|0b[01](?:_?[01])*"
)
_ESCAPE = re.compile(
    r"\\(?:[ \t]*\r?\n[ \t\r\n]*|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|([btnfre\"\\])|)"
)
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}


class _Table:
    """A table still being filled: name to key and value, which is a table, a list of tables or a finished node."""

    __slots__ = ("at", "entries")

    def __init__(self, at: int) -> None:
        self.at = at
        self.entries: dict[str, tuple[Node, _Table | list[_Table] | Node]] = {}


def parse(path: str, data: bytes, limits: Limits = DEFAULT) -> Node:
    """The document as one mapping; `[[x]]` tables are a list under `x`."""
    if len(data) > limits.text_bytes:
        raise ReadError(path, 1, f"larger than {limits.text_bytes} bytes")
    try:
        return _document(path, data, limits)
    except ReadError as failure:
        from pipeaudit.read import template

        return template.read(data, lambda hidden: [_document(path, hidden, limits)], failure)[0]


def _document(path: str, data: bytes, limits: Limits) -> Node:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(path, data.count(b"\n", 0, error.start) + 1, "not UTF-8 text") from error
    return _Scanner(path, text, limits).document()


class _Scanner:
    def __init__(self, path: str, text: str, limits: Limits) -> None:
        self.path = path
        self.text = text
        self.limits = limits
        self.lines = Lines(text)
        self.nodes = 0

    def document(self) -> Node:
        text = self.text
        root = table = _Table(0)
        position = self._skip_lines(0)
        while position < len(text):
            if text[position] == "[":
                table, position = self._header(root, position)
            else:
                position = self._pair(table, position, 0)
            position = self._end_of_line(position)
        return self._frozen(root)

    def _header(self, root: _Table, position: int) -> tuple[_Table, int]:
        start = position
        is_array = self.text.startswith("[[", position)
        keys, position = self._dotted_key(position + 1 + is_array)
        closer = "]]" if is_array else "]"
        if not self.text.startswith(closer, position):
            raise self._error(position, f"expected `{closer}` after the name of a table")
        parent = self._descend(root, keys[:-1])
        last = keys[-1]
        held = parent.entries.get(last.raw)
        table = _Table(start)
        if is_array:
            tables = held[1] if held else []
            if not isinstance(tables, list):
                raise self._error(start, f"`{last.raw}` is already something else than a list of tables")
            tables.append(table)
            parent.entries[last.raw] = (held[0] if held else last, tables)
        elif held is None:
            parent.entries[last.raw] = (last, table)
        elif isinstance(held[1], _Table):
            table = held[1]
        else:
            raise self._error(start, f"`{last.raw}` is already something else than a table")
        return table, position + len(closer)

    def _descend(self, table: _Table, keys: list[Node]) -> _Table:
        for key in keys:
            held = table.entries.get(key.raw)
            if held is None:
                inner = _Table(self.lines.offset(key.line, key.column))
                table.entries[key.raw] = (key, inner)
                table = inner
            elif isinstance(held[1], _Table):
                table = held[1]
            elif isinstance(held[1], list):
                table = held[1][-1]
            else:
                raise ReadError(self.path, key.line, f"not valid TOML: `{key.raw}` is already a value, not a table")
        return table

    def _pair(self, table: _Table, position: int, depth: int) -> int:
        keys, position = self._dotted_key(position)
        if not self.text.startswith("=", position):
            raise self._error(position, "expected `=` after a key")
        value, position = self._value(self._skip(position + 1), depth)
        parent = self._descend(table, keys[:-1])
        if keys[-1].raw in parent.entries:
            raise ReadError(self.path, keys[-1].line, f"not valid TOML: `{keys[-1].raw}` is given twice")
        parent.entries[keys[-1].raw] = (keys[-1], value)
        return position

    def _dotted_key(self, position: int) -> tuple[list[Node], int]:
        keys: list[Node] = []
        while True:
            position = self._skip(position)
            start = position
            if self.text[position : position + 1] in ('"', "'"):
                name, position = self._string(position)
            else:
                match = _BARE_KEY.match(self.text, position)
                if match is None:
                    raise self._error(position, "expected a key")
                name, position = match[0], match.end()
            line, column = self.lines.place(start)
            keys.append(Node(self.path, SCALAR, line, column, raw=name, quoted=True))
            if len(keys) > self.limits.dotted_parts:
                raise self._error(start, f"a key has more than {self.limits.dotted_parts} parts")
            position = self._skip(position)
            if not self.text.startswith(".", position):
                return keys, position
            position += 1

    def _value(self, position: int, depth: int) -> tuple[Node, int]:
        text = self.text
        self.nodes += 1
        if self.nodes > self.limits.yaml_nodes:
            raise self._error(position, f"holds more than {self.limits.yaml_nodes} values")
        character = text[position : position + 1]
        if character in ("[", "{"):
            if depth >= self.limits.toml_nesting:
                raise self._error(position, f"nests deeper than {self.limits.toml_nesting} levels")
            return (self._array if character == "[" else self._inline_table)(position, depth + 1)
        line, column = self.lines.place(position)
        if character in ('"', "'"):
            triple = text.startswith(character * 3, position)
            value, end = self._string(position)
            text_line = line + 1 if triple and text[position + 3 : position + 5].lstrip("\r")[:1] == "\n" else line
            return Node(self.path, SCALAR, line, column, raw=value, quoted=True, text_line=text_line), end
        match = _BARE.match(text, position)
        word = match[0] if match else ""
        if not match or not (word in ("true", "false") or _NUMBER.fullmatch(word) or _DATE.fullmatch(word)):
            raise self._error(position, "expected a value")
        return Node(self.path, SCALAR, line, column, raw=word), match.end()

    def _array(self, position: int, depth: int) -> tuple[Node, int]:
        line, column = self.lines.place(position)
        items: list[Node] = []
        position = self._skip_lines(position + 1)
        while not self.text.startswith("]", position):
            item, position = self._value(position, depth)
            items.append(item)
            position = self._skip_lines(position)
            if self.text.startswith(",", position):
                position = self._skip_lines(position + 1)
            elif not self.text.startswith("]", position):
                raise self._error(position, "expected `,` or `]` in a list")
        return Node(self.path, LIST, line, column, elements=tuple(items)), position + 1

    def _inline_table(self, position: int, depth: int) -> tuple[Node, int]:
        table = _Table(position)
        position = self._skip_lines(position + 1)
        while not self.text.startswith("}", position):
            position = self._skip_lines(self._pair(table, position, depth))
            if self.text.startswith(",", position):
                position = self._skip_lines(position + 1)
            elif not self.text.startswith("}", position):
                raise self._error(position, "expected `,` or `}` in a table")
        return self._frozen(table), position + 1

    def _string(self, position: int) -> tuple[str, int]:
        text = self.text
        quote = text[position]
        closer = quote * 3 if text.startswith(quote * 3, position) else quote
        start = position + len(closer)
        end = start
        while True:
            end = text.find(closer, end)
            if end < 0:
                raise self._error(position, "a string is not closed")
            if quote == "'" or not _is_escaped(text, start, end):
                break
            end += 1
        if len(closer) == 3:
            extra = 0
            while extra < 2 and text.startswith(quote, end + 3):
                end += 1  # up to two quotes may stand directly before the closing three
                extra += 1
            content = text[start:end].removeprefix("\r").removeprefix("\n")
        else:
            content = text[start:end]
            if "\n" in content:
                raise self._error(position, "a string is not closed")
        if quote == '"' and "\\" in content:
            content = _ESCAPE.sub(lambda match: self._unescaped(match, position), content)
        return content, end + len(closer)

    def _unescaped(self, match: re.Match[str], position: int) -> str:
        digits = match[1] or match[2] or match[3]
        if digits:
            code = int(digits, 16)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                raise self._error(position, "an escape stands for no character")
            return chr(code)
        if match[4]:
            return _ESCAPES[match[4]]
        if match[0] == "\\":
            raise self._error(position, "an unknown escape")
        return ""  # a backslash at the end of a line joins it with the next

    def _frozen(self, table: _Table) -> Node:
        line, column = self.lines.place(table.at)
        entries = tuple((key, self._frozen_value(value)) for key, value in table.entries.values())
        return Node(self.path, MAPPING, line, column, entries=entries)

    def _frozen_value(self, value: _Table | list[_Table] | Node) -> Node:
        if isinstance(value, Node):
            return value
        if isinstance(value, _Table):
            return self._frozen(value)
        tables = tuple(self._frozen(table) for table in value)
        return Node(self.path, LIST, tables[0].line, tables[0].column, elements=tables)

    def _skip(self, position: int) -> int:
        match = _BLANK.match(self.text, position)
        return match.end() if match else position

    def _skip_lines(self, position: int) -> int:
        match = _BLANK_LINES.match(self.text, position)
        return match.end() if match else position

    def _end_of_line(self, position: int) -> int:
        following = self._skip(position)
        if following < len(self.text) and self.text[following] not in "\r\n#":
            raise self._error(following, "expected the end of the line")
        return self._skip_lines(following)

    def _error(self, position: int, why: str) -> ReadError:
        return ReadError(self.path, self.lines.place(min(position, len(self.text)))[0], f"not valid TOML: {why}")


def _is_escaped(text: str, start: int, position: int) -> bool:
    """Whether an odd number of backslashes stands before a quote; each run is counted once, so this is linear."""
    backslashes = 0
    while position - 1 - backslashes >= start and text[position - 1 - backslashes] == "\\":
        backslashes += 1
    return backslashes % 2 == 1
