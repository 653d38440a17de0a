"""What changes when files change: who imports them, which stages run differently, and what those write."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence

from pipeaudit.graph.graph import PipelineGraph
from pipeaudit.link.artifacts import normal
from pipeaudit.link.imports import Import
from pipeaudit.model.audit import AffectedArtifact, AffectedFile, AffectedStage, Impact
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Edge, Node


def impact(graph: PipelineGraph, imports: Iterable[Import], files: Iterable[str], paths: Sequence[str]) -> Impact:
    """`paths` are files or folders of the repository, or names of artifacts; `files` are the repository's."""
    asked = tuple(dict.fromkeys(normal(path) or "." for path in paths))
    changed = [path for path in files if any(_holds(one, path) for one in asked)]
    importers = _importers(changed, imports)
    stages = _Affected(graph)
    stages.touched(asked, frozenset(changed), importers)
    stages.followed()
    return Impact(
        asked,
        tuple(importers.values()),
        tuple(sorted(stages.found.values(), key=lambda one: one.steps)),
        tuple(_written(graph, stages.found)),
    )


def unknown(graph: PipelineGraph, files: Iterable[str], paths: Iterable[str]) -> list[str]:
    """Those of the paths that are no file or folder of the repository and no artifact of the graph."""
    known = [*files, *(normal(artifact.name) for artifact in graph.artifacts.values())]
    return [path for path in paths if not any(_holds(normal(path) or ".", other) for other in known)]


def _holds(one: str, other: str) -> bool:
    """Whether they are the same, or one is a folder around the other."""
    return one in (".", other) or other.startswith(f"{one}/")


def _importers(changed: list[str], imports: Iterable[Import]) -> dict[str, AffectedFile]:
    """Files that import one of these, directly or not, the nearest first."""
    importing: dict[str, list[Import]] = {}
    for one in imports:
        importing.setdefault(one.imported, []).append(one)
    found: dict[str, AffectedFile] = {}
    seen = set(changed)
    waiting = list(changed)
    for path in waiting:
        for one in importing.get(path, ()):
            if one.importer not in seen:
                seen.add(one.importer)
                waiting.append(one.importer)
                found[one.importer] = AffectedFile(one.importer, path, Location(one.importer, one.line, cell=one.cell))
    return found


class _Affected:
    """Stages by identifier, each with the first reason found for it: what touches it itself comes before the rest."""

    def __init__(self, graph: PipelineGraph) -> None:
        self._graph = graph
        self.found: dict[str, AffectedStage] = {}

    def touched(self, asked: Sequence[str], changed: frozenset[str], importers: dict[str, AffectedFile]) -> None:
        reads: dict[str, list[Edge]] = {}
        for edge in self._graph.edges:
            if edge.kind == "reads":
                reads.setdefault(edge.target, []).append(edge)
        for node in self._graph.stages():
            reasons = (
                self._runs(node, changed, lambda path: f"runs `{path}`"),
                self._read(reads.get(node.id, ()), asked, changed),
                self._defined(node, changed),
                self._runs(node, importers, lambda path: f"runs `{path}`, which imports `{importers[path].imports}`"),
                self._defined(node, importers),
            )
            reason = next((reason for reason in reasons if reason is not None), None)
            if reason is not None:
                self.found[node.id] = AffectedStage(node, *reason, steps=0)

    def _runs(self, node: Node, paths: Container[str], words: Callable[[str], str]) -> tuple[str, Location] | None:
        path = next((program.path for program in self._graph.programs(node) if program.path in paths), None)
        return None if path is None else (words(path), node.at)

    def _read(
        self, edges: Iterable[Edge], asked: Sequence[str], changed: frozenset[str]
    ) -> tuple[str, Location] | None:
        for edge in edges:
            artifact = self._graph.artifacts[edge.source]
            name = normal(artifact.name)
            holds = any(_holds(one, name) or one.startswith(f"{name}/") for one in asked)
            if holds or name in changed:
                node = self._graph.nodes[edge.target]
                return f"reads `{artifact.name}`", edge.at or node.at
        return None

    @staticmethod
    def _defined(node: Node, paths: Container[str]) -> tuple[str, Location] | None:
        for at in (node.at, *(said.at for said in node.declarations)):
            if at.path in paths:
                return f"is defined in `{at.path}`", at
        return None

    def followed(self) -> None:
        """All stages after those that are found, by the order of the pipeline or through what one writes."""
        after: dict[str, list[Edge]] = {}
        for edge in self._graph.edges:
            after.setdefault(edge.source, []).append(edge)
        waiting = list(self.found)
        for identifier in waiting:
            earlier = self.found[identifier]
            for later, why, at in self._next(identifier, after):
                if later not in self.found:
                    node = self._graph.nodes[later]
                    self.found[later] = AffectedStage(node, why, at or node.at, earlier.steps + 1)
                    waiting.append(later)

    def _next(self, identifier: str, after: dict[str, list[Edge]]) -> Iterator[tuple[str, str, Location | None]]:
        name = self._graph.nodes[identifier].name
        for edge in after.get(identifier, ()):
            if edge.kind == "after":
                yield edge.target, f"comes after `{name}`", edge.at
            else:
                artifact = self._graph.artifacts[edge.target]
                for reading in after.get(artifact.id, ()):
                    yield reading.target, f"reads `{artifact.name}`, which `{name}` writes", reading.at


def _written(graph: PipelineGraph, affected: dict[str, AffectedStage]) -> Iterator[AffectedArtifact]:
    writers: dict[str, list[Node]] = {}
    for edge in graph.edges:
        if edge.kind == "writes" and edge.source in affected:
            writers.setdefault(edge.target, []).append(graph.nodes[edge.source])
    for artifact in graph.artifacts.values():
        if artifact.id in writers:
            yield AffectedArtifact(artifact, tuple(writers[artifact.id]))
