"""Markdown for step summaries, merge requests and wikis."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pipeaudit.graph.export import mermaid
from pipeaudit.model.audit import Audit, GroupScore
from pipeaudit.model.control import Control, Status
from pipeaudit.model.finding import Finding
from pipeaudit.model.location import Location
from pipeaudit.report import links, text, verdict
from pipeaudit.report.frame import code_line, file_line, frame, place, short_place
from pipeaudit.report.prose import prose

_LARGEST = 900_000  # a step summary over 1 MiB is refused as a whole
_ACTIVE = re.compile(r"[\\`*_\[\]<>|~#$]|&(?=[#\w])|:(?=//)|^ {0,3}(?:[-+=]|\d{1,9}[.)])")
_RUN = re.compile("`+")
_MOST_NODES = 50
_CUT = "\n*The rest is left out here: the document would be too large. The HTML or JSON report has all of it.*\n"


def check(audit: Audit) -> str:
    """Problems, findings and a summary line."""
    manifest = audit.identification.manifest
    digest = (f"Manifest of the files read: {_code(manifest)}\n",) if manifest else ()
    return _joined((_heading(1, "pipeaudit check"), _summary(audit), *_problems(audit), *_findings(audit), *digest))


def audit(finished: Audit) -> str:
    """The verdict, the controls by group, the findings, and what such a report can't show."""
    name = finished.identification.name
    return _joined(
        (
            _heading(1, f"Pipeline audit{': ' + name if name else ''}"),
            *_verdict(finished),
            *_problems(finished),
            *_pipeline(finished),
            *_controls(finished),
            *_findings(finished),
            *_registers(finished),
            *_method(finished),
        )
    )


def _verdict(audit: Audit) -> Iterator[str]:
    scores = audit.scores
    profile = f"{verdict.profile(audit)} " if audit.controls else ""
    yield _words(f"{profile}{verdict.inputs(audit)}") + "\n"
    yield f"{_plain(verdict.revision(audit))}\n"
    if scores is None or not scores.overall.applicable:
        why = "No control of the checklist applies." if audit.controls else "The checklist was not judged."
        yield f"**{why}**\n"
        return
    yield from _alarm(audit, "Others may run code or get in", scores.exploitable)
    yield from _alarm(audit, "Reported metrics are not trustworthy", scores.invalid)
    yield f"**{_plain(verdict.applicable(scores))}**\n"
    reading = verdict.reading(scores.overall)
    sentences = (f"{reading[:1].upper()}{reading[1:]}." if reading else "", verdict.coverage(scores))
    yield _plain(" ".join((*filter(None, sentences), verdict.weakest(scores))).strip()) + "\n"
    yield _table(
        ("Group", *verdict.STATUS_WORDS.values(), "evidenced"),
        [_group_row(group) for group in (*scores.groups, scores.overall)],
    )


def _alarm(audit: Audit, title: str, fingerprints: Iterable[str]) -> Iterator[str]:
    found = verdict.named(audit, fingerprints)
    if found:
        names = (f"{_rule(item)} ({_at(audit, item.at)})" for item in found)
        yield f"> **{title}:** {', '.join(names)}\n"


def _group_row(group: GroupScore) -> tuple[str, ...]:
    counts = (str(group.counts.get(status.value, 0) or "") for status in verdict.STATUS_WORDS)
    evidenced = "" if group.reading.evidenced is None else f"{group.reading.evidenced}%"
    return (_plain(group.name), *counts, evidenced)


def _problems(audit: Audit) -> Iterator[str]:
    if not audit.problems:
        return
    yield _heading(2, f"Could not be read in full ({len(audit.problems)})")
    yield "".join(
        f"- {_at(audit, Location(problem.path, problem.line))}: {_words(problem.message)}\n"
        for problem in audit.problems
    )


def _pipeline(audit: Audit) -> Iterator[str]:
    """As a Mermaid picture while it is small enough to be read; its labels are escaped where it is written."""
    drawn = audit.graph
    if drawn.stages and len(drawn.stages) + len(drawn.artifacts) <= _MOST_NODES:
        yield _heading(2, "The pipeline")
        yield f"```mermaid\n{mermaid(drawn)}```\n"


def _controls(audit: Audit) -> Iterator[str]:
    if audit.scores is None or not audit.scores.overall.applicable:
        return
    by_id = {control.id: control for control in audit.controls}
    yield _heading(2, "Controls")
    for group in audit.scores.groups:
        yield _heading(3, group.name)
        yield _table(
            ("Control", "Status", "Evidence", "Missing", "Remedy"),
            [_control_row(audit, by_id[member]) for member in group.controls],
        )


def _control_row(audit: Audit, control: Control) -> tuple[str, ...]:
    evidence = [f"{_at(audit, item.at, cell=True)}: {_words(item.what, cell=True)}" if item.at.path not in ("", ".")
                else _words(item.what, cell=True) for item in control.evidence]  # fmt: skip
    evidence += [f"{_rule(found)} ({_at(audit, found.at, cell=True)})"
                 for found in verdict.named(audit, control.findings)]  # fmt: skip
    missing = [_words(words, cell=True) for words in (control.reason, *control.missing) if words]
    remedy = control.remedy if control.status not in (Status.MET, Status.NOT_APPLICABLE) else ""
    return (
        f"**{_plain(control.id)}** {_plain(control.title)}",
        verdict.STATUS_WORDS[control.status],
        "<br>".join(evidence),
        "<br>".join(missing),
        _words(remedy, cell=True),
    )


