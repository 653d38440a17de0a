"""What makes a run fail: the findings at or above the gate, and inputs that could not be analysed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeaudit.model.finding import Confidence, Finding, Severity

PASSED, FAILED, WRONG_CALL, UNREAD = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Gate:
    """`fail_on`: core (core rules at high confidence), a severity (at any confidence that is shown), or never."""

    fail_on: str = "core"
    max_errors: int | None = None
    exit_zero: bool = False

    def holds_back(self, finding: Finding) -> bool:
        if self.fail_on == "never":
            return False
        if self.fail_on == "core":
            return finding.core and finding.confidence is Confidence.HIGH
        return finding.severity.rank >= Severity(self.fail_on).rank

    def status(self, findings: Iterable[Finding], problems: int) -> int:
        """The exit status; too little that could be analysed weighs more than what was found in it."""
        if self.max_errors is not None and problems > self.max_errors:
            return UNREAD
        if self.exit_zero:
            return PASSED
        return FAILED if any(self.holds_back(finding) for finding in findings) else PASSED

    def sentence(self, findings: Iterable[Finding]) -> str:
        """What the gate made of the findings, in words; empty where there is no gate."""
        if self.fail_on == "never":
            return ""
        count = sum(self.holds_back(finding) for finding in findings)
        what = "core rules at high confidence" if self.fail_on == "core" else f"severity {self.fail_on} and above"
        if not count:
            return f"Passed: nothing at the gate ({what})."
        return f"Failed: {count} at the gate ({what})."
