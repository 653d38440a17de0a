"""Findings as a table for spreadsheets."""

from __future__ import annotations

import csv
from io import StringIO

from pipeaudit.model.audit import Audit
from pipeaudit.report import text

_COLUMNS = (
    "rule", "name", "kind", "severity", "confidence", "stage", "controls",
    "path", "cell", "line", "column", "message", "fix", "fingerprint",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render(audit: Audit) -> str:
    """Unread inputs stand first, as rows of their own; a cell that a spreadsheet would run gets an apostrophe."""
    written = StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for problem in audit.problems:
        unread = {"rule": "unread-input", "path": problem.path, "line": problem.line, "message": problem.message}
        rows.writerow(_safe(unread.get(column, "")) for column in _COLUMNS)
    for finding in audit.findings:
        match, at = finding.match, finding.at
        rows.writerow(
            _safe(value)
            for value in (
                finding.rule, finding.name, match.kind or "", finding.severity.value, finding.confidence.value,
                finding.stage, " ".join(finding.controls), at.path, "" if at.cell is None else at.cell, at.line,
                at.column, match.message, match.fix, finding.fingerprint,
            )
        )  # fmt: skip
    return written.getvalue()


def _safe(value: object) -> str:
    shown = text.cut(text.visible(text.unicode_form(str(value))), text.PATH_LIMIT)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
