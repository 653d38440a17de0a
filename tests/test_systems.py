"""Every pipeline system: its fixture folder means the graph beside it.

`graph.json` lists stages by name with their kind and file, and edges between them: `declared` ones as the engine has
them, straight from stage to stage, and `observed` ones that only code shows. Artifacts are listed by who writes and
reads
them. A new system adds a folder, and no code.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from pipeaudit import engine
from pipeaudit.model.audit import Graph
from pipeaudit.nesting import Item, flatten
from pipeaudit.request import Request
from tests.conftest import FIXTURES

FOLDERS = sorted(path for path in (FIXTURES / "systems").iterdir() if path.is_dir())


def meant(graph: Graph, problems: list[str]) -> dict[str, object]:
    """The graph in the words of a fixture: names instead of identifiers, edges contracted."""
    names: dict[str, str] = {}
    for stage in graph.stages:
        shared = sum(other.name == stage.name for other in graph.stages) > 1
        names[stage.id] = stage.id if shared else stage.name
    twice = [artifact.name for artifact in graph.artifacts]
    shown = {a.id: a.id if twice.count(a.name) > 1 else a.name for a in graph.artifacts}
    writers, readers = defaultdict(list), defaultdict(list)
    for edge in graph.edges:
        if edge.kind == "writes":
            writers[edge.target].append(edge)
        elif edge.kind == "reads":
            readers[edge.source].append(edge)
    edges: dict[tuple[str, str], str] = {}
    for edge in graph.edges:
        if edge.kind == "after":
            edges[names[edge.source], names[edge.target]] = edge.origin.value
    for artifact, written in writers.items():
        for one in written:
            for other in readers[artifact]:
                both = {one.origin.value, other.origin.value}
                pair = (names[one.source], names[other.target])
                if pair[0] != pair[1] and edges.get(pair) != "declared":
                    edges[pair] = "declared" if both == {"declared"} else "observed"
    return {
        "stages": {
            names[stage.id]: [stage.kind.value, stage.at.path, *(said.system for said in stage.declarations)]
            for stage in graph.stages
        },
        **{
            origin: sorted(f"{one} -> {other}" for (one, other), found in edges.items() if found == origin)
            for origin in ("declared", "observed")
        },
        "artifacts": {
            shown[artifact.id]: [
                artifact.kind.value,
                sorted(names[edge.source] for edge in writers[artifact.id]),
                sorted(names[edge.target] for edge in readers[artifact.id]),
            ]
            for artifact in graph.artifacts
        },
        "cells": {f"{cell.path}:{cell.cell}": list(cell.kinds) for cell in graph.cells},
        "problems": problems,
    }


NOTES = {
    "azure-pipelines/announce": "there under a condition only; on the schedule 0 3 * * 1",
    "azure-pipelines/approve": "waits for a person; on the schedule 0 3 * * 1",
    "azure-pipelines/tidy": "`tidy.yml@shared` is not part of this repository; on the schedule 0 3 * * 1",
    "circleci/deploy-model": "a job of the orb `aws`, which is not read; on the schedule 0 4 * * 1",
    "circleci/train": "one of many; on the schedule 0 4 * * 1; `aws/setup` comes from an orb",
    "helm/watch": "templates that hold expressions and are not read: 1; makes PrometheusRule",
    "jenkins/Approve": "waits for a person; on the schedule H 2 * * 1",
    "jenkins/Jenkinsfile.library": "calls `acmePipeline`, which is not read",
    "kubernetes/scorer-traffic": "90% to v1, 10% to v2",
    "terraform/nightly": "google_cloud_scheduler_job; on a schedule that is set elsewhere",
}


@pytest.mark.parametrize("stage", NOTES)
def test_what_only_the_engine_knows_is_said_of_the_stage(stage: str) -> None:
    folder, _, name = stage.partition("/")
    audit, _ = engine.audit(Request(root=(FIXTURES / "systems" / folder).resolve()))
    said = [said for node in audit.graph.stages for said in node.declarations if said.system == folder]
    assert [each.note for each in said if each.name == name] == [NOTES[stage]]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_fixture_means_its_graph(folder: Path) -> None:
    audit, failures = engine.audit(Request(root=folder.resolve()))
    assert failures == ()
    problems = [f"{p.path}:{p.line}: {p.message}" for p in audit.problems if p.path != "."]
    found = meant(audit.graph, problems)
    assert found == json.loads((folder / "graph.json").read_text())


def test_groups_that_wait_for_each_other_keep_their_edges() -> None:
    inner = [Item("one"), Item("two", ("one",))]
    leaves = flatten([Item("group", ("last",), inner), Item("last", ("group",))])
    assert [(leaf.name, leaf.after) for leaf in leaves] == [("last", [2]), ("one", [0]), ("two", [1])]
