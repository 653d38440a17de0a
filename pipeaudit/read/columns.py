"""Columns of syntax trees in characters: CPython's parser counts bytes of UTF-8, reports count code points.

Only lines with other than ASCII characters are looked at, so most files cost one test, and the others little more.
"""

from __future__ import annotations

import ast
import warnings
from bisect import bisect_left
from typing import TypeVar

from pipeaudit.read import depth
from pipeaudit.read.error import ReadError

Tree = TypeVar("Tree", bound=ast.AST)


def parsed(text: str) -> ast.Module | None:
    """The syntax tree of a program, its columns in characters; None where it can't be parsed, which others tell."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            depth.refuse("", text.encode("utf-8", "surrogatepass"))
            return in_characters(ast.parse(text), text)
    except (ReadError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def in_characters(tree: Tree, source: bytes | str) -> Tree:
    """The tree that was parsed from `source`, its columns changed to count code points, still from 0."""
    if source.isascii():
        return tree
    text = source if isinstance(source, str) else _text(source)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    wide = {n: line.encode("utf-8", "replace") for n, line in enumerate(lines, start=1) if not line.isascii()}
    _count_anew(tree, wide)
    return tree


def _text(data: bytes) -> str:
    from importlib.util import decode_source

    try:
        return decode_source(data)
    except (SyntaxError, UnicodeDecodeError):  # the parser lets bytes pass in comments that are no text
        return data.decode("utf-8-sig", "replace")


def _count_anew(tree: ast.AST, wide: dict[int, bytes]) -> None:
    numbers = sorted(wide)
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        first = getattr(node, "lineno", None)
        if first is not None:
            last = node.end_lineno  # type: ignore[attr-defined] # whatever has a line has its end
            at = bisect_left(numbers, first)
            if at == len(numbers) or numbers[at] > last:
                continue
            if first in wide:
                node.col_offset = _characters(wide[first], node.col_offset)  # type: ignore[attr-defined]
            if last in wide:
                node.end_col_offset = _characters(wide[last], node.end_col_offset)  # type: ignore[attr-defined]
        waiting += ast.iter_child_nodes(node)


def _characters(line: bytes, offset: int) -> int:
    return len(line[:offset].decode("utf-8", "ignore"))
