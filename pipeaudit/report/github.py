"""Workflow commands of GitHub Actions: annotations on the lines of a pull request."""

from __future__ import annotations

from collections import Counter

from pipeaudit.model.audit import Audit
from pipeaudit.model.finding import Finding
from pipeaudit.report import links, text, verdict
from pipeaudit.report.frame import physical_region
from pipeaudit.report.text import counted

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}
_SHOWN = 10  # GitHub shows this many of each level a step, first come first served


def render(audit: Audit) -> str:
    """The gravest first; the last notice says how many are not shown, so that nobody takes ten for all."""
    lines = [_unread(audit)] if audit.problems else []
    room = Counter({"error": _SHOWN, "warning": _SHOWN - len(lines), "note": _SHOWN - 1})
    hidden = 0
    for finding in verdict.gravest_first(audit.findings):
        level = finding.severity.value
        if room[level] > 0:
            room[level] -= 1
            lines.append(_annotation(audit, finding))
        else:
            hidden += 1
    if hidden:
        lines.append(f"::notice title=pipeaudit::{counted(hidden, 'more finding')} not shown here; see the full report")
    return "".join(f"{line}\n" for line in lines)


def _annotation(audit: Audit, finding: Finding) -> str:
    at = links.anchored(audit, finding.at)
    where = physical_region(audit.sources, at)
    properties = {
        "file": links.joined(at.path, audit.identification.prefix),
        "line": where.line,
        "endLine": where.end_line,
    }
    if where.line == where.end_line:
        properties |= {"col": where.column, "endColumn": where.end_column}
    properties["title"] = f"{finding.rule} {finding.name}"
    cell = f"cell {at.cell + 1}, line {at.line}: " if at.cell is not None else ""
    fix = f"\nFix: {finding.match.fix}" if finding.match.fix else ""
    message = text.cut(text.unicode_form(f"{cell}{finding.match.message}{fix}"), 2 * text.MESSAGE_LIMIT)
    return _command(_COMMANDS[finding.severity.value], properties, message)


def _unread(audit: Audit) -> str:
    first = "; ".join(f"{problem.path}: {problem.message}" for problem in audit.problems[:3])
    count = counted(len({problem.path for problem in audit.problems}), "input")
    return _command("warning", {"title": f"{count} could not be read in full"}, text.cut(first, text.MESSAGE_LIMIT))


def _command(name: str, properties: dict[str, object], message: str) -> str:
    written = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    return text.visible(f"::{name} {written}::{_data(message)}")


def _data(words: str) -> str:
    return text.unicode_form(words).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _data(words).replace(":", "%3A").replace(",", "%2C")
