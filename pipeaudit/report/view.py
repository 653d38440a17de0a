"""What the HTML templates are handed: plain values, sorted, grouped and worded, so that a template decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pipeaudit.model.audit import Audit, GroupScore, RuleInfo
from pipeaudit.model.control import Control, Evidence, Status
from pipeaudit.model.finding import Finding, Severity
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Edge
from pipeaudit.report import links, text, verdict
from pipeaudit.report.frame import FrameLine, code_line, file_line, frame, place
from pipeaudit.report.prose import Part, prose

MOST_FRAMES = 400
MOST_FINDINGS = 1_200
MOST_ROWS = 6_000
MOST_LISTED = 25
MOST_FILES = 1_000

_BAR = 100.0


@dataclass(frozen=True, slots=True)
class Place:
    text: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class CodeLine:
    number: int
    before: str
    marked: str
    after: str
    flagged: bool


@dataclass(frozen=True, slots=True)
class Step:
    number: int
    place: Place
    message: tuple[Part, ...]
    code: str
    here: bool


@dataclass(frozen=True, slots=True)
class FindingView:
    anchor: str
    rule: str
    name: str
    page: str
    kind: str
    severity: str
    confidence: str
    stage: str
    core: bool
    path: str
    place: Place
    message: tuple[Part, ...]
    summary: tuple[Part, ...]
    frame: tuple[CodeLine, ...]
    steps: tuple[Step, ...]
    fix: tuple[Part, ...]
    controls: tuple[str, ...]
    reason: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class EvidenceView:
    place: Place
    what: tuple[Part, ...]
    strength: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class ControlView:
    id: str
    title: str
    status: str
    word: str
    grade: str
    label: str
    brief: tuple[Part, ...]
    reason: tuple[Part, ...]
    evidence: tuple[EvidenceView, ...]
    looked: tuple[tuple[Part, ...], ...]
    findings: tuple[FindingView, ...]
    more_findings: int
    missing: tuple[tuple[Part, ...], ...]
    to_sign: tuple[tuple[Part, ...], ...]
    remedy: tuple[Part, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a bar, in a box 100 wide."""

    status: str
    word: str
    count: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class GroupView:
    anchor: str
    name: str
    bar: tuple[Segment, ...]
    counts: str
    evidenced: int | None
    reading: str
    controls: tuple[ControlView, ...]


@dataclass(frozen=True, slots=True)
class StageRow:
    id: str
    anchor: str
    name: str
    kind: str
    system: str
    place: Place
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    after: tuple[str, ...]
    findings: tuple[RuleCount, ...]


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How often a rule was found in a stage's files, and where the first of them is shown."""

    rule: str
    count: int
    anchor: str


def anchor(finding: Finding) -> str:
    return f"{finding.rule}-{finding.fingerprint[:12]}"


def findings(audit: Audit, shown: Iterable[Finding]) -> list[FindingView]:
    """The gravest first; code is shown for as many as keep the report small enough to send around."""
    rules = {rule.id: rule for rule in audit.rules}
    return [
        _finding(audit, finding, rules.get(finding.rule), framed=position < MOST_FRAMES)
        for position, finding in enumerate(verdict.gravest_first(shown))
    ]


def groups(audit: Audit, shown: Sequence[FindingView]) -> list[GroupView]:
    if audit.scores is None:
        return []
    by_id = {control.id: control for control in audit.controls}
    by_fingerprint = {finding.fingerprint: finding for finding in shown}
    return [
        GroupView(
            anchor=f"group-{position}",
            name=group.name,
            bar=bar(group),
            counts=verdict.statuses(group),
            evidenced=group.reading.evidenced,
            reading=verdict.reading(group),
            controls=tuple(_control(audit, by_id[id_], by_fingerprint) for id_ in group.controls),
        )
        for position, group in enumerate(audit.scores.groups)
    ]


def bar(group: GroupScore) -> tuple[Segment, ...]:
    """The statuses of a group as lengths; what does not apply is no part of it."""
    counted = [
        (status, count)
        for status in verdict.STATUS_WORDS
        if status is not Status.NOT_APPLICABLE and (count := group.counts.get(status.value, 0))
    ]
    total = sum(count for _, count in counted)
    segments, x = [], 0.0
    for status, count in counted:
        width = _BAR * count / total
        segments.append(Segment(status.value, verdict.STATUS_WORDS[status], count, round(x, 2), round(width, 2)))
        x += width
    return tuple(segments)


def stages(audit: Audit, shown: Sequence[FindingView]) -> list[StageRow]:
    """The table beside the drawing: what each stage reads and writes, and what was found in its files."""
    graph = audit.graph
    names = {artifact.id: artifact.name for artifact in graph.artifacts} | {
        stage.id: stage.name for stage in graph.stages
    }
    reads, writes, after = (_ends(graph.edges, kind, names) for kind in ("reads", "writes", "after"))
    rows = []
    for position, stage in enumerate(graph.stages):
        files = {stage.at.path, *(program.path for one in stage.declarations for program in one.runs)}
        rows.append(
            StageRow(
                id=stage.id,
                anchor=f"stage-{position}",
                name=text.path(stage.name),
                kind=stage.kind.value,
                system=", ".join(dict.fromkeys([stage.system, *(one.system for one in stage.declarations)])),
                place=where(audit, stage.at),
                reads=reads.get(stage.id, ()),
                writes=writes.get(stage.id, ()),
                after=after.get(stage.id, ()),
                findings=_by_rule(finding for finding in shown if finding.path in files),
            )
        )
    return rows


