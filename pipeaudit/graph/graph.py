"""The pipeline as a graph: who reads and writes what, what runs before what, and the questions that rules ask of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from posixpath import dirname

from pipeaudit.link.cells import NotebookCells
from pipeaudit.model.audit import ArtifactNode, CellKinds, Graph
from pipeaudit.model.finding import Problem
from pipeaudit.model.pipeline import ArtifactKind, Edge, Node, Origin, Program, StageKind

_RESULTS = frozenset((ArtifactKind.MODEL, ArtifactKind.METRICS, ArtifactKind.REPORT, ArtifactKind.IMAGE))


class PipelineGraph:
    """Stages, artifacts and edges over plain dicts; it is built once and then only asked.

    Every answer is in the order of the stages: by system, path, line and name, the same in every run.
    """

    def __init__(
        self,
        nodes: Iterable[Node] = (),
        artifacts: Iterable[ArtifactNode] = (),
        edges: Iterable[Edge] = (),
        cells: Sequence[CellKinds] = (),
        programs: dict[str, tuple[Program, ...]] | None = None,
        problems: Iterable[Problem] = (),
    ) -> None:
        self.nodes: dict[str, Node] = {node.id: node for node in nodes}
        self.artifacts: dict[str, ArtifactNode] = {artifact.id: artifact for artifact in artifacts}
        self.edges: tuple[Edge, ...] = tuple(edges)
        self.cells = cells
        self.problems: tuple[Problem, ...] = tuple(problems)
        self._programs = programs or {}
        self._reads: dict[str, list[Edge]] = defaultdict(list)
        self._writes: dict[str, list[Edge]] = defaultdict(list)
        self._readers: dict[str, list[Edge]] = defaultdict(list)
        self._writers: dict[str, list[Edge]] = defaultdict(list)
        self._next: dict[str, dict[str, None]] = {identifier: {} for identifier in self.nodes}
        self._previous: dict[str, dict[str, None]] = {identifier: {} for identifier in self.nodes}
        self._running: dict[str, list[Node]] = defaultdict(list)
        self._named: dict[str, ArtifactNode] = {}
        self._index()

    def _index(self) -> None:
        for node in self.nodes.values():
            for path in dict.fromkeys(program.path for program in self.programs(node)):
                self._running[path].append(node)
        for artifact in self.artifacts.values():
            self._named.setdefault(artifact.name, artifact)
        for edge in self.edges:
            if edge.kind == "reads":
                self._reads[edge.target].append(edge)
                self._readers[edge.source].append(edge)
            elif edge.kind == "writes":
                self._writes[edge.source].append(edge)
                self._writers[edge.target].append(edge)
            else:
                self._link(edge.source, edge.target)
        for written, writers in self._writers.items():
            for reader in self._readers.get(written, ()):
                for writer in writers:
                    self._link(writer.source, reader.target)

    def _link(self, earlier: str, later: str) -> None:
        self._next[earlier][later] = None
        self._previous[later][earlier] = None

    # What there is

    def plain(self) -> Graph:
        """The graph as the plain values that reports render."""
        return Graph(tuple(self.nodes.values()), tuple(self.artifacts.values()), self.edges, self.cells)

    def cell_kinds(self, path: str, cell: int) -> tuple[str, ...]:
        """What a notebook's cell is for, most specific first."""
        cells = self.cells.of(path) if isinstance(self.cells, NotebookCells) else self.cells
        return next((each.kinds for each in cells if each.path == path and each.cell == cell), ())

    def stages(self, *kinds: StageKind) -> list[Node]:
        """All stages, or those of these kinds."""
        return [node for node in self.nodes.values() if not kinds or node.kind in kinds]

    def stage(self, identifier: str) -> Node | None:
        return self.nodes.get(identifier)

    def artifact(self, name: str) -> ArtifactNode | None:
        """The artifact of this name, or at this path."""
        return self.artifacts.get(f"artifact:{name}") or self._named.get(name)

    def of_system(self, *systems: str) -> list[Node]:
        """Stages that one of these systems declares."""
        return [n for n in self.nodes.values() if any(said.system in systems for said in n.declarations)]

    def programs(self, node: Node) -> tuple[Program, ...]:
        """The code that a stage runs."""
        return self._programs.get(node.id, ())

    def running(self, path: str) -> list[Node]:
        """Stages that run this script, module or notebook."""
        return list(self._running.get(path, ()))

    # Next to a stage or an artifact

    def reads(self, node: Node, origin: Origin | None = None) -> list[ArtifactNode]:
        return self._artifacts(edge.source for edge in self._reads.get(node.id, ()) if origin in (None, edge.origin))

    def writes(self, node: Node, origin: Origin | None = None) -> list[ArtifactNode]:
        return self._artifacts(edge.target for edge in self._writes.get(node.id, ()) if origin in (None, edge.origin))

    def readers(self, artifact: ArtifactNode) -> list[Node]:
        return self._in_order(edge.target for edge in self._readers.get(artifact.id, ()))

    def writers(self, artifact: ArtifactNode) -> list[Node]:
        return self._in_order(edge.source for edge in self._writers.get(artifact.id, ()))

    def before(self, node: Node) -> list[Node]:
        """Stages that run directly before it, by order or through an artifact."""
        return self._in_order(self._previous[node.id])

    def after(self, node: Node) -> list[Node]:
        return self._in_order(self._next[node.id])

    # Further away

    def upstream(self, node: Node) -> list[Node]:
        """All that has run when it runs; itself only where it lies on a cycle."""
        return self._reached(node.id, self._previous)

    def downstream(self, node: Node) -> list[Node]:
        """All that waits for it."""
        return self._reached(node.id, self._next)

    def share_pipeline(self, one: Node, other: Node) -> bool:
        """Whether one definition declares both."""
        return share_pipeline(one, other)

    def is_before(self, one: Node, other: Node) -> bool:
        return any(found.id == one.id for found in self.upstream(other))

    def order(self) -> list[Node]:
        """An order in which the stages can run, the given order among equals; stages on a cycle come where it is
        entered.
        """
        waiting = {identifier: set(previous) - {identifier} for identifier, previous in self._previous.items()}
        ready = [identifier for identifier, previous in waiting.items() if not previous]
        done: dict[str, None] = {}
        remaining = dict.fromkeys(self.nodes)
        while remaining:
            if not ready:
                ready.append(next(iter(remaining)))
            current = ready.pop(0)
            if current not in remaining:
                continue
            del remaining[current]
            done[current] = None
            for later in self._next[current]:
                waiting[later].discard(current)
                if not waiting[later] and later in remaining:
                    ready.append(later)
        return [self.nodes[identifier] for identifier in done]

    # What rules ask

    def competing_writers(self) -> list[tuple[ArtifactNode, list[Node]]]:
        """Artifacts that several stages write, no two of them ordered by what else is known."""
        found = []
        for artifact in self.artifacts.values():
            writers = self.writers(artifact)
            if len(writers) < 2 or _is_table(artifact):
                continue
            loose = [
                one
                for one in writers
                if any(
                    one is not two and not self.is_before(one, two) and not self.is_before(two, one) for two in writers
                )
            ]
            if len(loose) > 1:
                found.append((artifact, loose))
        return found

    def dead_ends(self) -> list[ArtifactNode]:
        """Artifacts that are written, read by nobody, and no result in themselves."""
        return [
            artifact
            for artifact in self.artifacts.values()
            if self._writers.get(artifact.id)
            and not self._readers.get(artifact.id)
            and artifact.kind not in _RESULTS
            and not _is_table(artifact)
        ]

    def missing_inputs(self, exists: Callable[[str], bool]) -> list[tuple[Node, ArtifactNode, Edge]]:
        """Declared inputs that no stage writes and that `exists` denies."""
        return [
            (self.nodes[edge.target], self.artifacts[edge.source], edge)
            for edge in self.edges
            if edge.kind == "reads"
            and edge.origin is Origin.DECLARED
            and not self._writers.get(edge.source)
            and not exists(self.artifacts[edge.source].name)
        ]

    def undeclared_inputs(self) -> list[tuple[Node, ArtifactNode, Edge]]:
        """What the code of a declared stage reads although its definition, which lists inputs, does not."""
        return self._undeclared("reads", self._reads)

    def undeclared_outputs(self) -> list[tuple[Node, ArtifactNode, Edge]]:
        return self._undeclared("writes", self._writes)

    def unordered_readers(self) -> list[tuple[Node, Node, ArtifactNode]]:
        """Writer, reader and artifact where one system declares both stages and no order between them."""
        ordered = self._declared_next()
        found = []
        for artifact in self.artifacts.values():
            for writer in self.writers(artifact):
                for reader in self.readers(artifact):
                    if writer is reader or not share_pipeline(writer, reader):
                        continue
                    if reader.id not in _reach(writer.id, ordered) and writer.id not in _reach(reader.id, ordered):
                        found.append((writer, reader, artifact))
        return found

    def _undeclared(self, kind: str, by_node: dict[str, list[Edge]]) -> list[tuple[Node, ArtifactNode, Edge]]:
        found = []
        for identifier, edges in by_node.items():
            declared = [self._other(edge, kind) for edge in edges if edge.origin is Origin.DECLARED]
            if not declared:
                continue
            names = {self.artifacts[end].name for end in declared}
            for edge in edges:
                artifact = self.artifacts[self._other(edge, kind)]
                if edge.origin is Origin.OBSERVED and not _covered(artifact.name, names):
                    found.append((self.nodes[identifier], artifact, edge))
        return found

    @staticmethod
    def _other(edge: Edge, kind: str) -> str:
        return edge.source if kind == "reads" else edge.target

    def _declared_next(self) -> dict[str, set[str]]:
        following: dict[str, set[str]] = defaultdict(set)
        for edge in self.edges:
            if edge.kind == "after":
                following[edge.source].add(edge.target)
        for artifact, writers in self._writers.items():
            for writer in writers:
                for reader in self._readers.get(artifact, ()):
                    if writer.origin is Origin.DECLARED and reader.origin is Origin.DECLARED:
                        following[writer.source].add(reader.target)
        return following

    def _artifacts(self, identifiers: Iterable[str]) -> list[ArtifactNode]:
        return [self.artifacts[identifier] for identifier in dict.fromkeys(identifiers)]

    def _in_order(self, identifiers: Iterable[str]) -> list[Node]:
        wanted = set(identifiers)
        if len(wanted) < 2:
            return [self.nodes[identifier] for identifier in wanted]
        return [node for identifier, node in self.nodes.items() if identifier in wanted]

    def _reached(self, start: str, neighbours: dict[str, dict[str, None]]) -> list[Node]:
        return self._in_order(_reach(start, neighbours))


