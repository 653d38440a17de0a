"""The report as one self-contained page: no request of any kind, readable with scripts off, safe to open."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipeaudit import PROJECT_URL, resources
from pipeaudit.model.audit import Audit
from pipeaudit.model.location import Location
from pipeaudit.report import links, priorities, text, verdict, view
from pipeaudit.report.prose import prose

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CODE = {"python", "notebook"}  # what is found without any system declaring it
_WIDTH = re.compile(r'viewBox="0 0 ([0-9.]+) ')
PANEL = 920  # pixels that the page has for a picture on a desktop
NEARLY_FITS = 1_300  # beyond, letters would get too small
_LINE_START = re.compile(r"\n\s+")


def render(audit: Audit) -> str:
    from markupsafe import Markup

    from pipeaudit.graph import svg

    style, script = asset("report.css") + "\n" + asset("graph.css"), asset("report.js")
    shown = view.findings(audit, audit.findings)
    groups = view.groups(audit, shown)
    stages = view.stages(audit, shown)
    drawing = svg.draw(audit.graph, {row.id: f"#{row.anchor}" for row in stages}) if stages else ""
    page = (
        environment()
        .get_template("report.html")
        .render(
            audit=audit,
            made=audit.identification,
            scores=audit.scores,
            drawing=Markup(drawing),  # noqa: S704 # our own picture, its text escaped where it is drawn
            fits=PANEL < width(drawing) <= NEARLY_FITS,
            wide=width(drawing) > NEARLY_FITS,
            style=Markup(style),  # noqa: S704 # our own file
            script=Markup(script),  # noqa: S704 # our own file
            policy=policy(style, script),
            repository=links.web(audit.identification.repository_url),
            project_url=PROJECT_URL,
            verdict=_verdict(audit),
            limits=verdict.LIMITS,
            findings=shown[: view.MOST_FINDINGS],
            more_findings=shown[view.MOST_FINDINGS : view.MOST_ROWS],
            total=len(shown),
            severities=view.severities(audit.findings),
            stages_found=sorted({finding.stage for finding in shown if finding.stage}),
            rules_found=sorted({(finding.rule, finding.name) for finding in shown}),
            groups=groups,
            repairs=priorities.repairs(shown, _urgent(audit)),
            gaps=priorities.gaps(groups),
            words=verdict.WORDS,
            judged={control.id for control in audit.controls} if _is_assessed(audit) else set(),
            bar=view.bar(audit.scores.overall) if audit.scores else (),
            stages=stages,
            problems=[
                (view.where(audit, Location(problem.path, problem.line)), prose(problem.message))
                for problem in audit.problems
            ],
            suppressed=view.findings(audit, audit.suppressed),
            baselined=view.findings(audit, audit.baselined),
            attestations=[(entry, view.where(audit, entry.at)) for entry in audit.attestations],
            accepted=[(entry, view.where(audit, entry.at)) for entry in audit.accepted],
            files=audit.files[: view.MOST_FILES],
            left_out=audit.left_out[: view.MOST_FILES],
            systems=sorted({one.system for stage in audit.graph.stages for one in stage.declarations} - _CODE),
            disabled=[rule for rule in audit.rules if not rule.enabled],
        )
    )
    return text.visible(page)


def _verdict(audit: Audit) -> dict[str, object]:
    """The sentences at the top, and what stands in red."""
    scores = audit.scores
    assessed = _is_assessed(audit)
    counts = scores.overall.counts if scores else {}
    return {
        "assessed": assessed,
        "profile": prose(verdict.profile(audit)),
        "revision": verdict.revision(audit),
        "inputs": verdict.inputs(audit),
        "found": verdict.by_severity(audit.findings),
        "applicable": verdict.applicable(scores) if scores and assessed else "",
        "coverage": verdict.coverage(scores) if scores else "",
        "weakest": verdict.weakest(scores) if scores else "",
        "major": counts.get("unmet", 0),
        "minor": counts.get("partial", 0),
        "open": counts.get("needs-attestation", 0),
        "conform": counts.get("met", 0),
        "attested": counts.get("attested", 0),
        "excluded": counts.get("not-applicable", 0),
        "unread": len({problem.path for problem in audit.problems}),
        "exploitable": view.findings(audit, verdict.named(audit, scores.exploitable if scores else ())),
        "invalid": view.findings(audit, verdict.named(audit, scores.invalid if scores else ())),
        "lapsed": [entry for entry in audit.attestations if entry.state not in ("valid", "expiring")],
    }


def _urgent(audit: Audit) -> frozenset[str]:
    return frozenset((*audit.scores.exploitable, *audit.scores.invalid) if audit.scores else ())


def _is_assessed(audit: Audit) -> bool:
    return audit.scores is not None and audit.scores.overall.applicable > 0


def width(drawing: str) -> float:
    found = _WIDTH.search(drawing)
    return float(found[1]) if found else 0.0


def policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(block: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()


@lru_cache
def asset(name: str) -> str:
    """A style or script of ours without comments and indentation, as it will stand in its element."""
    written = (_templates() / name).read_text(encoding="utf-8")
    return _LINE_START.sub("\n", _COMMENT.sub("", written)).strip()


def _templates() -> Path:
    return resources.folder("reports") / "html"


@lru_cache
def environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(_templates()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    environment.filters["counted"] = text.counted
    return environment


def _finalized(value: object) -> object:
    """Every string of the tree is made valid and visible before it is escaped; what is markup has been through this."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return text.visible(text.unicode_form(value))
    return value
