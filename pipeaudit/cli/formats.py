"""What each command can write. A format is a function of the finished audit, in a module of `pipeaudit.report`."""

from __future__ import annotations

CHECK_FORMATS = {
    "text": "terminal.check",
    "json": "json.findings",
    "sarif": "sarif.render",
    "html": "html.render",
    "markdown": "markdown.check",
    "github": "github.render",
    "gitlab": "gitlab.render",
    "junit": "junit.render",
    "azure": "azure.render",
    "checkstyle": "checkstyle.render",
    "csv": "csv.render",
    "rdjson": "rdjson.render",
    "rdjsonl": "rdjson.lines",
}
AUDIT_FORMATS = {
    "text": "terminal.audit",
    "json": "json.audit",
    "html": "html.render",
    "markdown": "markdown.audit",
    "sarif": "sarif.render",
}
GRAPH_FORMATS = {
    "json": "json.graph",
    "html": "graph_page.render",
    "svg": "graph.svg",
    "mermaid": "graph.mermaid",
    "dot": "graph.dot",
    "graphml": "graph.graphml",
    "openlineage": "graph.openlineage",
}
IMPACT_FORMATS = {"text": "impact.text", "json": "impact.json"}
