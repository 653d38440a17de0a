"""The status of each control, from evidence, open findings, the project's profile and what people signed for.

The controls and what counts as evidence for them are data (`rules/controls.yaml`); this module is the decision model:
declared scope, profile, static evidence, blocking findings, attestations, in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeaudit import resources
from pipeaudit.model.audit import Attestation
from pipeaudit.model.control import Control, Evidence, Status, Strength
from pipeaudit.model.finding import Confidence, Finding, Severity
from pipeaudit.model.location import Location

Signal = Callable[[str], Sequence[Evidence]]
"""All evidence that a signal's id stands for."""

_RANK = {Strength.WEAK: 1, Strength.SUPPORTING: 2, Strength.STRONG: 3}
_SHOWN = 6  # items of evidence that a control keeps for each of its classes; more would tell a reader nothing new
_BESIDE = 4  # lesser evidence that is shown next to what made a control met
_HERE = Location(".")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A class of evidence: shown by any of its signals, if strong enough.

    `alone` is false where the class says nothing without another one; `exempt` are profiles that need not show it.
    """

    what: str
    signals: tuple[str, ...]
    accepts: Strength = Strength.STRONG
    weak_in_notebooks: bool = False
    alone: bool = True
    exempt: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Item:
    """A control as the checklist declares it; `controls.yaml` explains the fields."""

    id: str
    group: str
    title: str
    text: str
    type: str
    applies: Mapping[str, str]
    requires: tuple[Requirement, ...]
    partly: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    caps: tuple[str, ...] = ()
    waives: tuple[str, ...] = ()
    blocks: frozenset[str] = frozenset()
    fails: frozenset[str] = frozenset()
    valid_results: bool = False
    remedy: str = ""
    attest: str = ""
    looked: tuple[str, ...] = ()

    @property
    def signals(self) -> set[str]:
        """Every signal that the control asks for."""
        required = (name for requirement in self.requires for name in requirement.signals)
        return {*required, *self.partly, *self.unknown, *self.against, *self.caps, *self.waives}


@dataclass(frozen=True, slots=True)
class Checklist:
    version: str
    items: tuple[Item, ...]
    validity: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Case:
    """What the controls are judged on.

    `handed_on` shows that a model which is trained here goes elsewhere to be deployed. `excluded` maps a control to the
    declaration that puts it out of scope. `unread` are files that could not be read in full: nothing in them is strong.
    """

    profile: str
    signal: Signal
    findings: Sequence[Finding] = ()
    handed_on: Sequence[Evidence] = ()
    excluded: Mapping[str, Evidence] = field(default_factory=dict)
    attestations: Sequence[Attestation] = ()
    unread: Collection[str] = ()


def load(path: Path) -> Checklist:
    """The checklist of a rule folder."""
    data = resources.data(path)
    items = tuple(_item(entry) for entry in data["controls"])
    return Checklist(version=str(data["checklist"]), items=items, validity=frozenset(data.get("validity", ())))


def judge(checklist: Checklist, case: Case) -> tuple[Control, ...]:
    """All controls, in the checklist's order."""
    return tuple(_judge(item, checklist, case) for item in checklist.items)


def _judge(item: Item, checklist: Checklist, case: Case) -> Control:
    applies, reason = _applies(item, case)
    if not applies:
        evidence = (case.excluded[item.id],) if item.id in case.excluded else ()
        return _control(item, Status.NOT_APPLICABLE, evidence, reason=reason)
    static = _static(item, applies, case)
    return _attested(item, _blocked(item, checklist, case, static), case)


def _applies(item: Item, case: Case) -> tuple[str, str]:
    """The letter of the profile table, "" where the control does not apply, and why."""
    if item.id in case.excluded:
        return "", "declared out of scope"
    if case.profile == "none":
        return "", "this is no machine-learning pipeline"
    letter = item.applies.get(case.profile, "A")
    if letter == "N":
        return "", f"not asked of the profile `{case.profile}`"
    if letter == "H":
        if not case.handed_on:
            return "", "no deployment here: declare `scope.deployment` if the model is shipped from elsewhere"
        return "X", ""
    return letter, ""


