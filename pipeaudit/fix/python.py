"""Python code with parts of it written anew, everything else byte for byte as it was.

libcst is quadratic in long chains and ends its process on depth, so code is looked at first, and this runs in a child
process (`pipeaudit.fix.worker`).
"""

from __future__ import annotations

import ast
import io
import symtable
import tokenize
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from pipeaudit.fix.change import NOT_THIS_FORM, Change, Refused, difference
from pipeaudit.fix.pattern import Form


@dataclass(frozen=True, slots=True)
class Wish:
    """Code that begins at a place and does not end behind another, to be written anew; lines from 1, columns from 0."""

    line: int
    column: int
    end: tuple[int, int]
    forms: tuple[tuple[str, str], ...]


def rewritten(code: str, wishes: Sequence[Wish], most_terms: int) -> list[Change | str]:
    """For each wish the change that it comes to, or why it can't be."""
    try:
        source = _Source(code, most_terms)
    except Refused as refusal:
        return [str(refusal)] * len(wishes)
    results: list[Change | str] = []
    for wish in wishes:
        try:
            results.append(source.change(wish))
        except Refused as refusal:
            results.append(str(refusal))
    return results


class _Source:
    """A program with its tree, and what an edit may not touch."""

    def __init__(self, code: str, most_terms: int) -> None:
        self._code = code
        self._scopes = _scopes(code)
        _refuse_depth(_tree(code), most_terms)
        try:
            wrapper = MetadataWrapper(cst.parse_module(code), unsafe_skip_copy=True)
            self._ranges = wrapper.resolve(PositionProvider)
        except (cst.ParserSyntaxError, RecursionError) as error:
            raise Refused("the code can't be edited: libcst does not read it") from error
        self._module = wrapper.module
        if self._module.code != code:
            raise Refused("the code can't be edited: it would not stay as it is elsewhere")

    @cached_property
    def _places(self) -> dict[tuple[int, int], list[tuple[cst.CSTNode, cst.CSTNode | None]]]:
        """Expressions and simple statements by where they begin, the outermost first, each with its parent."""
        found: dict[tuple[int, int], list[tuple[cst.CSTNode, cst.CSTNode | None]]] = {}
        waiting: list[tuple[cst.CSTNode, cst.CSTNode | None]] = [(self._module, None)]
        while waiting:
            node, parent = waiting.pop()
            if isinstance(node, cst.BaseExpression | cst.BaseSmallStatement):
                place = self._ranges.get(node)
                if isinstance(place, CodeRange):
                    found.setdefault((place.start.line, place.start.column), []).append((node, parent))
            waiting += [(child, node) for child in node.children]
        return found

    def change(self, wish: Wish) -> Change:
        at = self._places.get((wish.line, wish.column), ())
        for before, after in wish.forms:
            form = Form(before, after)
            for node, parent in at:
                made = form.rewritten(node, parent) if self._end(node) <= wish.end else None
                if made is not None:
                    return self._checked(node, made)
        raise Refused(NOT_THIS_FORM)

    def _end(self, node: cst.CSTNode) -> tuple[int, int]:
        place = self._ranges[node]
        return (place.end.line, place.end.column) if isinstance(place, CodeRange) else (0, 0)

    def _checked(self, node: cst.CSTNode, made: cst.CSTNode) -> Change:
        """The change, if the program is still one, with all its comments and with every name where it was."""
        changed = self._module.deep_replace(node, made)
        code = changed.code if isinstance(changed, cst.Module) else ""
        if code == self._code:
            raise Refused("nothing would change")
        if _scopes(code) != self._scopes:
            raise Refused("a name of an outer scope would become a local one")
        if _comments(code) != _comments(self._code):
            raise Refused("a comment stands in the way")
        return difference(self._code, code)


def _tree(code: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Refused("the code is not valid Python") from error


def _refuse_depth(tree: ast.Module, most: int) -> None:
    """Chains of operators, calls and branches are deep trees; so one look at the depth bounds them all."""
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > most:
            raise Refused(f"the code can't be edited: it has a chain or nesting of more than {most} parts")
        waiting += [(child, depth + 1) for child in ast.iter_child_nodes(node)]


def _scopes(code: str) -> list[tuple[str, list[str]]]:
    """The names that belong to each function and class, in the order of the text.

    The module's own don't count: what it reads is its own, a built-in, or comes from the cells before.
    """
    try:
        waiting = symtable.symtable(code, "", "exec").get_children()[::-1]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Refused("the code would not be valid Python") from error
    found: list[tuple[str, list[str]]] = []
    while waiting:
        table = waiting.pop()
        waiting += reversed(table.get_children())
        found.append((table.get_name(), sorted(name.get_name() for name in table.get_symbols() if name.is_local())))
    return found


def _comments(code: str) -> Counter[str]:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except (tokenize.TokenError, SyntaxError) as error:
        raise Refused("the code can't be cut into tokens") from error
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)
