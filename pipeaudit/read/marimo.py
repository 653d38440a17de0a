"""marimo notebooks: functions that are cells, run in the order in which they need each other's names.

A cell takes the names that others give back; what it defines beside those is its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeAlias

_Cell: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def cells(body: list[ast.stmt]) -> list[list[ast.stmt]]:
    """The statements of a notebook's file, one part for each cell, as they run."""
    before: list[ast.stmt] = []
    found: list[_Cell] = []
    for node in body:
        if isinstance(node, ast.With) and any(_is_of_app(item.context_expr, ("setup",)) for item in node.items):
            before += node.body
        elif isinstance(node, _Cell) and _is_cell(node):
            found.append(node)
        else:
            before.append(node)
    return [before, *(_statements(cell) for cell in _in_order(found))]


def _is_cell(node: _Cell) -> bool:
    return any(_is_of_app(decorator, ("cell",)) for decorator in node.decorator_list)


def _is_of_app(node: ast.expr, names: tuple[str, ...]) -> bool:
    """`app.cell` or `app.cell(hide_code=True)`."""
    named = node.func if isinstance(node, ast.Call) else node
    return isinstance(named, ast.Attribute) and named.attr in names and isinstance(named.value, ast.Name)


def _statements(cell: _Cell) -> list[ast.stmt]:
    """What a cell does, without giving back its names."""
    return [node for node in cell.body if not isinstance(node, ast.Return)]


def _in_order(found: list[_Cell]) -> list[_Cell]:
    """Each cell after those that make its names; in the order of the file where that is open, or can't be met."""
    makers = {name: cell for cell in found for name in _given_back(cell)}
    ordered: dict[_Cell, None] = {}
    for cell in found:
        waiting = {cell: _needed(cell, makers)}
        while waiting:
            at, needed = next(reversed(waiting.items()))
            missing = next((maker for maker in needed if maker not in ordered and maker not in waiting), None)
            if missing is None:
                ordered[at] = None
                del waiting[at]
            else:
                waiting[missing] = _needed(missing, makers)
    return list(ordered)


def _needed(cell: _Cell, makers: dict[str, _Cell]) -> Iterator[_Cell]:
    return (makers[argument.arg] for argument in cell.args.args if argument.arg in makers)


def _given_back(cell: _Cell) -> list[str]:
    values = [node.value for node in cell.body if isinstance(node, ast.Return) and node.value is not None]
    parts = [part for value in values for part in (value.elts if isinstance(value, ast.Tuple) else [value])]
    return [part.id for part in parts if isinstance(part, ast.Name)]
