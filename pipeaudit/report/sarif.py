"""SARIF 2.1.0, for code-scanning pages and editors."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pipeaudit import PROJECT_URL
from pipeaudit.model.audit import Audit, RuleInfo
from pipeaudit.model.finding import Finding, Problem
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Edge
from pipeaudit.report import links, text
from pipeaudit.report.frame import Region, physical_region, place, snippet, text_lines
from pipeaudit.report.linehash import line_hashes

SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LARGEST = 10_000_000
_DESCRIPTION_LIMIT = 1_024
_MOST_NODES = 2_000
_MOST_STEPS = 1_000
_MOST_TAGS = 10
_CONTEXT = 2
_MARKDOWN = re.compile(r"([\[\]\\])")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """`category` tells several uploads of one commit apart; without snippets no code of the repository is carried."""

    category: str = ""
    show_suppressed: bool = False
    snippets: bool = True
    context: bool = True
    rule_pages: bool = True
    max_results: int = 5_000


def render(audit: Audit, settings: Settings | None = None) -> str:
    """All rules are listed, not only those that fired; what does not fit is dropped and the document says so."""
    settings = settings or Settings()
    document = _write(audit, settings, "")
    for smaller, dropped in (
        (replace(settings, snippets=False), "code snippets"),
        (replace(settings, snippets=False, context=False), "code snippets and context"),
        (replace(settings, snippets=False, context=False, rule_pages=False), "code snippets, context and rule pages"),
    ):
        if len(document) <= _LARGEST or len(gzip.compress(document.encode(), mtime=0)) <= _LARGEST:
            break
        document = _write(audit, smaller, f"{dropped} were left out: the document would be over 10 MB compressed")
    return document


def _write(audit: Audit, settings: Settings, note: str) -> str:
    return _Run(audit, settings, note).document()


class _Run:
    """One run under way: it remembers line hashes of files and where rules stand in the list."""

    def __init__(self, audit: Audit, settings: Settings, note: str) -> None:
        self._audit = audit
        self._settings = settings
        self._note = note
        self._hashes: dict[str, dict[int, str]] = {}
        self._positions = {rule.id: position for position, rule in enumerate(audit.rules)}

    def document(self) -> str:
        head = {"$schema": SCHEMA_URI, "version": "2.1.0"}
        written = json.dumps(text.valid({**head, "runs": [self._run()]}), ensure_ascii=False, separators=(",", ":"))
        return text.visible(written) + "\n"

    def _run(self) -> Json:
        made = self._audit.identification
        run: Json = {
            "tool": {"driver": self._driver()},
            "automationDetails": {"id": f"pipeaudit/{self._settings.category}/".replace("//", "/")},
            "columnKind": "unicodeCodePoints",
            "defaultEncoding": "utf-8",
            "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The top of the audited repository."}}},
            "invocations": [self._invocation()],
            "artifacts": self._artifacts(),
            "results": [self._result(finding) for finding in self._kept],
            "properties": {"manifest": made.manifest, "profile": self._audit.profile},
        }
        if address := links.web(made.repository_url):
            provenance = {"repositoryUri": address, "revisionId": made.revision, "branch": made.branch}
            known = {key: value for key, value in provenance.items() if value}
            run["versionControlProvenance"] = [{**known, "mappedTo": {"uriBaseId": "%SRCROOT%"}}]
        if graph := self._graph():
            run["graphs"] = [graph]
        return run

    @cached_property
    def _all(self) -> list[Finding]:
        shown = [*self._audit.findings, *(self._audit.suppressed if self._settings.show_suppressed else ())]
        return sorted(shown, key=lambda finding: (finding.at.key, finding.rule))

    @cached_property
    def _kept(self) -> list[Finding]:
        """The gravest where there are more than a code-scanning page keeps."""
        if len(self._all) <= self._settings.max_results:
            return self._all
        worst = sorted(self._all, key=lambda found: (-found.severity.rank, -found.confidence.rank, found.at.key))
        kept = {id(finding) for finding in worst[: self._settings.max_results]}
        return [finding for finding in self._all if id(finding) in kept]

    def _driver(self) -> Json:
        version = self._audit.identification.tool_version
        return {
            "name": "pipeaudit",
            "fullName": f"pipeaudit {version}",
            "version": version,
            "semanticVersion": version,
            "informationUri": PROJECT_URL,
            "rules": [_rule(rule, self._settings) for rule in self._audit.rules],
        }

    def _invocation(self) -> Json:
        notices = [self._unread(problem) for problem in self._audit.problems]
        dropped = len(self._all) - len(self._kept)
        if dropped:
            words = f"{dropped} of {len(self._all)} results are not listed: at most {self._settings.max_results} are"
            notices.append({"level": "warning", "message": {"text": words}})
        if self._note:
            notices.append({"level": "warning", "message": {"text": self._note}})
        return {"executionSuccessful": True, "toolExecutionNotifications": notices}

    def _unread(self, problem: Problem) -> Json:
        where = {"artifactLocation": self._artifact(problem.path), "region": {"startLine": max(1, problem.line)}}
        message = {"text": _plain(f"Could not be read in full: {problem.message}")}
        return {"level": "error", "message": message, "locations": [{"physicalLocation": where}]}

    def _artifacts(self) -> list[Json]:
        named = {step.path for finding in self._kept for step in (finding.at, *_steps(finding))}
        return [
            {"location": self._artifact(file.path), "length": file.size, "hashes": {"sha-256": file.sha256}}
            for file in self._audit.files
            if file.path in named
        ]

    def _result(self, finding: Finding) -> Json:
        at = links.anchored(self._audit, finding.at)
        related = [
            {"id": number, "message": {"text": _plain(step.message)}, **self._location(step.at)}
            for number, step in enumerate(finding.match.related[:_MOST_STEPS], 1)
        ]
        result: Json = {
            "ruleId": finding.rule,
            "level": finding.severity.value,
            "message": {"text": _message(finding, at)},
            "locations": [self._location(at, primary=True)],
            "partialFingerprints": self._fingerprints(finding, at),
            "relatedLocations": related,
            "properties": {
                "confidence": finding.confidence.value,
                "stage": finding.stage,
                "controls": list(finding.controls),
                **({"kind": finding.match.kind} if finding.match.kind else {}),
            },
        }
        if finding.rule in self._positions:
            result["ruleIndex"] = self._positions[finding.rule]
        if len(finding.match.related) > 1:
            result["codeFlows"] = [{"threadFlows": [{"locations": self._flow(finding)}]}]
        if finding.suppressed is not None:
            reason = {"justification": _plain(finding.suppressed)} if finding.suppressed else {}
            result["suppressions"] = [{"kind": "inSource", "status": "accepted", **reason}]
        return result

    def _flow(self, finding: Finding) -> list[Json]:
        """The steps in the order of the data; the flagged place leads where the path does not name it."""
        steps = [(step.at, step.message) for step in finding.match.related[:_MOST_STEPS]]
        if finding.at.key not in {at.key for at, _ in steps}:
            steps.insert(0, (finding.at, finding.match.message))
        return [
            {
                "location": {"message": {"text": _plain(message)}, **self._location(at)},
                "importance": "essential" if at.key == finding.at.key else "important",
            }
            for at, message in steps
        ]

    def _location(self, at: Location, *, primary: bool = False) -> Json:
        shown = physical_region(self._audit.sources, at)
        physical: Json = {"artifactLocation": self._artifact(at.path), "region": _region(shown)}
        source = self._audit.sources.get(at.path)
        if source is not None:
            there = Location(at.path, shown.line, shown.column, shown.end_line, shown.end_column)
            if self._settings.snippets:
                physical["region"]["snippet"] = {"text": snippet(self._audit.sources, there)}
            if primary and self._settings.context:
                physical["contextRegion"] = self._around(there, shown)
        location: Json = {"physicalLocation": physical}
        if at.cell is not None:
            location["logicalLocations"] = [self._logical(at, at.cell)]
        return location

    def _around(self, at: Location, where: Region) -> Json:
        count = len(text_lines(self._audit.sources, Location(at.path)))
        first, last = max(1, where.line - _CONTEXT), max(where.end_line, min(count, where.end_line + _CONTEXT))
        around: Json = {"startLine": first, "endLine": last}
        if self._settings.snippets:
            around["snippet"] = {"text": snippet(self._audit.sources, Location(at.path, first, 1, last))}
        return around

    def _logical(self, at: Location, cell: int) -> Json:
        source = self._audit.sources.get(at.path)
        cell_id = source.cells[cell].id if source is not None and cell < len(source.cells) else ""
        return {
            "name": f"cell {cell}",
            "kind": "module",
            "fullyQualifiedName": f"{_plain(at.path)}#cell={cell}",
            "properties": {"cell": cell, "line": at.line, **({"cellId": _plain(cell_id)} if cell_id else {})},
        }

    def _fingerprints(self, finding: Finding, at: Location) -> Json:
        prints = {"pipeaudit/v1": finding.fingerprint}
        source = self._audit.sources.get(at.path)
        if source is not None:
            if at.path not in self._hashes:
                self._hashes[at.path] = line_hashes(source.text)
            line = physical_region(self._audit.sources, at).line
            if line in self._hashes[at.path]:
                prints["primaryLocationLineHash"] = self._hashes[at.path][line]
        return prints

    def _artifact(self, path: str) -> Json:
        return {"uri": links.uri(path, self._audit.identification.prefix), "uriBaseId": "%SRCROOT%"}

    def _graph(self) -> Json | None:
        drawn = self._audit.graph
        if not drawn.stages or len(drawn.stages) + len(drawn.artifacts) > _MOST_NODES:
            return None
        stages = [
            {"id": _plain(stage.id), "label": {"text": _plain(stage.name)}, "location": self._location(stage.at)}
            for stage in drawn.stages
        ]
        artifacts = [
            {"id": _plain(artifact.id), "label": {"text": _plain(artifact.name)}} for artifact in drawn.artifacts
        ]
        edges = [_edge(number, edge) for number, edge in enumerate(drawn.edges, 1)]
        return {"description": {"text": "Stages and artifacts."}, "nodes": [*stages, *artifacts], "edges": edges}


def _rule(rule: RuleInfo, settings: Settings) -> Json:
    page = _plain(rule.doc)
    suppress = f"To live with one, write `# pipeaudit: ignore[{rule.id}] reason` at the end of its line."
    shown: Json = {"text": f"{rule.summary}\n\n{suppress}"}
    if settings.rule_pages:
        shown = {"text": f"{page}\n\n{suppress}", "markdown": f"# {rule.id} {rule.name}\n\n{page}\n\n{suppress}\n"}
    tags = ["machine-learning", *(["security"] if rule.security_severity else []), rule.stage, *rule.controls]
    properties: Json = {
        "tags": [tag for tag in dict.fromkeys(tags) if tag][:_MOST_TAGS],
        "precision": rule.ceiling.value,
        "problem.severity": "recommendation" if rule.severity.value == "note" else rule.severity.value,
        "tier": rule.tier,
    }
    if rule.security_severity:
        properties["security-severity"] = rule.security_severity
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": text.cut(_plain(rule.summary) or rule.name, _DESCRIPTION_LIMIT)},
        "fullDescription": {"text": text.cut(page.partition("\nBad")[0].strip() or rule.name, _DESCRIPTION_LIMIT)},
        "help": shown,
        "helpUri": links.rule_page(rule),
        "defaultConfiguration": {"level": rule.severity.value, "enabled": rule.enabled},
        "properties": properties,
    }


def _message(finding: Finding, at: Location) -> str:
    """What people read: the cell first, then the message, then links to the steps; code in it cannot make links."""
    cell = f"cell {at.cell + 1}, line {at.line}: " if at.cell is not None else ""
    words = text.cut(_escaped(finding.match.message), text.MESSAGE_LIMIT)
    steps = ", ".join(
        f"[{_escaped(step.message) or place(step.at)}]({number})"
        for number, step in enumerate(finding.match.related[:_MOST_TAGS], 1)
    )
    return f"{cell}{words}{f' ({steps})' if steps else ''}"


def _escaped(words: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text.cut(_plain(words), text.MESSAGE_LIMIT))


def _plain(words: str) -> str:
    return text.unicode_form(words)


def _region(where: Region) -> Json:
    return {
        "startLine": where.line,
        "startColumn": where.column,
        "endLine": where.end_line,
        "endColumn": where.end_column,
    }


def _steps(finding: Finding) -> list[Location]:
    return [step.at for step in finding.match.related]


def _edge(number: int, edge: Edge) -> Json:
    ends: Mapping[str, str] = {"sourceNodeId": _plain(edge.source), "targetNodeId": _plain(edge.target)}
    return {"id": str(number), "label": {"text": edge.kind}, **ends}
