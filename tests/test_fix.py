"""Edits: every rule that promises one keeps its word on its own fixture, and nothing else of a file ever moves.

`fixtures/fixes/<rule file's name>.diff` is what `check --diff` prints for the rule's fixture.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeaudit import mend, resources, rulebook
from pipeaudit.cli import run
from pipeaudit.discover import discover
from pipeaudit.fix import addition, withdrawal, write
from pipeaudit.fix.change import NOT_THIS_FORM, Change, Refused, applied, difference
from pipeaudit.fix.contained import Job, rewritten
from pipeaudit.fix.draft import draft
from pipeaudit.limits import DEFAULT
from pipeaudit.model.choice import Choice
from pipeaudit.model.edit import Addition, Rewrite
from pipeaudit.model.finding import Confidence, Finding, Match, Severity
from pipeaudit.model.location import Location
from pipeaudit.report import diff
from pipeaudit.request import Request
from pipeaudit.rule import Rule, Scope
from pipeaudit.tree import Tree
from tests.conftest import FIXTURES
from tests.test_discover import commit

RULES = resources.folder("rules")
FIXABLE = [rule for rule in rulebook.load([RULES]).rules if rule.fixable]
FOLDERS = {path.stem.partition("_")[0].upper(): path.stem for path in RULES.rglob("pa*.py")}
SWAP = ("_f(_a, _b, *___)", "_f(_b, _a, *___)")
TIMEOUT = ("_f(*___)", "_f(*___, timeout=10)")
CALLED = ("_m.forward(*___)", "_m(*___)")
ASSIGNED = ("_o._m(*___)", "_o = _o._m(*___)")
Capture = pytest.CaptureFixture[str]


def changed(before: str, edit: Callable[[], Change]) -> str:
    """The text with an edit made, or why it is not."""
    try:
        return applied(before, [edit()])
    except Refused as refusal:
        return str(refusal)


def asked(folder: Path, rule: Rule) -> Request:
    """The rule alone; notes on suppressions need the others, which they speak of."""
    choice = Choice(packs=("all",)) if rule.scope is Scope.NOTES else Choice(select=(rule.id,))
    return Request(root=folder.resolve(), choice=choice, rule_folders=(RULES,))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("rule", FIXABLE, ids=lambda rule: rule.id)
def test_a_rule_mends_its_fixture_as_expected_and_once(rule: Rule, tmp_path: Path) -> None:
    source = FIXTURES / "rules" / FOLDERS[rule.id]
    folder, patched = (Path(shutil.copytree(source, tmp_path / name)) for name in ("mended", "patched"))
    patch = FIXTURES / "fixes" / f"{FOLDERS[rule.id]}.diff"
    first = mend.mended(asked(folder, rule), unsafe=rule.unsafe_fix)
    assert diff.unified(first.files) == patch.read_text(encoding="utf-8")
    assert first.refused == ()
    assert all(f.match.edit is not None and f.match.edit.safe != rule.unsafe_fix for f in first.findings)
    mend.write_all(asked(folder, rule), first)
    subprocess.run(["git", "apply", patch], cwd=patched, check=True)
    assert contents(folder) == contents(patched)
    assert mend.mended(asked(folder, rule), unsafe=rule.unsafe_fix).files == {}


REWRITES = [
    ("print(m.forward(a, b=1))\n", (1, 7), CALLED, "print(m(a, b=1))\n"),
    ("if x:\r\n    m.forward(a)  # é\r\n", (2, 5), CALLED, "if x:\r\n    m(a)  # é\r\n"),
    ("é = 1; m.forward(é)\n", (1, 8), CALLED, "é = 1; m(é)\n"),  # columns are characters
    ("f(\n    a,  # truth\n    b,\n    c=1,\n)\n", (1, 1), SWAP, "f(\n    b,  # truth\n    a,\n    c=1,\n)\n"),
    ("f(*both)\n", (1, 1), SWAP, NOT_THIS_FORM),
    ("r = get(u)\n", (1, 5), TIMEOUT, "r = get(u, timeout=10)\n"),
    ("r = get()\n", (1, 5), TIMEOUT, "r = get(timeout=10)\n"),
    ("r = get(\n    u\n)\n", (1, 5), TIMEOUT, "r = get(\n    u,\n    timeout=10\n)\n"),
    (
        "def g():\n  r = get(\n    u,\n  )\n",
        (2, 7),
        TIMEOUT,
        "def g():\n  r = get(\n    u,\n    timeout=10,\n  )\n",
    ),
    ("r = get(u, **k)\n", (1, 5), TIMEOUT, "r = get(u, **k, timeout=10)\n"),
    ("x = dot(a + 1, b).sum()\n", (1, 5), ("_f(_a, _b)", "_a @ _b"), "x = ((a + 1) @ b).sum()\n"),
    ("x = c * dot(a, b)\n", (1, 9), ("_f(_a, _b)", "_a @ _b"), "x = c * (a @ b)\n"),
    ("t += a + b\n", (1, 1), ("_t += _v", "_t += _v.detach()"), "t += (a + b).detach()\n"),
    ("t -= a\n", (1, 1), ("_t += _v", "_t += _v.detach()"), NOT_THIS_FORM),
    ("x = (a == nan)\n", (1, 6), ("_x == _n", "_x.isna()"), "x = (a.isna())\n"),
    ("x = a == b == nan\n", (1, 5), ("_x == _n", "_x.isna()"), NOT_THIS_FORM),
    ("def f(a):\n    a.drop(); g()\n", (2, 5), ASSIGNED, "def f(a):\n    a = a.drop(); g()\n"),
    ("def f():\n    a.drop()\n", (2, 5), ASSIGNED, "a name of an outer scope would become a local one"),
    ("x = load(f, Loader=L)\n", (1, 5), ("load(_f, Loader=_l)", "safe(_f)"), "x = safe(f)\n"),
    ("x = load(f,\n  Loader=L)  # why\n", (1, 5), ("load(_f, Loader=_l)", "safe(_f)"), "x = safe(f)  # why\n"),
    ("x = load(f,  # why\n  L)\n", (1, 5), ("load(_f, _l)", "safe(_f)"), "a comment stands in the way"),
    ("x = " + "+".join("1" * 300) + "\n", (1, 5), CALLED, "the code can't be edited: it has a chain or nesting of"),
    ("x = " + "(" * 5000 + ")" * 5000 + "\n", (1, 5), CALLED, "the code would not be valid Python"),
    ("x = " + "-" * 100_000 + "1\n", (1, 5), CALLED, "the code would not be valid Python"),
    ("print 'two'\n", (1, 1), CALLED, "the code would not be valid Python"),
]


@pytest.fixture(scope="module")
def answers() -> list[list[Change | str]]:
    return rewritten([Job(row[0], (Rewrite(Location("x.py", *row[1]), (row[2],)),)) for row in REWRITES], DEFAULT)


@pytest.mark.parametrize("row", range(len(REWRITES)))
def test_code_is_rewritten_or_left(row: int, answers: list[list[Change | str]]) -> None:
    before, _, _, after = REWRITES[row]
    [answer] = answers[row]
    assert after in (applied(before, [answer]) if isinstance(answer, Change) else answer)


def test_a_process_that_breaks_costs_its_own_edits_only() -> None:
    edit = Rewrite(Location("x.py", 1, 1), (CALLED,))
    starved = replace(DEFAULT, worker_bytes=16 * 1024 * 1024)
    assert rewritten([Job("m.forward(a)\n", (edit,))], starved) == [
        ["the code can't be edited: libcst broke on it, or asked for too much memory"]
    ]


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        ("s:\n  deps: [a]\n", ("deps",), "s:\n  deps: [a, new.csv]\n"),
        ("s:\n  deps: []\n", ("deps",), "s:\n  deps: [new.csv]\n"),
        (
            "s:\n  deps:\n  - a # last\n  outs: [b]\n",
            ("deps",),
            "s:\n  deps:\n  - a # last\n  - new.csv\n  outs: [b]\n",
        ),
        ("s:\r\n  deps:\r\n    - a", ("deps",), "s:\r\n  deps:\r\n    - a\r\n    - new.csv"),
        ("s:\n  cmd: x\n\n\nt: 1\n", ("deps",), "s:\n  cmd: x\n  deps:\n    - new.csv\n\n\nt: 1\n"),
        ("s:\n  deps:\n    - a:\n        x: 1\n", ("deps",), "s:\n  deps:\n    - a:\n        x: 1\n    - new.csv\n"),
        ("s: {deps: [a]}\n", ("deps",), "s: {deps: [a, new.csv]}\n"),
        ("s: {cmd: a}\n", ("deps",), "its entry has no `deps`, and no line of its own where one could stand"),
        ("s:\n  deps: a\n", ("deps",), "what it would be added to is no list"),
        ("s:\n  cmd: |\n    x\n", ("deps",), "a text of several lines stands before it"),
        ("s:\n  deps: [a\n", ("deps",), "the file is no plain YAML"),
        ("# s\na: [x]\n", ("deps",), "its entry is not found in the file"),
    ],
)
def test_items_join_a_list_as_it_is_written(before: str, edit: tuple[str, ...], after: str) -> None:
    wanted = Addition(Location("dvc.yaml"), edit, ("new.csv",))
    assert changed(before, lambda: addition.change("dvc.yaml", before, wanted, DEFAULT)) == after


def test_keys_of_another_file_join_their_own_list() -> None:
    edit = Addition(Location("dvc.yaml"), ("params",), ("a.b", "true"), group="other.yaml")
    for before, after in (
        ("s:\n  params:\n    - x\n", 's:\n  params:\n    - x\n    - other.yaml: [a.b, "true"]\n'),
        ("s:\n  params:\n    - other.yaml: [c]\n", 's:\n  params:\n    - other.yaml: [c, a.b, "true"]\n'),
    ):
        assert applied(before, [addition.change("dvc.yaml", before, edit, DEFAULT)]) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1  # pipeaudit: ignore[PA201] why\ny\n", "x = 1\ny\n"),
        ("x = 1  # pipeaudit: ignore[PA201] why # noqa\n", "x = 1  # noqa\n"),
        ("x = 1  # pipeaudit: ignore[PA201, PA305] why\n", "x = 1  # pipeaudit: ignore[PA305] why\n"),
        ("    # pipeaudit: ignore[PA201] why\r\n    x = 1\r\n", "    x = 1\r\n"),
        ("# pipeaudit: disable[PA201] why\nx = 1\n", "the comment is one end of a range; take away both"),
    ],
)
def test_a_code_leaves_its_comment(before: str, after: str) -> None:
    start = before.index("#")
    end = before.index(" # noqa") if "noqa" in before else len(before[start:].partition("\n")[0].rstrip()) + start
    code = frozenset({"PA201"})
    assert changed(before, lambda: withdrawal.change(before, start, end, code, keeps_lines=False)) == after


NOTEBOOK = (
    '{"nbformat":4, "nbformat_minor" : 5,\n "metadata": {"kernelspec": {"language": "python"}},\n'
    ' "cells": [\n  {"cell_type":"markdown","metadata":{},"source":["# m.forward(x)"]},\n'
    '\t{"cell_type": "code", "id": "a",   "metadata": {}, "execution_count": 7,\n'
    '   "source": ["%pylab\\n", "t = \\"\\u00e9\\" + m.forward(x) # \\ud83d\\ude00\\n", "%time m.forward(y)"],\n'
    '   "outputs": [{"output_type":"stream","name":"stdout","text":["m.forward(x)\\n"]}]},\n'
    '  {"cell_type": "code", "metadata": {}, "outputs": [], "source": "z = 1\\nm.forward(z)\\n"}]}'
)


def finding(at: Location, form: tuple[str, str] = CALLED) -> Finding:
    match = Match(at, "a finding", edit=Rewrite(at, (form,)))
    return Finding("PA999", "some-rule", Severity.NOTE, Confidence.HIGH, "other", (), match, str(at))


def tree_of(root: Path) -> Tree:
    return Tree(root, discover(root).files)


def test_of_a_notebook_only_the_changed_text_moves(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(NOTEBOOK)
    places = [Location("a.ipynb", 2, 11, cell=1), Location("a.ipynb", 3, 7, cell=1), Location("a.ipynb", 2, 1, cell=2)]
    made = draft(map(finding, places), tree_of(tmp_path))
    expected = NOTEBOOK.replace("+ m.forward(x)", "+ m(x)").replace("%time m.forward", "%time m.forward")
    expected = expected.replace("m.forward(z)", "m(z)")
    assert made.files["a.ipynb"].decode() == expected
    assert [why for _, why in made.refused] == ["a line of it is no plain Python"]


def test_edits_that_meet_wait_for_each_other(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("f(m.forward(x), y)\n")
    outer, inner = finding(Location("a.py", 1, 1), SWAP), finding(Location("a.py", 1, 3), CALLED)
    made = draft([outer, inner], tree_of(tmp_path))
    assert (made.made, made.waiting, made.files) == ((outer,), (inner,), {"a.py": b"f(y, m.forward(x))\n"})


@pytest.mark.parametrize(
    "data",
    [
        "# -*- coding: latin-1 -*-\nname = 'é'\r\nm.forward(x)\r\n".encode("latin-1"),
        "\ufeff# é\nn = 1\nm.forward(x)".encode(),
    ],
)
def test_encoding_and_line_ends_stay(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.py").write_bytes(data)
    made = draft([finding(Location("a.py", 3, 1))], tree_of(tmp_path))
    assert made.files == {"a.py": data.replace(b".forward", b"")}


def test_a_file_is_replaced_only_where_it_is_what_was_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    root = tmp_path / "root"
    (root / "src").mkdir(parents=True)
    outside.write_bytes(b"1")
    (root / "real.py").write_bytes(b"1")
    (root / "real.py").chmod(0o751)
    (root / "link.py").symlink_to(outside)
    (root / "folder").symlink_to(tmp_path)
    write.replace(root, "real.py", b"1", b"2")
    assert ((root / "real.py").read_bytes(), (root / "real.py").stat().st_mode & 0o777) == (b"2", 0o751)
    for path in ("link.py", "folder/outside.py", "real.py", "../outside.py", "missing.py"):
        with pytest.raises(Refused):
            write.replace(root, path, b"1", b"3")
    assert (outside.read_bytes(), sorted(os.listdir(root))) == (b"1", ["folder", "link.py", "real.py", "src"])


GAPS = 'import numpy as np\nimport pandas as pd\n\nrows = pd.read_csv("rows.csv")\nrows["a"][rows["a"] == np.nan] = 0\n'
MENDED = GAPS.replace('rows["a"][rows["a"] == np.nan]', 'rows.loc[rows["a"].isna(), "a"]')


def test_a_dry_run_gives_a_patch_and_changes_nothing(tmp_path: Path, capfd: Capture) -> None:
    (tmp_path / "gaps.py").write_text(GAPS.rstrip("\n"))
    assert run(["check", str(tmp_path), "--diff"]) == 0
    assert run(["check", str(tmp_path), "--fix", "--diff", "--exit-non-zero-on-fix"]) == 1
    patch, words = capfd.readouterr()
    assert (tmp_path / "gaps.py").read_text() == GAPS.rstrip("\n")
    assert words.splitlines() == ["2 findings would be mended in 1 file"] * 2
    subprocess.run(["git", "apply", "-"], input=patch[: len(patch) // 2], text=True, cwd=tmp_path, check=True)
    assert (tmp_path / "gaps.py").read_text() == MENDED.rstrip("\n")


def test_what_is_mended_is_not_reported_any_more(tmp_path: Path, capfd: Capture) -> None:
    (tmp_path / "gaps.py").write_text(GAPS)
    words = ["check", str(tmp_path), "--format", "json", "--fix"]
    assert run([*words, "--exit-non-zero-on-fix"]) == 1
    assert (tmp_path / "gaps.py").read_text() == MENDED
    assert {f["rule"] for f in json.loads(capfd.readouterr().out)["findings"]} & {"PA220", "PA221"} == set()
    assert run([*words, "--exit-non-zero-on-fix"]) == 0


def test_a_hook_leaves_files_alone_that_are_staged_in_part(tmp_path: Path, capfd: Capture) -> None:
    for name in ("whole.py", "part.py"):
        (tmp_path / name).write_text("")
    commit(tmp_path)
    for name in ("whole.py", "part.py"):
        (tmp_path / name).write_text(GAPS)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    (tmp_path / "part.py").write_text(GAPS + "more = 1\n")
    run(["check", str(tmp_path), "--staged", "--fix"])
    assert (tmp_path / "whole.py").read_text() == MENDED
    assert (tmp_path / "part.py").read_text() == GAPS + "more = 1\n"
    assert "part.py:5: PA221 is not mended: the file has changes that are not staged" in capfd.readouterr().err


def test_the_smallest_difference_is_found() -> None:
    assert difference("abcabc", "abc") == Change(3, 6, "")
    assert difference("same", "same") == Change(4, 4, "")
