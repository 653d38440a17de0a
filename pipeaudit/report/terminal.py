"""Text for people at a terminal: 80 columns, colours only when asked for."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from pipeaudit.model.audit import Audit, GroupScore
from pipeaudit.model.control import Control, Status
from pipeaudit.model.finding import Finding, Related
from pipeaudit.model.location import Location
from pipeaudit.report import text, verdict
from pipeaudit.report.frame import FrameLine, code_line, frame, place, short_place

WIDTH = 80

_TITLE_COLUMN = 28
_CODE_WIDTH = WIDTH - 10
_MOST_PROBLEMS = 20
_LEAD = 12  # what stays before the flagged code when a line is too long
_COLORS = {
    "error": "1;31",
    "warning": "1;33",
    "note": "1;36",
    "met": "32",
    "attested": "32",
    "partial": "33",
    "unmet": "31",
    "needs-attestation": "36",
    "not-applicable": "2",
    "strong": "1",
    "faint": "2",
}


def check(audit: Audit, *, color: bool = False, gate: str = "") -> str:
    """Problems, findings, and a summary; `gate` is a sentence on what the gate made of them."""
    page = _Page(color)
    page.problems(audit)
    for finding in audit.findings:
        page.finding(audit, finding)
    page.summary(audit, gate)
    return page.text()


def audit(finished: Audit, *, color: bool = False, gate: str = "") -> str:
    """The verdict, the controls by group, and the findings one a line."""
    page = _Page(color)
    page.verdict(finished)
    page.problems(finished)
    page.controls(finished)
    page.finding_list(finished)
    page.summary(finished, gate)
    page.manifest(finished)
    return page.text()


class _Page:
    """Lines under way; everything that comes from the audited tree is made visible before it is coloured."""

    def __init__(self, color: bool) -> None:
        self._color = color
        self._lines: list[str] = []

    def text(self) -> str:
        return text.inert("\n".join(self._lines).strip("\n") + "\n")

    def problems(self, audit: Audit) -> None:
        if not audit.problems:
            return
        self._line(self._paint(f"Could not be read in full ({len(audit.problems)})", "warning"))
        for problem in audit.problems[:_MOST_PROBLEMS]:
            self._wrapped(
                f"{place(Location(problem.path, problem.line))}: {text.message(problem.message)}", "  ", "    "
            )
        if len(audit.problems) > _MOST_PROBLEMS:
            self._line(f"  and {len(audit.problems) - _MOST_PROBLEMS} more, which --format json lists")
        self._line()

    def finding(self, audit: Audit, finding: Finding) -> None:
        kind = f" ({text.message(finding.match.kind)})" if finding.match.kind else ""
        level = finding.severity.value
        self._line(
            f"{self._paint(f'{level} {text.message(finding.rule)}', level)}"
            f" {self._paint(text.message(finding.name) + kind, 'strong')}"
            f"{self._paint(f'  {finding.confidence.value} confidence', 'faint')}"
        )
        self._wrapped(place(finding.at), "  ", "    ")
        self._frame(frame(audit.sources, finding.at), level)
        self._wrapped(text.message(finding.match.message), "  ")
        self._path(audit, finding)
        if finding.match.fix:
            self._wrapped(f"Fix: {text.message(finding.match.fix)}", "  ", "       ")
        self._line()

    def verdict(self, audit: Audit) -> None:
        name = text.message(audit.identification.name)
        self._line(self._paint(f"{name + ', ' if name else ''}{text.message(verdict.revision(audit))}", "strong"))
        if audit.controls:
            self._wrapped(text.message(verdict.profile(audit)))
        self._wrapped(verdict.inputs(audit))
        scores = audit.scores
        if scores is None or not scores.overall.applicable:
            self._line("No control of the checklist applies." if audit.controls else "The checklist was not judged.")
            self._line()
            return
        self._line()
        self._alarm("Others may run code or get in", verdict.named(audit, scores.exploitable))
        self._alarm("Reported metrics are not trustworthy", verdict.named(audit, scores.invalid))
        self._wrapped(verdict.applicable(scores))
        if sentence := verdict.reading(scores.overall):
            self._wrapped(f"{sentence[:1].upper()}{sentence[1:]}. {verdict.coverage(scores)}")
        self._wrapped(text.message(verdict.weakest(scores)))
        self._line()

    def controls(self, audit: Audit) -> None:
        if audit.scores is None or not audit.scores.overall.applicable:
            return
        by_id = {control.id: control for control in audit.controls}
        for group in audit.scores.groups:
            self._group(group)
            for member in group.controls:
                self._control(audit, by_id[member])
            self._line()

    def finding_list(self, audit: Audit) -> None:
        if not audit.findings:
            return
        self._line(self._paint("Findings", "strong"))
        for finding in audit.findings:
            level = finding.severity.value
            first, *more = self._wrap(f"{level:7} {_named(finding)}", "  ", " " * 10)
            self._line(f"  {self._paint(first[2:9], level)}{first[9:]}")
            for line in more:
                self._line(line)
            self._wrapped(text.message(finding.match.message), " " * 10)
        self._line()

    def summary(self, audit: Audit, gate: str) -> None:
        found = verdict.by_severity(audit.findings)
        parts = [found[:1].upper() + found[1:]]
        if audit.suppressed:
            parts.append(f"{len(audit.suppressed)} suppressed")
        if audit.baselined:
            parts.append(f"{len(audit.baselined)} known from the baseline")
        self._wrapped(f"{'; '.join(parts)}. {verdict.inputs(audit)}")
        self._wrapped(gate)

    def manifest(self, audit: Audit) -> None:
        if audit.identification.manifest:
            self._line(self._paint(f"manifest sha256:{text.message(audit.identification.manifest)}", "faint"))

    def _group(self, group: GroupScore) -> None:
        counts = verdict.statuses(group)
        score = "" if group.reading.evidenced is None else f"evidenced {group.reading.evidenced}%"
        name = text.message(group.name)
        gap = max(2, WIDTH - len(name) - len(score))
        self._line(self._paint(f"{name}{' ' * gap}{score}".rstrip(), "strong"))
        self._line(self._paint(f"  {counts}", "faint"))

    def _control(self, audit: Audit, control: Control) -> None:
        words = verdict.STATUS_WORDS[control.status]
        name = text.message(control.id)
        title, *more = textwrap.wrap(text.message(control.title), WIDTH - _TITLE_COLUMN) or [""]
        status = self._paint(f"{words:17}", control.status.value)
        self._line(f"  {name:6} {status}  {title}")
        for line in more:
            self._line(" " * _TITLE_COLUMN + line)
        if control.reason:
            self._entry("why", text.message(control.reason))
        for item in control.evidence:
            if item.at.path in ("", "."):
                self._entry("looked", text.message(item.what).removeprefix("looked "))
            else:
                self._entry("evidence", f"{place(item.at)}: {text.message(item.what)}")
        for finding in verdict.named(audit, control.findings):
            self._entry("finding", _named(finding))
        missing, to_sign = verdict.missing(control)
        for lack in missing:
            self._entry("missing", text.message(lack))
        for sentence in to_sign:
            self._entry("to sign", text.message(sentence))
        if control.remedy and control.status is not Status.MET:
            self._entry("remedy", text.message(control.remedy))

    def _entry(self, label: str, words: str) -> None:
        first = f"         {self._paint(f'{label:9}', 'faint')}"
        lines = self._wrap(words, " " * 18, " " * 18)
        self._line(first + lines[0][18:])
        for line in lines[1:]:
            self._line(line)

    def _alarm(self, title: str, findings: list[Finding]) -> None:
        if not findings:
            return
        self._line(self._paint(f"{title}:", "error"))
        for finding in findings:
            self._wrapped(_named(finding), "  ", "    ")
        self._line()

    def _frame(self, lines: list[FrameLine], level: str) -> None:
        if not lines:
            return
        self._line()
        shift = min((len(line.text) - len(line.text.lstrip()) for line in lines if line.text.strip()), default=0)
        shift = max(0, shift - 4)
        long = sum(line.flagged for line in lines) > 1
        for line in lines:
            shown, marks = _window(line, shift)
            sign = self._paint(">", level) if long and line.flagged else " "
            self._line(f" {sign}{self._paint(f'{line.number:5} │', 'faint')} {shown}".rstrip())
            if marks and not long:
                self._line(f"  {self._paint('      │', 'faint')} {' ' * marks[0]}{self._paint('^' * marks[1], level)}")
        self._line()

    def _path(self, audit: Audit, finding: Finding) -> None:
        steps = finding.match.related
        if not steps:
            return
        self._line("  How it comes about:" if len(steps) > 1 else "  See also:")
        for number, step in enumerate(steps, 1):
            for line in self._step(audit, finding, number, step):
                self._line(line)

    def _step(self, audit: Audit, finding: Finding, number: int, step: Related) -> Iterator[str]:
        where = short_place(step.at, finding.at)
        yield from self._wrap(f"{number}. {where}: {text.message(step.message)}", "    ", "       ")
        if code := code_line(audit.sources, step.at):
            yield self._paint(f"       {text.cut(code, WIDTH - 7)}", "faint")

    def _paint(self, words: str, name: str) -> str:
        return f"\x1b[{_COLORS[name]}m{words}\x1b[0m" if self._color else words

    def _line(self, line: str = "") -> None:
        self._lines.append(line)

    def _wrapped(self, words: str, first: str = "", rest: str | None = None) -> None:
        if words:
            self._lines.extend(self._wrap(words, first, first if rest is None else rest))

    def _wrap(self, words: str, first: str, rest: str) -> list[str]:
        return textwrap.wrap(
            words, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
        ) or [first.rstrip()]


def _window(line: FrameLine, shift: int) -> tuple[str, tuple[int, int] | None]:
    """The part of a line that fits, and where the marks below it go; the flagged code stays in sight."""
    if line.start is None or line.end is None:
        return text.cut(line.text[shift:], _CODE_WIDTH), None
    start, end = line.start - shift, line.end - shift
    shown = line.text[shift:]
    if end > _CODE_WIDTH and start > _LEAD:
        skipped = min(start - _LEAD, end + 1 - _CODE_WIDTH)
        shown = "…" + shown[skipped + 1 :]
        start, end = start - skipped, end - skipped
    shown = text.cut(shown, _CODE_WIDTH)
    return shown, (start, max(1, min(end, len(shown)) - start))


def _named(finding: Finding) -> str:
    return f"{text.message(finding.rule)} {text.message(finding.name)}, {place(finding.at)}"
