"""What is to be done first: the gravest findings, a rule once, and the unmet controls of the weakest groups."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pipeaudit.report.view import ControlView, FindingView, GroupView

_MOST_RULES = 5
_MOST_CONTROLS = 4


@dataclass(frozen=True, slots=True)
class Repair:
    """A rule's gravest finding; `more` are as grave ones of the same rule."""

    finding: FindingView
    more: int


def repairs(shown: Sequence[FindingView], urgent: Collection[str]) -> list[Repair]:
    """What stands in red, then errors; where there is neither, warnings. Notes are nothing to begin with."""
    levels = {finding.severity for finding in shown}
    level = "error" if "error" in levels else "warning"
    grave = [finding for finding in shown if finding.severity == level or finding.fingerprint in urgent]
    by_rule: dict[str, list[FindingView]] = {}
    for finding in sorted(grave, key=lambda finding: finding.fingerprint not in urgent):
        by_rule.setdefault(finding.rule, []).append(finding)
    return [Repair(first, len(others)) for first, *others in by_rule.values()][:_MOST_RULES]


def gaps(groups: Sequence[GroupView]) -> list[ControlView]:
    """Unmet controls; groups too small for a figure come last."""
    weakest = sorted(groups, key=lambda group: 100 if group.evidenced is None else group.evidenced)
    unmet = [control for group in weakest for control in group.controls if control.status == "unmet"]
    return unmet[:_MOST_CONTROLS]