def _is_table(artifact: ArtifactNode) -> bool:
    """A table of a database: it takes rows from many, and its readers lie outside as well."""
    return artifact.id.startswith("artifact:sql:")


def _reach(start: str, neighbours: dict[str, dict[str, None]] | dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(neighbours.get(start, ()))
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting.extend(neighbours.get(current, ()))
    return seen


def share_pipeline(one: Node, other: Node) -> bool:
    """Whether one definition declares both; code on its own declares no pipeline."""
    return bool(
        {(s.system, s.pipeline or s.at.path) for s in one.declarations if s.system not in ("python", "notebook")}
        & {(s.system, s.pipeline or s.at.path) for s in other.declarations}
    )


def _covered(name: str, declared: set[str]) -> bool:
    """Whether a declared path is this one, a folder around it, or inside it."""
    if name in declared or any(other.startswith(name + "/") for other in declared):
        return True
    folder = dirname(name)
    while folder and folder not in declared and folder != dirname(folder):  # the root is its own folder
        folder = dirname(folder)
    return folder in declared


def components(nodes: Iterable[str], following: Callable[[str], Iterable[str]]) -> list[list[str]]:
    """Strongly connected components by Tarjan's algorithm without recursion; each before those that lead to it."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[list[str]] = []
    for root in nodes:
        if root in number:
            continue
        work = [(root, iter(following(root)))]
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, successors = work[-1]
            successor = next(successors, None)
            if successor is not None:
                if successor not in number:
                    number[successor] = low[successor] = len(number)
                    stack.append(successor)
                    on_stack.add(successor)
                    work.append((successor, iter(following(successor))))
                elif successor in on_stack:
                    low[node] = min(low[node], number[successor])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == number[node]:
                group = []
                while True:
                    member = stack.pop()
                    on_stack.discard(member)
                    group.append(member)
                    if member == node:
                        break
                found.append(group)
    return found
