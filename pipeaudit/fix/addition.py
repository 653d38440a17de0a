"""Items for a list of a YAML file, written as the list is: on its line, or each on a line of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pipeaudit.fix.change import Change, Refused
from pipeaudit.limits import Limits
from pipeaudit.model.edit import Addition
from pipeaudit.read import yaml as reader
from pipeaudit.read.error import ReadError

if TYPE_CHECKING:
    import yaml

_PLAIN = re.compile(r"[A-Za-z_/][\w./@+-]{0,500}")
_WORDS = frozenset("true false yes no on off null y n".split())


def change(path: str, text: str, edit: Addition, limits: Limits) -> Change:
    """Where the items go, and how they are written there."""
    entry = _entry(path, text, edit, limits)
    newline = "\r\n" if "\r\n" in text else "\n"
    for key in edit.keys[:-1]:
        entry = _value(entry, key)
    listed = _find(entry, edit.keys[-1])
    items = [_scalar(item) for item in edit.items]
    if listed is not None and edit.group:
        inner = next((found for item in listed.value if (found := _find(item, edit.group)) is not None), None)
        if inner is not None:
            return _appended(text, inner, items, newline)
    if edit.group:
        items = [f"{_scalar(edit.group)}: [{', '.join(items)}]"]
    return (
        _new_list(text, entry, edit.keys[-1], items, newline)
        if listed is None
        else _appended(text, listed, items, newline)
    )


def _entry(path: str, text: str, edit: Addition, limits: Limits) -> Any:
    """The mapping below the key at the edit's place."""
    import yaml

    try:
        reader.parse(path, text.encode(), limits)  # refuses what is too deep or too large for what follows
        documents = list(yaml.compose_all(text, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader))
    except (ReadError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise Refused("the file is no plain YAML") from error
    for key, value in _pairs(documents):
        mark = key.start_mark
        if (mark.line + 1, mark.column + 1) == (edit.at.line, edit.at.column):
            return value
    raise Refused("its entry is not found in the file")


def _pairs(documents: list[Any]) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """All entries of all mappings, each node once however often it is referred to."""
    waiting = [node for node in documents if node is not None]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.id == "mapping":
            yield from node.value
            waiting += [part for pair in node.value for part in pair]
        elif node.id == "sequence":
            waiting += node.value


def _find(node: Any, key: str) -> Any:
    if node is None or node.id != "mapping":
        return None
    return next((value for name, value in node.value if name.id == "scalar" and name.value == key), None)


def _value(node: Any, key: str) -> Any:
    found = _find(node, key)
    if found is None:
        raise Refused(f"its entry has no `{key}`")
    return found


def _appended(text: str, listed: Any, items: list[str], newline: str) -> Change:
    if listed.id != "sequence":
        raise Refused("what it would be added to is no list")
    if listed.flow_style:
        at = _end(listed.value[-1]) if listed.value else listed.end_mark.index - 1
        return Change(at, at, ("" if not listed.value else ", ") + ", ".join(items))
    if not listed.value or listed.value[-1].start_mark.index < listed.start_mark.index:
        raise Refused("its list is written elsewhere in the file")  # its last item is an alias
    at = _line_end(text, _end(listed.value[-1]))
    return Change(at, at, "".join(f"{newline}{' ' * listed.start_mark.column}- {item}" for item in items))


def _new_list(text: str, entry: Any, key: str, items: list[str], newline: str) -> Change:
    """A list of its own below the entry's first key."""
    if entry.id != "mapping" or entry.flow_style or not entry.value:
        raise Refused(f"its entry has no `{key}`, and no line of its own where one could stand")
    first, value = entry.value[0]
    if first.start_mark.index != entry.start_mark.index:
        raise Refused("its entry is merged from others")
    at = _line_end(text, _end(value))
    indent = " " * first.start_mark.column
    return Change(at, at, f"{newline}{indent}{key}:" + "".join(f"{newline}{indent}  - {item}" for item in items))


def _end(node: Any) -> int:
    """Behind the last character of a value; the end that the parser tells of a block lies behind the lines after it."""
    while node.id != "scalar" and not node.flow_style:
        last = node.value[-1][1] if node.id == "mapping" else node.value[-1]
        if last.start_mark.index < node.start_mark.index:
            raise Refused("its list ends with a reference to another place")
        node = last
    if node.id == "scalar" and node.style in ("|", ">"):
        raise Refused("a text of several lines stands before it")
    return int(node.end_mark.index)


def _line_end(text: str, at: int) -> int:
    found = re.compile(r"\r?\n|\Z").search(text, at)
    return found.start() if found else len(text)


def _scalar(item: str) -> str:
    """Plain where nobody could take it for anything else."""
    is_plain = _PLAIN.fullmatch(item) and item.lower() not in _WORDS
    return item if is_plain else json.dumps(item, ensure_ascii=False)
