"""Names that a notebook uses before a cell above has made them: what "restart and run all" stumbles over.

Only what runs when its cell runs counts; bodies of functions run later. Where code can make names that nobody sees
(`exec`, star imports, `%run`), nothing is said of the notebook.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pipeaudit.model.location import Location
from pipeaudit.read import magics
from pipeaudit.read.columns import parsed
from pipeaudit.read.notebook import Cell, Notebook

_GIVEN = frozenset(dir(builtins)) | frozenset(
    """display get_ipython In Out exit quit _ __ ___ _i _ii _iii _oh _ih _dh __name__ __doc__ __builtins__ __file__
    catalog context session pipelines
    spark sc sqlContext sqlc dbutils displayHTML table colab files drive
    unicode xrange raw_input basestring long unichr reduce""".split()  # the last ones are Python 2's
)
# Ways to make names that nobody sees, by a plain word in all that the pattern fits, which is quick to look for.
_UNSEEN_BY_MARK = {
    "%": r"^\s*%{1,2}(?:run|pylab|store|load|macro|px|autopx|bigquery|bq|R|sql|sparksql|spark|julia|fs)\b",
    "globals(": r"\bglobals\(\)",
    "locals(": r"\blocals\(\)",
    "vars(": r"\bvars\(\)",
    "exec(": r"\bexec\(",
    "eval(": r"\beval\(",
    ".run_": r"\.run_line_magic|\.run_cell",
    ".ex(": r"\.ex\(",
    "import_notebook": "import_notebook",
    "input(": r"input\(",
}
_UNSEEN = re.compile("|".join(_UNSEEN_BY_MARK.values()), re.MULTILINE)
_EXERCISE = ("your code", "your solution", "fill in", "todo", "exercise", "???")
_HOLE = re.compile(r"<[a-z_]+>|\b___+\b")
_STARTER = re.compile(r"homework|exercise|starter|assignment|template", re.IGNORECASE)
_CAPTURED = re.compile(r"^%%capture[ \t]+(?:-\S+[ \t]+)*(\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LostName:
    """A name that its cell uses, and that no cell above makes; `later` is the cell that does, if any."""

    name: str
    at: Location
    later: int | None


def lost_names(notebook: Notebook, unmade: frozenset[str] | None = None) -> list[LostName]:
    """Each name once, where it is first used.

    `unmade` are the names that running its cells in order did not find, as far as that is known: most notebooks are
    sound, and need no second look.
    """
    if unmade is not None and unmade <= _GIVEN:
        return []
    cells = notebook.code_cells
    if (
        not notebook.is_python
        or _STARTER.search(notebook.path)
        or any(_may_make_unseen(cell.source) or _is_exercise(cell.source) for cell in cells)
    ):
        return []
    readings: list[tuple[Cell, _Reading]] = []
    for cell in cells:
        cleaned = magics.clean(cell.source)
        if cleaned.language != "python":
            continue
        reading = _read(cleaned.code)
        if reading is None:
            return []
        reading.made.update(dict.fromkeys(_CAPTURED.findall(cell.source), 1))
        readings.append((cell, reading))
    return list(_lost(notebook.path, readings))


def _may_make_unseen(source: str) -> bool:
    return any(mark in source for mark in _UNSEEN_BY_MARK) and _UNSEEN.search(source) is not None


def _is_exercise(source: str) -> bool:
    lowered = source.lower()
    return any(words in lowered for words in _EXERCISE) or _HOLE.search(lowered) is not None


def _lost(path: str, readings: list[tuple[Cell, _Reading]]) -> Iterator[LostName]:
    known = set(_GIVEN)
    told: set[str] = set()
    for position, (cell, reading) in enumerate(readings):
        missing = {name: place for name, place in reading.used.items() if name not in known and name not in told}
        if "raises-exception" not in cell.tags and not cell.error:
            for name, (line, column) in missing.items():
                told.add(name)
                later = next((c.index for c, r in readings[position:] if name in r.made), None)
                yield LostName(name, Location(path, line, column, cell=cell.index), later)
        known |= reading.made.keys()


class _Reading:
    """Names that a cell uses before it makes them, and names that it makes, at the top level of its code."""

    def __init__(self) -> None:
        self.used: dict[str, tuple[int, int]] = {}
        self.made: dict[str, int] = {}
        self._inner: list[set[str]] = []  # names of comprehensions around
        self._guarded = 0

    def visit(self, node: ast.AST) -> None:
        read = _READERS.get(type(node))
        if read is not None:
            read(self, node)
        else:
            for inner in ast.iter_child_nodes(node):
                self.visit(inner)

    def _name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._make(node.id, node.lineno)
        elif not self._guarded and node.id not in self.made and not any(node.id in names for names in self._inner):
            self.used.setdefault(node.id, (node.lineno, node.col_offset + 1))

    def _make(self, name: str, line: int) -> None:
        if self._inner:
            self._inner[-1].add(name)
        else:
            self.made.setdefault(name, line)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self._make(alias.asname or alias.name.partition(".")[0], node.lineno)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)):
            self.visit(part)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Global):
                for name in inner.names:
                    self._make(name, node.lineno)
        self._make(node.name, node.lineno)

    def _lambda(self, node: ast.Lambda) -> None:
        for part in node.args.defaults:
            self.visit(part)

    def _class(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            self.visit(part)
        self._make(node.name, node.lineno)  # its body has names of its own

    def _assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def _augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.visit(ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target))
        self.visit(node.value)
        self.visit(node.target)

    def _annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)

    def _walrus(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.made.setdefault(node.target.id, node.lineno)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.visit(node.target)
        for statement in (*node.body, *node.orelse):
            self.visit(statement)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars is not None:
                self.visit(item.optional_vars)
        for statement in node.body:
            self.visit(statement)

    def _try(self, node: ast.Try) -> None:
        self._guarded += 1
        for statement in node.body:
            self.visit(statement)
        self._guarded -= 1
        for handler in node.handlers:
            if handler.name:
                self._make(handler.name, handler.lineno)
            for statement in handler.body:
                self.visit(statement)
        for statement in (*node.orelse, *node.finalbody):
            self.visit(statement)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        self._inner.append(set())
        for generator in node.generators:
            self.visit(generator.iter)
            self.visit(generator.target)
            for test in generator.ifs:
                self.visit(test)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.visit(part)
        self._inner.pop()

    def _match(self, node: ast.MatchAs) -> None:
        if node.name:
            self._make(node.name, node.lineno)
        if node.pattern is not None:
            self.visit(node.pattern)


_READERS: dict[type[ast.AST], Callable[[_Reading, Any], None]] = {
    ast.Name: _Reading._name,
    ast.Import: _Reading._import,
    ast.ImportFrom: _Reading._import,
    ast.FunctionDef: _Reading._function,
    ast.AsyncFunctionDef: _Reading._function,
    ast.Lambda: _Reading._lambda,
    ast.ClassDef: _Reading._class,
    ast.Assign: _Reading._assign,
    ast.AugAssign: _Reading._augmented,
    ast.AnnAssign: _Reading._annotated,
    ast.NamedExpr: _Reading._walrus,
    ast.For: _Reading._for,
    ast.AsyncFor: _Reading._for,
    ast.With: _Reading._with,
    ast.AsyncWith: _Reading._with,
    ast.Try: _Reading._try,
    ast.ListComp: _Reading._comprehension,
    ast.SetComp: _Reading._comprehension,
    ast.GeneratorExp: _Reading._comprehension,
    ast.DictComp: _Reading._comprehension,
    ast.MatchAs: _Reading._match,
}


def _read(code: str) -> _Reading | None:
    """None where the code can't be read, or makes names by a star import: then later names can't be judged."""
    tree = parsed(code)
    if tree is None:
        return None
    if "*" in code and any(
        isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names) for node in ast.walk(tree)
    ):
        return None
    reading = _Reading()
    try:
        reading.visit(tree)
    except RecursionError:
        return None
    return reading
