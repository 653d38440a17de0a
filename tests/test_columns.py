"""Columns count characters, whatever alphabet a file is written in, in findings as in the trees behind them."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeaudit import engine, resources
from pipeaudit.model.choice import Choice
from pipeaudit.read.columns import in_characters
from pipeaudit.read.python import parse
from pipeaudit.request import Request

LINE = "данные = 'π𝛑'; x = yaml.load('é: 1', Loader=yaml.Loader); y = 1"
CALL = "yaml.load('é: 1', Loader=yaml.Loader)"
NAMES = st.sampled_from(["x", "é", "данные", "变量", "𝛑"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6).map(repr)
STATEMENTS = st.builds("{} = f({}, [{}])".format, NAMES, TEXTS, TEXTS) | st.builds(
    "if {}: {} = '''{}\n{}'''; z = {}".format, NAMES, NAMES, NAMES, NAMES, TEXTS
)


_PLACED = (ast.expr, ast.stmt)


def code_at(source: str, node: ast.expr | ast.stmt) -> str:
    lines = source.split("\n")[node.lineno - 1 : node.end_lineno]
    lines[-1] = lines[-1][: node.end_col_offset]
    return "\n".join(lines)[node.col_offset :]


@given(st.lists(st.lists(STATEMENTS, min_size=1, max_size=3), max_size=4))
def test_a_node_begins_and_ends_where_its_characters_do(lines: list[list[str]]) -> None:
    source = "\n".join(part if part.startswith("if") else f"{part}; é" for line in lines for part in line)
    expected = [ast.get_source_segment(source, n) for n in ast.walk(ast.parse(source)) if isinstance(n, _PLACED)]
    tree = in_characters(ast.parse(source), source.encode())
    assert [code_at(source, n) for n in ast.walk(tree) if isinstance(n, _PLACED)] == expected


@pytest.mark.parametrize(
    "data",
    [
        f"{LINE}\n".encode(),
        f"\ufeff{LINE}\r\n".encode(),
        f"# -*- coding: cp1251 -*-\n{LINE}".replace("π𝛑", "бв").replace("é", "г").encode("cp1251"),
        b"# \xff is no text\n" + LINE.encode(),
    ],
    ids=["plain", "with a mark", "in another encoding", "with bytes that are no text"],
)
def test_columns_do_not_depend_on_the_encoding(data: bytes) -> None:
    [call] = [node for node in ast.walk(parse("a.py", data)) if isinstance(node, ast.Call)]
    begins = LINE.index(CALL)
    assert (call.col_offset, call.end_col_offset) == (begins, begins + len(CALL))


def test_findings_stand_at_their_characters_in_files_and_cells(tmp_path: Path) -> None:
    code = f"import yaml\n{LINE}\n"
    cell: dict[str, object] = {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": code,
    }
    (tmp_path / "a.py").write_text(code, encoding="utf-8")
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "b.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    rule = Choice(select=("PA909",))
    audit, _ = engine.audit(Request(root=tmp_path, choice=rule, rule_folders=(resources.folder("rules"),)))
    begins = LINE.index(CALL) + 1
    places = [(f.at.path, f.at.line, f.at.column, f.at.end_column) for f in audit.findings]
    assert places == [(path, 2, begins, begins + len(CALL)) for path in ("a.py", "b.ipynb")]
