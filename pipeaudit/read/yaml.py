"""YAML to nodes, under limits and without ever building an object.

The tree is made from the parser's events: depth and size are known while it grows, merge keys are resolved when their
mapping closes, and an alias is the very node it names, so that nothing is copied and nothing can explode later.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pipeaudit.limits import DEFAULT, Limits
from pipeaudit.read.error import ReadError
from pipeaudit.read.node import LIST, MAPPING, MERGED, SCALAR, Node

_BETWEEN = re.compile(rb"^---(?=\s|$)", re.MULTILINE)
_CORE_TAG = "tag:yaml.org,2002:"


def parse(path: str, data: bytes, limits: Limits = DEFAULT) -> list[Node]:
    """The file's documents. Templates (Helm, cookiecutter) are read with their marks as text where that makes sense."""
    if len(data) > limits.text_bytes:
        raise ReadError(path, 1, f"larger than {limits.text_bytes} bytes")
    try:
        return _documents(path, data, limits)
    except ReadError as failure:
        from pipeaudit.read import template

        return template.read(data, lambda hidden: _documents(path, hidden, limits), failure)


def chosen(path: str, data: bytes, wanted: Callable[[bytes], object], limits: Limits = DEFAULT) -> list[Node]:
    """Those documents of a file whose text is wanted; what stands in the others costs nothing and fails nothing."""
    if len(data) > limits.text_bytes:
        raise ReadError(path, 1, f"larger than {limits.text_bytes} bytes")
    found: list[Node] = []
    starts = [0, *(mark.start() for mark in _BETWEEN.finditer(data)), len(data)]
    for start, end in pairwise(starts):
        text = data[start:end]
        if not wanted(text):
            continue
        above = data.count(b"\n", 0, start)
        try:
            documents = parse(path, text, limits)
        except ReadError as error:
            raise ReadError(path, error.line + above, error.why) from error
        for document in documents:
            _move(document, above)
        found += documents
    return found


