"""JUnit XML: a suite a file, a failed case a finding, for CI systems that know nothing else."""

from __future__ import annotations

from itertools import groupby

from pipeaudit.model.audit import Audit
from pipeaudit.model.finding import Finding, Problem
from pipeaudit.report import text, xml
from pipeaudit.report.frame import place


def render(audit: Audit) -> str:
    """One passing case when nothing was found: many readers fail on an empty report."""
    suites = [
        _suite(path, [_failure(finding) for finding in findings])
        for path, findings in groupby(audit.findings, key=lambda finding: finding.at.path)
    ]
    suites += [
        _suite(path, [_error(problem) for problem in problems], kind="errors")
        for path, problems in groupby(audit.problems, key=lambda problem: problem.path)
    ]
    if not suites:
        passed = xml.element("testcase", {"classname": "pipeaudit", "name": "no findings"})
        suites = [xml.element("testsuite", {"name": "pipeaudit", "tests": 1, "failures": 0, "errors": 0}, passed)]
    manifest = xml.element("property", {"name": "manifest", "value": audit.identification.manifest})
    return xml.HEAD + xml.element(
        "testsuites",
        {
            "name": "pipeaudit",
            "tests": len(audit.findings) + len(audit.problems) or 1,
            "failures": len(audit.findings),
            "errors": len(audit.problems),
        },
        "\n",
        xml.element("properties", {}, manifest),
        *suites,
    )


def _suite(path: str, cases: list[str], kind: str = "failures") -> str:
    counts = {"failures": 0, "errors": 0, kind: len(cases)}
    return xml.element("testsuite", {"name": text.path(path), "tests": len(cases), **counts}, "\n", *cases)


def _failure(finding: Finding) -> str:
    message = text.message(finding.match.message)
    body = f"{place(finding.at)}\n{message}"
    if finding.match.fix:
        body += f"\nFix: {text.message(finding.match.fix)}"
    failure = xml.element("failure", {"type": finding.severity.value, "message": message}, xml.words(body))
    name = f"{finding.rule} {finding.name} at {place(finding.at)}"
    return xml.element("testcase", {"classname": text.path(finding.at.path), "name": name}, failure)


def _error(problem: Problem) -> str:
    message = text.message(problem.message)
    error = xml.element("error", {"type": "unread-input", "message": message}, xml.words(message))
    name = f"line {problem.line} could not be read"
    return xml.element("testcase", {"classname": text.path(problem.path), "name": name}, error)
