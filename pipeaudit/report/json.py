"""The machine interface: a document a question, each with its number, one entry a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pipeaudit.model.audit import Audit, GroupScore, Impact, Reading, Source
from pipeaudit.model.control import Control, Evidence
from pipeaudit.model.finding import Finding, Problem, Related
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Node
from pipeaudit.report import text
from pipeaudit.report.frame import region

if TYPE_CHECKING:
    from pipeaudit.flow.story import Story

FINDINGS_SCHEMA = "pipeaudit/findings/1"
GRAPH_SCHEMA = "pipeaudit/graph/1"
AUDIT_SCHEMA = "pipeaudit/audit/1"
IMPACT_SCHEMA = "pipeaudit/impact/1"
FLOW_SCHEMA = "pipeaudit/flow/1"


def findings(audit: Audit) -> str:
    return _document(
        FINDINGS_SCHEMA,
        {"root": ".", **_origin(audit)},
        findings=[finding(found, audit.sources) for found in audit.findings],
        errors=[_problem(problem) for problem in audit.problems],
    )


def graph(audit: Audit) -> str:
    drawn = audit.graph
    return _document(
        GRAPH_SCHEMA,
        _origin(audit),
        stages=[_stage(stage) for stage in drawn.stages],
        artifacts=[
            {"id": artifact.id, "name": _path(artifact.name), "kind": artifact.kind.value}
            for artifact in drawn.artifacts
        ],
        edges=[
            {"source": edge.source, "target": edge.target, "kind": edge.kind, "origin": edge.origin.value}
            for edge in drawn.edges
        ],
        cells=[{"path": _path(cell.path), "cell": cell.cell, "kinds": list(cell.kinds)} for cell in drawn.cells],
        errors=[_problem(problem) for problem in audit.problems],
    )


def impact(audit: Audit, found: Impact) -> str:
    """What changes with some files; stages and artifacts have the identifiers of the graph's document."""
    return _document(
        IMPACT_SCHEMA,
        {"paths": [_path(path) for path in found.paths], **_origin(audit)},
        files=[{"imports": _path(file.imports), **_place(file.at)} for file in found.files],
        stages=[
            {
                "id": one.stage.id,
                "name": _path(one.stage.name),
                "kind": one.stage.kind.value,
                "system": one.stage.system,
                "steps": one.steps,
                "why": _message(one.why),
                **_place(one.at),
            }
            for one in found.stages
        ],
        artifacts=[
            {
                "id": one.artifact.id,
                "name": _path(one.artifact.name),
                "kind": one.artifact.kind.value,
                "writers": [node.id for node in one.writers],
            }
            for one in found.artifacts
        ],
        errors=[_problem(problem) for problem in audit.problems],
    )


def flow(at: Location, line: str, stories: Iterable[Story], problems: Iterable[Problem]) -> str:
    """How the values on a line came to be."""
    return _document(
        FLOW_SCHEMA,
        {**_place(at), "text": line},
        values=[
            {
                "name": _message(story.name),
                "program": _path(story.program),
                "caller": None if story.caller is None else _place(story.caller),
                "types": list(story.types),
                "steps": [
                    {
                        "about": step.about,
                        "message": _message(step.message),
                        "certain": step.certain,
                        "at": None if step.at is None else _place(step.at),
                    }
                    for step in story.steps
                ],
            }
            for story in stories
        ],
        errors=[_problem(problem) for problem in problems],
    )


def audit(finished: Audit) -> str:
    """The contract's `controls` and `errors`, and beside them what else a reader of the audit may want to compare."""
    made = finished.identification
    return _document(
        AUDIT_SCHEMA,
        {
            "profile": {"name": finished.profile, "reason": finished.profile_reason},
            "as_of": made.as_of or None,
            **_origin(finished),
            "identification": {
                "name": made.name,
                "revision": made.revision or None,
                "branch": made.branch or None,
                "repository": made.repository_url or None,
                "dirty": made.dirty,
                "command": made.command,
                "configuration": {"origin": made.configuration, "sha256": made.configuration_digest or None},
                "rules_sha256": made.rules_digest or None,
                "knowledge_sha256": made.knowledge_digest or None,
                "checklist_version": made.checklist_version or None,
                "timestamp": made.timestamp or None,
            },
            "scores": _scores(finished),
        },
        controls=[_control(control) for control in finished.controls],
        findings=[finding(found, finished.sources) for found in finished.findings],
        suppressed=[
            {**finding(found, finished.sources), "reason": _message(found.suppressed or "")}
            for found in finished.suppressed
        ],
        baselined=[finding(found, finished.sources) for found in finished.baselined],
        attestations=[
            {
                "control": entry.control,
                "status": entry.status,
                "state": entry.state,
                "statement": _message(entry.statement),
                "owner": entry.owner,
                "role": entry.role,
                "date": entry.date,
                "expires": entry.expires,
                "evidence": list(entry.evidence),
                **_place(entry.at),
            }
            for entry in finished.attestations
        ],
        exceptions=[
            {
                "subject": entry.subject,
                "state": entry.state,
                "reason": _message(entry.reason),
                "owner": entry.owner,
                "approved_by": entry.approved_by,
                "date": entry.date,
                "expires": entry.expires,
                "compensating_control": _message(entry.compensating_control),
                **_place(entry.at),
            }
            for entry in finished.accepted
        ],
        files=[
            {"path": _path(file.path), "size": file.size, "sha256": file.sha256, "committed": file.committed}
            for file in finished.files
        ],
        left_out=[{"path": _path(file.path), "reason": file.reason} for file in finished.left_out],
        errors=[_problem(problem) for problem in finished.problems],
    )


