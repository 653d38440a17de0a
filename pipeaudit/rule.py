"""What a rule file is written with: the only module of the program that rules import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from inspect import cleandoc
from typing import TypeVar

from pipeaudit.credentials import KEY_FORMS, KEY_MARKS, PROVIDER_KEY
from pipeaudit.flow.events import MISSING, Event, Events, Learned, Snapshot, is_example, is_test
from pipeaudit.flow.kept import KeptByTest, called_validation, is_published_test, kept_by_test, searched_by_test
from pipeaudit.flow.leakage import (
    Evaluation,
    Leak,
    Refit,
    Training,
    asked_by,
    copies_across_split,
    evaluations,
    held_out,
    internal_leaks,
    judged,
    leaks,
    overlaps,
    refits,
    steered_by_test,
    test_reuse,
    together,
    trainings,
)
from pipeaudit.flow.requests import Handler, handlers, is_from_request
from pipeaudit.flow.seeds import is_seeded, unseeded_domains
from pipeaudit.graph.cycles import Cycle, Wait, cycles
from pipeaudit.graph.graph import PipelineGraph
from pipeaudit.graph.notebooks import NotebookFile, notebook_files
from pipeaudit.link.cell_names import LostName, lost_names
from pipeaudit.link.components import Component, components
from pipeaudit.link.configuration import ConfigRead, config_reads
from pipeaudit.link.crossed import Crossed, crossed_fields
from pipeaudit.link.distributions import ANALYTIC, KNOWN, brought_along
from pipeaudit.link.exchange import Touch, read, same_file, written
from pipeaudit.link.handed import FileLeak, leaks_through_files
from pipeaudit.link.manifests import Workload, documents, services, workloads
from pipeaudit.link.people import consents, identifiers, plain, protected, proxies
from pipeaudit.link.switches import DeadBranch, dead_branches
from pipeaudit.model.audit import ArtifactNode
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.edit import Addition, Rewrite, Withdrawal
from pipeaudit.model.finding import Confidence, Match, Problem, Related, Severity, least
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import CODE_SYSTEMS, ArtifactKind, Edge, Node, Origin, Program, Stage, StageKind
from pipeaudit.model.suppression import Suppression
from pipeaudit.read.document import Document, Section
from pipeaudit.read.node import Node as ConfigNode
from pipeaudit.read.program import invocations
from pipeaudit.read.python import PythonFacts
from pipeaudit.read.requirements import Environment, Requirement, requirement
from pipeaudit.repository import Repository

__all__ = [
    "ANALYTIC",
    "CODE_SYSTEMS",
    "KEY_FORMS",
    "KEY_MARKS",
    "KNOWN",
    "MISSING",
    "PROVIDER_KEY",
    "Addition",
    "ArtifactKind",
    "ArtifactNode",
    "Component",
    "Confidence",
    "ConfigNode",
    "ConfigRead",
    "Crossed",
    "Cycle",
    "DeadBranch",
    "Document",
    "Edge",
    "Environment",
    "Evaluation",
    "Event",
    "Events",
    "Evidence",
    "FileLeak",
    "Handler",
    "Iterator",
    "KeptByTest",
    "Leak",
    "Learned",
    "Location",
    "LostName",
    "Match",
    "Node",
    "NotebookFile",
    "Origin",
    "PipelineGraph",
    "Problem",
    "Program",
    "Project",
    "Refit",
    "Related",
    "Repository",
    "Requirement",
    "Rewrite",
    "Rule",
    "Scope",
    "Section",
    "Severity",
    "Snapshot",
    "Stage",
    "StageKind",
    "Strength",
    "Suppression",
    "Touch",
    "Training",
    "Wait",
    "Withdrawal",
    "Workload",
    "asked_by",
    "brought_along",
    "called_validation",
    "consents",
    "copies_across_split",
    "cycles",
    "evaluations",
    "handlers",
    "held_out",
    "identifiers",
    "internal_leaks",
    "invocations",
    "is_example",
    "is_from_request",
    "is_published_test",
    "is_seeded",
    "is_test",
    "judged",
    "kept_by_test",
    "leaks",
    "leaks_through_files",
    "least",
    "overlaps",
    "plain",
    "protected",
    "proxies",
    "refits",
    "requirement",
    "rule",
    "same_file",
    "searched_by_test",
    "steered_by_test",
    "test_reuse",
    "together",
    "trainings",
    "unseeded_domains",
]


def no_evidence(signal: str) -> tuple[Evidence, ...]:
    """Where nothing looks for signals, none is found."""
    return ()


@dataclass(frozen=True)
class Project:
    """Everything known about the audited repository; rules look at it and change nothing.

    `programs`: the events of each Python program and notebook, by path. `profile`: full, training, service, study,
    library, platform or none (the project profiles of the checklist). `suppressions` are known to rules of scope NOTES
    only. `signals` gives what speaks for a control, by the ids of rules/signals.yaml;
    `register` what is wrong with the file of attestations. `facts` are the programs' statements.
    """

    programs: dict[str, Events]
    graph: PipelineGraph
    repository: Repository
    profile: str = "none"
    suppressions: tuple[Suppression, ...] = ()
    signals: Callable[[str], tuple[Evidence, ...]] = no_evidence
    register: tuple[Problem, ...] = ()
    facts: Mapping[str, PythonFacts] = field(default_factory=dict)

    def events(self, *roles: str) -> Iterator[Event]:
        """Events with these roles in all programs, by path."""
        for path in sorted(self.programs):
            yield from self.programs[path].of(*roles)

    @cached_property
    def written(self) -> list[Touch]:
        """Files that programs write, by program."""
        return written(self.programs)

    @cached_property
    def read(self) -> list[Touch]:
        """Files that programs read, by program."""
        return read(self.programs)

    @cached_property
    def notebook_files(self) -> list[NotebookFile]:
        """Files that only notebooks make, which no stage runs, and that others use."""
        if "settings.ini" in self.repository and "nbs_path" in self.repository.text("settings.ini"):
            return []  # nbdev writes the modules from its notebooks
        return list(notebook_files(self.graph, self.written, self.read, self.repository))

    @cached_property
    def serving(self) -> list[Evidence]:
        """Where a model is served, deployed or scored in batches; names alone only where nothing is surer."""
        signals = ("serving-endpoint", "served-by-call", "serving-resource", "batch-prediction", "service-image")
        found = [e for e in self.evidence(*signals) if not e.at.path.endswith(".ipynb") and not is_test(e.at.path)]
        found = found or [e for e in self.evidence("web-app", "prediction-cli") if not is_test(e.at.path)]
        return sorted(found, key=lambda evidence: evidence.strength is Strength.WEAK)

    @cached_property
    def training(self) -> list[Event]:
        """Calls that train a model, by program, each place once; no tests."""
        found = {event.at: event for event in self.events("train", "backward") if not is_test(event.at.path)}
        return list(found.values())

    @cached_property
    def manifests(self) -> list[ConfigNode]:
        """Kubernetes documents, those of tests and of others' code left out."""
        return documents(self.repository)

    @cached_property
    def workloads(self) -> list[Workload]:
        """What Kubernetes documents run in containers."""
        return workloads(self.repository)

    @cached_property
    def services(self) -> list[Workload]:
        """What compose files run."""
        return list(services(self.repository))

    def declared(self, key: str) -> ConfigNode | None:
        """What the project's own settings say of it, where they stand."""
        for path, keys in (("pipeaudit.toml", ()), (".pipeaudit.toml", ()), ("pyproject.toml", ("tool", "pipeaudit"))):
            for document in self.repository.nodes(path) if path in self.repository else ():
                if found := document.get(*keys, key):
                    return found
        return None

    @property
    def is_high_risk(self) -> bool:
        """Whether the project declares that the EU AI Act counts it among high-risk systems."""
        declared = self.declared("risk")
        return declared is not None and declared.text == "high"

    def components(self, path: str) -> list[Component]:
        """Functions of a file that are shipped alone, as lightweight components."""
        return components(path, self.repository.text(path)) if path.endswith(".py") else []

    def crossed_fields(self, path: str) -> list[Crossed]:
        """Fields that a module takes under each other's names."""
        return crossed_fields(path, self.repository.text(path)) if path.endswith(".py") else []

    def dead_branches(self, path: str) -> list[DeadBranch]:
        """Branches of a module that its own constants turn off."""
        return dead_branches(path, self.repository.text(path)) if path.endswith(".py") else []

    def lost_names(self, path: str) -> list[LostName]:
        """Names that a notebook uses before a cell makes them."""
        found = self.repository.notebook(path)
        events = self.programs.get(path)
        return lost_names(found, events.unmade if events is not None else None) if found is not None else []

    def config_reads(self, path: str) -> list[ConfigRead]:
        """What one program reads of the repository's configuration files."""
        return config_reads(self.programs[path], self.repository)

    def evidence(self, *signals: str) -> list[Evidence]:
        """All evidence of these signals, each signal's strongest first."""
        return [item for signal in signals for item in self.signals(signal)]


