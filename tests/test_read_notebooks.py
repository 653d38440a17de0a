"""Notebooks of every version to cells, and cells to plain Python with every line in its place."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeaudit.read.cell_lines import cell_lines
from pipeaudit.read.error import ReadError
from pipeaudit.read.magics import CleanCell, Magic, clean
from pipeaudit.read.notebook import Notebook, parse


def notebook(*cells: object, **fields: object) -> bytes:
    return json.dumps({"nbformat": 4, "metadata": {}, "cells": list(cells), **fields}).encode()


def code(source: object, **fields: object) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, **fields}


def read(data: bytes) -> Notebook:
    return parse("a.ipynb", data)


OLD_CELLS = [
    {"cell_type": "heading", "level": 2, "source": "Data"},
    {"cell_type": "code", "input": ["x = 1\n", "y = 2"], "prompt_number": 3, "language": "python"},
]


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (notebook({"cell_type": "markdown", "source": ["## Data"]}, code(["x = 1\n", "y = 2"], execution_count=3)), 4),
        (json.dumps({"nbformat": 3, "worksheets": [{"cells": OLD_CELLS}]}).encode(), 3),
        (json.dumps({"nbformat": 2, "worksheets": [{"cells": OLD_CELLS[:1]}, {"cells": OLD_CELLS[1:]}]}).encode(), 2),
        (
            json.dumps(
                {
                    "nbformat": 1,
                    "cells": [
                        {"cell_type": "text", "text": "## Data"},
                        {"cell_type": "code", "code": "x = 1\ny = 2", "prompt_number": 3},
                    ],
                }
            ).encode(),
            1,
        ),
    ],
)
def test_every_format_version_gives_the_same_cells(data: bytes, version: int) -> None:
    found = read(data)
    assert [(cell.index, cell.source) for cell in found.cells] == [(0, "## Data"), (1, "x = 1\ny = 2")]
    assert found.cells[1].execution_count == 3
    assert [cell.index for cell in found.code_cells] == [1]
    assert found.format == version


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_windows_are_understood(encoding: str) -> None:
    assert read(notebook(code("é\r\nb\rc")).decode().encode(encoding)).cells[0].lines == ["é", "b", "c"]


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({}, "python"),
        ({"kernelspec": {"name": "python3", "language": "python"}}, "python"),
        ({"kernelspec": {"name": "ir"}, "language_info": {"name": "R"}}, "r"),
        ({"kernelspec": {"name": "conda-env-x-py"}}, "python"),
        ({"kernelspec": None, "language_info": 3}, "python"),
    ],
)
def test_the_language_of_a_notebook(metadata: object, language: str) -> None:
    assert read(notebook(metadata=metadata)).language == language


def test_odd_cells_keep_their_index_and_are_noted() -> None:
    found = read(notebook(None, "text", code(3), code([1, "x"]), code([["y"]]), {"cell_type": "other"}, code("z")))
    assert [cell.source for cell in found.cells] == ["", "", "", "x", "", "", "z"]
    assert [problem.message for problem in found.problems] == [
        "cell 1 is no object",
        "cell 2 is no object",
        "cell 3 has a source that is no text",
        "cell 4 has a source that is not all text",
        "cell 5 has a source that is not all text",
    ]


def test_outputs_leave_bounded_text_and_no_images() -> None:
    outputs = [
        {"output_type": "stream", "text": ["a@example.org\n", "b"]},
        {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": "<Figure>", "text/html": ["<p>"]}},
        {"output_type": "error", "ename": "KeyError", "traceback": ["x" * 100_000]},
    ]
    [cell] = read(notebook(code("f()", outputs=outputs, metadata={"tags": ["parameters", 3]}))).cells
    assert cell.output_texts[:3] == ("a@example.org\nb", "<Figure>", "<p>")
    assert sum(map(len, cell.output_texts)) == 64 * 1024
    assert (cell.error, cell.tags) == ("KeyError", ("parameters",))


@pytest.mark.parametrize(
    ("data", "line", "why"),
    [
        (b"", 1, "not valid JSON: is empty"),
        (b'{\n "cells": [\n  {"cell_type": "co', 3, "not valid JSON: ends in the middle"),
        (b'{\n "cells": [\n<<<<<<< HEAD\n', 3, "holds the marks of a merge conflict"),
        (b"[]", 1, "not a notebook: its JSON is no object"),
        (b'{"cells": 3}', 1, "not a notebook: it has no list of cells"),
        (b"\xff\xfe\x00", 1, "not utf-16 text"),
        (b"\n\xff", 2, "not utf-8 text"),
        (b"[" * 100_000, 1, "not valid JSON: nests too deep"),
        (notebook(code("#" * 2_100_000)), 1, "holds more than 2097152 bytes of code"),
    ],
)
def test_what_is_no_notebook_is_refused_with_its_line(data: bytes, line: int, why: str) -> None:
    with pytest.raises(ReadError) as caught:
        read(data)
    assert (caught.value.line, caught.value.why) == (line, why)


def test_numbers_that_python_refuses_do_no_harm() -> None:
    assert read(b'{"cells": [], "metadata": {"a": NaN, "b": ' + b"1" * 10_000 + b"}}").cells == ()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\ny = x % 2", CleanCell("x = 1\ny = x % 2")),
        ("%matplotlib inline\nx = 1", CleanCell("pass\nx = 1", (Magic(1, "matplotlib", "inline"),))),
        ("if a:\n    !pip install x\n", CleanCell("if a:\n    pass\n", (), ((2, "pip install x"),))),
        ("!pip install \\\n  a \\\n  b\nx = 1", CleanCell("pass\n\n\nx = 1", (), ((1, "pip install \\\na \\\nb"),))),
        ("files = !ls", CleanCell("files = get_ipython().getoutput()", (), ((1, "ls"),))),
        ("x = %time f(1)", CleanCell("x =       f(1)", (Magic(1, "time", "f(1)"),))),
        ("%time y = f(1)", CleanCell("0;    y = f(1)", (Magic(1, "time", "y = f(1)"),))),
        ("%timeit -n 10 -r3 f(1)", CleanCell("0;                f(1)", (Magic(1, "timeit", "-n 10 -r3 f(1)"),))),
        ("%time for a in b: c(a)", CleanCell("for a in b: c(a)", (Magic(1, "time", "for a in b: c(a)"),))),
        ("d = %sql a b", CleanCell("d = get_ipython().run_line_magic('sql', 'a b')", (Magic(1, "sql", "a b"),))),
        ("# note\n%%time\nx = 1", CleanCell("# note\n\nx = 1", (Magic(2, "%time", ""),))),
        (
            "%%capture out\n%%time\nf()",
            CleanCell("out = get_ipython()\n\nf()", (Magic(1, "%capture", "out"), Magic(2, "%time", ""))),
        ),
        ("%%bash\npip install x\n", CleanCell("\n\n", (Magic(1, "%bash", ""),), ((2, "pip install x\n"),), "bash")),
        ("%%sql out <<\nselect 1", CleanCell("\n", (Magic(1, "%sql", "out <<"),), (), "sql")),
        ("%%writefile a.py\nx = 1", CleanCell("\n", (Magic(1, "%writefile", "a.py"),), (), "text")),
        ("%%unheard\nx = 1", CleanCell("\nx = 1", (Magic(1, "%unheard", ""),))),
        ("%%unheard\nSELECT x FROM", CleanCell("\n", (Magic(1, "%unheard", ""),), (), "unknown")),
        ("%md\n# Title", CleanCell("\n", (Magic(1, "%md", ""),), (), "markdown")),
        ("%sql\nselect 1", CleanCell("\n", (Magic(1, "%sql", ""),), (), "sql")),
        ("?f\nf??\ndf.head?", CleanCell("pass\npass\npass")),
        (
            "pip install x\nls = 3\ncd ..",
            CleanCell("pass\nls = 3\npass", (Magic(1, "pip", "install x"), Magic(3, "cd", ".."))),
        ),
        ("x = (a\n  % b)\ny = '''\n%matplotlib\n!ls\n'''", CleanCell("x = (a\n  % b)\ny = '''\n%matplotlib\n!ls\n'''")),
        ('x = "a" \\\n  % b', CleanCell('x = "a" \\\n  % b')),
        ("s = 'it''s (' # (\n%who", CleanCell("s = 'it''s (' # (\npass", (Magic(2, "who", ""),))),
        (" x = 1\n y = 2", CleanCell("x = 1\ny = 2")),
        ("x = 1\n" * 50_001, CleanCell("x = 1\n" * 50_001)),
        (">>> x = 1\n>>> if x:\n...     y = 2", CleanCell("x = 1\nif x:\n    y = 2")),
    ],
)
def test_what_only_ipython_understands_is_replaced_in_place(source: str, expected: CleanCell) -> None:
    assert clean(source) == expected
    assert ast.parse(expected.code)


@pytest.mark.property
@given(st.lists(st.sampled_from("%%time|%%bash|%time f(|)|!ls \\|x = !a|'''|(|?|x|  y|#|".split("|"))))
def test_lines_stay_where_they_are(lines: list[str]) -> None:
    assert clean("\n".join(lines)).code.count("\n") == max(len(lines) - 1, 0)


@pytest.mark.property
@given(st.lists(st.tuples(st.text('ab\\"\n\t é', max_size=20), st.booleans())), st.sampled_from([None, 1]))
def test_each_line_of_a_cell_is_found_in_the_file(cells: list[tuple[str, bool]], indent: int | None) -> None:
    made = [code(source.splitlines(keepends=True) if as_list else source) for source, as_list in cells]
    text = json.dumps({"metadata": {"cells": [1]}, "nbformat": 4, "cells": made}, indent=indent, ensure_ascii=False)
    lines = text.split("\n")
    for cell, places in zip(read(text.encode()).cells, cell_lines(text.encode()), strict=True):
        for source_line, (line, column) in zip(cell.lines, places, strict=False):
            assert lines[line - 1][column - 1 :].startswith(json.dumps(source_line, ensure_ascii=False)[1:-1])