def _findings(audit: Audit) -> Iterator[str]:
    yield _heading(2, f"Findings ({len(audit.findings)})")
    if not audit.findings:
        yield "None.\n"
    for finding in sorted(
        audit.findings, key=lambda found: (-found.severity.rank, -found.confidence.rank, found.at.key)
    ):
        yield _finding(audit, finding)


def _finding(audit: Audit, finding: Finding) -> str:
    kind = f" ({_plain(finding.match.kind)})" if finding.match.kind else ""
    parts = [
        f"#### {finding.severity.value}: {_rule(finding)}{kind}\n\n",
        f"{_words(finding.match.message)}\n\n",
        f"{_at(audit, finding.at)}, {finding.confidence.value} confidence\n",
    ]
    if lines := frame(audit.sources, finding.at):
        code = "\n".join(f"{'>' if line.flagged else ' '}{line.number:5}  {line.text}" for line in lines)
        fence = "`" * max(3, 1 + max((len(run) for run in _RUN.findall(code)), default=0))
        parts.append(f"\n{fence}text\n{code}\n{fence}\n")
    if finding.match.related:
        parts.append("\nHow it comes about:\n\n" if len(finding.match.related) > 1 else "\nSee also:\n\n")
    for number, step in enumerate(finding.match.related, 1):
        code = code_line(audit.sources, step.at)
        where = _plain(short_place(step.at, finding.at))
        parts.append(f"{number}. {_words(step.message)}, {where}{': ' + _code(code) if code else ''}\n")
    if finding.match.fix:
        parts.append(f"\n**Fix:** {_words(finding.match.fix)}\n")
    return "".join(parts)


def _registers(audit: Audit) -> Iterator[str]:
    if audit.suppressed:
        yield _heading(2, "Suppressed")
        yield "".join(
            f"- {_rule(found)}, {_at(audit, found.at)}: {_words(found.suppressed or 'no reason')}\n"
            for found in audit.suppressed
        )
    if audit.accepted:
        yield _heading(2, "Accepted risks")
        yield _table(
            ("Subject", "State", "Reason", "Owner", "Approved by", "Until"),
            [
                tuple(map(_plain, (risk.subject, risk.state, risk.reason, risk.owner, risk.approved_by, risk.expires)))
                for risk in audit.accepted
            ],
        )
    if audit.attestations:
        yield _heading(2, "Attestations")
        yield _table(
            ("Control", "State", "Statement", "Owner", "Signed", "Expires"),
            [tuple(map(_plain, (entry.control, entry.state, entry.statement, entry.owner, entry.date, entry.expires)))
             for entry in audit.attestations],
        )  # fmt: skip


def _method(audit: Audit) -> Iterator[str]:
    made = audit.identification
    yield _heading(2, "Method and limits")
    yield "".join(f"- {_plain(sentence)}\n" for sentence in verdict.LIMITS)
    yield f"pipeaudit {_plain(made.tool_version)}; manifest of the files read {_code(made.manifest or 'not known')}\n"


def _summary(audit: Audit) -> str:
    found = verdict.by_severity(audit.findings)
    suppressed = f"; {len(audit.suppressed)} suppressed" if audit.suppressed else ""
    return f"**{_plain(found[:1].upper() + found[1:] + suppressed)}.** {_plain(verdict.inputs(audit))}\n"


def _joined(parts: Iterable[str]) -> str:
    """The parts with blank lines between them, up to what a step summary may hold."""
    written, size = [], 0
    for part in parts:
        size += len(part.encode("utf-8", "surrogatepass")) + 1
        if size > _LARGEST:
            written.append(_CUT)
            break
        written.append(part)
    return text.visible("\n".join(written))


def _heading(level: int, words: str) -> str:
    return f"{'#' * level} {_plain(words)}\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _rule(finding: Finding) -> str:
    return f"{_plain(finding.rule)} {_plain(finding.name)}"


def _at(audit: Audit, at: Location, *, cell: bool = False) -> str:
    shown = _code(place(at), cell=cell)
    link = links.source(audit, at, file_line(audit.sources, at))
    return f"[{shown}]({link.replace('(', '%28').replace(')', '%29')})" if link else shown


def _words(message: str, *, cell: bool = False) -> str:
    return "".join(_code(part.text, cell=cell) if part.code else _plain(part.text) for part in prose(message))


def _plain(words: str) -> str:
    """Text in which nothing is markup, an address or a mention."""
    return _ACTIVE.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", text.message(words))


def _code(words: str, *, cell: bool = False) -> str:
    """A code span; its ticks outnumber those inside. In a table cell a bar would end the cell, even in code."""
    shown = text.one_line(text.unicode_form(words))
    ticks = "`" * (1 + max((len(run) for run in _RUN.findall(shown)), default=0))
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{ticks}{pad}{shown.replace('|', chr(92) + '|') if cell else shown}{pad}{ticks}"