class Scope(Enum):
    FILE = "file"  # is given one program's events; its findings are cached with the file
    PROJECT = "project"  # is given the project: all events, the graph, and the repository's other files
    NOTES = "notes"  # is given the project when all other rules have spoken, with what the suppressions hid


@dataclass(frozen=True)
class Rule:
    id: str
    severity: Severity
    ceiling: Confidence  # no match of the rule is surer than this
    stage: StageKind | None  # None: the kind of the stage at the place
    controls: tuple[str, ...]
    check: Callable[..., Iterable[Match]]
    tier: str = "default"  # "core", "default" or "pack:<name>"
    kinds: tuple[str, ...] = ()
    scope: Scope = Scope.PROJECT
    fixable: bool = False  # its matches carry edits, at least where the code has the plain form
    yields_to: tuple[str, ...] = ()  # says nothing where one of these rules found the same place
    security_severity: str = ""  # a score from 0.1 to 10.0, on rules about security only
    packed_kinds: tuple[tuple[str, str], ...] = ()  # kinds that only an opt-in pack brings: (kind, pack)
    unsafe_fix: bool = False  # its edits change what the program does, and wait for --unsafe-fixes

    @property
    def name(self) -> str:
        return self.check.__name__.replace("_", "-")

    @property
    def doc(self) -> str:
        return cleandoc(self.check.__doc__ or "")


Check = TypeVar("Check", bound=Callable[..., Iterable[Match]])


def rule(
    id: str,
    severity: Severity,
    *,
    ceiling: Confidence,
    stage: StageKind | None,
    controls: tuple[str, ...],
    tier: str = "default",
    kinds: tuple[str, ...] = (),
    scope: Scope = Scope.PROJECT,
    fixable: bool = False,
    yields_to: tuple[str, ...] = (),
    security_severity: str = "",
    packed_kinds: tuple[tuple[str, str], ...] = (),
    unsafe_fix: bool = False,
) -> Callable[[Check], Check]:
    """Marks the function that is a rule; its name is the rule's name, its docstring the rule's page."""

    def mark(check: Check) -> Check:
        made = Rule(
            id,
            severity,
            ceiling,
            stage,
            controls,
            check,
            tier,
            kinds,
            scope,
            fixable,
            yields_to,
            security_severity,
            packed_kinds,
            unsafe_fix,
        )
        check.__rule__ = made  # type: ignore[attr-defined] # functions take attributes, their type does not say so
        return check

    return mark
