"""The pipeline's graph alone, for viewers and other programs: pictures and graph files."""

from __future__ import annotations

from pipeaudit.graph import export
from pipeaudit.graph import svg as picture
from pipeaudit.model.audit import Audit
from pipeaudit.report.text import unicode_form, visible


def svg(audit: Audit) -> str:
    return visible(picture.standalone(audit.graph))


def dot(audit: Audit) -> str:
    return visible(export.dot(audit.graph))


def mermaid(audit: Audit) -> str:
    return visible(export.mermaid(audit.graph))


def graphml(audit: Audit) -> str:
    return visible(export.graphml(audit.graph))


def openlineage(audit: Audit) -> str:
    return visible(export.openlineage(audit.graph, unicode_form(audit.identification.as_of)))
