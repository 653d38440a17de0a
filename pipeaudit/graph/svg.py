"""The stage graph as a static picture: kinds told by shape and word as well as colour; nothing in it moves or runs.

Colours are classes, so that a page can give both colour schemes; a picture of its own carries the style sheet.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from pipeaudit.graph.layout import Box, Placed, Route, layout
from pipeaudit.graph.shapes import Shape
from pipeaudit.graph.shapes import shapes as whole
from pipeaudit.model.audit import Graph
from pipeaudit.model.pipeline import StageKind

_CHARACTER = 7.2
_HEIGHT = 46.0
_LONGEST_NAME = 34
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Picture:
    """What one picture shows: its name is part of its identifiers, so each picture of a page has its own.

    `links` and `numbers` are by the identifiers of shapes: where one leads, and what a script knows it by. `anchors`
    are those that links of the page lead to.
    """

    shapes: Sequence[Shape]
    edges: Mapping[tuple[str, str], str]
    description: str
    name: str = "pipeline"
    title: str = "The pipeline's stages"
    links: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
    anchors: Container[str] = ()


def draw(graph: Graph, links: Mapping[str, str] | None = None) -> str:
    """The picture for a page that has the style sheet. `links`: where each stage's identifier leads."""
    return render(_whole(graph, links or {}))


def standalone(graph: Graph) -> str:
    """The picture as a file of its own."""
    from pipeaudit import resources

    style = (resources.folder("reports") / "html" / "graph.css").read_text("utf-8")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + render(_whole(graph, {}), f"<style>{style}</style>") + "\n"


def _whole(graph: Graph, links: Mapping[str, str]) -> Picture:
    shapes, edges = whole(graph)
    counts = Counter(node.kind.value for node in graph.stages)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    return Picture(shapes, edges, f"{len(graph.stages)} stages ({listed})", links=links)


def render(picture: Picture, style: str = "") -> str:
    boxes = [Box(shape.id, _width(shape), 26.0 if shape.kind == "artifact" else _HEIGHT) for shape in picture.shapes]
    drawn = layout(boxes, picture.edges)
    by_id = {node.id: node for node in drawn.nodes}
    name, links = picture.name, picture.links
    # An image has nothing inside that can be reached; where stages are links, the lines between them are the image.
    named = f'role="img" aria-labelledby="{name}-title {name}-desc"'
    outer, inner = (f'role="group" aria-labelledby="{name}-title"', named) if links else (named, "")
    described = f"{picture.description} and {len(drawn.routes)} edges; solid edges are declared, dashed ones observed."
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="pipeline" {outer} viewBox="0 0 {_n(drawn.width)} '
            f'{_n(drawn.height)}" width="{_n(drawn.width)}" height="{_n(drawn.height)}">'
        ),
        f'<title id="{name}-title">{_text(picture.title, quote=False)}</title>',
        f'<desc id="{name}-desc">{_text(described)}</desc>',
        style,
        (
            f'<defs><marker id="{name}-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto-start-reverse"><path class="arrow" d="M0 0L8 4L0 8z"/></marker></defs>'
        ),
        f"<g {inner}>".replace(" >", ">"),
        *(_edge(route, picture) for route in drawn.routes),
        "</g>",
        *(_node(shape, by_id[shape.id], picture) for shape in picture.shapes),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part)


def sign(kind: str) -> str:
    """The shape of a kind alone, for a key beside the picture."""
    outline = _outline(kind, Placed("", 1.0, 1.0, 34.0, 18.0))
    return (
        f'<svg class="pipeline sign" viewBox="0 0 36 20" width="36" height="20" aria-hidden="true" focusable="false">'
        f'<g class="node {kind}">{outline}</g></svg>'
    )


def _width(shape: Shape) -> float:
    longest = max(len(_short(shape.name)), len(_caption(shape)) * 0.85)
    return round(longest * _CHARACTER + 36.0, 1)


def _short(name: str) -> str:
    return (
        name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME // 2] + "\u2026" + name[-_LONGEST_NAME // 2 + 1 :]
    )


def _caption(shape: Shape) -> str:
    return shape.detail if shape.kind in ("artifact", "group") else f"{shape.kind} \u00b7 {shape.detail}"


def _node(shape: Shape, at: Placed, picture: Picture) -> str:
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
    link, number = picture.links.get(shape.id, ""), picture.numbers.get(shape.id)
    marks = f'data-id="{_text(shape.id)}"' if number is None else f'data-n="{number}"'
    body = f'<g class="node {shape.kind}" {marks}>' + "".join(inside) + "</g>"
    named = f' id="node-{number}"' if shape.id in picture.anchors else ""
    return f'<a{named} href="{_text(link)}">{body}</a>' if link else body


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
    if kind == "group":  # a sheet on a pile
        return (
            f'<path class="line" d="M{_n(x + 6)} {_n(y)}H{_n(r)}V{_n(b - 6)}"/>'
            f'<rect class="shape" x="{_n(x)}" y="{_n(y + 4)}" width="{_n(w - 4)}" height="{_n(h - 4)}" rx="3"/>'
        )
    radius = 13 if kind == "artifact" else 3
    return f'<rect class="shape" x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}" rx="{radius}"/>'


def _edge(route: Route, picture: Picture) -> str:
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
    ends = " ".join(picture.numbers.get(end, "") for end in (route.source, route.target))
    marks = f' data-ends="{ends}"' if picture.numbers else ""
    origin = picture.edges[route.source, route.target]
    return f'<path class="edge {origin} {route.kind}"{marks} d="{path}" marker-end="url(#{picture.name}-arrow)"/>'


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(value: str, *, quote: bool = True) -> str:
    return escape(_FORBIDDEN.sub("\ufffd", value.replace("\r", " ").replace("\n", " "))[:500], quote=quote)
