"""Python before and after with names for what may be anything: found in a syntax tree, and written anew.

White space, parentheses and commas don't count when code is compared, and those that stood there are kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import libcst as cst

_HOLE = re.compile(r"_[a-z]\w*")
_REST = "___"
_LAYOUT = frozenset(
    (
        "lpar",
        "rpar",
        "comma",
        "semicolon",
        "lbracket",
        "rbracket",
        "dot",
        "equal",
        "leading_lines",
        "trailing_whitespace",
    )
)
_PRIMARY = (
    cst.Name,
    cst.Attribute,
    cst.Call,
    cst.Subscript,
    cst.List,
    cst.Dict,
    cst.Set,
    cst.ListComp,
    cst.DictComp,
    cst.SetComp,
    cst.SimpleString,
    cst.FormattedString,
)
_TIGHT = (cst.Attribute, cst.Subscript, cst.Call, cst.BinaryOperation, cst.UnaryOperation, cst.Comparison, cst.Await)
Captured = cst.CSTNode | Sequence[cst.Arg]
Captures = Mapping[str, Captured]


@dataclass(frozen=True)
class Form:
    """One way to rewrite: what the code looks like, and what it becomes."""

    before: str
    after: str

    @cached_property
    def _pattern(self) -> cst.CSTNode:
        return _parsed(self.before)

    @cached_property
    def _template(self) -> cst.CSTNode:
        return _parsed(self.after)

    def rewritten(self, node: cst.CSTNode, parent: cst.CSTNode | None) -> cst.CSTNode | None:
        """What stands in the node's place afterwards; None where the form does not fit it."""
        found: dict[str, Captured] = {}
        if not _fits(self._pattern, node, found):
            return None
        made = _filled(self._template, found)
        if isinstance(made, cst.Call) and isinstance(node, cst.Call):
            made = _as_laid_out(made, node)
        if isinstance(made, cst.BaseSmallStatement) and isinstance(node, cst.BaseSmallStatement):
            return made.with_changes(semicolon=node.semicolon)
        if isinstance(made, cst.BaseExpression) and isinstance(node, cst.BaseExpression):
            made = made.with_changes(lpar=node.lpar, rpar=node.rpar)
            return _enclosed(made) if isinstance(parent, _TIGHT) and _binds_tighter(parent, node) else made
        return made


def _parsed(code: str) -> cst.CSTNode:
    try:
        return cst.parse_expression(code)
    except cst.ParserSyntaxError:
        line = cst.parse_statement(code)
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
            raise ValueError(f"{code!r} is no single expression or simple statement") from None
        return line.body[0]


def _fits(pattern: object, node: object, found: dict[str, Captured]) -> bool:
    if isinstance(pattern, cst.Name) and _HOLE.fullmatch(pattern.value) and isinstance(node, cst.BaseExpression):
        known = found.setdefault(pattern.value, node)
        return isinstance(known, cst.CSTNode) and known.deep_equals(node)
    if isinstance(pattern, cst.Call) and isinstance(node, cst.Call):
        return _fits(pattern.func, node.func, found) and _arguments_fit(pattern.args, node.args, found)
    if isinstance(pattern, cst.CSTNode):
        if type(pattern) is not type(node):
            return False
        names = [field.name for field in fields(pattern) if field.name not in _LAYOUT]
        counted = [name for name in names if not name.startswith("whitespace")]
        return all(_fits(getattr(pattern, name), getattr(node, name), found) for name in counted)
    if isinstance(pattern, list | tuple) and isinstance(node, list | tuple):
        return len(pattern) == len(node) and all(_fits(*pair, found) for pair in zip(pattern, node, strict=True))
    return pattern == node


