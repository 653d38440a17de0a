"""Python files as the evaluator sees them, and the modules of the repository by their dotted names."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath

from pipeaudit.model.location import Location
from pipeaudit.pyeval.bounds import MAX_RUN_STEPS

_SOURCE_FOLDERS = ("", "src", "lib", "python", "plugins", "include")


@dataclass(eq=False, slots=True)
class PythonFile:
    """A parsed module, or a notebook's code cells as one module.

    `source` is what was parsed. `cells` holds, for a notebook, each code cell's index and the first line it has in
    `source`.
    """

    path: str
    tree: ast.Module
    source: str
    cells: tuple[tuple[int, int], ...] = ()
    _conditional: frozenset[ast.AST] | None = field(default=None, repr=False)

    def at(self, node: ast.AST) -> Location:
        line = getattr(node, "lineno", 1)
        end_line = getattr(node, "end_lineno", None) or line
        column = getattr(node, "col_offset", 0) + 1
        end_column = (getattr(node, "end_col_offset", None) or 0) + 1
        cell, first = self._cell(line)
        return Location(self.path, line - first + 1, column, end_line - first + 1, end_column, cell)

    @property
    def conditional(self) -> frozenset[ast.AST]:
        """The calls that stand under a condition or beside a handler: a run may make another one in their place."""
        if self._conditional is None:
            found: list[ast.AST] = []
            waiting: list[tuple[ast.AST, bool]] = [(self.tree, False)]
            while waiting:
                node, inside = waiting.pop()
                if inside and isinstance(node, ast.Call):
                    found.append(node)
                inside = inside or (isinstance(node, _CHOOSING) and not _is_main(node))
                waiting.extend((inner, inside) for inner in ast.iter_child_nodes(node))
            self._conditional = frozenset(found)
        return self._conditional

    def _cell(self, line: int) -> tuple[int | None, int]:
        found: tuple[int | None, int] = (None, 1)
        for index, first in self.cells:
            if first > line:
                break
            found = (index, first)
        return found


_CHOOSING = (ast.If, ast.IfExp, ast.Try, ast.Match)


def _is_main(node: ast.AST) -> bool:
    """`if __name__ == "__main__":`"""
    test = node.test if isinstance(node, ast.If) else None
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


class ModuleIndex:
    """Finds the repository's file behind a dotted name, as seen from another file.

    `steps_left` is what all evaluations of a run may still spend together.
    """

    def __init__(self, paths: Iterable[str], read: Callable[[str], PythonFile | None]) -> None:
        self._paths = {path for path in paths if path.endswith(".py")}
        self._read = read
        self.steps_left = MAX_RUN_STEPS
        self._found: dict[tuple[str, str], str | None] = {}
        self._by_tail: dict[str, list[str]] = {}
        self._folders: set[str] = set()
        for path in sorted(self._paths):
            self._by_tail.setdefault(path.rpartition("/")[2], []).append(path)
            folder = dirname(path)
            while folder and folder not in self._folders:
                self._folders.add(folder)
                folder = dirname(folder)

    def file(self, path: str) -> PythonFile | None:
        return self._read(path)

    def find(self, dotted: str, importer: str) -> str | None:
        """The path of the module, a package's `__init__.py`, or a folder that serves as a package; None if it is not
        ours.
        """
        key = (dotted, dirname(importer))
        if key not in self._found:
            self._found[key] = self._search(dotted, dirname(importer))
        return self._found[key]

    def relative(self, dotted: str, level: int, importer: str) -> str | None:
        """The same for `from ..dotted import`."""
        folder = dirname(importer)
        for _ in range(level - 1):
            folder = dirname(folder)
        return self._at(join(folder, *dotted.split(".")) if dotted else folder)

    def child(self, folder: str, name: str) -> str | None:
        """A module or package inside a package's folder."""
        return self._at(join(folder, name) if folder else name)

    def _search(self, dotted: str, folder: str) -> str | None:
        inner = dotted.replace(".", "/")
        here = folder
        while True:
            for source in _SOURCE_FOLDERS:
                found = self._at(normpath(join(here, source, inner)))
                if found is not None:
                    return found
            if here in ("", "/"):
                break
            here = dirname(here)
        if dotted.partition(".")[0] in sys.stdlib_module_names:
            return None
        return self._elsewhere(inner)

    def _elsewhere(self, inner: str) -> str | None:
        """A path set from outside (PYTHONPATH, plugins) may lead anywhere: taken where only one file fits."""
        last = inner.rpartition("/")[2]
        fitting = [p for p in self._by_tail.get(f"{last}.py", ()) if p.endswith(f"/{inner}.py")]
        fitting += [p for p in self._by_tail.get("__init__.py", ()) if p.endswith(f"/{inner}/__init__.py")]
        return fitting[0] if len(fitting) == 1 else None

    def _at(self, stem: str) -> str | None:
        stem = "" if stem == "." else stem
        for candidate in (f"{stem}/__init__.py" if stem else "__init__.py", f"{stem}.py"):
            if candidate in self._paths:
                return candidate
        return stem if stem in self._folders else None