def _static(item: Item, letter: str, case: Case) -> Control:
    """What the repository alone shows."""
    contrary = _gather(item.against, case)
    if contrary:
        return _control(item, Status.UNMET, contrary, missing=_missing(item, case, ()), reason="the contrary is shown")
    shown: list[Evidence] = []
    satisfied: list[Requirement] = []
    alone = False
    for requirement in _requirements(item, case):
        found = _weaken(_gather(requirement.signals, case), requirement)
        if not found:
            continue
        shown += found[:_SHOWN]
        alone |= requirement.alone
        if any(_RANK[each.strength] >= _RANK[requirement.accepts] for each in found):
            satisfied.append(requirement)
    missing = _missing(item, case, satisfied)
    if satisfied and not missing:
        capped = _gather(item.caps, case)
        beside = _gather(item.partly, case)[:_BESIDE]
        if not capped:
            return _control(item, Status.MET, [*shown, *beside])
        return _control(
            item, Status.PARTIAL, [*shown, *capped], reason="; ".join(dict.fromkeys(e.what for e in capped))
        )
    lesser = _gather(item.partly, case)
    if lesser or (shown and alone):
        return _control(item, Status.PARTIAL, [*shown, *lesser, *_gather(item.caps, case)], missing=missing)
    return _nothing(item, letter, missing, shown, case)


def _nothing(item: Item, letter: str, missing: tuple[str, ...], beside: Sequence[Evidence], case: Case) -> Control:
    """No evidence that counts: does it not matter here, is it unknown, or is it a gap?"""
    waived = _gather(item.waives, case)
    if waived:
        return _control(item, Status.NOT_APPLICABLE, waived, reason=waived[0].what)
    looked = Evidence(_HERE, "looked for " + ", ".join(item.looked), Strength.WEAK)
    unknown = _gather(item.unknown, case)
    if item.type == "A" or letter == "X" or unknown:
        reason = "people decide this" if item.type == "A" else "the stage lives elsewhere"
        if unknown:
            reason = unknown[0].what
        attest = (f"an attestation: {item.attest}",) if item.attest else ()
        return _control(
            item, Status.NEEDS_ATTESTATION, [*unknown, *beside, looked], missing=missing + attest, reason=reason
        )
    return _control(item, Status.UNMET, [*_gather(item.caps, case), *beside, looked], missing=missing)


def _blocked(item: Item, checklist: Checklist, case: Case, static: Control) -> Control:
    """Open findings hold a control down; they are listed whether or not they change its status."""
    failing = [f for f in case.findings if f.rule in item.fails and _counts(f)]
    blocking = [f for f in case.findings if f.rule in item.blocks and _counts(f)]
    if item.valid_results:
        blocking += [f for f in case.findings if f.rule in checklist.validity and _untrustworthy(f)]
    open_findings = sorted({*failing, *blocking}, key=lambda f: (f.at.key, f.rule, f.fingerprint))
    if not open_findings:
        return static
    fingerprints = tuple(dict.fromkeys(f.fingerprint for f in open_findings))
    names = ", ".join(sorted({f"{f.rule} {f.name}" for f in open_findings}))
    if failing and static.status in (Status.MET, Status.PARTIAL):
        return replace(static, status=Status.UNMET, findings=fingerprints, reason=f"open findings: {names}")
    if static.status is Status.MET:
        return replace(static, status=Status.PARTIAL, findings=fingerprints, reason=f"open findings: {names}")
    return replace(static, findings=fingerprints)


def _attested(item: Item, control: Control, case: Case) -> Control:
    """What a named owner signed for: it raises what the repository leaves open, and may admit more than it shows."""
    valid = [a for a in case.attestations if a.control == item.id and a.state in ("valid", "expiring")]
    if not valid:
        return control
    attestation = valid[-1]
    signed = f"attested by {attestation.owner} until {attestation.expires}: {attestation.statement}"
    item_of_evidence = Evidence(attestation.at, signed, Strength.SUPPORTING)
    with_evidence = replace(control, evidence=(*control.evidence, item_of_evidence))
    match attestation.status:
        case "not-applicable":
            return replace(with_evidence, status=Status.NOT_APPLICABLE, reason=signed, missing=())
        case "partial" | "unmet":
            lowered = Status(attestation.status)
            admitted = _ORDER[lowered] < _ORDER[control.status]
            return replace(with_evidence, status=lowered, reason=signed) if admitted else with_evidence
        case _ if control.status is Status.MET or control.findings:
            return with_evidence
        case _:
            return replace(with_evidence, status=Status.ATTESTED, reason=signed, missing=())


