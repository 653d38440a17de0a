"""Questions to a graph, and its pictures."""

from __future__ import annotations

from xml.etree import ElementTree

from pipeaudit.graph import export, svg
from pipeaudit.graph.graph import PipelineGraph, components
from pipeaudit.graph.layout import Box, layout
from pipeaudit.link.artifacts import Overlaps
from pipeaudit.model.audit import ArtifactNode
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Edge, Node, Origin, StageKind


def graph(*edges: str) -> PipelineGraph:
    """`a -> b` is an order, `a > f` writes a file, `f < b` reads it; names of one letter in capitals are files."""
    found: list[Edge] = []
    stages: dict[str, Node] = {}
    artifacts: dict[str, ArtifactNode] = {}
    for text in edges:
        one, sign, other = text.split()
        for name in (one, other):
            if name.isupper():
                artifacts[f"artifact:{name}"] = ArtifactNode(f"artifact:{name}", name, ArtifactKind.DATASET)
            else:
                stages[name] = Node(name, name, StageKind.OTHER, "dvc", Location("dvc.yaml", len(stages) + 1))
        ends = [f"artifact:{name}" if name.isupper() else name for name in (one, other)]
        found.append(Edge(ends[0], ends[1], {"->": "after", ">": "writes", "<": "reads"}[sign], Origin.DECLARED))
    return PipelineGraph(stages.values(), artifacts.values(), found)


def names(nodes: list[Node]) -> str:
    return " ".join(node.name for node in nodes)


def test_what_lies_upstream_goes_through_artifacts() -> None:
    made = graph("load > R", "R < clean", "clean -> train", "train > M", "M < serve", "other > X")
    serve = made.nodes["serve"]
    assert names(made.upstream(serve)) == "load clean train"
    assert names(made.downstream(made.nodes["load"])) == "clean train serve"
    assert names(made.order()) == "load other clean train serve"


def test_stages_that_wait_for_each_other_are_one_component() -> None:
    made = graph("a -> b", "b -> c", "c -> a", "c -> d", "d > F", "F < d", "d -> e")
    groups = components(made.nodes, lambda stage: [later.id for later in made.after(made.nodes[stage])])
    assert [" ".join(sorted(group)) for group in groups] == ["e", "d", "a b c"]


def test_writers_compete_unless_one_runs_before_the_other() -> None:
    made = graph("a > F", "b > F", "c > G", "c -> d", "d > G")
    assert [(artifact.name, names(nodes)) for artifact, nodes in made.competing_writers()] == [("F", "a b")]


def test_what_somebody_reads_is_no_dead_end() -> None:
    made = graph("load > R", "R < clean", "clean > S")
    assert [artifact.name for artifact in made.dead_ends()] == ["S"]


def test_a_layout_runs_from_left_to_right_without_overlaps() -> None:
    edges = [(f"n{i}", f"n{j}") for i in range(40) for j in (2 * i + 1, 2 * i + 2) if j < 40] + [("n5", "n5")]
    drawn = layout([Box(f"n{i}", 80, 40) for i in range(40)], edges)
    at = {node.id: node for node in drawn.nodes}
    assert all(at[a].x + at[a].width < at[b].x for a, b in edges if a != b)
    assert not any(
        one.x < other.x + other.width and other.x < one.x + one.width
        and one.y < other.y + other.height and other.y < one.y + one.height
        for one in drawn.nodes for other in drawn.nodes if one.id < other.id
    )  # fmt: skip
    assert drawn == layout([Box(f"n{i}", 80, 40) for i in reversed(range(40))], list(reversed(edges)))


def test_pictures_hold_nothing_active_whatever_stages_are_called() -> None:
    evil = '<script>alert(1)</script>"\x1b]0;x\x07--></title>'
    node = Node("x", evil, StageKind.TRAINING, "dvc", Location(evil))
    made = PipelineGraph(
        [node], [ArtifactNode("artifact:y", evil)], [Edge("x", "artifact:y", "writes", Origin.OBSERVED)]
    )
    picture = svg.standalone(made.plain())
    tree = ElementTree.fromstring(picture)  # our own text
    assert {element.tag.rpartition("}")[2] for element in tree.iter()} <= {
        "svg", "title", "desc", "style", "defs", "marker", "path", "g", "text", "rect", "polygon", "a", "ellipse",
        "tspan",
    }  # fmt: skip
    assert "<script" not in picture
    assert "\x1b" not in picture
    assert '"' not in export.mermaid(made.plain()).split("\n")[1].split('"', 1)[1].rpartition('"')[0]
    ElementTree.fromstring(export.graphml(made.plain()))  # our own text


def test_folders_of_network_shares_and_of_bare_slashes_end() -> None:
    overlaps = Overlaps(["//host/share/rows.csv", "s3://bucket/features/rows.csv", "//////", "s3:////rows"])
    assert [overlaps.of("//host/share"), overlaps.of("s3://bucket/features")] == [
        ["//host/share/rows.csv"],
        ["s3://bucket/features/rows.csv"],
    ]
