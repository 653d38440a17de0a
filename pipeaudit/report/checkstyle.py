"""Checkstyle XML, which most build servers' warning pages read."""

from __future__ import annotations

from pipeaudit.model.audit import Audit
from pipeaudit.report import links, text, xml
from pipeaudit.report.frame import physical_region

_SEVERITIES = {"error": "error", "warning": "warning", "note": "info"}


def render(audit: Audit) -> str:
    files: dict[str, list[str]] = {}
    for problem in audit.problems:
        message = f"could not be read in full: {text.message(problem.message)}"
        files.setdefault(problem.path, []).append(_error(problem.line, 1, "warning", message, "pipeaudit.unread"))
    for finding in audit.findings:
        at = links.anchored(audit, finding.at)
        where = physical_region(audit.sources, at)
        cell = f"cell {at.cell + 1}, line {at.line}: " if at.cell is not None else ""
        message = f"{cell}{text.message(finding.match.message)}"
        level = _SEVERITIES[finding.severity.value]
        source = f"pipeaudit.{finding.rule}.{finding.name}"
        files.setdefault(at.path, []).append(_error(where.line, where.column, level, message, source))
    prefix = audit.identification.prefix
    suites = [xml.element("file", {"name": links.joined(path, prefix)}, "\n", *files[path]) for path in sorted(files)]
    return xml.HEAD + xml.element("checkstyle", {"version": "4.3"}, "\n", *suites)


def _error(line: int, column: int, severity: str, message: str, source: str) -> str:
    return xml.element(
        "error", {"line": line, "column": column, "severity": severity, "message": message, "source": source}
    )