_ORDER = {
    Status.NOT_APPLICABLE: -1,
    Status.UNMET: 0,
    Status.NEEDS_ATTESTATION: 1,
    Status.PARTIAL: 2,
    Status.ATTESTED: 3,
    Status.MET: 4,
}


def _requirements(item: Item, case: Case) -> list[Requirement]:
    return [requirement for requirement in item.requires if case.profile not in requirement.exempt]


def _missing(item: Item, case: Case, satisfied: Collection[Requirement]) -> tuple[str, ...]:
    return tuple(r.what for r in _requirements(item, case) if r not in satisfied)


def _gather(names: Iterable[str], case: Case) -> list[Evidence]:
    """Evidence of these signals, the strongest first; of equals, one place in each file before a second one."""
    found: dict[tuple[Location, str], Evidence] = {}
    for name in names:
        for each in case.signal(name):
            if each.at.path in case.unread:
                each = replace(each, strength=Strength.WEAK)
            found.setdefault((each.at, each.what), each)
    seen: dict[tuple[Strength, str], int] = {}
    ranked: list[tuple[int, int, Evidence]] = []
    for each in sorted(found.values(), key=lambda e: e.at.key):
        turn = seen.get((each.strength, each.at.path), 0)
        seen[each.strength, each.at.path] = turn + 1
        ranked.append((-_RANK[each.strength], turn, each))
    return [each for _, _, each in sorted(ranked, key=lambda entry: (entry[0], entry[1]))]


def _weaken(found: list[Evidence], requirement: Requirement) -> list[Evidence]:
    if not requirement.weak_in_notebooks:
        return found
    return [replace(e, strength=Strength.WEAK) if e.at.path.endswith(".ipynb") else e for e in found]


def _counts(finding: Finding) -> bool:
    return (
        finding.severity is not Severity.NOTE
        and finding.confidence is not Confidence.LOW
        and finding.suppressed is None
    )


def _untrustworthy(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR and finding.confidence is Confidence.HIGH and finding.suppressed is None


def _control(
    item: Item,
    status: Status,
    evidence: Sequence[Evidence],
    *,
    missing: tuple[str, ...] = (),
    reason: str = "",
) -> Control:
    unique = tuple(dict.fromkeys(evidence))[: 2 * _SHOWN]
    remedy = item.remedy if status in (Status.PARTIAL, Status.UNMET, Status.NEEDS_ATTESTATION) else ""
    return Control(
        id=item.id,
        group=item.group,
        title=item.title,
        status=status,
        evidence=unique,
        missing=missing,
        remedy=remedy,
        reason=reason,
    )


def _item(entry: Mapping[str, Any]) -> Item:
    names = {key: tuple(entry.get(key) or ()) for key in ("partly", "unknown", "against", "caps", "waives", "looked")}
    return Item(
        id=entry["id"],
        group=entry["group"],
        title=entry["title"],
        text=entry["text"],
        type=entry["type"],
        applies=entry["applies"],
        requires=tuple(_requirement(each) for each in entry["requires"]),
        blocks=frozenset(entry.get("blocks") or ()),
        fails=frozenset(entry.get("fails") or ()),
        valid_results=bool(entry.get("valid_results", False)),
        remedy=entry.get("remedy", ""),
        attest=entry.get("attest", ""),
        **names,
    )


def _requirement(entry: Mapping[str, Any]) -> Requirement:
    return Requirement(
        what=entry["what"],
        signals=tuple(entry["any"]),
        accepts=Strength(entry.get("accepts", "strong")),
        weak_in_notebooks=entry.get("notebooks") == "weak",
        alone=entry.get("alone") != "nothing",
        exempt=frozenset(entry.get("except") or ()),
    )
