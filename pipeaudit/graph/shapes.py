"""What a picture of the graph shows: stages with their artifacts where there is room, folds of many where not."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from pipeaudit.model.audit import ArtifactNode, Graph
from pipeaudit.model.pipeline import Node, Origin

MOST_STAGES = 150
FEW_STAGES = 30
MOST_ARTIFACTS = 60

Edges = dict[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Shape:
    """What is drawn for a stage, a fold of several, or an artifact."""

    id: str
    name: str
    kind: str
    detail: str
    title: str


def shapes(graph: Graph) -> tuple[list[Shape], Edges]:
    """What to draw. Artifacts stand between stages where there is room; many stages fold by folder and kind."""
    if len(graph.stages) > MOST_STAGES:
        return _folded(graph)
    stages = [stage_shape(node) for node in graph.stages]
    if len(graph.stages) <= FEW_STAGES and len(graph.artifacts) <= MOST_ARTIFACTS:
        artifacts = [artifact_shape(artifact) for artifact in graph.artifacts]
        return [*stages, *artifacts], {(e.source, e.target): e.origin.value for e in graph.edges}
    return stages, between_stages(graph)


def without_code(graph: Graph) -> Graph:
    """The graph without artifacts that only name the code which their readers run: the stages stand for that."""
    readers: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        if edge.kind == "reads":
            readers[edge.source].append(edge.target)
        elif edge.kind == "writes":
            readers[edge.target].append("")
    stages = {stage.id: stage for stage in graph.stages}
    code = {
        artifact.id
        for artifact in graph.artifacts
        if (found := readers[artifact.id]) and all(one and _runs(stages[one], artifact.name) for one in found)
    }
    return replace(
        graph,
        artifacts=tuple(artifact for artifact in graph.artifacts if artifact.id not in code),
        edges=tuple(edge for edge in graph.edges if edge.source not in code),
    )


def _runs(stage: Node, name: str) -> bool:
    return any(
        name == program.path or name in program.command.split() for said in stage.declarations for program in said.runs
    )


def between_stages(graph: Graph) -> Edges:
    """Edges from stage to stage, through the artifacts that they share."""
    found: Edges = {}
    writes: dict[str, list[tuple[str, Origin]]] = defaultdict(list)
    for edge in graph.edges:
        if edge.kind == "writes":
            writes[edge.target].append((edge.source, edge.origin))
        elif edge.kind == "after":
            found[edge.source, edge.target] = edge.origin.value
    for edge in graph.edges:
        for writer, origin in writes[edge.source] if edge.kind == "reads" else ():
            said = origin is Origin.DECLARED and edge.origin is Origin.DECLARED
            key = (writer, edge.target)
            if found.get(key) != Origin.DECLARED.value:
                found[key] = (Origin.DECLARED if said else Origin.OBSERVED).value
    return found


def _folded(graph: Graph) -> tuple[list[Shape], Edges]:
    groups: dict[tuple[str, str], list[Node]] = defaultdict(list)
    for node in graph.stages:
        groups[_folder(node), node.kind.value].append(node)
    fold = {node.id: f"fold:{folder}:{kind}" for (folder, kind), nodes in groups.items() for node in nodes}
    drawn = [
        stage_shape(nodes[0])
        if len(nodes) == 1
        else Shape(
            f"fold:{folder}:{kind}",
            f"{folder}: {len(nodes)} stages",
            kind,
            ", ".join(sorted({node.system for node in nodes})),
            ", ".join(node.name for node in nodes[:40]) + (", ..." if len(nodes) > 40 else ""),
        )
        for (folder, kind), nodes in sorted(groups.items())
    ]
    alone = {nodes[0].id for nodes in groups.values() if len(nodes) == 1}
    edges: Edges = {}
    for (one, other), origin in between_stages(graph).items():
        ends = tuple(end if end in alone else fold[end] for end in (one, other))
        if ends[0] != ends[1] and edges.get((ends[0], ends[1])) != Origin.DECLARED.value:
            edges[ends[0], ends[1]] = origin
    return drawn, edges


def _folder(node: Node) -> str:
    return node.at.path.rpartition("/")[0] or node.at.path


def artifact_shape(artifact: ArtifactNode) -> Shape:
    kind = artifact.kind.value
    return Shape(artifact.id, artifact.name, "artifact", kind, f"{artifact.name}: {kind}")


def stage_shape(node: Node) -> Shape:
    systems = ", ".join(dict.fromkeys([node.system, *(said.system for said in node.declarations)]))
    return Shape(node.id, node.name, node.kind.value, systems, f"{node.name}: {node.kind.value} ({systems}), {node.at}")
