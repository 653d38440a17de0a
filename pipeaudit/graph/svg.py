"""The stage graph as a static picture: kinds told by shape and word as well as colour; nothing in it moves or runs.

Colours are classes, so that a page can give both colour schemes; a picture of its own carries the style sheet.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from pipeaudit.graph.layout import Box, Layout, Placed, Route, layout
from pipeaudit.model.audit import Graph
from pipeaudit.model.pipeline import Node, Origin, StageKind

_MOST_STAGES = 150
_MOST_ARTIFACTS = 60
_CHARACTER = 7.2
_HEIGHT = 46.0
_LONGEST_NAME = 34
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is drawn for a stage, a fold of several, or an artifact."""

    id: str
    name: str
    kind: str
    detail: str
    title: str


def draw(graph: Graph, links: Mapping[str, str] | None = None) -> str:
    """The picture for a page that has the style sheet. `links`: where each stage's identifier leads."""
    return _picture(graph, links or {}, "")


def standalone(graph: Graph) -> str:
    """The picture as a file of its own."""
    from pipeaudit import resources

    style = (resources.folder("reports") / "html" / "graph.css").read_text("utf-8")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + _picture(graph, {}, f"<style>{style}</style>") + "\n"


def _picture(graph: Graph, links: Mapping[str, str], style: str) -> str:
    shapes, edges = _shapes(graph)
    boxes = [Box(shape.id, _width(shape), 26.0 if shape.kind == "artifact" else _HEIGHT) for shape in shapes]
    drawn = layout(boxes, edges)
    by_id = {node.id: node for node in drawn.nodes}
    # An image has nothing inside that can be reached; where stages are links, the lines between them are the image.
    named = 'role="img" aria-labelledby="pipeline-title pipeline-desc"'
    outer, inner = ('role="group" aria-labelledby="pipeline-title"', named) if links else (named, "")
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="pipeline" {outer} viewBox="0 0 {_n(drawn.width)} '
            f'{_n(drawn.height)}" width="{_n(drawn.width)}" height="{_n(drawn.height)}">'
        ),
        '<title id="pipeline-title">The pipeline\'s stages</title>',
        f'<desc id="pipeline-desc">{_text(_description(graph, drawn))}</desc>',
        style,
        (
            '<defs><marker id="pipeline-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto-start-reverse"><path class="arrow" d="M0 0L8 4L0 8z"/></marker></defs>'
        ),
        f"<g {inner}>".replace(" >", ">"),
        *(_edge(route, edges[route.source, route.target]) for route in drawn.routes),
        "</g>",
        *(_node(shape, by_id[shape.id], links.get(shape.id, "")) for shape in shapes),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part)


def _shapes(graph: Graph) -> tuple[list[_Shape], dict[tuple[str, str], str]]:
    """What to draw. Artifacts stand between stages where there is room; many stages fold by folder and kind."""
    if len(graph.stages) > _MOST_STAGES:
        return _folded(graph)
    stages = [_stage(node) for node in graph.stages]
    if len(graph.stages) <= 30 and len(graph.artifacts) <= _MOST_ARTIFACTS:
        artifacts = [
            _Shape(a.id, a.name, "artifact", a.kind.value, f"{a.name}: {a.kind.value}") for a in graph.artifacts
        ]
        return [*stages, *artifacts], {(e.source, e.target): e.origin.value for e in graph.edges}
    return stages, _between_stages(graph)


def _between_stages(graph: Graph) -> dict[tuple[str, str], str]:
    """Edges from stage to stage, through the artifacts that they share."""
    found: dict[tuple[str, str], str] = {}
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


def _folded(graph: Graph) -> tuple[list[_Shape], dict[tuple[str, str], str]]:
    groups: dict[tuple[str, str], list[Node]] = defaultdict(list)
    for node in graph.stages:
        groups[_folder(node), node.kind.value].append(node)
    fold = {node.id: f"fold:{folder}:{kind}" for (folder, kind), nodes in groups.items() for node in nodes}
    shapes = [
        _stage(nodes[0])
        if len(nodes) == 1
        else _Shape(
            f"fold:{folder}:{kind}",
            f"{folder}: {len(nodes)} stages",
            kind,
            ", ".join(sorted({node.system for node in nodes})),
            ", ".join(node.name for node in nodes[:40]) + (", ..." if len(nodes) > 40 else ""),
        )
        for (folder, kind), nodes in sorted(groups.items())
    ]
    alone = {nodes[0].id for nodes in groups.values() if len(nodes) == 1}
    edges: dict[tuple[str, str], str] = {}
    for (one, other), origin in _between_stages(graph).items():
        ends = tuple(end if end in alone else fold[end] for end in (one, other))
        if ends[0] != ends[1] and edges.get((ends[0], ends[1])) != Origin.DECLARED.value:
            edges[ends[0], ends[1]] = origin
    return shapes, edges


def _folder(node: Node) -> str:
    return node.at.path.rpartition("/")[0] or node.at.path