def _arguments_fit(pattern: Sequence[cst.Arg], given: Sequence[cst.Arg], found: dict[str, Captured]) -> bool:
    """Arguments by position come first and in order, those by name may stand anywhere."""
    left = list(given)
    takes_rest = False
    for wanted in pattern:
        if isinstance(wanted.value, cst.Name) and wanted.value.value == _REST:
            takes_rest = True
            continue
        fitting = next((arg for arg in left if _is_same_kind(wanted, arg)), None)
        if fitting is None or (wanted.keyword is None and fitting is not left[0]):
            return False
        if not _fits(wanted.value, fitting.value, found):
            return False
        left.remove(fitting)
    if left and not takes_rest:
        return False
    found[_REST] = left
    return True


def _is_same_kind(wanted: cst.Arg, given: cst.Arg) -> bool:
    if wanted.keyword is None or given.keyword is None:
        return wanted.keyword is given.keyword is None and not given.star
    return wanted.keyword.value == given.keyword.value


class _Filler(cst.CSTTransformer):
    def __init__(self, found: Captures) -> None:
        super().__init__()
        self._found = found

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        captured = self._found.get(original_node.value)
        return captured.deep_clone() if isinstance(captured, cst.BaseExpression) else updated_node

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        rest = self._found.get(_REST, ())
        args: list[cst.Arg] = []
        for original, updated in zip(original_node.args, updated_node.args, strict=True):
            if isinstance(original.value, cst.Name) and original.value.value == _REST:
                args += [arg.deep_clone() for arg in rest if isinstance(arg, cst.Arg)]  # type: ignore[union-attr] # a list
            else:
                args.append(updated)
        return updated_node.with_changes(func=_enclosed(updated_node.func), args=args)

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
        return updated_node.with_changes(value=_enclosed(updated_node.value))

    def leave_Subscript(self, original_node: cst.Subscript, updated_node: cst.Subscript) -> cst.Subscript:
        return updated_node.with_changes(value=_enclosed(updated_node.value))

    def leave_BinaryOperation(
        self, original_node: cst.BinaryOperation, updated_node: cst.BinaryOperation
    ) -> cst.BinaryOperation:
        return updated_node.with_changes(left=_enclosed(updated_node.left), right=_enclosed(updated_node.right))


def _filled(template: cst.CSTNode, found: Captures) -> cst.CSTNode:
    made = template.visit(_Filler(found))
    if not isinstance(made, cst.CSTNode):
        raise TypeError("a template gives one node")
    return made


def _enclosed(value: cst.BaseExpression) -> cst.BaseExpression:
    """In parentheses, unless it has some or needs none whatever stands around it."""
    if isinstance(value, _PRIMARY) or value.lpar:
        return value
    return value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _binds_tighter(parent: cst.CSTNode, node: cst.CSTNode) -> bool:
    """Whether the parent takes the node itself, not one of several things between brackets."""
    if isinstance(parent, cst.Call):
        return parent.func is node
    if isinstance(parent, cst.Subscript | cst.Attribute):
        return parent.value is node
    return True


def _as_laid_out(made: cst.Call, node: cst.Call) -> cst.Call:
    """A call with its lines and commas where they stood, as far as it has as many arguments, or more at the end."""
    made = made.with_changes(
        whitespace_after_func=node.whitespace_after_func, whitespace_before_args=node.whitespace_before_args
    )
    old, new = list(node.args), list(made.args)
    if len(new) == len(old):
        laid = [
            before.with_changes(keyword=a.keyword, star=a.star, value=a.value)
            for before, a in zip(old, new, strict=True)
        ]
        return made.with_changes(args=laid)
    if old and new:
        between = old[0].comma if len(old) > 1 else cst.Comma(whitespace_after=_after_a_comma(node))
        laid = [a.with_changes(comma=between, whitespace_after_arg=cst.SimpleWhitespace("")) for a in new[:-1]]
        last = new[-1].with_changes(comma=old[-1].comma, whitespace_after_arg=old[-1].whitespace_after_arg)
        return made.with_changes(args=[*laid, last])
    return made


def _after_a_comma(node: cst.Call) -> cst.BaseParenthesizableWhitespace:
    """Another argument follows on a line of its own where the only one stands on one."""
    return node.whitespace_before_args if not node.whitespace_before_args.empty else cst.SimpleWhitespace(" ")
