"""Branches on a constant at the top of a module that nothing else sets."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass

from pipeaudit.model.location import Location
from pipeaudit.read.columns import parsed


@dataclass(frozen=True, slots=True)
class DeadBranch:
    """`first` to `last` are the lines that never run, `switch` is the constant that says so."""

    switch: str
    at: Location
    first: int
    last: int


def dead_branches(path: str, text: str) -> list[DeadBranch]:
    """Branches of a file that its own constants turn off, in order; nothing for what can't be parsed."""
    tree = parsed(text)
    if tree is None:
        return []
    fixed = _fixed(tree)
    found = []
    for node in ast.walk(tree) if fixed else ():
        if isinstance(node, ast.If):
            name, wanted = _tested(node.test)
            if name in fixed:
                dead = node.orelse if fixed[name] == wanted else node.body
                if dead:
                    last = max(getattr(statement, "end_lineno", 0) or 0 for statement in dead)
                    at = Location(path, node.lineno, node.col_offset + 1)
                    found.append(DeadBranch(name, at, dead[0].lineno, last))
    return sorted(found, key=lambda branch: branch.at.key)


def _fixed(tree: ast.Module) -> dict[str, bool]:
    """Names that are given True or False once, at the top, in capitals, and never again."""
    stores = Counter(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load))
    declared = {name for n in ast.walk(tree) if isinstance(n, ast.Global) for name in n.names}
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
            once = stores[name] == 1 and name not in declared and name.isupper()
            if once and isinstance(value, ast.Constant) and isinstance(value.value, bool):
                found[name] = value.value
    return found


def _tested(test: ast.expr) -> tuple[str, bool]:
    """The name that a plain test asks, and what it asks for; "" for other tests."""
    if isinstance(test, ast.Name):
        return test.id, True
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and isinstance(test.operand, ast.Name):
        return test.operand.id, False
    return "", True