def _stage(node: Node) -> _Shape:
    systems = ", ".join(dict.fromkeys([node.system, *(said.system for said in node.declarations)]))
    return _Shape(
        node.id, node.name, node.kind.value, systems, f"{node.name}: {node.kind.value} ({systems}), {node.at}"
    )


def _width(shape: _Shape) -> float:
    longest = max(len(_short(shape.name)), len(_caption(shape)) * 0.85)
    return round(longest * _CHARACTER + 36.0, 1)


def _short(name: str) -> str:
    return (
        name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME // 2] + "\u2026" + name[-_LONGEST_NAME // 2 + 1 :]
    )


def _caption(shape: _Shape) -> str:
    return shape.detail if shape.kind == "artifact" else f"{shape.kind} \u00b7 {shape.detail}"


def _node(shape: _Shape, at: Placed, link: str) -> str:
    middle = at.x + at.width / 2
    is_artifact = shape.kind == "artifact"
    lowered = 5 if shape.kind == StageKind.COLLECTION.value else 0  # below the lid of the drum
    name_y = at.y + (at.height / 2 + 4 if is_artifact else 19 + lowered)
    inside = [
        f"<title>{_text(shape.title)}</title>",
        _outline(shape.kind, at),
        f'<text class="name" x="{_n(middle)}" y="{_n(name_y)}">{_text(_short(shape.name))}</text>',
    ]
    if not is_artifact:
        inside.append(
            f'<text class="kind" x="{_n(middle)}" y="{_n(at.y + 35 + lowered / 2)}">{_text(_caption(shape))}</text>'
        )
    body = f'<g class="node {shape.kind}" data-id="{_text(shape.id)}">' + "".join(inside) + "</g>"
    return f'<a href="{_text(link)}">{body}</a>' if link else body


def _outline(kind: str, at: Placed) -> str:
    """Each kind has a shape of its own."""
    x, y, w, h = at.x, at.y, at.width, at.height
    r, b = x + w, y + h
    if kind == StageKind.COLLECTION.value:  # a drum
        return (
            f'<path class="shape" d="M{_n(x)} {_n(y + 6)}A{_n(w / 2)} 6 0 0 1 {_n(r)} {_n(y + 6)}V{_n(b - 6)}'
            f'A{_n(w / 2)} 6 0 0 1 {_n(x)} {_n(b - 6)}Z"/><path class="line" d="M{_n(x)} {_n(y + 6)}'
            f'A{_n(w / 2)} 6 0 0 0 {_n(r)} {_n(y + 6)}"/>'
        )
    if kind == StageKind.EXPLORATION.value:
        return f'<rect class="shape" x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}" rx="{_n(h / 2)}"/>'
    corners: dict[str, list[tuple[float, float]]] = {
        StageKind.PREPROCESSING.value: [(x + 12, y), (r, y), (r - 12, b), (x, b)],
        StageKind.TRAINING.value: [(x + 12, y), (r - 12, y), (r, y + h / 2), (r - 12, b), (x + 12, b), (x, y + h / 2)],
        StageKind.EVALUATION.value: [
            (x + 8, y), (r - 8, y), (r, y + 8), (r, b - 8), (r - 8, b), (x + 8, b), (x, b - 8), (x, y + 8),
        ],
        StageKind.DEPLOYMENT.value: [(x, y), (r - 14, y), (r, y + h / 2), (r - 14, b), (x, b)],
        StageKind.MONITORING.value: [(x, y), (r, y), (r - 10, b), (x + 10, b)],
    }  # fmt: skip
    if kind in corners:
        points = " ".join(f"{_n(px)},{_n(py)}" for px, py in corners[kind])
        return f'<polygon class="shape" points="{points}"/>'
    radius = 13 if kind == "artifact" else 3
    return f'<rect class="shape" x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}" rx="{radius}"/>'


def _edge(route: Route, origin: str) -> str:
    first, *rest = route.points
    path = f"M{_n(first[0])} {_n(first[1])}"
    previous = first
    for point in rest:
        if route.kind == "forward" and point[1] != previous[1]:
            half = (previous[0] + point[0]) / 2
            path += f"C{_n(half)} {_n(previous[1])} {_n(half)} {_n(point[1])} {_n(point[0])} {_n(point[1])}"
        else:
            path += f"L{_n(point[0])} {_n(point[1])}"
        previous = point
    return f'<path class="edge {origin} {route.kind}" d="{path}" marker-end="url(#pipeline-arrow)"/>'


def _description(graph: Graph, drawn: Layout) -> str:
    counts = Counter(node.kind.value for node in graph.stages)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    counted = f"{len(graph.stages)} stages ({listed}) and {len(drawn.routes)} edges"
    return f"{counted}; solid edges are declared, dashed ones observed."


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(value: str) -> str:
    return escape(_FORBIDDEN.sub("\ufffd", value.replace("\r", " ").replace("\n", " "))[:500], quote=True)
