"""reviewdog's diagnostic format, as one document or one diagnostic a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pipeaudit import PROJECT_URL
from pipeaudit.model.audit import Audit
from pipeaudit.model.finding import Finding, Problem
from pipeaudit.model.location import Location
from pipeaudit.report import links, text
from pipeaudit.report.frame import physical_region, text_lines

_SEVERITIES = {"error": "ERROR", "warning": "WARNING", "note": "INFO"}
_SOURCE = {"name": "pipeaudit", "url": PROJECT_URL}


def render(audit: Audit) -> str:
    rows = ",\n".join(_compact(entry) for entry in _diagnostics(audit))
    diagnostics = f"[\n{rows}\n]" if rows else "[]"
    return text.visible(f'{{"source": {_compact(_SOURCE)}, "diagnostics": {diagnostics}}}\n')


def lines(audit: Audit) -> str:
    """rdjsonl: each line stands alone, so each names its source."""
    return text.visible("".join(f"{_compact({**entry, 'source': _SOURCE})}\n" for entry in _diagnostics(audit)))


def _diagnostics(audit: Audit) -> list[dict[str, Any]]:
    pages = {rule.id: links.rule_page(rule) for rule in audit.rules}
    return [
        *(_unread(audit, problem) for problem in audit.problems),
        *(_finding(audit, finding, pages.get(finding.rule, PROJECT_URL)) for finding in audit.findings),
    ]


def _finding(audit: Audit, finding: Finding, page: str) -> dict[str, Any]:
    at = links.anchored(audit, finding.at)
    where = physical_region(audit.sources, at)
    cell = f"cell {at.cell + 1}, line {at.line}: " if at.cell is not None else ""
    fix = f"\nFix: {finding.match.fix}" if finding.match.fix else ""
    lines = text_lines(audit.sources, Location(at.path))
    start = {"line": where.line, "column": _bytes(lines, where.line, where.column)}
    end = {"line": where.end_line, "column": _bytes(lines, where.end_line, where.end_column)}
    return {
        "message": text.cut(text.unicode_form(f"{cell}{finding.match.message}{fix}"), 2 * text.MESSAGE_LIMIT),
        "location": {"path": _path(audit, at.path), "range": {"start": start, "end": end}},
        "severity": _SEVERITIES[finding.severity.value],
        "code": {"value": finding.rule, "url": page},
    }


def _unread(audit: Audit, problem: Problem) -> dict[str, Any]:
    message = f"could not be read in full: {problem.message}"
    return {
        "message": text.cut(text.unicode_form(message), text.MESSAGE_LIMIT),
        "location": {"path": _path(audit, problem.path), "range": {"start": {"line": max(1, problem.line)}}},
        "severity": "WARNING",
        "code": {"value": "unread-input", "url": PROJECT_URL},
    }


def _path(audit: Audit, path: str) -> str:
    return text.unicode_form(links.joined(path, audit.identification.prefix))


def _bytes(lines: Sequence[str], line: int, column: int) -> int:
    """reviewdog counts columns in bytes of UTF-8, we in code points."""
    if line > len(lines):
        return column
    return len(text.raw_bytes(lines[line - 1][: column - 1])) + 1


def _compact(value: object) -> str:
    return json.dumps(text.valid(value), ensure_ascii=False)
