"""Logging commands of Azure Pipelines; they know two levels."""

from __future__ import annotations

from pipeaudit.model.audit import Audit
from pipeaudit.model.finding import Finding, Problem
from pipeaudit.report import links, text, verdict
from pipeaudit.report.frame import physical_region


def render(audit: Audit) -> str:
    ordered = verdict.gravest_first(audit.findings)
    lines = [*(_problem(audit, problem) for problem in audit.problems), *(_finding(audit, found) for found in ordered)]
    return "".join(f"{line}\n" for line in lines)


def _finding(audit: Audit, finding: Finding) -> str:
    at = links.anchored(audit, finding.at)
    where = physical_region(audit.sources, at)
    level = "error" if finding.severity.value == "error" else "warning"
    cell = f"cell {at.cell + 1}, line {at.line}: " if at.cell is not None else ""
    path = links.joined(at.path, audit.identification.prefix)
    return _command(level, path, where.line, where.column, finding.rule, f"{cell}{finding.match.message}")


def _problem(audit: Audit, problem: Problem) -> str:
    path = links.joined(problem.path, audit.identification.prefix)
    return _command("warning", path, problem.line, 1, "unread", f"could not be read in full: {problem.message}")


def _command(level: str, path: str, line: int, column: int, code: str, message: str) -> str:
    properties = {"type": level, "sourcepath": path, "linenumber": line, "columnnumber": column, "code": code}
    written = "".join(f"{key}={_escaped(str(value))};" for key, value in properties.items())
    return text.visible(f"##vso[task.logissue {written}]{_escaped(text.cut(message, text.MESSAGE_LIMIT))}")


def _escaped(words: str) -> str:
    for sign, code in (("%", "%AZP25"), ("\r", "%0D"), ("\n", "%0A"), (";", "%3B"), ("]", "%5D")):
        words = words.replace(sign, code)
    return text.unicode_form(words)
