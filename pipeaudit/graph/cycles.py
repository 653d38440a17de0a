"""Circles that one run can't get out of: stages of one pipeline of which each waits for the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeaudit.graph.graph import PipelineGraph, components, share_pipeline
from pipeaudit.model.audit import ArtifactNode
from pipeaudit.model.pipeline import Edge, Node, Origin


@dataclass(frozen=True, slots=True)
class Wait:
    """`later` waits for `earlier`: for an artifact that it writes, or (None) because the definition orders them."""

    earlier: Node
    later: Node
    artifact: ArtifactNode | None
    declared: bool


@dataclass(frozen=True, slots=True)
class Cycle:
    """Each wait's later stage is the next one's earlier, the last one's later the first one's earlier."""

    waits: tuple[Wait, ...]

    @property
    def declared(self) -> bool:
        """Whether definitions alone say so, without what code was seen to do."""
        return all(wait.declared for wait in self.waits)


def cycles(graph: PipelineGraph) -> Iterator[Cycle]:
    """One shortest circle of each group of stages that wait for each other within one pipeline."""
    waits = _waits(graph)
    for group in components(graph.nodes, lambda identifier: waits.get(identifier, {})):
        members = [node for node in graph.nodes.values() if node.id in group]
        if len(members) > 1 or members[0].id in waits.get(members[0].id, {}):
            yield Cycle(tuple(_circle(members, waits)))


def _waits(graph: PipelineGraph) -> dict[str, dict[str, Wait]]:
    """By earlier and later stage; what is declared before what is observed."""
    found: dict[str, dict[str, Wait]] = {}
    for edge in graph.edges:
        if edge.kind == "after":
            _add(found, Wait(graph.nodes[edge.source], graph.nodes[edge.target], None, edge.origin is Origin.DECLARED))
    readers: dict[str, list[Edge]] = {}
    for edge in graph.edges:
        if edge.kind == "reads":
            readers.setdefault(edge.source, []).append(edge)
    for edge in graph.edges:
        if edge.kind == "writes" and "{}" not in graph.artifacts[edge.target].name:
            for reader in readers.get(edge.target, ()):
                declared = edge.origin is Origin.DECLARED and reader.origin is Origin.DECLARED
                if edge.source != reader.target or _reads_its_own(graph.nodes[edge.source], graph.artifacts[edge.target]):
                    wait = Wait(
                        graph.nodes[edge.source], graph.nodes[reader.target], graph.artifacts[edge.target], declared
                    )
                    _add(found, wait)
    return found


def _reads_its_own(node: Node, artifact: ArtifactNode) -> bool:
    """Whether a definition says so itself: code that reads what it writes keeps a file up to date, or fills a folder."""
    return any(artifact.name in said.reads and artifact.name in said.writes for said in node.declarations)


def _add(found: dict[str, dict[str, Wait]], wait: Wait) -> None:
    if wait.earlier is not wait.later and not share_pipeline(wait.earlier, wait.later):
        return
    laters = found.setdefault(wait.earlier.id, {})
    known = laters.get(wait.later.id)
    if known is None or (wait.declared and not known.declared):
        laters[wait.later.id] = wait


def _circle(members: list[Node], waits: Mapping[str, Mapping[str, Wait]]) -> list[Wait]:
    """The shortest way from the first member back to itself."""
    inside = {node.id for node in members}
    start = members[0].id
    came: dict[str, Wait] = {}
    pending = deque([start])
    while pending:
        here = pending.popleft()
        for later, wait in waits.get(here, {}).items():
            if later not in inside or later in came:
                continue
            came[later] = wait
            if later == start:
                pending.clear()
                break
            pending.append(later)
    circle = [came[start]]
    while circle[0].earlier.id != start:
        circle.insert(0, came[circle[0].earlier.id])
    return circle
