"""The graph for other programs: DOT, Mermaid, GraphML and OpenLineage; what comes from the repository is escaped for
each.
"""

from __future__ import annotations

import json
import re

from pipeaudit.model.audit import Graph
from pipeaudit.model.pipeline import StageKind

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
_LONGEST = 500
_DOT_SHAPES = {
    StageKind.COLLECTION: "cylinder",
    StageKind.EXPLORATION: "ellipse",
    StageKind.PREPROCESSING: "parallelogram",
    StageKind.TRAINING: "hexagon",
    StageKind.EVALUATION: "octagon",
    StageKind.DEPLOYMENT: "cds",
    StageKind.MONITORING: "invtrapezium",
    StageKind.OTHER: "box",
}
_MERMAID_SHAPES = {
    StageKind.COLLECTION: ("[(", ")]"),
    StageKind.EXPLORATION: ("([", "])"),
    StageKind.PREPROCESSING: ("[/", "/]"),
    StageKind.TRAINING: ("{{", "}}"),
    StageKind.EVALUATION: ("[[", "]]"),
    StageKind.DEPLOYMENT: (">", "]"),
    StageKind.MONITORING: ("[\\", "/]"),
    StageKind.OTHER: ("[", "]"),
}


def dot(graph: Graph) -> str:
    """Graphviz; labels are plain strings, never HTML."""
    lines = ["digraph pipeline {", "  rankdir=LR;", '  node [fontname="sans-serif"];']
    for stage in graph.stages:
        label = f"{_dot(stage.name)}\\n{stage.kind.value}"
        lines.append(f'  "{_dot(stage.id)}" [label="{label}", shape={_DOT_SHAPES[stage.kind]}];')
    lines += [f'  "{_dot(artifact.id)}" [label="{_dot(artifact.name)}", shape=note];' for artifact in graph.artifacts]
    for edge in graph.edges:
        style = " [style=dashed]" if edge.origin.value == "observed" else ""
        lines.append(f'  "{_dot(edge.source)}" -> "{_dot(edge.target)}"{style};')
    return "\n".join([*lines, "}", ""])


def mermaid(graph: Graph) -> str:
    """A flowchart; labels are quoted and every sign of Mermaid's own in them is an entity."""
    identifiers = [stage.id for stage in graph.stages] + [artifact.id for artifact in graph.artifacts]
    names = {identifier: f"n{number}" for number, identifier in enumerate(identifiers)}
    lines = ["flowchart LR"]
    for stage in graph.stages:
        left, right = _MERMAID_SHAPES[stage.kind]
        lines.append(f'  {names[stage.id]}{left}"{_mermaid(stage.name)} ({stage.kind.value})"{right}')
    lines += [f'  {names[artifact.id]}("{_mermaid(artifact.name)}")' for artifact in graph.artifacts]
    for edge in graph.edges:
        arrow = "-.->" if edge.origin.value == "observed" else "-->"
        lines.append(f"  {names[edge.source]} {arrow} {names[edge.target]}")
    return "\n".join([*lines, ""])


def graphml(graph: Graph) -> str:
    import networkx

    made: networkx.MultiDiGraph[str] = networkx.MultiDiGraph()
    for stage in graph.stages:
        made.add_node(
            _plain(stage.id),
            type="stage",
            name=_plain(stage.name),
            kind=stage.kind.value,
            system=_plain(stage.system),
            path=_plain(stage.at.path),
            line=stage.at.line,
        )
    for artifact in graph.artifacts:
        made.add_node(_plain(artifact.id), type="artifact", name=_plain(artifact.name), kind=artifact.kind.value)
    for edge in graph.edges:
        made.add_edge(_plain(edge.source), _plain(edge.target), kind=edge.kind, origin=edge.origin.value)
    return "\n".join(networkx.generate_graphml(made, named_key_ids=True)) + "\n"


def openlineage(graph: Graph, as_of: str = "") -> str:
    """Static lineage: a job event for each stage, with what it reads and writes; `as_of` is the day of the revision."""
    names = {artifact.id: artifact.name for artifact in graph.artifacts}
    events = []
    for stage in graph.stages:
        inputs = [names[e.source] for e in graph.edges if e.kind == "reads" and e.target == stage.id]
        outputs = [names[e.target] for e in graph.edges if e.kind == "writes" and e.source == stage.id]
        events.append(
            {
                "eventTime": f"{as_of or '1970-01-01'}T00:00:00Z",
                "producer": "https://github.com/pipeaudit/pipeaudit",
                "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent",
                "job": {"namespace": _plain(stage.system), "name": _plain(stage.id)},
                "inputs": [_dataset(name) for name in inputs],
                "outputs": [_dataset(name) for name in outputs],
            }
        )
    return json.dumps(events, indent=1, ensure_ascii=True) + "\n"


def _dataset(name: str) -> dict[str, str]:
    scheme, separator, rest = name.partition("://")
    host, _, path = rest.partition("/")
    return (
        {"namespace": _plain(f"{scheme}://{host}"), "name": _plain(path)}
        if separator
        else {"namespace": "file", "name": _plain(name)}
    )


def _plain(text: str) -> str:
    return _CONTROLS.sub("\ufffd", text)[:_LONGEST]


def _dot(text: str) -> str:
    return _plain(text).replace("\\", "\\\\").replace('"', '\\"')


def _mermaid(text: str) -> str:
    return re.sub(r"[^\w ./,:@+=-]", lambda found: f"#{ord(found.group())};", _plain(text))
