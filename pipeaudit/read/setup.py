"""setup.py and setup.cfg to what they ask to have installed; only literals count, and nothing is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from pipeaudit.model.location import Location
from pipeaudit.read.error import ReadError
from pipeaudit.read.requirements import Environment, Requirement, requirement

_SECTION = re.compile(r"\[([^\]\n]{1,200})\][ \t]*$")
_OPTION = re.compile(r"([A-Za-z][\w.-]*)[ \t]*[=:][ \t]*(.*)")
_LARGEST_SCRIPT = 300_000
_GROUPS = {"install_requires": "", "tests_require": "test", "setup_requires": "build"}


def parse_script(path: str, data: bytes) -> Environment:
    """A setup.py: the keywords of its `setup(...)` that are lists of text, or names of such at the top of the file."""
    from pipeaudit.read.python import parse

    if len(data) > _LARGEST_SCRIPT:
        raise ReadError(path, 1, f"longer than {_LARGEST_SCRIPT:,} bytes, which no setup.py needs")
    tree = parse(path, data)
    names = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found: list[Requirement] = []
    python = ""
    for call in _setup_calls(tree):
        for keyword in call.keywords:
            value = names.get(keyword.value.id, keyword.value) if isinstance(keyword.value, ast.Name) else keyword.value
            if keyword.arg in _GROUPS:
                found += _listed(path, value, _GROUPS[keyword.arg])
            elif keyword.arg == "extras_require" and isinstance(value, ast.Dict):
                for key, listed in zip(value.keys, value.values, strict=True):
                    held = names.get(listed.id, listed) if isinstance(listed, ast.Name) else listed
                    found += _listed(path, held, _constant(key))
            elif keyword.arg == "python_requires":
                python = _constant(value)
    return Environment(path, "setup", tuple(found), python=python)


def parse_config(path: str, data: bytes) -> Environment | None:
    """A setup.cfg; None where it says nothing about installing."""
    section = option = python = ""
    found: list[Requirement] = []
    has_options = False
    for number, line in enumerate(data.decode("utf-8-sig", "replace").replace("\r\n", "\n").split("\n"), 1):
        stripped = line.partition(" #")[0].strip()
        if not stripped or stripped[0] in "#;":
            continue
        if header := _SECTION.match(line):
            section, option = header[1].strip(), ""
            has_options = has_options or section == "options"
        elif line[0] in " \t":
            found += _configured(path, section, option, stripped, number)
        elif match := _OPTION.match(line):
            option = match[1].lower().replace("-", "_")
            if section == "options" and option == "python_requires":
                python = match[2].strip()
            for text in match[2].split(";") if match[2].strip() else ():
                found += _configured(path, section, option, text, number)
    return Environment(path, "setup", tuple(found), python=python) if has_options else None


def _configured(path: str, section: str, option: str, text: str, number: int) -> list[Requirement]:
    if section == "options" and option in _GROUPS:
        group = _GROUPS[option]
    elif section == "options.extras_require":
        group = option
    else:
        return []
    made = requirement(text, Location(path, number), group)
    return [made] if made else []


def _setup_calls(tree: ast.Module) -> Iterator[ast.Call]:
    """Calls of `setup`, at the top of the file or under an `if`, `try` or function."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Expr | ast.Assign) and isinstance(child.value, ast.Call):
                function = child.value.func
                name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
                if name == "setup":
                    yield child.value
            elif isinstance(child, ast.stmt | ast.ExceptHandler):
                pending.append(child)


def _listed(path: str, value: ast.expr, group: str) -> list[Requirement]:
    if not isinstance(value, ast.List | ast.Tuple):
        return []
    made = (
        requirement(item.value, Location(path, item.lineno, item.col_offset + 1), group)
        for item in value.elts
        if isinstance(item, ast.Constant) and isinstance(item.value, str)
    )
    return [found for found in made if found is not None]


def _constant(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
