"""Stages in groups that a page can fold: those of one pipeline, or of one folder, and parts of very large ones."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pipeaudit.graph.shapes import (
    FEW_STAGES,
    MOST_ARTIFACTS,
    Edges,
    Shape,
    artifact_shape,
    between_stages,
    stage_shape,
)
from pipeaudit.model.audit import Graph
from pipeaudit.model.pipeline import Node, Origin

_LARGE = 60
_MOST_GROUPS = 40
_MOST_PARTS = 20
_MOST_NAMES = 40
_MOST_KINDS = 2
_CODE = ("python", "notebook")


@dataclass(frozen=True, slots=True)
class Group:
    """`id` is that of its shape in pictures of other groups: the stage's own, where it has only one."""

    id: str
    name: str
    stages: tuple[Node, ...]


def by_kind(stages: Sequence[Node], most: int = 9) -> str:
    """How many stages these are, and of each kind, the most frequent first."""
    counts = sorted(Counter(node.kind.value for node in stages).items(), key=lambda pair: (-pair[1], pair))
    if len(counts) == 1:
        return f"1 stage: {counts[0][0]}" if len(stages) == 1 else f"{len(stages)} stages, all {counts[0][0]}"
    listed = ", ".join(f"{count} {kind}" for kind, count in counts[:most])
    return f"{len(stages)} stages: {listed}" + (", \u2026" if len(counts) > most else "")


def groups(graph: Graph) -> tuple[Group, ...]:
    """All stages, each in one group; in the order of the stages."""
    found: dict[tuple[str, ...], list[Node]] = {}
    for key, nodes in _few(graph.stages).items():
        for inner, part in _smaller(nodes).items():
            found[(*key, *inner)] = part
    return tuple(
        Group(f"group:{number:03}" if len(nodes) > 1 else nodes[0].id, _name(key), tuple(nodes))
        for number, (key, nodes) in enumerate(found.items())
    )


def _few(nodes: Sequence[Node]) -> dict[tuple[str, ...], list[Node]]:
    """By pipeline; where that gives too many groups, by folder, and by as much of it as gives few."""
    found = _parted(nodes, _pipeline)
    for depth in (100, 4, 3, 2, 1):
        if len(found) <= _MOST_GROUPS:
            break
        found = _parted(nodes, partial(_folder, depth=depth))
    return found


def _parted(nodes: Sequence[Node], key: Callable[[Node], tuple[str, ...]]) -> dict[tuple[str, ...], list[Node]]:
    found: dict[tuple[str, ...], list[Node]] = defaultdict(list)
    for node in nodes:
        found[key(node)].append(node)
    return found


def _pipeline(node: Node) -> tuple[str, ...]:
    said = next((said for said in node.declarations if said.system not in _CODE), None)
    return _folder(node) if said is None else (said.pipeline or said.at.path, said.system)


def _folder(node: Node, depth: int = 100) -> tuple[str, ...]:
    return ("/".join(node.at.path.split("/")[:-1][:depth]) or "the root folder", "")


def _smaller(nodes: list[Node]) -> dict[tuple[str, ...], list[Node]]:
    """A large group by the first part of its stages' names, where most have parts, else by their folders, else by
    kind.
    """
    if len(nodes) <= _LARGE:
        return {(): nodes}
    by_name = _parted(nodes, lambda node: (node.name.replace("/", ".").rpartition(".")[0].partition(".")[0],))
    by_folder = _parted(nodes, lambda node: _folder(node)[:1])
    for parts in (by_name, by_folder):
        loose = len(parts.get(("",), ()))
        if 1 < len(parts) <= _MOST_PARTS and loose < len(nodes) / 2 and max(map(len, parts.values())) <= 2 * _LARGE:
            return parts
    return _parted(nodes, lambda node: (node.kind.value,))


def _name(key: tuple[str, ...]) -> str:
    pipeline, system, *part = key
    whole = f"{pipeline} ({system})" if system and system != pipeline else pipeline
    return f"{whole}: {part[0] or 'others'}" if part else whole


def overview(graph: Graph, parts: Sequence[Group]) -> tuple[list[Shape], Edges]:
    """Each group as one shape; an edge where a stage of one comes before a stage of the other."""
    member = _members(parts)
    return [_folded(group) for group in parts], _mapped(between_stages(graph), lambda end: member[end])


def inside(graph: Graph, group: Group, parts: Sequence[Group]) -> tuple[list[Shape], Edges]:
    """The stages of one group, with artifacts where there is room, and the groups around it folded."""
    own = {node.id for node in group.stages}
    member = _members(parts)
    artifacts = _touched(graph, own)
    if len(own) <= FEW_STAGES and len(artifacts) <= MOST_ARTIFACTS:
        edges = {(edge.source, edge.target): edge.origin.value for edge in graph.edges}
        kept = own | artifacts
    else:
        edges, kept = between_stages(graph), own
    drawn = _mapped(
        {ends: origin for ends, origin in edges.items() if not kept.isdisjoint(ends)},
        lambda end: end if end in kept else member.get(end, ""),
    )
    # What a group around reads and writes of the artifacts here is told by the edge to the artifact itself.
    around = {end for ends in drawn for end in ends if end not in kept}
    shapes = [stage_shape(node) for node in group.stages]
    shapes += [artifact_shape(artifact) for artifact in graph.artifacts if artifact.id in kept]
    return [*shapes, *(_folded(other) for other in parts if other.id in around)], drawn


def _members(parts: Sequence[Group]) -> dict[str, str]:
    return {node.id: group.id for group in parts for node in group.stages}


def _touched(graph: Graph, stages: set[str]) -> set[str]:
    """Artifacts that these stages read or write."""
    found = set()
    for edge in graph.edges:
        if edge.kind == "reads" and edge.target in stages:
            found.add(edge.source)
        elif edge.kind == "writes" and edge.source in stages:
            found.add(edge.target)
    return found


def _mapped(edges: Edges, end: Callable[[str], str]) -> Edges:
    found: Edges = {}
    for (one, other), origin in edges.items():
        ends = (end(one), end(other))
        if all(ends) and (ends[0] != ends[1] or one == other) and found.get(ends) != Origin.DECLARED.value:
            found[ends] = origin
    return found


def _folded(group: Group) -> Shape:
    if len(group.stages) == 1:
        return stage_shape(group.stages[0])
    names = [node.name for node in group.stages]
    title = ", ".join(names[:_MOST_NAMES]) + (", \u2026" if len(names) > _MOST_NAMES else "")
    return Shape(group.id, group.name, "group", by_kind(group.stages, _MOST_KINDS), title)
