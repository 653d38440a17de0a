"""Rules for people and tools: the table of all, the page of one, and how often each was found."""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence

from pipeaudit.model.audit import Audit, RuleInfo
from pipeaudit.report.links import rule_page
from pipeaudit.report.text import counted

_EXAMPLE = re.compile(r"^(Bad|Good)(?:, in ([^:\n]+))?:$")

_NARROWEST, _WIDEST = 40, 100


def table(rules: Sequence[RuleInfo]) -> str:
    """One rule a line, in columns that fit a narrow terminal; a rule's page has the rest."""
    rows = [("CODE", "NAME", "SEVERITY", "UP TO", "TIER", "FIX")]
    rows += [
        (
            r.id,
            r.name,
            r.severity.value,
            r.ceiling.value,
            r.tier.removeprefix("pack:"),
            "unsafe" if r.unsafe_fix else "yes" if r.fixable else "",
        )
        for r in rules
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    more = (
        "Tiers other than core and default are packs, which --packs turns on.\nOne rule's page: pipeaudit explain CODE"
    )
    return "\n".join(lines) + f"\n\n{counted(len(rules), 'rule')}. {more}\n"


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
        "unsafe_fix": rule.unsafe_fix,
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
    """A rule's page as text, its prose as wide as the terminal and its examples as they are."""
    width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((80, 24)).columns))
    names = max(len(name) for name, _ in _facts(rule))
    facts = [
        textwrap.fill(
            text,
            width,
            initial_indent=f"  {name.ljust(names)}  ",
            subsequent_indent=" " * (names + 4),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for name, text in _facts(rule)
    ]
    more = f"To live with one: # pipeaudit: ignore[{rule.id}] the reason\n{rule_page(rule)}\n"
    return f"{rule.id} {rule.name}\n\n" + "\n".join(facts) + f"\n\n{_wrapped(rule.doc, width)}\n\n{more}"


def _facts(rule: RuleInfo) -> list[tuple[str, str]]:
    pack = rule.tier.removeprefix("pack:")
    runs = f"with --packs {pack}" if rule.tier.startswith("pack:") else "by default"
    gate = ", and fails a build at high confidence" if rule.tier == "core" else ""
    fix = "--fix --unsafe-fixes, in plain cases" if rule.unsafe_fix else "--fix, in plain cases"
    facts = [
        ("severity", rule.severity.value),
        ("confidence", {"high": "high at best", "medium": "medium at best", "low": "low"}[rule.ceiling.value]),
        ("stage", "that of the place" if rule.stage == "site" else rule.stage),
        ("runs", runs + gate),
        ("controls", ", ".join(rule.controls)),
        ("kinds", ", ".join(rule.kinds)),
        ("mended by", fix if rule.fixable else ""),
    ]
    return [(name, text) for name, text in facts if text]


def _wrapped(doc: str, width: int) -> str:
    """Paragraphs to the width; examples, which are indented, stay as they are."""
    parts = [
        part
        if part.startswith("    ")
        else textwrap.fill(" ".join(part.split()), width, break_long_words=False, break_on_hyphens=False)
        for part in doc.strip().split("\n\n")
    ]
    return "\n\n".join(parts)


def markdown_page(rule: RuleInfo) -> str:
    """A rule's page as Markdown: examples become code blocks."""
    facts = [f"- {name}: {text}" for name, text in _facts(rule)]
    lines = [f"# {rule.id} {rule.name}", "", *facts, "", *_marked_up(rule.doc.split("\n")), ""]
    return "\n".join(lines)


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
