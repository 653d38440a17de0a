"""Where each node is drawn: layers from left to right, few crossings, the same picture in every run.

Cycles are collapsed, layers follow the longest path, long edges get a place in every layer they cross, barycentre
sweeps order each layer. Parts that do not hang together are laid out one below the other, lone nodes in rows.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SWEEPS = 6
_ALIGNMENTS = 4
_GAP_X = 72.0
_GAP_Y = 18.0
_BEND = 10.0
_MARGIN = 16.0
_ROW_WIDTH = 1200.0
_MOST_BENDS = 20_000


@dataclass(frozen=True, slots=True)
class Box:
    id: str
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Placed:
    """A node's box: its upper left corner and its size."""

    id: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Route:
    """An edge: the points it passes, from the source's border to the target's. `kind`: forward, back (within a cycle),
    loop.
    """

    source: str
    target: str
    points: tuple[tuple[float, float], ...]
    kind: str = "forward"


@dataclass(frozen=True, slots=True)
class Layout:
    width: float
    height: float
    nodes: tuple[Placed, ...]
    routes: tuple[Route, ...]


def layout(boxes: Sequence[Box], edges: Iterable[tuple[str, str]]) -> Layout:
    """Places boxes and routes edges between them; edges to unknown boxes are left out."""
    by_id = {box.id: box for box in sorted(boxes, key=lambda box: box.id)}
    known = sorted({(a, b) for a, b in edges if a in by_id and b in by_id})
    parts = _parts(list(by_id), known)
    placed: list[Placed] = []
    routes: list[Route] = []
    top = _MARGIN
    width = 0.0
    for part in (part for part in parts if len(part) > 1):
        drawn = _Part(part, [edge for edge in known if edge[0] in part], by_id).draw(top)
        placed += drawn.nodes
        routes += drawn.routes
        top = drawn.height + 2 * _GAP_Y
        width = max(width, drawn.width)
    lone = [by_id[next(iter(part))] for part in parts if len(part) == 1]
    rows, right, top = _rows(lone, top, max(width, _ROW_WIDTH))
    loops = {a for a, b in known if a == b}
    for node in rows:
        placed.append(node)
        if node.id in loops:
            routes.append(_loop(node))
    return Layout(max(width, right) + _MARGIN, top, tuple(sorted(placed, key=lambda n: n.id)), tuple(routes))


def _parts(nodes: list[str], edges: list[tuple[str, str]]) -> list[dict[str, None]]:
    """Nodes that hang together, larger parts first."""
    neighbours: dict[str, list[str]] = defaultdict(list)
    for one, other in edges:
        neighbours[one].append(other)
        neighbours[other].append(one)
    seen: set[str] = set()
    found: list[dict[str, None]] = []
    for start in nodes:
        if start in seen:
            continue
        part: dict[str, None] = {}
        waiting = [start]
        while waiting:
            node = waiting.pop()
            if node not in seen:
                seen.add(node)
                part[node] = None
                waiting += neighbours[node]
        found.append(part)
    return sorted(found, key=lambda part: (-len(part), min(part)))


def _rows(boxes: list[Box], top: float, width: float) -> tuple[list[Placed], float, float]:
    placed: list[Placed] = []
    x, y, height, right = _MARGIN, top, 0.0, 0.0
    for box in boxes:
        if placed and x + box.width > width:
            x, y, height = _MARGIN, y + height + _GAP_Y, 0.0
        placed.append(Placed(box.id, x, y, box.width, box.height))
        x += box.width + _GAP_Y
        right = max(right, x - _GAP_Y)
        height = max(height, box.height)
    return placed, right, (y + height + _MARGIN if placed else top)


