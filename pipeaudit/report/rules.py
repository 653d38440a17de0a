"""Rules for people and tools: the table of all, the page of one, and how often each was found."""

from __future__ import annotations

import json
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence

from pipeaudit.model.audit import Audit, RuleInfo
from pipeaudit.report.links import rule_page

_EXAMPLE = re.compile(r"^(Bad|Good)(?:, in ([^:\n]+))?:$")


def table(rules: Sequence[RuleInfo]) -> str:
    """One rule a line, in columns."""
    rows = [("CODE", "NAME", "STAGE", "SEVERITY", "UP TO", "TIER", "FIX", "CONTROLS")]
    rows += [
        (
            r.id,
            r.name,
            r.stage,
            r.severity.value,
            r.ceiling.value,
            r.tier,
            "yes" if r.fixable else "",
            " ".join(r.controls),
        )
        for r in rules
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines) + f"\n{len(rules)} rules\n"


def record(rule: RuleInfo) -> str:
    return json.dumps(_plain(rule), indent=2, ensure_ascii=False) + "\n"


def listing(rules: Iterable[RuleInfo]) -> str:
    rows = ",\n ".join(json.dumps(_plain(rule), ensure_ascii=False) for rule in rules)
    return f'{{"schema": "pipeaudit/rules/1", "rules": [\n {rows}\n]}}\n'


def _plain(rule: RuleInfo) -> dict[str, object]:
    return {
        "id": rule.id,
        "name": rule.name,
        "summary": rule.summary,
        "severity": rule.severity.value,
        "confidence_ceiling": rule.ceiling.value,
        "stage": rule.stage,
        "tier": rule.tier,
        "controls": list(rule.controls),
        "kinds": list(rule.kinds),
        "fixable": rule.fixable,
        "doc": rule.doc,
        "url": rule_page(rule),
    }


def markdown_table(rules: Iterable[RuleInfo]) -> str:
    """The table of `rules/README.md`; every row is the place that `rule_page` links to."""
    lines = ["| code | name | what it finds | stage | severity | tier | controls |", "|---|---|---|---|---|---|---|"]
    for rule in rules:
        code = f'<a id="{rule_page(rule).partition("#")[2]}"></a>{rule.id}'
        cells = (code, rule.name, rule.summary, rule.stage, rule.severity.value, rule.tier, " ".join(rule.controls))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def page(rule: RuleInfo) -> str:
    """A rule's page as text."""
    facts = [
        f"{rule.severity.value}, confidence up to {rule.ceiling.value}, stage {rule.stage}, {rule.tier}",
        f"controls: {', '.join(rule.controls)}" if rule.controls else "",
        f"kinds: {', '.join(rule.kinds)}" if rule.kinds else "",
        "mended by --fix" if rule.fixable else "",
    ]
    head = f"{rule.id} {rule.name}\n" + "".join(f"{fact}\n" for fact in facts if fact)
    ignore = f"To live with one: # pipeaudit: ignore[{rule.id}] the reason\n"
    return f"{head}\n{rule.doc.rstrip()}\n\n{ignore}{rule_page(rule)}\n"


def markdown_page(rule: RuleInfo) -> str:
    """A rule's page as Markdown: examples become code blocks."""
    lines = [f"# {rule.id} {rule.name}", ""]
    lines += [
        f"`{rule.severity.value}` · confidence up to `{rule.ceiling.value}` · stage `{rule.stage}` · `{rule.tier}`"
    ]
    if rule.controls:
        lines.append(f"Controls: {', '.join(rule.controls)}")
    return "\n".join([*lines, "", *_marked_up(rule.doc.split("\n")), ""])


def _marked_up(lines: Sequence[str]) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(lines):
        example = _EXAMPLE.match(lines[at])
        if example is None:
            found.append(lines[at])
            at += 1
            continue
        end = at + 1
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith("    ")):
            end += 1
        code = textwrap.dedent("\n".join(lines[at + 1 : end])).strip("\n")
        file = example[2] or "example.py"
        language = "python" if file.endswith(".py") else file.rpartition(".")[2]
        found += [
            f"**{example[1]}**" + (f", in `{example[2]}`" if example[2] else ""),
            "",
            f"```{language}",
            code,
            "```",
            "",
        ]
        at = end
    return found


def statistics(audit: Audit) -> str:
    """How often each rule was found, the most frequent first."""
    counts = Counter((finding.rule, finding.name, finding.severity.value) for finding in audit.findings)
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    lines = [f"{count:6d}  {code}  {name}  ({severity})" for (code, name, severity), count in rows]
    return "".join(f"{line}\n" for line in lines) + f"{sum(counts.values()):6d}  in all\n"
