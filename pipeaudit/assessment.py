"""From a project to its answered checklist: the profile, what people signed for, the controls, the numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeaudit import attestations, checklist, scores
from pipeaudit.config import Config
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.gather import facts
from pipeaudit.evidence.profile import Profile, detect
from pipeaudit.model.audit import AcceptedRisk, Attestation, Scores
from pipeaudit.model.control import Control, Evidence
from pipeaudit.model.finding import Finding, Problem
from pipeaudit.model.location import Location
from pipeaudit.rule import Project

_WITHOUT = {
    "deployment": ("DEP-1", "DEP-2", "DEP-3", "DEP-4", "MON-1", "MON-2", "MON-3", "MON-4", "ANT-4", "ANT-5"),
    "monitoring": ("MON-1", "MON-2", "MON-3", "MON-4", "ANT-5"),
}


@dataclass(frozen=True, slots=True)
class Known:
    """A project that knows its profile and its signals, as rules and controls ask for them."""

    project: Project
    facts: Facts
    profile: Profile


@dataclass(frozen=True, slots=True)
class Assessment:
    controls: tuple[Control, ...]
    scores: Scores
    attestations: tuple[Attestation, ...]
    accepted: tuple[AcceptedRisk, ...]
    problems: tuple[Problem, ...]
    version: str


def known(project: Project, config: Config, named: str, rules: Path) -> Known:
    """The project with its profile: the named or declared one, else the first that fits."""
    found = facts(project, rules)
    found.declarations = _declarations(config)
    profile = detect(found)
    if named:
        profile = replace(profile, name=named, reason="declared")
    found.profile = profile.name
    return Known(replace(project, profile=profile.name, signals=found.evidence), found, profile)


def _declarations(config: Config) -> dict[str, tuple[Evidence, ...]]:
    """What the configuration says of the project that answers a control, as evidence with its place."""
    said = {
        "subject": config.subject if config.subject == "machines" else "",
        "primary-metric": config.primary_metric,
    }
    return {
        name: (Evidence(_place(config, name), f"`{name} = {value}` is declared"),)
        for name, value in said.items()
        if value
    }


def _place(config: Config, key: str) -> Location:
    return Location(config.origin.partition(" ")[0], config.lines.get(key, 1))


def blockers(rules: Path) -> tuple[str, ...]:
    """Rules whose findings hold a control down: an audit runs them, whatever packs are on."""
    items = checklist.load(rules / "controls.yaml").items
    return tuple(sorted({rule for item in items for rule in (*item.blocks, *item.fails)}))


def assess(
    case: Known,
    config: Config,
    rules: Path,
    findings: Sequence[Finding],
    as_of: str,
    unread: Collection[str],
) -> Assessment:
    """The checklist, answered. `unread` are files that could not be read in full: nothing in them is strong."""
    items = checklist.load(rules / "controls.yaml")
    ids = [item.id for item in items.items]
    problems: list[Problem] = []
    register = _register(case, config, as_of, ids, problems)
    excluded, elsewhere = _scope(config, ids, problems)
    controls = checklist.judge(
        items,
        checklist.Case(
            profile=case.profile.name,
            signal=case.facts.evidence,
            findings=findings,
            handed_on=(*case.profile.handed_on, *elsewhere),
            excluded=excluded,
            attestations=register.attestations,
            unread=unread,
        ),
    )
    return Assessment(
        controls=controls,
        scores=scores.scores(controls, findings, config.weights),
        attestations=register.attestations,
        accepted=register.accepted,
        problems=(*problems, *register.problems),
        version=items.version,
    )


def unsound(case: Known, config: Config, rules: Path, as_of: str) -> tuple[Problem, ...]:
    """What is wrong with the register of attestations, for the rule that tells of it."""
    names = (config.attestations,) if config.attestations else attestations.FILES
    if not any(name in case.project.repository for name in names):
        return ()
    ids = [item.id for item in checklist.load(rules / "controls.yaml").items]
    return _register(case, config, as_of, ids, []).problems


def _register(
    case: Known, config: Config, as_of: str, controls: Collection[str], problems: list[Problem]
) -> attestations.Register:
    repository = case.project.repository
    names = (config.attestations,) if config.attestations else attestations.FILES
    for name in names:
        if name in repository:
            documents = repository.nodes(name)
            if documents:
                return attestations.read(
                    documents[0], as_of=as_of, controls=controls, exists=lambda path: path in repository
                )
    if config.attestations:
        problems.append(Problem(config.attestations, 1, "the file of attestations that the settings name is not there"))
    return attestations.Register()


def _scope(
    config: Config, controls: Iterable[str], problems: list[Problem]
) -> tuple[dict[str, Evidence], list[Evidence]]:
    """Controls that the settings put out of scope, and declarations that a stage lives elsewhere.

    `deployment = "none"` and `monitoring = "none"` exclude the controls of the stage, any other text says where it
    lives; a control's id with a reason excludes that control.
    """
    excluded: dict[str, Evidence] = {}
    elsewhere: list[Evidence] = []
    at = _place(config, "scope")
    known_controls = set(controls)
    for name, value in config.scope.items():
        text = value if isinstance(value, str) else ""
        if name in known_controls and text:
            excluded[name] = Evidence(at, f"`scope` leaves {name} out: {text}")
        elif name in _WITHOUT and text == "none":
            excluded |= {control: Evidence(at, f"`scope.{name} = none` is declared") for control in _WITHOUT[name]}
        elif name in _WITHOUT and text:
            elsewhere.append(Evidence(at, f"`scope.{name} = {text}` is declared"))
        else:
            expected = "a control's id with a reason, or `deployment` or `monitoring` with `none` or where it lives"
            problems.append(Problem(at.path, at.line, f"scope.{name} means nothing here; expected {expected}"))
    return excluded, elsewhere
