"""What changes when a file changes: who imports it, the stages that run differently, and what they write."""

from __future__ import annotations

from pipeaudit.model.audit import Audit, Impact
from pipeaudit.model.location import Location
from pipeaudit.report import json as documents
from pipeaudit.report.frame import place
from pipeaudit.report.text import counted, inert, message
from pipeaudit.report.text import path as shown

_MOST_WRITERS = 3


def text(audit: Audit) -> str:
    """The answer, in lines of which none is a command to CI that prints it."""
    found = audit.impact or Impact(())
    lines = [f"What changes with {', '.join(shown(path) for path in found.paths) or 'nothing'}", ""]
    if found.files:
        lines.append(f"{counted(len(found.files), 'file')} {'imports' if len(found.files) == 1 else 'import'} it")
        lines += [f"  - {place(file.at)}  imports {shown(file.imports)}" for file in found.files]
        lines.append("")
    lines.append(f"{len(found.stages)} of {counted(len(audit.graph.stages), 'stage')}")
    for one in found.stages:
        lines.append(f"  - {message(one.stage.name)} ({one.stage.kind.value}, {message(one.stage.system)})")
        lines.append(f"    {message(one.why)}  {place(one.at)}")
    if found.artifacts:
        lines += ["", counted(len(found.artifacts), "artifact")]
        for written in found.artifacts:
            names = [message(node.name) for node in written.writers]
            more = f" and {len(names) - _MOST_WRITERS} more" if len(names) > _MOST_WRITERS else ""
            by = f"{', '.join(names[:_MOST_WRITERS])}{more}"
            lines.append(f"  - {shown(written.artifact.name)} ({written.artifact.kind.value}), written by {by}")
    if audit.problems:
        lines += ["", "Could not be read in full, so more may depend on it"]
        lines += [f"  - {place(Location(one.path, one.line))}: {message(one.message)}" for one in audit.problems]
    return inert("\n".join(lines) + "\n")


def json(audit: Audit) -> str:
    return documents.impact(audit, audit.impact or Impact(()))
