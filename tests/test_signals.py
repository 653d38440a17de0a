"""Signals on small trees: where each finds its evidence, and where it must not."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeaudit import apis, assessment, checklist
from pipeaudit.config import Config
from pipeaudit.evidence import gather
from pipeaudit.evidence.facts import Facts
from pipeaudit.flow.program import analyse
from pipeaudit.graph.build import build
from pipeaudit.read import python
from pipeaudit.repository import Repository
from pipeaudit.request import Request
from pipeaudit.resources import folder
from pipeaudit.rule import Project
from pipeaudit.sources import Sources
from pipeaudit.system import declarations
from pipeaudit.tree import Tree

RULES = folder("rules")
CASES = yaml.safe_load((RULES.parent / "fixtures" / "signals.yaml").read_text(encoding="utf-8"))


@cache
def knowledge() -> apis.Knowledge:
    return apis.load(RULES / "apis")


def facts(root: Path) -> Facts:
    tree = Tree(root, Request(root).find().files)
    sources = Sources(tree)
    programs, _ = analyse({p: python.read(p, tree.data(p)) for p in tree.paths if p.endswith(".py")}, knowledge())
    graph = build(declarations(sources, programs), sources, programs)
    return gather.facts(Project(programs, graph, Repository(tree)), RULES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["signal"])
def test_a_signal_finds_its_places_and_no_other(case: dict[str, Any], tmp_path: Path) -> None:
    for name, text in case["files"].items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = facts(tmp_path).evidence(case["signal"])
    assert sorted(f"{each.at.path}:{each.at.line}" for each in found) == sorted(case["at"])


def test_every_signal_that_a_control_asks_for_is_known(tmp_path: Path) -> None:
    known = facts(tmp_path)
    for item in checklist.load(RULES / "controls.yaml").items:
        for name in item.signals:
            assert known.evidence(name) is not None


def test_settings_are_evidence_where_they_answer_a_control(tmp_path: Path) -> None:
    project = facts(tmp_path).project

    def shows(signal: str, config: Config) -> bool:
        return assessment.known(project, config, "", RULES).facts.shows(signal)

    subjects = ("", "people", "mixed", "machines")
    assert [shows("subject-declared", Config(subject=subject)) for subject in subjects] == [False, False, False, True]
    assert [shows("primary-metric-declared", Config(primary_metric=name)) for name in ("", "f1")] == [False, True]
