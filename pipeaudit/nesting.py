"""Pipelines inside pipelines, flattened: who waits for a group waits for its last stages, who is in it for what it
waits for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeaudit.limits import DEFAULT

MAX_DEPTH = 20
MAX_LEAVES = DEFAULT.all_instances


@dataclass(slots=True)
class Item:
    """A task: a leaf with what the system knows of it, or a group of items. `after` names items of the same group."""

    name: str
    after: tuple[str, ...] = ()
    inside: list[Item] | None = None
    data: Any = None


@dataclass(slots=True)
class Leaf:
    """A task that runs something. `path`: the groups around it, from outside; `after`: positions of earlier leaves."""

    name: str
    path: tuple[str, ...]
    data: Any
    after: list[int] = field(default_factory=list)


def flatten(items: list[Item]) -> list[Leaf]:
    """All leaves in order, each with the leaves that directly precede it."""
    leaves: list[Leaf] = []
    _flatten(items, (), [], leaves)
    return leaves


def _flatten(items: list[Item], path: tuple[str, ...], before: list[int], leaves: list[Leaf]) -> list[int]:
    """Adds the leaves of a group; answers its last ones. `before`: what the whole group waits for."""
    ends: dict[str, list[int]] = {}
    waited_for: set[str] = set()
    circular: list[tuple[list[int], str]] = []
    for item in in_order(items):
        waited_for.update(item.after)
        first = len(leaves)
        earlier = [leaf for name in item.after for leaf in ends.get(name, ())] or before
        if len(leaves) >= MAX_LEAVES:
            ends[item.name] = []
        elif item.inside is None or len(path) >= MAX_DEPTH:
            leaves.append(Leaf(item.name, path, item.data, list(dict.fromkeys(earlier))))
            ends[item.name] = [len(leaves) - 1]
        else:
            ends[item.name] = _flatten(item.inside, (*path, item.name), list(dict.fromkeys(earlier)), leaves) or earlier
        if later := [name for name in item.after if name not in ends]:
            begins = [at for at in range(first, len(leaves)) if not any(before >= first for before in leaves[at].after)]
            circular += [(begins, name) for name in later]
    for begins, name in circular:  # what waits for each other keeps its edges: who asks for cycles must find them
        for at in begins:
            leaves[at].after = list(dict.fromkeys([*leaves[at].after, *ends.get(name, ())]))
    last = [leaf for name, own in ends.items() if name not in waited_for for leaf in own]
    return list(dict.fromkeys(last))


def in_order(items: list[Item]) -> list[Item]:
    """Items after what they wait for, else as they stand; those on a cycle as they stand."""
    by_name = {item.name: item for item in items}
    ordered: dict[str, Item] = {}
    open_names: set[str] = set()
    for start in items:
        work = [(start, False)]
        while work:
            item, is_done = work.pop()
            if is_done:
                ordered.setdefault(item.name, item)
                continue
            if item.name in ordered or item.name in open_names:
                continue
            open_names.add(item.name)
            work.append((item, True))
            work.extend((by_name[name], False) for name in reversed(item.after) if name in by_name)
    return list(ordered.values())
