"""All signals of a project, ready to be asked: those written as code and those declared as data."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from pipeaudit.evidence import declared
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.signal import FINDERS
from pipeaudit.rule import Project

_MODULES = (
    "candidates",
    "ci",
    "data",
    "data_form",
    "documents",
    "evaluation",
    "experiments",
    "lineage",
    "models",
    "monitoring",
    "packages",
    "parameters",
    "preprocessing",
    "release",
    "serving",
    "sharing",
    "splits",
    "team",
    "tests",
    "training",
)


def facts(project: Project, rules: Path) -> Facts:
    """The facts of a project; `rules` is the folder that holds `signals.yaml`."""
    for module in _MODULES:
        import_module(f"pipeaudit.evidence.{module}")
    declarations = declared.load(rules / "signals.yaml")
    found = Facts(project, {**declared.finders(declarations), **FINDERS}, declarations)
    found.call_rules = declared.call_rules(declarations)
    found.section_rules = declared.section_rules(declarations)
    return found
