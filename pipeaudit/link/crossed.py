"""Fields that are taken from a request under each other's names: `a=form.get("b"), b=form.get("a")`."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from pipeaudit.model.location import Location
from pipeaudit.read.columns import parsed


@dataclass(frozen=True, slots=True)
class Crossed:
    """`name` is given the field `field`, while the argument of that name is given another one."""

    name: str
    field: str
    at: Location


def crossed_fields(path: str, text: str) -> list[Crossed]:
    """Pairs of arguments, or of keys of a literal, that take each other's field; in order."""
    tree = parsed(text)
    if tree is None:
        return []
    found: list[Crossed] = []
    for node in ast.walk(tree):
        taken = _taken(node)
        for name, (field, value) in taken.items():
            other = taken.get(field)
            if field != name and other is not None and other[0] == name:
                found.append(Crossed(name, field, Location(path, value.lineno, value.col_offset + 1)))
    return sorted(found, key=lambda crossed: crossed.at.key)


def _taken(node: ast.AST) -> dict[str, tuple[str, ast.expr]]:
    """By the name of an argument or key: the one field that its value takes by name."""
    if isinstance(node, ast.Call):
        pairs = [(keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg]
    elif isinstance(node, ast.Dict):
        pairs = [
            (key.value, value)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        ]
    else:
        return {}
    fields = {name: (_fields(value), value) for name, value in pairs}
    return {name: (found.pop(), value) for name, (found, value) in fields.items() if len(found) == 1}


def _fields(value: ast.expr) -> set[str]:
    found = set()
    for node in ast.walk(value):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript):
            key = node.slice
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "get"
            and node.args
        ):
            key = node.args[0]
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            found.add(key.value)
    return found