def _move(document: Node, lines: int) -> None:
    """Puts a tree that nobody else has seen yet further down in its file."""
    nodes = [node for held in document.walk() for node in (held, *(key for key, _ in held.entries))]
    for node in {id(node): node for node in nodes}.values():
        node.line += lines
        node.text_line += lines


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet. `items` are its children, of a mapping keys and values in turn."""

    shape: int
    mark: Any
    anchor: str | None
    tag: str
    is_flow: bool
    items: list[Node] = field(default_factory=list)
    weight: int = 1
    height: int = 1


def _documents(path: str, data: bytes, limits: Limits) -> list[Node]:
    import yaml

    loader = yaml.CBaseLoader(data) if yaml.__with_libyaml__ else yaml.BaseLoader(data)
    try:
        return _Builder(path, limits).read(loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ReadError(
            path, mark.line + 1 if mark else 1, f"not valid YAML: {error.problem or error.context}"
        ) from error
    except yaml.reader.ReaderError as error:
        line = data.count(b"\n", 0, error.position) + 1
        raise ReadError(path, line, f"not valid YAML: {error.reason}") from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise ReadError(path, 1, f"not valid YAML: {type(error).__name__}: {error}") from error
    finally:
        loader.dispose()


class _Builder:
    """Holds what is open while the events of one file go by."""

    def __init__(self, path: str, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int, int]] = {}
        self.opened_anchors: set[str] = set()
        self.documents: list[Node] = []
        self.nodes = 0
        self.merges = 0

    def read(self, loader: Any) -> list[Node]:
        from yaml import events

        scalar, alias = events.ScalarEvent, events.AliasEvent
        starts = {events.SequenceStartEvent: LIST, events.MappingStartEvent: MAPPING}
        ends = (events.SequenceEndEvent, events.MappingEndEvent)
        get_event = loader.get_event
        while True:
            event = get_event()
            kind = type(event)
            if kind is scalar:
                self._scalar(event)
            elif kind in starts:
                self._start(event, starts[kind])
            elif kind in ends:
                self._end()
            elif kind is alias:
                self._alias(event)
            elif kind is events.DocumentStartEvent:
                self.anchors.clear()
            elif kind is events.StreamEndEvent or event is None:
                return self.documents

    def _scalar(self, event: Any) -> None:
        mark = event.start_mark
        line = mark.line + 1  # YAML counts lines from 0, reports from 1
        style = event.style
        tag = event.tag
        node = Node(
            self.path,
            SCALAR,
            line,
            mark.column + 1,
            raw=event.value,
            quoted=style not in (None, "") or tag == _CORE_TAG + "str",
            tag="" if tag is None else _own_tag(tag),
            text_line=line + 1 if style in ("|", ">") else line,
        )
        self._add(node, event.anchor, 1, 0, mark)

    def _start(self, event: Any, shape: int) -> None:
        if len(self.open) >= self.limits.yaml_nesting:
            raise self._error(event.start_mark, f"nests deeper than {self.limits.yaml_nesting} levels")
        if event.anchor:
            self.opened_anchors.add(event.anchor)
        tag = "" if event.tag is None else _own_tag(event.tag)
        self.open.append(_Open(shape, event.start_mark, event.anchor, tag, bool(event.flow_style)))

    def _end(self) -> None:
        closed = self.open.pop()
        if closed.anchor:
            self.opened_anchors.discard(closed.anchor)
        mark = closed.mark
        line, column = mark.line + 1, mark.column + 1
        if closed.shape == LIST:
            node = Node(self.path, LIST, line, column, elements=tuple(closed.items), tag=closed.tag)
        else:
            entries = self._entries(closed)
            braces = _double_braces(entries) if closed.is_flow and len(entries) == 1 else None
            if braces is None:
                node = Node(self.path, MAPPING, line, column, entries=entries, tag=closed.tag)
            else:
                node = Node(self.path, SCALAR, line, column, raw=braces)
        self.nodes += 1
        self._add(node, closed.anchor, closed.weight, closed.height, mark, counted=True)

    def _alias(self, event: Any) -> None:
        if event.anchor in self.opened_anchors:
            raise self._error(event.start_mark, f"alias `{event.anchor}` stands inside what it names")
        if event.anchor not in self.anchors:
            raise self._error(event.start_mark, f"alias `{event.anchor}` names nothing")
        node, weight, height = self.anchors[event.anchor]
        self.nodes += weight
        if len(self.open) + height > self.limits.yaml_nesting:
            raise self._error(event.start_mark, f"nests deeper than {self.limits.yaml_nesting} levels with its aliases")
        self._add(node, None, weight, height, event.start_mark, counted=True)

    def _add(self, node: Node, anchor: str | None, weight: int, height: int, mark: Any, counted: bool = False) -> None:
        if not counted:
            self.nodes += 1
        if self.nodes > self.limits.yaml_nodes:
            raise self._error(mark, f"holds more than {self.limits.yaml_nodes} values with its aliases")
        if anchor:
            self.anchors[anchor] = (node, weight, height)
        if not self.open:
            self.documents.append(node)
            return
        parent = self.open[-1]
        parent.items.append(node)
        parent.weight += weight
        parent.height = max(parent.height, height + 1)

    def _entries(self, closed: _Open) -> tuple[tuple[Node, Node], ...]:
        pairs = list(zip(closed.items[::2], closed.items[1::2], strict=True))
        if not any(key.raw == "<<" and not key.quoted for key, _ in pairs):
            return tuple(pairs)
        own = [(key, value) for key, value in pairs if key.raw != "<<" or key.quoted]
        taken = {key.raw for key, _ in own if key.shape == SCALAR}
        for key, value in pairs:
            if key.raw != "<<" or key.quoted:
                continue
            for merged in value.elements if value.shape == LIST else (value,):
                self.merges += 1
                if self.merges > self.limits.yaml_merges:
                    raise self._error(closed.mark, f"has more than {self.limits.yaml_merges} merge keys")
                for name, held in merged.entries:
                    if name.shape == SCALAR and name.raw not in taken:
                        taken.add(name.raw)
                        own.append((_merged(name), held))
        return tuple(own)

    def _error(self, mark: Any, why: str) -> ReadError:
        return ReadError(self.path, mark.line + 1, why)


def _merged(key: Node) -> Node:
    return Node(key.path, SCALAR, key.line, key.column, raw=key.raw, quoted=key.quoted, tag=MERGED)


def _own_tag(tag: str) -> str:
    """`!Ref` and the like; YAML's own tags only repeat what the value shows."""
    return "" if tag.startswith(_CORE_TAG) or tag == "!" else tag


def _double_braces(entries: tuple[tuple[Node, Node], ...]) -> str | None:
    """An unquoted `{{ x }}` is a mapping in a mapping to YAML, and a template's hole to its author."""
    [(key, value)] = entries
    if key.shape != MAPPING or len(key.entries) != 1 or not value.is_null:
        return None
    [(name, rest)] = key.entries
    return "{{ " + name.raw + " }}" if name.shape == SCALAR and rest.is_null else None
