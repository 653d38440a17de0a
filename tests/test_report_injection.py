"""Nothing that the audited tree holds becomes active: every string of an audit, with every payload, in every format."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from html.parser import HTMLParser
from io import StringIO
from typing import Any
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from pipeaudit.model.audit import AcceptedRisk, Attestation, Audit, GroupScore, RuleInfo, Source
from pipeaudit.model.finding import Problem
from pipeaudit.model.pipeline import Edge
from pipeaudit.report import text
from tests import churn
from tests.churn import FORMATS, PICTURES, renderer

PAYLOADS = {
    "script": "</code></script><script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)" x="',
    "quote": "' autofocus onfocus='alert(1)",
    "image": "<img src=x onerror=alert(1)>",
    "style": "</style><style>*{background:url(//evil.example)}",
    "comment": "--><!-- <svg onload=alert(1)>",
    "cdata": "]]><x/>",
    "title": "</title><base href=//evil.example>",
    "address": "javascript:alert(1)",
    "template": "{{ 7 * 7 }}{% raw %}",
    "entity": "&lt;script&gt; &#60;b&#62;",
    "terminal": "\x1b[31m\x1b]0;title\x07\x9b2J\x7f\r",
    "bidi": "\u202egnp.\u2066x\u2069",
    "separators": "\u2028\u2029\x85\x0b\x0c",
    "nul": "\x00",
    "bytes": "\udcff\udc80",
    "surrogate": "\ud83d",
    "non-character": "\ufffe\uffff\ufdd0",
    "github": "\n::error file=x::forged\r\n::set-output name=a::b",
    "azure": "\n##vso[task.setvariable variable=x]y",
    "percent": "%0A::error::forged %25",
    "markdown": "[x](javascript:alert(1)) ![y](http://evil.example) <b>bold</b> # head",
    "fence": "\n```\n# head\n~~~\n",
    "table": "| a | b |\n|---|---|",
    "ticks": "`` ` ``` code",
    "formula": '=HYPERLINK("http://evil.example")',
    "list": "\n- item\n1. item\n\n    code",
}
_STEERING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_FIXED = {  # words of the program, which decide what is shown
    Edge: {"kind"},
    RuleInfo: {"security_severity"},
    Attestation: {"state"},
    AcceptedRisk: {"state"},
    GroupScore: {"counts"},
}


CLEAN = churn.audit()
_WRITTEN: dict[tuple[int, str], tuple[Audit, str]] = {}


def written_as(place: str, audit: Audit) -> str:
    """The report; several tests ask for the same one, and the audit is kept so that its identity stays its own."""
    key = (id(audit), place)
    if key not in _WRITTEN:
        _WRITTEN[key] = (audit, renderer(place)(audit))
    return _WRITTEN[key][1]


@dataclass(frozen=True)
class Payload:
    words: str
    leads: bool

    def __call__(self, value: str) -> str:
        """Empty stays empty: it means that something is not known."""
        if not value:
            return value
        return self.words + value if self.leads else value + self.words


def poisoned(value: Any, payload: Payload) -> Any:
    """The value with each of its strings changed; equal strings stay equal, so that references still hold."""
    if isinstance(value, str):
        return payload(value)
    if isinstance(value, Source):
        marked = "\n".join(line + re.sub(r"[\r\n]", "", payload.words) for line in value.text.split("\n"))
        return replace(value, text=marked, cells=tuple(poisoned(cell, payload) for cell in value.cells))
    if is_dataclass(value) and not isinstance(value, (type, Enum)):
        fixed = _FIXED.get(type(value), set())
        changed = {f.name: poisoned(getattr(value, f.name), payload) for f in fields(value) if f.name not in fixed}
        return replace(value, **changed)
    if isinstance(value, tuple):
        return tuple(poisoned(entry, payload) for entry in value)
    if isinstance(value, dict):
        return {poisoned(key, payload): poisoned(entry, payload) for key, entry in value.items()}
    return value


CASES = [
    pytest.param(Payload(words, leads), id=f"{name}-{'before' if leads else 'behind'}")
    for name, words in PAYLOADS.items()
    for leads in (False, True)
]


@pytest.fixture(scope="module", params=CASES)
def hostile(request: pytest.FixtureRequest) -> Audit:
    made: Audit = poisoned(CLEAN, request.param)
    return made


@pytest.mark.parametrize("place", sorted({*FORMATS.values(), *PICTURES.values()}))
def test_no_format_carries_what_steers_a_terminal(place: str, hostile: Audit) -> None:
    written = written_as(place, hostile)
    assert not _STEERING.search(written)
    assert "\r" not in written


@pytest.mark.parametrize("place", ["terminal.check", "terminal.audit", "impact.text"])
def test_no_line_of_text_begins_with_a_command(place: str, hostile: Audit) -> None:
    starts = [line.lstrip()[:2] for line in written_as(place, hostile).splitlines()]
    assert not {"::", "##"} & set(starts)


@pytest.mark.parametrize("place", ["github.render", "azure.render"])
def test_commands_are_as_many_as_without_the_payload(place: str, hostile: Audit) -> None:
    written, clean = written_as(place, hostile).splitlines(), written_as(place, CLEAN).splitlines()
    assert len(written) == len(clean)
    for line in written:
        assert re.fullmatch(r"::(error|warning|notice) [^\n]*?::[^\n]*|##vso\[task\.logissue [^\]]*\][^\n\]]*", line)


@pytest.mark.parametrize(
    "place",
    [
        "json.findings",
        "json.graph",
        "json.audit",
        "impact.json",
        "gitlab.render",
        "sarif.render",
        "rdjson.render",
        "graph.openlineage",
    ],
)
def test_json_is_read_back_as_it_was_meant(place: str, hostile: Audit) -> None:
    json.dumps(json.loads(written_as(place, hostile)), ensure_ascii=False).encode()
    assert shape(json.loads(written_as(place, hostile))) == shape(json.loads(written_as(place, CLEAN)))


def test_json_paths_are_the_names_of_the_tree_in_valid_unicode(hostile: Audit) -> None:
    found = json.loads(written_as("json.findings", hostile))["findings"]
    assert [one["path"] for one in found] == [text.unicode_form(finding.at.path) for finding in hostile.findings]


def test_sarif_addresses_are_percent_encoded(hostile: Audit) -> None:
    addresses = re.findall(r'"uri":"([^"]*)"', written_as("sarif.render", hostile))
    assert addresses
    assert all(re.fullmatch(r"(?:[A-Za-z0-9/._~-]|%[0-9A-F]{2})+", address) for address in addresses)


@pytest.mark.parametrize("place", ["junit.render", "checkstyle.render", "graph.svg", "graph.graphml"])
def test_xml_keeps_its_shape(place: str, hostile: Audit) -> None:
    tags = [
        [element.tag for element in ElementTree.fromstring(written_as(place, one)).iter()] for one in (hostile, CLEAN)
    ]
    assert sorted(tags[0]) == sorted(tags[1])


@pytest.mark.parametrize("place", ["graph.dot", "graph.mermaid"])
def test_graph_languages_keep_their_lines_and_quotes(place: str, hostile: Audit) -> None:
    written, clean = written_as(place, hostile).splitlines(), written_as(place, CLEAN).splitlines()
    assert [_unescaped_quotes(line) for line in written] == [_unescaped_quotes(line) for line in clean]


def test_csv_cells_start_no_formula(hostile: Audit) -> None:
    rows = list(csv.reader(StringIO(written_as("csv.render", hostile))))
    assert {len(row) for row in rows} == {14}
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@pytest.mark.parametrize("place", ["markdown.check", "markdown.audit"])
def test_markdown_of_the_tree_stays_text(place: str, hostile: Audit) -> None:
    kinds, foreign, headings = set(), set(), []
    for token in _tokens(written_as(place, hostile)):
        kinds.add(token.type)
        headings += [token.tag] if token.type == "heading_open" else []
        if token.type in ("html_inline", "html_block") and token.content != "<br>":
            foreign.add(token.content)
    assert not foreign
    assert not kinds & {"image", "link_open", "html_block"}
    assert headings == [token.tag for token in _tokens(written_as(place, CLEAN)) if token.type == "heading_open"]


class _Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.comments: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


@pytest.mark.parametrize("place", ["html.render", "graph_page.render"])
def test_html_gets_no_element_no_handler_and_no_address_from_the_tree(place: str, hostile: Audit) -> None:
    page, clean = _Page(written_as(place, hostile)), _Page(written_as(place, CLEAN))
    ours = (
        "script",
        "style",
        "img",
        "svg",
        "base",
        "iframe",
        "object",
        "embed",
        "form",
        "meta",
        "link",
        "title",
        "article",
    )
    assert {tag: page.tags.count(tag) for tag in ours} == {tag: clean.tags.count(tag) for tag in ours}
    assert set(page.tags) | {"code"} == set(clean.tags) | {"code"}  # back ticks set words of a message as code
    of_a_wide_drawing = {("button", "aria-pressed"), ("button", "data-whole")}
    known = {(tag, name) for tag, name, _ in clean.attributes} | of_a_wide_drawing
    assert {(tag, name) for tag, name, _ in page.attributes} <= known
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "style"]
    addresses = [value for _, name, value in page.attributes if name in ("href", "src")]
    assert all(value.startswith(("#", "https://")) for value in addresses)
    assert not page.comments


def shape(value: object) -> object:
    """Kinds of values and lengths of lists, without the words and an address that may be refused."""
    if isinstance(value, dict):
        return sorted(str(shape(entry)) for key, entry in value.items() if key != "versionControlProvenance")
    if isinstance(value, list):
        return [shape(entry) for entry in value]
    return type(value).__name__


def _unescaped_quotes(line: str) -> int:
    return len(re.findall('"', re.sub(r"\\.", "", line)))


def _tokens(written: str) -> list[Any]:
    found = []
    for token in MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(written):
        found += [token, *(token.children or ())]
    return found


def test_no_line_of_text_for_people_is_a_command_to_ci() -> None:
    lines = (
        "::error::x\n  \x1b[2m::debug::x\n\u3000::set-output name=a::b\n"
        " a ##vso[task.x]y ##[error]z\nok 1 :: 2 # #[x]\n"
    )
    assert text.inert(lines) == (
        "\\u003a:error::x\n  \x1b[2m\\u003a:debug::x\n\u3000\\u003a:set-output name=a::b\n"
        " a \\u0023#vso[task.x]y \\u0023#[error]z\nok 1 :: 2 # #[x]\n"
    )


@pytest.mark.parametrize("place", ["terminal.check", "terminal.audit", "impact.text"])
@pytest.mark.parametrize("path", ["::error file=x::forged", "a ##vso[task.complete]b"])
def test_a_files_name_is_no_command_to_ci(place: str, path: str) -> None:
    said = replace(CLEAN, problems=(Problem(path, 3, "::stop-commands::x"), Problem(path, 1, "not UTF-8")))
    written = renderer(place)(said)
    assert "stop-commands" in written
    assert not re.search(r"(?m)^\s*::|##\[|##vso\[", written)
