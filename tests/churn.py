"""A finished audit of the small project in fixtures/reports/churn: what the tests of the formats render."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from pipeaudit.cli import formats
from pipeaudit.graph.graph import PipelineGraph
from pipeaudit.graph.impact import impact
from pipeaudit.link.imports import Import
from pipeaudit.model.audit import (
    AcceptedRisk,
    ArtifactNode,
    Attestation,
    Audit,
    CellKinds,
    CellSource,
    Graph,
    Identification,
    InputFile,
    RuleInfo,
    Source,
)
from pipeaudit.model.control import Control, Evidence, Status, Strength
from pipeaudit.model.finding import Confidence, Finding, LeftOut, Match, Problem, Related, Severity, fingerprint
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Edge, Node, Origin, Program, Stage, StageKind
from pipeaudit.read import notebook
from pipeaudit.read.cell_lines import cell_lines
from pipeaudit.scores import scores

REPORTS = Path(__file__).parent.parent / "fixtures" / "reports"
NOTEBOOK = "notebooks/explore.ipynb"
INVALIDATING = ("PA201", "PA202", "PA203")
SIGNED = "pipeaudit-attestations.yaml"

ASKED = ("src", "data/subscriptions.csv")
_IMPORTS = (Import("app/serve.py", "src/prepare.py", 3), Import(NOTEBOOK, "src/prepare.py", 1, 2))

Sources = dict[str, Source]

FORMATS = {**formats.CHECK_FORMATS, **{f"audit-{name}": place for name, place in formats.AUDIT_FORMATS.items()}}
PICTURES = {**formats.GRAPH_FORMATS}  # they show the graph alone, without findings or problems
FORMATS["graph-json"] = PICTURES.pop("json")
FORMATS |= {f"impact-{name}": place for name, place in formats.IMPACT_FORMATS.items()}


def audit() -> Audit:
    said = yaml.safe_load((REPORTS / "churn.yaml").read_text(encoding="utf-8"))
    sources = _sources()
    rules = {entry["id"]: _rule(entry) for entry in said["rules"]}
    findings = sorted((_finding(entry, rules, sources) for entry in said["findings"]), key=lambda found: found.at.key)
    opened = tuple(finding for finding in findings if finding.suppressed is None)
    controls = tuple(_control(entry, opened, sources) for entry in said["controls"])
    files = tuple(_file(path, source) for path, source in sources.items())
    graph = _graph()
    return Audit(
        identification=_identification(files),
        findings=opened,
        problems=(
            Problem("data/customers.yaml", 14, "YAML is nested deeper than 100 levels; the file was not read"),
            Problem("notebooks/draft.ipynb", 2, "not JSON: merge-conflict marks at column 2; it was not read"),
        ),
        rules=tuple(rules[id_] for id_ in sorted(rules)),
        graph=graph,
        controls=controls,
        profile="full",
        profile_reason="`src/train.py` trains a model and `app/serve.py` serves it",
        scores=scores(controls, opened, INVALIDATING),
        suppressed=tuple(finding for finding in findings if finding.suppressed is not None),
        attestations=(
            Attestation(
                control="EVL-4",
                status="met",
                statement="Model version 7 was reviewed by credit risk and legal; approved with a threshold of 0.42.",
                owner="maria.rossi@example.com",
                date="2026-05-04",
                expires="2026-11-01",
                at=Location(SIGNED, 3),
                state="expiring",
                role="Head of model risk",
                evidence=("docs/reviews/2026-05-churn.md", "ticket:RISK-812"),
            ),
        ),
        accepted=(
            AcceptedRisk(
                subject="PA902",
                reason="The vendor's scorer reads pickles only; migration is planned for the first quarter.",
                owner="maria.rossi@example.com",
                approved_by="Head of model risk",
                date="2026-05-04",
                expires="2026-12-31",
                compensating_control="The hash is checked before the load.",
                at=Location(SIGNED, 14),
            ),
        ),
        files=files,
        left_out=(
            LeftOut("data/", "ignored by .gitignore"),
            LeftOut("models/churn.joblib", "binary model file, only its name is used"),
        ),
        sources=sources,
        impact=impact(PipelineGraph(graph.stages, graph.artifacts, graph.edges), _IMPORTS, ["src/prepare.py"], ASKED),
    )


def renderer(place: str) -> Callable[..., str]:
    module, name = place.split(".")
    rendered: Callable[..., str] = getattr(importlib.import_module(f"pipeaudit.report.{module}"), name)
    return rendered


def _identification(files: tuple[InputFile, ...]) -> Identification:
    return Identification(
        tool_version="0.1.0",
        name="churn",
        revision="5f0c9e2b7d1a4c8e93b6f7a0d2e4c6b8a1f3d5e7",
        branch="main",
        repository_url="https://git.example.com/retention/churn.git",
        dirty=True,
        as_of="2026-10-05",
        command="pipeaudit audit . --format html",
        configuration="pyproject.toml",
        configuration_digest=_digest("configuration"),
        rules_digest=_digest("rules"),
        knowledge_digest=_digest("knowledge"),
        checklist_version="2025-07-07",
        manifest=_digest("".join(f"{file.path}\0{file.sha256}\n" for file in files)),
    )


def _rule(entry: dict[str, Any]) -> RuleInfo:
    return RuleInfo(
        id=entry["id"],
        name=entry["name"],
        severity=Severity(entry["severity"]),
        ceiling=Confidence.HIGH,
        doc=entry["doc"],
        stage=entry["stage"],
        controls=tuple(entry["controls"].split()),
        tier=entry["tier"],
        security_severity=entry.get("security", ""),
    )


def _finding(entry: dict[str, Any], rules: dict[str, RuleInfo], sources: Sources) -> Finding:
    rule, where, kind = rules[entry["rule"]], _at(entry["at"], sources), entry.get("kind")
    confidence = Confidence(entry["confidence"])
    steps = tuple(Related(_at(step["at"], sources), step["message"]) for step in entry.get("path", ()))
    return Finding(
        rule=rule.id,
        name=rule.name,
        severity=rule.severity,
        confidence=confidence,
        stage=rule.stage,
        controls=rule.controls,
        match=Match(where, entry["message"], kind, confidence, None, steps, entry.get("fix", ""), "main"),
        fingerprint=fingerprint(rule.id, kind, where.path, "main", entry["at"].get("code", ""), 0),
        core=rule.tier == "core",
        suppressed=entry.get("suppressed"),
    )


def _control(entry: dict[str, Any], findings: tuple[Finding, ...], sources: Sources) -> Control:
    status = Status(entry["status"])
    against = [finding.fingerprint for finding in findings if entry["id"] in finding.controls]
    return Control(
        id=entry["id"],
        group=entry["group"],
        title=entry["title"],
        status=status,
        evidence=tuple(
            Evidence(_at(item["at"], sources), item["what"], Strength(item.get("strength", "strong")))
            for item in entry.get("evidence", ())
        ),
        findings=tuple(against) if status in (Status.PARTIAL, Status.UNMET) else (),
        missing=(entry["missing"],) if "missing" in entry else (),
        remedy=entry.get("remedy", ""),
    )


def _at(entry: dict[str, Any], sources: Sources) -> Location:
    """The place of a piece of code, or a line, or the whole file."""
    path, cell, code = entry["path"], entry.get("cell"), entry.get("code")
    if code is None:
        return Location(path, entry.get("line", 1), cell=cell)
    text = sources[path].text if cell is None else sources[path].cells[cell].text
    for number, line in enumerate(text.split("\n"), 1):
        column = line.find(code) + 1
        if column:
            return Location(path, number, column, number, column + len(code), cell)
    raise AssertionError(f"{code!r} is not in {path}")


def _graph() -> Graph:
    def stage(name: str, kind: StageKind, system: str, path: str, line: int = 1, runs: str = "") -> Node:
        where = Location(path, line)
        declared = Stage(name, system, where, runs=(Program(runs),) if runs else ())
        return Node(f"{system}:{name}", name, kind, system, where, (declared,))

    stages = (
        stage("churn", StageKind.DEPLOYMENT, "python", "app/serve.py", 11),
        stage("prepare", StageKind.PREPROCESSING, "dvc", "dvc.yaml", 2, "src/prepare.py"),
        stage("train", StageKind.TRAINING, "dvc", "dvc.yaml", 6, "src/train.py"),
        stage("explore", StageKind.EXPLORATION, "notebook", NOTEBOOK),
    )
    data, metrics, model = (
        ArtifactNode(f"artifact:{name}", name, kind)
        for name, kind in (
            ("data/subscriptions.csv", ArtifactKind.DATASET),
            ("metrics.json", ArtifactKind.METRICS),
            ("models/churn.joblib", ArtifactKind.MODEL),
        )
    )
    edges = (
        Edge(data.id, "dvc:train", "reads", Origin.DECLARED),
        Edge(data.id, "notebook:explore", "reads", Origin.OBSERVED),
        Edge(model.id, "python:churn", "reads", Origin.OBSERVED),
        Edge("dvc:prepare", data.id, "writes", Origin.DECLARED),
        Edge("dvc:train", metrics.id, "writes", Origin.DECLARED),
        Edge("dvc:train", model.id, "writes", Origin.DECLARED),
    )
    kinds = {1: ("collection", "exploration"), 2: ("exploration",), 4: ("preprocessing",), 5: ("exploration",)}
    cells = tuple(CellKinds(NOTEBOOK, cell, found) for cell, found in kinds.items())
    return Graph(stages, (data, metrics, model), edges, cells)


def _sources() -> Sources:
    root = REPORTS / "churn"
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return {path: _source(path, (root / path).read_bytes()) for path in paths if not path.endswith("draft.ipynb")}


def _source(path: str, data: bytes) -> Source:
    if not path.endswith(".ipynb"):
        return Source(data.decode())
    places, cells = cell_lines(data), notebook.parse(path, data).cells
    return Source(data.decode(), tuple(CellSource(cell.source, places[cell.index], cell.id) for cell in cells))


def _file(path: str, source: Source) -> InputFile:
    return InputFile(path, len(source.text.encode()), _digest(source.text), committed=path != "params.yaml")


def _digest(of: str) -> str:
    return hashlib.sha256(of.encode()).hexdigest()
