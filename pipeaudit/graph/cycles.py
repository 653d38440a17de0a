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
    readers: dict[str, list[Edge]] = {}
    for edge in graph.edges:
        if edge.kind == "after":
            _add(found, Wait(graph.nodes[edge.source], graph.nodes[edge.target], None, edge.origin is Origin.DECLARED))
        elif edge.kind == "reads":
            readers.setdefault(edge.source, []).append(edge)
    for edge in graph.edges:
        artifact = graph.artifacts.get(edge.target) if edge.kind == "writes" else None
        if artifact is not None and "{}" not in artifact.name:
            for reader in readers.get(artifact.id, ()):
                earlier, later = graph.nodes[edge.source], graph.nodes[reader.target]
                if earlier is later and not _reads_its_own(later, artifact):
                    continue
                declared = Origin.OBSERVED not in (edge.origin, reader.origin)
                if not declared or _is_named(later, artifact):
                    _add(found, Wait(earlier, later, artifact, declared))
    return found


def _reads_its_own(node: Node, artifact: ArtifactNode) -> bool:
    """Whether a definition says so: code that reads what it writes keeps a file up to date, or fills a folder."""
    return any(artifact.name in said.reads and artifact.name in said.writes for said in node.declarations)


def _is_named(reader: Node, artifact: ArtifactNode) -> bool:
    """Whether the reader names the artifact or something in it, and not a folder that happens to hold it."""
    names = [name for said in reader.declarations for name in said.reads]
    return any(name == artifact.name or name.startswith(f"{artifact.name}/") for name in names) or not any(
        artifact.name.startswith(f"{name}/") for name in names
    )


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