class _Part:
    """One connected part. Bends of long edges are nodes named by the edge and their layer: tuples, which no box is."""

    def __init__(self, nodes: dict[str, None], edges: list[tuple[str, str]], boxes: dict[str, Box]) -> None:
        self.boxes = boxes
        self.edges = edges
        self.layer: dict[object, int] = dict(self._layers(nodes))
        self.chains: dict[tuple[str, str], list[object]] = {}
        self.before: dict[object, list[object]] = defaultdict(list)
        self.after: dict[object, list[object]] = defaultdict(list)
        self._thread()
        self.rows: list[list[object]] = self._ordered()
        self.y: dict[object, float] = {}

    def _layers(self, nodes: dict[str, None]) -> Iterable[tuple[object, int]]:
        import networkx

        whole: networkx.DiGraph[str] = networkx.DiGraph()
        whole.add_nodes_from(sorted(nodes))
        whole.add_edges_from((a, b) for a, b in self.edges if a != b)
        condensed = networkx.condensation(whole)
        layer = {
            part: number for number, group in enumerate(networkx.topological_generations(condensed)) for part in group
        }
        for part in layer:
            # what nothing leads to stands just before the first that needs it, not at the far end of a long line
            if not condensed.pred[part] and condensed.succ[part]:
                layer[part] = min(layer[after] for after in condensed.succ[part]) - 1
            for node in sorted(condensed.nodes[part]["members"]):
                yield node, layer[part]

    def _thread(self) -> None:
        """Long edges go through a bend in every layer that they cross."""
        bends = 0
        for a, b in self.edges:
            first, last = self.layer[a], self.layer[b]
            if last <= first:
                continue
            chain: list[object] = [a]
            if bends < _MOST_BENDS:
                for number in range(first + 1, last):
                    bend = (a, b, number)
                    self.layer[bend] = number
                    chain.append(bend)
                    bends += 1
            chain.append(b)
            self.chains[a, b] = chain
            for one, other in itertools.pairwise(chain):
                self.after[one].append(other)
                self.before[other].append(one)

    def _ordered(self) -> list[list[object]]:
        rows: list[list[object]] = [[] for _ in range(max(self.layer.values()) + 1)]
        for node in sorted(self.layer, key=_name):
            rows[self.layer[node]].append(node)
        position = {node: float(index) for row in rows for index, node in enumerate(row)}
        for sweep in range(_SWEEPS):
            forward = sweep % 2 == 0
            neighbours = self.before if forward else self.after
            for row in rows if forward else reversed(rows):
                weight = {node: _mean([position[n] for n in neighbours[node]], position[node]) for node in row}
                row.sort(key=lambda node: (weight[node], _name(node)))
                position.update((node, float(index)) for index, node in enumerate(row))
        return rows

    def draw(self, top: float) -> Layout:
        x = self._columns()
        self._stack(top)
        for sweep in range(_ALIGNMENTS):
            forward = sweep % 2 == 0
            for row in self.rows[1:] if forward else reversed(self.rows[:-1]):
                self._align(row, self.before if forward else self.after)
        lowest = min(self.y.values())
        for node in self.y:
            self.y[node] += top - lowest
        placed = {
            str(node): Placed(str(node), x[row_number], self.y[node], self._width(node), self._height(node))
            for row_number, row in enumerate(self.rows)
            for node in row
            if isinstance(node, str)
        }
        routes = [self._route(edge, placed, x) for edge in self.edges]
        height = max(node.y + node.height for node in placed.values())
        width = max(node.x + node.width for node in placed.values())
        return Layout(width, height, tuple(placed.values()), tuple(routes))

    def _columns(self) -> list[float]:
        x, found = _MARGIN, []
        for row in self.rows:
            found.append(x)
            x += max((self._width(node) for node in row), default=0.0) + _GAP_X
        return found

    def _stack(self, top: float) -> None:
        for row in self.rows:
            y = top
            for node in row:
                self.y[node] = y
                y += self._height(node) + _GAP_Y

    def _align(self, row: list[object], neighbours: dict[object, list[object]]) -> None:
        """Moves nodes towards the middle of their neighbours; order and distances stay."""
        wanted = []
        for node in row:
            middle = self._height(node) / 2
            near = [self.y[n] + self._height(n) / 2 for n in neighbours[node]]
            wanted.append(_mean(near, self.y[node] + middle) - middle)
        downwards: list[float] = []
        for y in wanted:
            least = downwards[-1] + self._height(row[len(downwards) - 1]) + _GAP_Y if downwards else y
            downwards.append(max(y, least))
        upwards = list(downwards)
        for index in range(len(row) - 1, -1, -1):
            most = upwards[index + 1] - self._height(row[index]) - _GAP_Y if index + 1 < len(row) else upwards[index]
            upwards[index] = min(max(wanted[index], 0.0), most) if index + 1 < len(row) else upwards[index]
        for index, node in enumerate(row):
            self.y[node] = (downwards[index] + upwards[index]) / 2
        for index in range(1, len(row)):
            least = self.y[row[index - 1]] + self._height(row[index - 1]) + _GAP_Y
            self.y[row[index]] = max(self.y[row[index]], least)

    def _route(self, edge: tuple[str, str], placed: dict[str, Placed], x: list[float]) -> Route:
        source, target = placed[edge[0]], placed[edge[1]]
        if edge[0] == edge[1]:
            return _loop(source)
        chain = self.chains.get(edge)
        if chain is None:
            points = (
                (source.x + source.width / 2, source.y + (source.height if target.y > source.y else 0.0)),
                (target.x + target.width / 2, target.y + (0.0 if target.y > source.y else target.height)),
            )
            return Route(*edge, points, "back")
        bends = []
        for bend in chain[1:-1]:
            left = x[self.layer[bend]]
            widest = max(self._width(node) for node in self.rows[self.layer[bend]])
            middle = self.y[bend] + self._height(bend) / 2
            bends += [(left, middle), (left + widest, middle)]
        start = (source.x + source.width, source.y + source.height / 2)
        return Route(*edge, (start, *bends, (target.x, target.y + target.height / 2)))

    def _width(self, node: object) -> float:
        return self.boxes[node].width if isinstance(node, str) else 0.0

    def _height(self, node: object) -> float:
        return self.boxes[node].height if isinstance(node, str) else _BEND


def _loop(node: Placed) -> Route:
    right, top = node.x + node.width, node.y
    points = (
        (right - 12, top),
        (right - 12, top - 10),
        (right + 12, top - 10),
        (right + 12, top + 12),
        (right, top + 12),
    )
    return Route(node.id, node.id, points, "loop")


def _mean(values: list[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _name(node: object) -> tuple[str, ...]:
    return (node,) if isinstance(node, str) else tuple(str(part) for part in node)  # type: ignore[attr-defined] # a bend is a tuple
