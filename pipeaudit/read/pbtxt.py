"""Protocol buffers in their text form, as Triton's `config.pbtxt` has them: read without a schema.

What the form leaves open is read as it is mostly meant: a field that occurs several times is a list, and so is one in
brackets; `name { ... }` and `name: { ... }` are the same. Words that fit nowhere are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.limits import DEFAULT, Limits
from pipeaudit.read.error import ReadError
from pipeaudit.read.node import LIST, MAPPING, SCALAR, Node

_TOKEN = re.compile(
    r"""(?P<space>[\s,;]+|\#[^\n]*)|(?P<text>"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+')|(?P<sign>[{}<>\[\]:])"""
    r"""|(?P<unclosed>"(?:[^"\\\n]|\\.)*+|'(?:[^'\\\n]|\\.)*+)|(?P<word>[^\s,;:{}<>\[\]"'\#]+)|(?P<other>.)""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}
_OPENING = {"{": "}", "<": ">", "[": "]"}
_Token = tuple[str, str, int, int]


def parse(path: str, data: bytes, limits: Limits = DEFAULT) -> Node:
    """The message of a file. Raises ReadError where brackets do not fit, and beyond the limits."""
    if len(data) > limits.text_bytes:
        raise ReadError(path, 1, f"larger than {limits.text_bytes} bytes")
    return _Reader(path, list(_tokens(data.decode("utf-8-sig", "replace"))), limits).message()


def _tokens(text: str) -> Iterator[_Token]:
    line, start = 1, 0
    for found in _TOKEN.finditer(text):
        kind, raw = str(found.lastgroup), found[0]
        if kind not in ("space", "other"):
            yield kind, raw, line, found.start() - start + 1
        if "\n" in raw:
            line += raw.count("\n")
            start = found.start() + raw.rindex("\n") + 1


class _Reader:
    """Brackets that are open are kept on a list: nesting costs no stack."""

    def __init__(self, path: str, tokens: list[_Token], limits: Limits) -> None:
        self._path = path
        self._tokens = tokens
        self._limits = limits

    def message(self) -> Node:
        whole = _Open("", "", 1, 1)
        opened = [whole]
        at = 0
        while at < len(self._tokens):
            kind, raw, line, column = self._tokens[at]
            current = opened[-1]
            at += 1
            if kind == "unclosed":
                raise ReadError(self._path, line, "a text is never closed")
            if raw == current.closing and kind == "sign":
                opened.pop()
                opened[-1].add(current.node(self._path))
            elif kind == "sign" and raw in _OPENING:
                opened.append(_Open(raw, _OPENING[raw], line, column))
                if len(opened) > self._limits.bracket_nesting:
                    raise ReadError(self._path, line, f"nested deeper than {self._limits.bracket_nesting} brackets")
            elif kind == "sign" and raw != ":":
                raise ReadError(self._path, line, f"`{raw}` closes nothing")
            elif kind != "sign" and current.opening != "[" and current.field is None:
                current.field = Node(self._path, SCALAR, line, column, raw=raw)
            elif kind != "sign":
                if kind == "text":
                    raw, at = self._joined(raw, at)
                current.add(Node(self._path, SCALAR, line, column, raw=raw, quoted=kind == "text"))
        if len(opened) > 1:
            raise ReadError(self._path, opened[-1].line, f"`{opened[-1].opening}` is never closed")
        return whole.node(self._path)

    def _joined(self, raw: str, at: int) -> tuple[str, int]:
        """Texts that follow each other are one."""
        parts = [_plain(raw)]
        while at < len(self._tokens) and self._tokens[at][0] == "text":
            parts.append(_plain(self._tokens[at][1]))
            at += 1
        return "".join(parts), at


def _plain(raw: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), raw[1:-1])


class _Open:
    """A message or list under way; `field` is the name that waits for its value."""

    def __init__(self, opening: str, closing: str, line: int, column: int) -> None:
        self.opening = opening
        self.closing = closing
        self.line = line
        self.column = column
        self.field: Node | None = None
        self._fields: dict[str, tuple[Node, list[Node]]] = {}
        self._elements: list[Node] = []

    def add(self, value: Node) -> None:
        if self.opening == "[":
            self._elements.append(value)
        elif self.field is not None:
            _, values = self._fields.setdefault(self.field.raw, (self.field, []))
            values += value.elements if value.is_list else [value]
            self.field = None

    def node(self, path: str) -> Node:
        if self.opening == "[":
            return Node(path, LIST, self.line, self.column, elements=tuple(self._elements))
        pairs = tuple(
            (name, values[0] if len(values) == 1 else Node(path, LIST, name.line, name.column, elements=tuple(values)))
            for name, values in self._fields.values()
        )
        return Node(path, MAPPING, self.line, self.column, entries=pairs)
