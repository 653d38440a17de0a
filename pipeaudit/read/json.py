"""JSON to nodes, with the comments and trailing commas that configuration files of editors and clouds hold."""

from __future__ import annotations

import re
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined] # typeshed leaves it out

from pipeaudit.limits import DEFAULT, Limits
from pipeaudit.read.error import ReadError
from pipeaudit.read.lines import Lines
from pipeaudit.read.node import LIST, MAPPING, SCALAR, Node

_BLANK = re.compile(r"[ \t\r\n\f\v\xa0\ufeff]*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORD = re.compile(r"[-+.\w]+")
_WORDS = frozenset(("true", "false", "null", "NaN", "Infinity", "-Infinity"))
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")


def parse(path: str, data: bytes, limits: Limits = DEFAULT) -> Node:
    """The file's one value."""
    if len(data) > limits.text_bytes:
        raise ReadError(path, 1, f"larger than {limits.text_bytes} bytes")
    return _Scanner(path, _decoded(path, data), limits).document()


def _decoded(path: str, data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ReadError(
            path, data.count(b"\n", 0, error.start) + 1, f"not {encoding.removesuffix('-sig')} text"
        ) from error


class _Open:
    """A list or an object whose bracket is not closed; `key` waits for its value."""

    __slots__ = ("at", "closer", "entries", "items", "key")

    def __init__(self, closer: str, at: int) -> None:
        self.closer = closer
        self.at = at
        self.items: list[Node] = []
        self.entries: list[tuple[Node, Node]] = []
        self.key: Node | None = None


class _Scanner:
    def __init__(self, path: str, text: str, limits: Limits) -> None:
        self.path = path
        self.text = text
        self.limits = limits
        self.lines = Lines(text)
        self.nodes = 0

    def document(self) -> Node:
        text = self.text
        stack: list[_Open] = []
        position = self._skip(0)
        while True:
            if position >= len(text):
                raise self._error(position, "ends in the middle" if stack or text.strip() else "is empty")
            character = text[position]
            node: Node | None = None
            if stack and character == stack[-1].closer and stack[-1].key is None:
                node = self._closed(stack.pop())
                position += 1
            elif stack and stack[-1].closer == "}" and stack[-1].key is None:
                stack[-1].key, position = self._key(position)
            elif character in "{[":
                if len(stack) >= self.limits.json_nesting:
                    raise self._error(position, f"nests deeper than {self.limits.json_nesting} levels")
                stack.append(_Open("}" if character == "{" else "]", position))
                position += 1
            else:
                node, position = self._scalar(position)
            position = self._skip(position)
            if node is None:
                continue
            if not stack:
                if position < len(text):
                    raise self._error(position, "goes on after its value has ended")
                return node
            position = self._put(stack[-1], node, position)

    def _put(self, parent: _Open, node: Node, position: int) -> int:
        """Hangs a finished value into what is open, and steps over the comma; a closing bracket is the loop's."""
        if parent.key is None:
            parent.items.append(node)
        else:
            parent.entries.append((parent.key, node))
            parent.key = None
        following = self.text[position : position + 1]
        if following == ",":
            return self._skip(position + 1)
        if following != parent.closer:
            raise self._error(position, f"expected `,` or `{parent.closer}`" if following else "ends in the middle")
        return position

    def _closed(self, finished: _Open) -> Node:
        line, column = self.lines.place(finished.at)
        self._count(finished.at)
        if finished.closer == "]":
            return Node(self.path, LIST, line, column, elements=tuple(finished.items))
        return Node(self.path, MAPPING, line, column, entries=tuple(finished.entries))

    def _key(self, position: int) -> tuple[Node, int]:
        if self.text[position] != '"':
            raise self._error(position, "expected a key in double quotes")
        node, position = self._scalar(position)
        position = self._skip(position)
        if self.text[position : position + 1] != ":":
            raise self._error(position, "expected `:` after a key")
        return node, position + 1

    def _scalar(self, position: int) -> tuple[Node, int]:
        text = self.text
        line, column = self.lines.place(position)
        self._count(position)
        if text[position] == '"':
            try:
                value, end = scanstring(text, position + 1, False)
            except JSONDecodeError as error:
                raise self._error(position, error.msg) from error
            if not value.isascii():
                value = _SURROGATE.sub("\ufffd", value)  # half a character can't be written to any report
            return Node(self.path, SCALAR, line, column, raw=value, quoted=True), end
        word = _WORD.match(text, position)
        if word is None or not (word[0] in _WORDS or _NUMBER.fullmatch(word[0])):
            raise self._error(position, "expected a value")
        return Node(self.path, SCALAR, line, column, raw=word[0]), word.end()

    def _skip(self, position: int) -> int:
        """Over blanks and comments."""
        text = self.text
        while True:
            match = _BLANK.match(text, position)
            position = match.end() if match else position
            if text.startswith("//", position):
                end = text.find("\n", position)
                position = len(text) if end < 0 else end
            elif text.startswith("/*", position):
                end = text.find("*/", position + 2)
                if end < 0:
                    raise self._error(position, "a comment is not closed")
                position = end + 2
            else:
                return position

    def _count(self, position: int) -> None:
        self.nodes += 1
        if self.nodes > self.limits.yaml_nodes:
            raise self._error(position, f"holds more than {self.limits.yaml_nodes} values")

    def _error(self, position: int, why: str) -> ReadError:
        return ReadError(self.path, self.lines.place(min(position, len(self.text)))[0], f"not valid JSON: {why}")
