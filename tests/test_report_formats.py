"""Every format over one example audit: the whole document as a snapshot, and read back by its own kind of reader."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from pipeaudit.model.audit import Audit, Source
from pipeaudit.model.finding import Confidence, Finding, Match, Problem, Related, Severity
from pipeaudit.model.location import Location
from pipeaudit.report import github, gitlab, html, markdown, priorities, sarif, terminal, view
from pipeaudit.report import json as documents
from pipeaudit.report.linehash import line_hashes
from tests import churn
from tests.churn import FORMATS, PICTURES, renderer

SHOWN = sorted({*FORMATS.values(), *PICTURES.values()} - {"html.render", "graph_page.render"})
SCHEMAS = Path(__file__).parent.parent / "reports" / "schema"
DATA = Path(__file__).parent / "data"
SAMPLE = Path(__file__).parent.parent / "reports" / "sample" / "report.html"


class AsFile(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.fixture(scope="module")
def audit() -> Audit:
    finished: Audit = churn.audit()
    return finished


@pytest.mark.parametrize("place", SHOWN)
def test_document_is_as_it_was(place: str, audit: Audit, snapshot: SnapshotAssertion) -> None:
    assert renderer(place)(audit) == snapshot(extension_class=AsFile)


def test_sample_report_is_what_the_program_writes(audit: Audit) -> None:
    assert SAMPLE.read_text(encoding="utf-8") == html.render(audit), "run: python tests/write_sample.py"


@pytest.mark.parametrize("place", sorted(set(FORMATS.values())))
def test_every_format_tells_of_unread_inputs_even_without_findings(place: str) -> None:
    problem = Problem("nb/broken.ipynb", 3, "is not JSON")
    audited = replace(churn.audit(), findings=(), suppressed=(), problems=(problem,))
    assert "broken.ipynb" in renderer(place)(audited)
    assert "is not JSON" in renderer(place)(audited).replace("\\u0020", " ")


@pytest.mark.parametrize("place", sorted(set(FORMATS.values())))
def test_every_format_says_something_when_there_is_nothing_to_say(place: str) -> None:
    commands = ("github.render", "azure.render", "rdjson.lines")  # a line for each finding, so none for none
    empty = Audit(replace(churn.audit().identification, name=""))
    assert bool(renderer(place)(empty)) == (place not in commands)


@pytest.mark.parametrize("name", ["findings", "graph", "audit"])
def test_json_documents_keep_to_their_schema(name: str, audit: Audit) -> None:
    schema = json.loads((SCHEMAS / f"{name}-1.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(getattr(documents, name)(audit)))


def test_json_has_one_finding_a_line(audit: Audit) -> None:
    lines = documents.findings(audit).splitlines()
    assert sum(line.lstrip().startswith('{"rule"') for line in lines) == len(audit.findings)


def test_terminal_keeps_to_eighty_columns(audit: Audit) -> None:
    assert max(map(len, (terminal.check(audit) + terminal.audit(audit)).splitlines())) == terminal.WIDTH


def test_colour_changes_nothing_but_colour(audit: Audit) -> None:
    colored = terminal.check(audit, color=True)
    assert "\x1b[" in colored
    assert _without_color(colored) == terminal.check(audit)


def test_credentials_are_struck_out_of_shown_code(audit: Audit) -> None:
    assert "s3cr3t-9f2a" in audit.sources["app/serve.py"].text
    for place in sorted(set(FORMATS.values())):
        assert "s3cr3t-9f2a" not in renderer(place)(audit), place


# SARIF


def sarif_run(audited: Audit, **settings: Any) -> dict[str, Any]:
    run: dict[str, Any] = json.loads(sarif.render(audited, sarif.Settings(**settings)))["runs"][0]
    return run


@pytest.mark.parametrize(
    "settings", [{}, {"show_suppressed": True}, {"snippets": False, "context": False, "rule_pages": False}]
)
def test_sarif_is_valid(audit: Audit, settings: dict[str, Any]) -> None:
    schema = json.loads((DATA / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(sarif.render(audit, sarif.Settings(**settings))))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n", ["8e00d41f0ebba6bf:1", "c129715d7a2bc9a3:1"]),
        ("a\n\nb\n", ["818c3a85b988abe4:1", "bf4c4d48992e2ca5:1", "ade70578248be16f:1", "c129715d7a2bc9a3:1"]),
        ("a\r\n \tb", [*line_hashes("a\nb").values()]),
    ],
)
def test_line_hashes_are_those_of_the_upload_action(text: str, expected: list[str]) -> None:
    assert list(line_hashes(text).values()) == expected


def test_notebook_results_stand_on_the_line_of_the_file(audit: Audit) -> None:
    [result] = [result for result in sarif_run(audit)["results"] if result["ruleId"] == "PA220"]
    place = result["locations"][0]
    line = audit.sources[churn.NOTEBOOK].text.split("\n")[place["physicalLocation"]["region"]["startLine"] - 1]
    assert "float('nan')" in line
    assert place["logicalLocations"][0]["fullyQualifiedName"] == f"{churn.NOTEBOOK}#cell=5"
    assert result["message"]["text"].startswith("cell 6, line 1: ")


def test_sarif_paths_are_seen_from_the_top_of_the_repository_as_bytes() -> None:
    finding = _finding(path="da ta/é#\udcff.py")
    identification = replace(churn.audit().identification, prefix="ml/churn")
    [result] = sarif_run(Audit(identification, findings=(finding,)))["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": "ml/churn/da%20ta/%C3%A9%23%FF.py", "uriBaseId": "%SRCROOT%"}


def test_a_path_of_the_data_is_one_thread_flow_with_inline_locations(audit: Audit) -> None:
    [result] = [result for result in sarif_run(audit)["results"] if result["ruleId"] == "PA201"]
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    lines = [step["location"]["physicalLocation"]["region"]["startLine"] for step in steps]
    assert lines == [17, 21, 24, 32]


def test_suppressed_findings_are_left_out_unless_asked_for(audit: Audit) -> None:
    assert not any("suppressions" in result for result in sarif_run(audit)["results"])
    [shown] = [result for result in sarif_run(audit, show_suppressed=True)["results"] if "suppressions" in result]
    assert shown["suppressions"][0]["justification"] == "the image is rebuilt from the lock file in the release job"


def test_too_many_results_keep_the_gravest_and_say_so(audit: Audit) -> None:
    run = sarif_run(audit, max_results=4)
    assert {result["level"] for result in run["results"]} == {"error"}
    assert (
        "7 of 11 results are not listed" in run["invocations"][0]["toolExecutionNotifications"][-1]["message"]["text"]
    )


def test_all_rules_are_listed_whether_they_fired_or_not(audit: Audit) -> None:
    rules = sarif_run(replace(audit, findings=()))["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.id for rule in audit.rules]
    assert {rule["id"] for rule in rules if "security-severity" in rule["properties"]} == {"PA905", "PA906"}


# Services


def test_github_shows_ten_of_each_level_and_counts_the_rest() -> None:
    findings = tuple(_finding(line=number) for number in range(1, 16))
    lines = github.render(Audit(churn.audit().identification, findings=findings)).splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["::error"] * 10 + ["::notice"]
    assert "5 more findings" in lines[-1]


def test_gitlab_fingerprints_are_unique() -> None:
    same = (_finding(line=1), _finding(line=2))
    entries = json.loads(gitlab.render(Audit(churn.audit().identification, findings=same)))
    assert [entry["fingerprint"] for entry in entries] == ["f" * 64, "f" * 64 + "-2"]


@pytest.mark.parametrize("place", ["junit.render", "checkstyle.render"])
def test_xml_holds_each_finding_once(place: str, audit: Audit) -> None:
    root = ElementTree.fromstring(renderer(place)(audit))
    assert len([*root.iter("failure"), *root.iter("error")]) == len(audit.findings) + len(audit.problems)


def test_csv_cells_start_no_formula(audit: Audit) -> None:
    rows = list(csv.reader(StringIO(renderer("csv.render")(replace(audit, findings=(_finding(message="=1+1"),))))))
    assert rows[-1][11] == "'=1+1"


def test_a_step_summary_stays_below_its_limit() -> None:
    many = tuple(_finding(line=number, message="x" * 490) for number in range(1, 4_000))
    written = markdown.check(Audit(churn.audit().identification, findings=many))
    assert len(written.encode()) < 1_000_000
    assert "left out here" in written


def _finding(path: str = "a.py", line: int = 1, message: str = "is wrong") -> Finding:
    match = Match(Location(path, line), message, related=(Related(Location(path, line), "here"),))
    return Finding("PA201", "preprocessing-leakage", Severity.ERROR, Confidence.HIGH, "training", (), match, "f" * 64)


def _without_color(words: str) -> str:
    head, *rest = words.split("\x1b[")
    return head + "".join(part.partition("m")[2] for part in rest)


def test_a_place_in_a_file_that_is_not_at_hand_is_shown_without_code() -> None:
    finding = _finding(path="gone.py", line=7)
    assert "gone.py:7" in terminal.check(
        Audit(churn.audit().identification, findings=(finding,), sources={"b": Source("")})
    )


def test_first_page_tells_what_to_do_first(audit: Audit) -> None:
    """What stands in red, then the other errors, a rule once; then unmet controls of the weakest group."""
    [first] = re.findall(r'<h2 id="first-title".*?</section>', html.render(audit), re.DOTALL)
    rules = ["PA905", "PA201", "PA203", "PA220"]
    assert re.findall(r'href="#(?:control-)?([A-Z]+-?\d+)', first) == [*rules, "MON-1", "MON-2", "MON-3", "ANT-5"]


def test_without_errors_warnings_come_first_and_notes_never(audit: Audit) -> None:
    milder = tuple(found for found in audit.findings if found.severity is not Severity.ERROR)
    shown = view.findings(audit, milder)
    listed = {repair.finding.severity for repair in priorities.repairs(shown, ())}
    assert (len({found.severity for found in shown}), listed) == (2, {"warning"})
