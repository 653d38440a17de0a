"""The one tree that YAML, JSON and TOML are read into: values know their line, what is missing answers with nothing.

`document.get("jobs", "train").strings("needs")` needs no `isinstance` and no `try`: where a key is absent or a shape is
another one, `get` gives the absent node, which is false, has no text and no entries, and points to where to look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.model.location import Location

SCALAR, LIST, MAPPING, ABSENT = range(4)

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("true", "True", "TRUE"))
_FALSE = frozenset(("false", "False", "FALSE"))
_YES = _TRUE | {"yes", "Yes", "YES", "on", "On", "ON"}
_NO = _FALSE | {"no", "No", "NO", "off", "Off", "OFF"}
_WHOLE = re.compile(r"[-+]?[0-9][0-9_]*")
_BASED = re.compile(r"0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+")
_REAL = re.compile(r"[-+]?(?:[0-9][0-9_]*)?(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?(?:\.?inf|\.?Inf|\.INF|Infinity)|\.?nan|\.?NaN|\.NAN")
_LONGEST_NUMBER = 64


class Node:
    """A scalar, a list or a mapping of the audited tree; nothing changes one after its reader made it.

    `raw` is a scalar's text, `quoted` tells that it can only be text. `entries` are a mapping's pairs in order, merged
    ones last; `elements` a list's. `tag` is a YAML tag of the file's own (`!Ref`). `text_line` is the line on which
    `raw` begins: below `line` for a block scalar (`run: |`).
    """

    __slots__ = (
        "_index",
        "column",
        "elements",
        "entries",
        "line",
        "path",
        "quoted",
        "raw",
        "shape",
        "tag",
        "text_line",
    )

    def __init__(
        self,
        path: str,
        shape: int,
        line: int,
        column: int,
        *,
        raw: str = "",
        quoted: bool = False,
        elements: tuple[Node, ...] = (),
        entries: tuple[tuple[Node, Node], ...] = (),
        tag: str = "",
        text_line: int = 0,
    ) -> None:
        self.path = path
        self.shape = shape
        self.line = line
        self.column = column
        self.raw = raw
        self.quoted = quoted
        self.elements = elements
        self.entries = entries
        self.tag = tag
        self.text_line = text_line or line
        self._index: dict[str, Node] | None = None

    def __bool__(self) -> bool:
        """Whether anything stands here, be it an explicit null."""
        return self.shape != ABSENT

    def __repr__(self) -> str:
        shape = ("scalar", "list", "mapping", "absent")[self.shape]
        return f"<{shape} {self.raw[:40]!r} {self.at}>" if self.shape == SCALAR else f"<{shape} {self.at}>"

    @property
    def at(self) -> Location:
        return Location(self.path, self.line, self.column)

    @property
    def is_scalar(self) -> bool:
        return self.shape == SCALAR

    @property
    def is_list(self) -> bool:
        return self.shape == LIST

    @property
    def is_mapping(self) -> bool:
        return self.shape == MAPPING

    @property
    def is_null(self) -> bool:
        return self.shape == SCALAR and not self.quoted and self.raw in _NULLS

    @property
    def text(self) -> str:
        """A scalar as it was written, "" for null and for anything that is no scalar."""
        return "" if self.shape != SCALAR or self.is_null else self.raw

    @property
    def boolean(self) -> bool | None:
        """True and false in all the words that YAML 1.1 has for them; quoted ones are text."""
        if self.shape != SCALAR or self.quoted:
            return None
        return True if self.raw in _YES else False if self.raw in _NO else None

    @property
    def number(self) -> int | float | None:
        return None if self.shape != SCALAR or self.quoted else _number(self.raw)

    @property
    def value(self) -> str | int | float | bool | None:
        """A scalar as YAML 1.2 resolves it (`yes` and `on` are text); None for null and for what is no scalar."""
        if self.shape != SCALAR or self.is_null:
            return None
        if self.quoted:
            return self.raw
        if self.raw in _TRUE or self.raw in _FALSE:
            return self.raw in _TRUE
        number = _number(self.raw)
        return self.raw if number is None else number

    def get(self, *keys: str | int) -> Node:
        """The value under these keys, one inside the other; of equal keys the last; numbers count into lists."""
        here = self
        for key in keys:
            if isinstance(key, str):
                found = here._by_key().get(key) if here.shape == MAPPING else None
            else:
                found = here.elements[key] if -len(here.elements) <= key < len(here.elements) else None
            if found is None:
                return Node(here.path, ABSENT, here.line, here.column)
            here = found
        return here

    def key(self, name: str) -> Node:
        """The key itself, for its place; absent where the mapping has none of that name."""
        for key, _ in reversed(self.entries):
            if key.raw == name and key.shape == SCALAR:
                return key
        return Node(self.path, ABSENT, self.line, self.column)

    def items(self, *keys: str | int) -> tuple[tuple[Node, Node], ...]:
        """Pairs of the mapping found there."""
        return self.get(*keys).entries

    def mapping(self, *keys: str | int) -> dict[str, Node]:
        """The mapping found there, by the text of its keys."""
        return dict(self.get(*keys)._by_key())

    def list(self, *keys: str | int) -> tuple[Node, ...]:
        """Elements of the list found there; a lone value is no list."""
        return self.get(*keys).elements

    def each(self, *keys: str | int) -> tuple[Node, ...]:
        """One or many: a list's elements, or a lone value itself; nothing for null."""
        found = self.get(*keys)
        if found.shape == LIST:
            return found.elements
        return () if found.shape == ABSENT or found.is_null else (found,)

    def strings(self, *keys: str | int) -> tuple[str, ...]:
        """Texts of the scalars in a list, or of a lone scalar; other shapes in it are passed over."""
        return tuple(item.raw for item in self.each(*keys) if item.shape == SCALAR and not item.is_null)

    def names(self, *keys: str | int) -> tuple[Node, ...]:
        """What a list or mapping names: `[a, b]`, `{a: 1, b: 2}` and `[a, b: {cache: false}]` all name a and b."""
        found = self.get(*keys)
        if found.shape == MAPPING:
            return tuple(key for key, _ in found.entries if key.shape == SCALAR)
        named: list[Node] = []
        for item in self.each(*keys):
            if item.shape == SCALAR and not item.is_null:
                named.append(item)
            named.extend(key for key, _ in item.entries if key.shape == SCALAR)
        return tuple(named)

    def walk(self) -> Iterator[Node]:
        """This node and all below it, keys not included, in document order; one that is shared by alias comes once."""
        seen: set[int] = set()
        pending = [self]
        while pending:
            node = pending.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            yield node
            pending.extend(reversed(node.elements))
            pending.extend(value for _, value in reversed(node.entries))

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Key and value of every mapping entry at any depth."""
        for node in self.walk():
            yield from node.entries

    def plain(self) -> object:
        """Ordinary dicts, lists and scalars. Readers bound size and depth, so this is bounded too."""
        if self.shape == MAPPING:
            return {key.raw: value.plain() for key, value in self.entries if key.shape == SCALAR}
        if self.shape == LIST:
            return [item.plain() for item in self.elements]
        return self.value

    def _by_key(self) -> dict[str, Node]:
        if self._index is None:
            # Merged entries stand last and must not win over the mapping's own.
            index: dict[str, Node] = {}
            for key, value in self.entries:
                if key.shape == SCALAR and not (key.tag == MERGED and key.raw in index):
                    index[key.raw] = value
            self._index = index
        return self._index


MERGED = "<<"  # the tag of a key that came in by a merge


def _number(raw: str) -> int | float | None:
    if not raw or len(raw) > _LONGEST_NUMBER or raw[0] not in "+-.0123456789infNI":
        return None
    if _WHOLE.fullmatch(raw):
        return int(raw.replace("_", ""))
    if _BASED.fullmatch(raw):
        digits = raw.replace("_", "")
        return int(digits, 0) if len(digits) > 2 else None
    if _SPECIAL.fullmatch(raw):
        return float(raw.replace(".", ""))
    if _REAL.fullmatch(raw) and any(character.isdigit() for character in raw.split("e")[0].split("E")[0]):
        return float(raw.replace("_", ""))
    return None
