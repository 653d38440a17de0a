"""What a repository lives with: comments, ranges, tags, dates, and the baseline."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from pipeaudit import resources, rulebook, suppress
from pipeaudit.model.finding import Confidence, Finding, Match, Severity
from pipeaudit.model.location import Location
from pipeaudit.model.suppression import Suppression

BOOK = rulebook.load([resources.folder("rules")])


def finding(line: int, path: str = "a.py", rule: str = "PA201", kind: str | None = "scaling") -> Finding:
    match = Match(Location(path, line), "found", kind=kind)
    return Finding(
        rule, "preprocessing-leakage", Severity.ERROR, Confidence.HIGH, "training", (), match, f"{rule}{line}"
    )


def hidden(suppressions: list[Suppression], lines: range = range(1, 20), as_of: str = "2026-06-01") -> list[int]:
    """The lines on which a finding of PA201 (scaling) is hidden."""
    everything = [finding(line) for line in lines]
    outcome = suppress.apply(everything, suppressions, BOOK, frozenset({"PA201"}), as_of)
    return [found.at.line for found in outcome.suppressed]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("x = 1  # pipeaudit: ignore[PA201] known\ny = 2\n", [1]),
        ("# pipeaudit: ignore[PA201] known\nx = 1\ny = 2\n", [2]),
        ("# pipeaudit: ignore[PA201] known\n# more\n\nx = f(\n    1,\n)\ny = 2\n", [4, 5, 6]),
        ("x = f(\n    1,  # pipeaudit: ignore[PA201] known\n)\ny = 2\n", [1, 2, 3]),
        ("x = 1  # pipeaudit: ignore[preprocessing-leakage] by its name\n", [1]),
        ("x = 1  # pipeaudit: ignore[PA301, PA201:scaling] one kind\n", [1]),
        ("x = 1  # pipeaudit: ignore[PA201:imputation] another kind\n", []),
        ("x = 1  # pipeaudit: ignore[PA301] another rule\n", []),
        ("x = 1  # pipeaudit: ignore all of it\n", []),
        ("x = '# pipeaudit: ignore[PA201] in a string'\n", []),
        ("a = 1\n# pipeaudit: disable[PA201] from here\nb\nc\n# pipeaudit: enable[PA201]\nd\n", [2, 3, 4, 5]),
        ("x = 1  # pipeaudit: ignore[PA201] known until=2027-01-31\n", [1]),
        ("x = 1  # pipeaudit: ignore[PA201] known until=2026-05-31\n", []),
        ("def f(:\n    x = 1  # pipeaudit: ignore[PA201] odd code\n", [2]),
    ],
)
def test_a_comment_hides_its_statement(source: str, lines: list[int]) -> None:
    assert hidden(suppress.in_python("a.py", source)) == lines


def test_a_whole_file_can_be_ignored() -> None:
    assert hidden(suppress.in_python("a.py", "x = 1\n\n# pipeaudit: ignore-file[PA201] legacy\n")) == list(range(1, 20))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a: 1 # pipeaudit: ignore[PA201] known\nb: 2\n", [1]),
        ("# pipeaudit: ignore[PA201] known\n\nRUN x\n", [3]),
        ("a: 'x#pipeaudit: ignore[PA201]'\n", []),
    ],
)
def test_other_formats_have_comments_too(text: str, lines: list[int]) -> None:
    assert hidden(suppress.in_text("a.py", text)) == lines


@pytest.mark.parametrize("path", ["findings.sarif", "audit.json", "CONTRIBUTING.md"])
def test_a_document_that_shows_a_suppression_has_none(path: str) -> None:
    assert suppress.in_text("pipeline.yaml", "x: 1  # pipeaudit: ignore[PA201] known\n")
    assert suppress.in_text(path, "x: 1  # pipeaudit: ignore[PA201] known\n") == []


def test_a_dated_suppression_needs_a_day_to_be_held_against() -> None:
    dated = suppress.in_python("a.py", "x = 1  # pipeaudit: ignore[PA201] known until=2027-01-31\n")
    assert hidden(dated, as_of="") == []


def test_a_cell_comment_or_tag_hides_in_its_cell_only() -> None:
    found = [replace(finding(1), match=Match(Location("n.ipynb", 1, cell=cell), "x")) for cell in (0, 1, 2)]
    marks = [
        *suppress.in_python("n.ipynb", "x = 1  # pipeaudit: ignore[PA201] known", 1),
        *suppress.in_tags("n.ipynb", 2, ["pipeaudit-ignore-PA201", "other"]),
    ]
    outcome = suppress.apply(found, marks, BOOK, frozenset(), "")
    assert [f.at.cell for f in outcome.open] == [0]
    assert [(f.at.cell, f.suppressed) for f in outcome.suppressed] == [(1, "known"), (2, "no reason given")]


def test_settings_ignore_by_path() -> None:
    assert hidden(suppress.configured("a.py", {"*.py": ["PA201"], "b.py": ["PA202"]}, "pyproject.toml"))
    assert suppress.configured("src/a.py", {"/a.py": ["PA201"]}, "pyproject.toml") == []


def test_unused_and_unknown_codes_are_told_apart() -> None:
    source = "x = 1  # pipeaudit: ignore[PA201, PA2O1, PA999] known\ny = 2  # pipeaudit: ignore[PA201] gone\n"
    outcome = suppress.apply([finding(1)], suppress.in_python("a.py", source), BOOK, frozenset({"PA201"}), "")
    assert [(s.at.line, s.unused, [code for code, _ in s.unknown]) for s in outcome.suppressions] == [
        (1, (), ["PA2O1", "PA999"]),
        (2, ("PA201",), []),
    ]
    unread = suppress.apply([], suppress.in_python("a.py", source), BOOK, frozenset({"PA201"}), "", frozenset({"a.py"}))
    assert all(not s.unused for s in unread.suppressions)


def test_a_baseline_holds_what_was_known_and_says_what_is_gone() -> None:
    text = suppress.baseline([finding(3), finding(1), finding(1)])
    known = suppress.read_baseline(text.encode(), "baseline.json")
    new, old, stale = suppress.against_baseline([finding(1), finding(1), finding(1), finding(2)], known)
    assert [f.at.line for f in new] == [1, 2]
    assert [f.at.line for f in old] == [1, 1]
    assert stale == ("PA2013",)
    assert [entry["count"] for entry in json.loads(text)["entries"]] == [2, 1]
    assert '"line"' not in text


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"schema": "pipeaudit/baseline/1", "entries": [3]}', b"[" * 100_000]
)
def test_a_broken_baseline_is_refused(data: bytes) -> None:
    with pytest.raises(suppress.BaselineError):
        suppress.read_baseline(data, "baseline.json")


@pytest.mark.parametrize(
    "line",
    [
        "# pipeaudit: ignore[" + "PA201," * 20_000,
        "#" + " " * 100_000 + "pipeaudit: ignore",
        "# pipeaudit: ignore[PA201] " + "until=" * 20_000,
        "#pipeaudit:" * 10_000,
    ],
)
def test_hostile_comments_cost_nothing(line: str) -> None:
    start = time.process_time()
    suppress.in_python("a.py", line)
    suppress.in_text("a.yaml", line)
    assert time.process_time() - start < 0.2