def _by_rule(found: Iterable[FindingView]) -> tuple[RuleCount, ...]:
    anchors: dict[str, list[str]] = {}
    for finding in found:
        anchors.setdefault(finding.rule, []).append(finding.anchor)
    return tuple(RuleCount(rule, len(all_), all_[0]) for rule, all_ in anchors.items())


def where(audit: Audit, at: Location) -> Place:
    return Place(place(at), links.source(audit, at, file_line(audit.sources, at)))


def severities(shown: Iterable[Finding]) -> list[tuple[str, int]]:
    counts = Counter(finding.severity for finding in shown)
    return [(severity.value, counts[severity]) for severity in Severity if counts[severity]]


def _finding(audit: Audit, finding: Finding, rule: RuleInfo | None, *, framed: bool) -> FindingView:
    match = finding.match
    return FindingView(
        anchor=anchor(finding),
        rule=finding.rule,
        name=finding.name,
        page=links.rule_page(rule) if rule else "",
        kind=match.kind or "",
        severity=finding.severity.value,
        confidence=finding.confidence.value,
        stage=finding.stage,
        core=finding.core,
        path=finding.at.path,
        place=where(audit, finding.at),
        message=prose(match.message),
        summary=prose(rule.summary if rule else ""),
        frame=tuple(map(_code_line, frame(audit.sources, finding.at))) if framed else (),
        steps=tuple(
            Step(
                number=number,
                place=where(audit, step.at),
                message=prose(step.message),
                code=code_line(audit.sources, step.at),
                here=step.at.key == finding.at.key,
            )
            for number, step in enumerate(match.related, 1)
        ),
        fix=prose(match.fix),
        controls=finding.controls,
        reason=text.message(finding.suppressed or ""),
        fingerprint=finding.fingerprint,
    )


def _code_line(line: FrameLine) -> CodeLine:
    if line.start is None or line.end is None:
        return CodeLine(line.number, line.text, "", "", flagged=False)
    cut = (line.text[: line.start], line.text[line.start : line.end], line.text[line.end :])
    return CodeLine(line.number, *cut, flagged=True)


def _control(audit: Audit, control: Control, by_fingerprint: Mapping[str, FindingView]) -> ControlView:
    evidence = [item for item in control.evidence if item.at.path not in ("", ".")]
    looked = [item for item in control.evidence if item not in evidence]
    against = {found for found in control.findings if found in by_fingerprint}
    missing, to_sign = verdict.missing(control)
    label, brief = _brief(control)
    return ControlView(
        id=control.id,
        title=text.message(control.title),
        status=control.status.value,
        word=verdict.STATUS_WORDS[control.status],
        grade=verdict.GRADES[control.status],
        label=label,
        brief=prose(brief),
        reason=prose(control.reason),
        evidence=tuple(_evidence(audit, item) for item in evidence),
        looked=tuple(prose(item.what.removeprefix("looked for ")) for item in looked),
        findings=tuple(islice((found for key, found in by_fingerprint.items() if key in against), MOST_LISTED)),
        more_findings=max(0, len(against) - MOST_LISTED),
        missing=tuple(prose(words) for words in missing),
        to_sign=tuple(prose(words) for words in to_sign),
        remedy=prose("" if control.status in (Status.MET, Status.NOT_APPLICABLE) else control.remedy),
        rules=tuple(rule.id for rule in audit.rules if control.id in rule.controls),
    )


def _evidence(audit: Audit, item: Evidence) -> EvidenceView:
    return EvidenceView(where(audit, item.at), prose(item.what), item.strength.value, code_line(audit.sources, item.at))


def _brief(control: Control) -> tuple[str, str]:
    """What the closed entry says: the first thing that is missing or to be signed, else why, else what was found."""
    missing, to_sign = verdict.missing(control)
    if control.status is not Status.NEEDS_ATTESTATION and missing:
        return "Missing", missing[0]
    if to_sign:
        return "To attest", to_sign[0]
    found = control.evidence[0].what if control.evidence else ""
    return "", control.reason or (missing[0] if missing else found)


def _ends(edges: Iterable[Edge], kind: str, names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """For each stage the names at the other ends of its edges of a kind: only `writes` run away from the stage."""
    ends: dict[str, list[str]] = {}
    for edge in edges:
        if edge.kind == kind:
            stage, other = (edge.source, edge.target) if kind == "writes" else (edge.target, edge.source)
            ends.setdefault(stage, []).append(text.path(names.get(other, other)))
    return {stage: tuple(sorted(set(found))) for stage, found in ends.items()}
