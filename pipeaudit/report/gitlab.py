"""GitLab's Code Quality report: a JSON array that the merge request's widget reads."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

from pipeaudit.model.audit import Audit
from pipeaudit.model.finding import Finding
from pipeaudit.report import links, text
from pipeaudit.report.frame import physical_region

_SEVERITIES = {"error": "major", "warning": "minor", "note": "info"}


def render(audit: Audit) -> str:
    """The widget drops repeated fingerprints in silence, so each gets an ordinal among its equals."""
    security = {rule.id for rule in audit.rules if rule.security_severity}
    entries = [_entry(audit, finding, security) for finding in audit.findings]
    entries += [
        _record(
            f"Could not be read in full: {problem.message}",
            "unread-input",
            hashlib.sha256(text.raw_bytes(f"{problem.path}\0{problem.message}")).hexdigest(),
            "minor",
            links.joined(problem.path, audit.identification.prefix),
            problem.line,
        )
        for problem in audit.problems
    ]
    seen: Counter[str] = Counter()
    for entry in entries:
        print_ = str(entry["fingerprint"])
        seen[print_] += 1
        if seen[print_] > 1:
            entry["fingerprint"] = f"{print_}-{seen[print_]}"
    rows = ",\n".join(json.dumps(text.valid(entry), ensure_ascii=False) for entry in entries)
    return text.visible(f"[\n{rows}\n]\n" if rows else "[]\n")


def _entry(audit: Audit, finding: Finding, security: set[str]) -> dict[str, object]:
    at = links.anchored(audit, finding.at)
    cell = f"cell {at.cell + 1}, line {at.line}: " if at.cell is not None else ""
    severity = _SEVERITIES[finding.severity.value]
    fix = f". Fix: {finding.match.fix}" if finding.match.fix else ""
    return _record(
        f"{finding.rule} {finding.name}: {cell}{finding.match.message}{fix}",
        finding.name,
        finding.fingerprint,
        "critical" if severity == "major" and finding.rule in security else severity,
        links.joined(at.path, audit.identification.prefix),
        physical_region(audit.sources, at).line,
    )


def _record(description: str, check: str, fingerprint: str, severity: str, path: str, line: int) -> dict[str, object]:
    return {
        "description": text.cut(text.unicode_form(description), text.MESSAGE_LIMIT),
        "check_name": check,
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {"path": text.unicode_form(path), "lines": {"begin": max(1, line)}},
    }
