"""The partial evaluator: it works out what is known, leaves unknown what is not, and never runs for long."""

from __future__ import annotations

import ast
import time
from contextlib import suppress

import pytest

from pipeaudit.pyeval.evaluator import Evaluator, Exhausted, Library
from pipeaudit.pyeval.files import ModuleIndex, PythonFile
from pipeaudit.pyeval.values import Choice, Unknown, Value

FILES = {
    "pkg/__init__.py": "from .names import *\n",
    "pkg/names.py": "PREFIX = 'load_'\ndef named(x): return PREFIX + x\n",
}


def run(text: str) -> dict[str, Value]:
    files = {path: PythonFile(path, ast.parse(source), source) for path, source in {**FILES, "main.py": text}.items()}
    evaluator = Evaluator(ModuleIndex(files, files.get), Library())
    frame = evaluator.run("main.py")
    assert frame is not None
    return {name: evaluator.force(value) for name, value in frame.names.items()}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x = [f't_{i}' for i in range(3)]", ["t_0", "t_1", "t_2"]),
        ("x = 'a-%s-%d' % ('b', 3) + '{}{k}'.format(1, k=2)", "a-b-312"),
        ("from pkg import named\nx = named('rows')", "load_rows"),
        ("import pkg.names as n\nx = n.PREFIX.upper().strip('_')", "LOAD"),
        ("from pathlib import Path\nx = str(Path(__file__).parent / 'a' / '..' / 'b.csv')", "a/../b.csv"),
        ("import os\nx = os.path.join('a', 'b', os.getenv('X', 'c'))", "a/b/c"),
        ("import os\nx = os.path.join('gs://acme', 'rows')", "gs://acme/rows"),
        ("import os\nx = os.path.join('', 'rows')", "rows"),
        ("def f(a, *b, c=3, **d): return [a, b, c, d]\nx = f(1, 2, c=4, e=5)", [1, (2,), 4, {"e": 5}]),
        (
            ("class A:\n    n = 2\n    def __init__(self, k): self.k = k\n"
            "    @property\n    def twice(self): return self.k * self.n\nx = A(4).twice"),
            8,
        ),
        ("class A:\n    def f(self): return 1\nclass B(A):\n    def f(self): return super().f() + 1\nx = B().f()", 2),
        ("from functools import partial\nx = partial(lambda a, b: a - b, b=1)(3)", 2),
        ("a, *b = {'k': 1, **{'m': 2}}.items()\nx = [a, b]", [("k", 1), [("m", 2)]]),
        ("def g():\n    for i in range(3):\n        if i == 1: continue\n        yield i\nx = list(g())", [0, 2]),
        ("x = 0\nwhile x < 5:\n    x += 2\n    if x == 4: break", 4),
        ("try:\n    from nowhere import y\nexcept ImportError:\n    y = 1\nx = 3 if y is None else 4", 4),
    ],
)  # fmt: skip
def test_known_code_is_worked_out(text: str, value: object) -> None:
    assert run(text)["x"] == value


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("import os\nx = f'run_{os.environ[\"ID\"]}.csv'", "run_{}.csv"),
        ("import lib\nx = 'models/' + lib.name()", "models/{}"),
        ("import lib, os\nx = os.path.join('data', lib.day, 'rows.csv')", "data/{}/rows.csv"),
    ],
)
def test_unknown_text_keeps_what_is_known_of_it(text: str, known: str) -> None:
    value = run(text)["x"]
    assert isinstance(value, Unknown)
    assert value.text == known


def test_an_unknown_condition_leaves_both_sides() -> None:
    value = run("import lib\nif lib.flag: x = 1\nelse: x = 2")["x"]
    assert isinstance(value, Choice)
    assert value.options == (1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "def f(n): return f(n) + f(n)\nx = f(1)",
        "x = 'a'\nfor i in range(200): x = x + x",
        "x = [i for i in range(10**12)]",
        "x = 2 ** 10 ** 10",
        "while True:\n    pass",
        "for a in range(200):\n    for b in range(200):\n        for c in range(200): x = a",
        "x = [[]]\nx[0].append(x)\ny = f'{x}'",
        "class A(A2): pass\nA2 = A\nx = A().y",
        "x = " + "(" * 90 + "1" + ")" * 90,
        "x = " + " + ".join(["1"] * 900),
        "x = a" + ".b()" * 300,
        "from main import x",
        "d = {}\nd['d'] = d\nx = d.get('d')",
    ],
)
def test_no_code_runs_for_long(text: str) -> None:
    start = time.process_time()
    with suppress(Exhausted):
        run(text)
    assert time.process_time() - start < 10