def finding(found: Finding, sources: Mapping[str, Source]) -> dict[str, object]:
    where = region(sources, found.at)
    return {
        "rule": found.rule,
        "name": found.name,
        "kind": found.match.kind,
        "severity": found.severity.value,
        "confidence": found.confidence.value,
        "stage": found.stage,
        "controls": list(found.controls),
        "path": _path(found.at.path),
        "line": where.line,
        "column": where.column,
        "end_line": where.end_line,
        "end_column": where.end_column,
        "cell": found.at.cell,
        "message": _message(found.match.message),
        "fingerprint": found.fingerprint,
        "related": [_related(step) for step in found.match.related],
        "fix": _message(found.match.fix) or None,
        "core": found.core,
    }


def _origin(audit: Audit) -> dict[str, object]:
    made = audit.identification
    return {"tool": {"name": "pipeaudit", "version": made.tool_version}, "manifest": made.manifest or None}


def _place(at: Location) -> dict[str, object]:
    return {"path": _path(at.path), "line": at.line, "cell": at.cell}


def _related(step: Related) -> dict[str, object]:
    return {**_place(step.at), "message": _message(step.message)}


def _problem(problem: Problem) -> dict[str, object]:
    return {"path": _path(problem.path), "line": problem.line, "message": _message(problem.message)}


def _stage(stage: Node) -> dict[str, object]:
    return {
        "id": stage.id,
        "name": _path(stage.name),
        "kind": stage.kind.value,
        "system": stage.system,
        **_place(stage.at),
        "declarations": [
            {
                "system": declared.system,
                "name": _path(declared.name),
                **_place(declared.at),
                **({"note": _message(declared.note)} if declared.note else {}),
            }
            for declared in stage.declarations
        ],
    }


def _control(control: Control) -> dict[str, object]:
    return {
        "id": control.id,
        "group": control.group,
        "title": control.title,
        "status": control.status.value,
        "evidence": [_evidence(item) for item in control.evidence],
        "findings": list(control.findings),
        "missing": list(control.missing),
        "remedy": control.remedy,
        "reason": control.reason,
    }


def _evidence(item: Evidence) -> dict[str, object]:
    return {**_place(item.at), "what": _message(item.what), "strength": item.strength.value}


def _scores(audit: Audit) -> dict[str, object] | None:
    if audit.scores is None:
        return None
    scores = audit.scores
    return {
        **_score(scores.overall),
        "coverage": scores.coverage,
        "weakest_group": scores.weakest or None,
        "results_valid": scores.results_valid,
        "invalid": list(scores.invalid),
        "exploitable": list(scores.exploitable),
        "weights": dict(scores.weights),
        "groups": [_score(group) for group in scores.groups],
    }


def _score(group: GroupScore) -> dict[str, object]:
    return {
        "name": group.name,
        "controls": list(group.controls),
        "counts": dict(group.counts),
        "applicable": group.applicable,
        "decided": group.decided,
        **_reading(group.reading),
    }


def _reading(reading: Reading) -> dict[str, object]:
    return {"evidenced": reading.evidenced, "with_attestations": reading.attested, "possible": reading.possible}


def _path(name: str) -> str:
    return text.cut(text.unicode_form(name), text.PATH_LIMIT)


def _message(words: str) -> str:
    return text.cut(text.unicode_form(words), text.MESSAGE_LIMIT)


def _document(schema: str, head: Mapping[str, object], **lists: Iterable[object]) -> str:
    """Small enough to mail and still one entry a line, so that two documents can be compared with any diff."""
    parts = [f'"schema": {_compact(schema)}', *(f"{_compact(key)}: {_compact(value)}" for key, value in head.items())]
    for key, entries in lists.items():
        rows = ",\n  ".join(_compact(entry) for entry in entries)
        parts.append(f"{_compact(key)}: [\n  {rows}]" if rows else f"{_compact(key)}: []")
    return text.visible("{" + ",\n ".join(parts) + "}\n")


def _compact(value: object) -> str:
    return json.dumps(text.valid(value), ensure_ascii=False, allow_nan=False)
