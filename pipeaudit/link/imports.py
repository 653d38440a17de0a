"""Which file of the repository imports which, with the line that says so."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import dirname, join

from pipeaudit.sources import Sources


@dataclass(frozen=True, slots=True)
class Import:
    """`importer` runs `imported` when it is run or imported itself."""

    importer: str
    imported: str
    line: int
    cell: int | None = None


def imports(sources: Sources) -> Iterator[Import]:
    """All imports between Python files and from notebooks, by importer and line; each pair of files once."""
    for path in sources.paths:
        if not path.endswith((".py", ".ipynb")) or b"import" not in sources.imports(path):
            continue
        file = sources.python(path)
        if file is None:
            continue  # why it can't be read is one of the sources' problems
        seen = {path}
        for node in _imports(file.tree):
            for imported in _files(node, path, sources):
                if imported not in seen:
                    seen.add(imported)
                    at = file.at(node)
                    yield Import(path, imported, at.line, at.cell)


def _imports(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """In the order of the text; what is imported for type checkers alone runs for nobody."""
    found: list[ast.Import | ast.ImportFrom] = []
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(node)
        elif isinstance(node, ast.If) and _is_for_types(node.test):
            waiting += node.orelse
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr)]
    yield from sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _is_for_types(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _files(node: ast.Import | ast.ImportFrom, path: str, sources: Sources) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _chain(alias.name, path, sources)
        return
    modules = sources.modules
    if node.level:
        module = modules.relative(node.module or "", node.level, path)
        yield from _run(module, sources)
    else:
        module = modules.find(node.module or "", path)
        yield from _chain(node.module or "", path, sources)
    if module is not None and not module.endswith(".py"):
        folder = module
    elif module is not None and module.endswith("__init__.py"):
        folder = dirname(module)
    else:
        return
    for alias in node.names:
        yield from _run(modules.child(folder, alias.name), sources)


def _chain(dotted: str, path: str, sources: Sources) -> Iterator[str]:
    """`import a.b.c` runs the packages around the module too."""
    parts = dotted.split(".")
    for end in range(1, len(parts) + 1):
        yield from _run(sources.modules.find(".".join(parts[:end]), path), sources)


def _run(module: str | None, sources: Sources) -> Iterator[str]:
    """The file that runs for a module; a folder without `__init__.py` has none."""
    if module is None:
        return
    path = module if module.endswith(".py") else join(module, "__init__.py")
    if path in sources:
        yield path
