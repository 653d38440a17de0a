"""The graph as a page of its own: static pictures that fold, a table that says the same, and a script for finding and
following stages in them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeaudit.graph import svg
from pipeaudit.graph.groups import by_kind, groups, inside, overview
from pipeaudit.graph.shapes import FEW_STAGES, MOST_ARTIFACTS, Shape, shapes, without_code
from pipeaudit.model.audit import Audit, Graph
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Node, StageKind
from pipeaudit.report import html, text, verdict, view
from pipeaudit.report.prose import prose


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A picture on the page. `fits`: it is shown as wide as the page, where that keeps letters readable."""

    anchor: str
    name: str
    detail: str
    picture: object
    fits: bool


def render(audit: Audit) -> str:
    from markupsafe import Markup

    style = "\n".join(html.asset(name) for name in ("report.css", "graph.css", "graph_page.css"))
    script = html.asset("graph_page.js")
    graph = without_code(audit.graph)
    rows = view.stages(audit, ())
    first, *parts = _drawings(graph)
    counts = Counter(stage.kind.value for stage in graph.stages)
    signs = [(kind.value, Markup(svg.sign(kind.value)), counts[kind.value]) for kind in StageKind if counts[kind.value]]  # noqa: S704 # our own picture
    page = (
        html.environment()
        .get_template("graph_page.html")
        .render(
            made=audit.identification,
            revision=verdict.revision(audit),
            stages=rows,
            artifacts=len(audit.graph.artifacts),
            edges=len(audit.graph.edges),
            first=first,
            parts=parts,
            kinds=signs,
            artifact_sign=Markup(svg.sign("artifact")),  # noqa: S704 # our own picture
            problems=[
                (view.where(audit, Location(problem.path, problem.line)), prose(problem.message))
                for problem in audit.problems
            ],
            following=Markup(_following(graph)),  # noqa: S704 # numbers only
            style=Markup(style),  # noqa: S704 # our own files
            script=Markup(script),  # noqa: S704 # our own file
            policy=html.policy(style, script),
        )
    )
    return text.visible(page)


def _drawings(graph: Graph) -> list[_Drawing]:
    """The whole graph where it can be seen at once; else an overview of its groups, and each of these."""
    numbers = _numbers(graph)
    if len(graph.stages) <= FEW_STAGES and len(graph.artifacts) <= MOST_ARTIFACTS:
        return [_drawing(shapes(graph), "whole", "The pipeline", graph.stages, numbers)]
    parts = groups(graph)
    folds = [group for group in parts if len(group.stages) > 1]
    numbers |= {group.id: f"g{position}" for position, group in enumerate(folds)}
    drawn = [_drawing(overview(graph, parts), "overview", "Groups of stages", graph.stages, numbers)]
    for position, group in enumerate(folds):
        drawn.append(_drawing(inside(graph, group, parts), f"group-{position}", group.name, group.stages, numbers))
    return drawn


def _numbers(graph: Graph) -> dict[str, str]:
    """Stages first, in the order of the table, then artifacts."""
    identifiers = [*(stage.id for stage in graph.stages), *(artifact.id for artifact in graph.artifacts)]
    return {identifier: str(position) for position, identifier in enumerate(identifiers)}


def _drawing(
    drawn: tuple[Sequence[Shape], Mapping[tuple[str, str], str]],
    anchor: str,
    name: str,
    stages: Sequence[Node],
    numbers: Mapping[str, str],
) -> _Drawing:
    from markupsafe import Markup

    what, edges = drawn
    links = {shape.id: _link(shape, numbers[shape.id]) for shape in what if shape.kind != "artifact"}
    detail, anchors = by_kind(stages), {stage.id for stage in stages}
    picture = svg.render(svg.Picture(what, edges, detail, f"{anchor}-picture", name, links, numbers, anchors))
    fits = html.PANEL < html.width(picture) <= html.NEARLY_FITS
    return _Drawing(anchor, name, detail, Markup(picture), fits)  # noqa: S704 # our own picture, its text escaped


def _link(shape: Shape, number: str) -> str:
    return f"#group-{number[1:]}" if shape.kind == "group" else f"#stage-{number}"


def _following(graph: Graph) -> str:
    """What follows each stage and artifact, and the stages of each group, as numbers."""
    numbers = {name: int(number) for name, number in _numbers(graph).items()}
    following: list[list[int]] = [[] for _ in numbers]
    for edge in graph.edges:
        following[numbers[edge.source]].append(numbers[edge.target])
    parts = [[numbers[node.id] for node in group.stages] for group in groups(graph) if len(group.stages) > 1]
    return json.dumps({"next": following, "groups": parts, "stages": len(graph.stages)}, separators=(",", ":"))
