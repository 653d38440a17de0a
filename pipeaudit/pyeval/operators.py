"""Operators, comparisons and conditions over partly known values."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath

from pipeaudit.pyeval.bounds import MAX_INTEGER, MAX_LENGTH
from pipeaudit.pyeval.texts import percent
from pipeaudit.pyeval.values import (
    CONSTANTS,
    NOT_KNOWN,
    Bound,
    Choice,
    Class,
    Function,
    Model,
    Module,
    Unknown,
    Value,
    choose,
    same,
    text_of,
    unknown,
)

_SYMBOLS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.LShift: "<<", ast.RShift: ">>", ast.BitOr: "|", ast.BitXor: "^", ast.BitAnd: "&", ast.MatMult: "@",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip


def operate(operator: ast.operator | ast.cmpop, left: Value, right: Value) -> Value:
    symbol = _SYMBOLS[type(operator)]
    if isinstance(left, Choice):
        return choose([operate(operator, option, right) for option in left.options])
    if isinstance(left, Model):
        known = left.operate(symbol, right, False)
        if known is not NOT_KNOWN:
            return known
    if isinstance(right, Model):
        known = right.operate(symbol, left, True)
        if known is not NOT_KNOWN:
            return known
    if isinstance(right, Choice):
        return choose([operate(operator, left, option) for option in right.options])
    if (
        symbol == "is"
        and (left is None or right is None)
        and not isinstance(left, Unknown)
        and not isinstance(right, Unknown)
    ):
        return left is right
    if symbol == "is not" and (left is None or right is None) and not isinstance(left, Unknown | Model):
        return left is not right if not isinstance(right, Unknown) else unknown(left, right)
    known = _fold(symbol, left, right)
    return _as_text(symbol, left, right) if known is NOT_KNOWN else known


def _fold(symbol: str, left: Value, right: Value) -> Value:
    """Constants and containers under operators whose result stays small; NOT_KNOWN for all else."""
    if symbol == "+" and type(left) is type(right) and isinstance(left, str | list | tuple):
        return left + right if len(left) + len(right) <= MAX_LENGTH else NOT_KNOWN
    if symbol == "/" and isinstance(left, PurePosixPath) and isinstance(right, str | PurePosixPath):
        return left / right
    if symbol == "%" and isinstance(left, str):
        return percent(left, right)
    if symbol == "|" and isinstance(left, dict) and isinstance(right, dict):
        return {**left, **right}
    if symbol in ("+", "-", "*", "//", "%", "/") and is_number(left) and is_number(right):
        return _number(symbol, left, right)
    if symbol == "*" and isinstance(left, list) and isinstance(right, int) and len(left) * right <= 256:
        return left * right
    if symbol in ("==", "!=", "is", "is not"):
        if isinstance(left, CONSTANTS) and isinstance(right, CONSTANTS):
            return (left == right) is (symbol in ("==", "is"))
        if isinstance(left, Class | Function) and isinstance(right, Class | Function):
            return (left is right) is (symbol in ("==", "is"))
    if symbol in ("<", "<=", ">", ">=") and is_number(left) and is_number(right):
        return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[symbol]
    if symbol in ("in", "not in"):
        return _contains(symbol, left, right)
    return NOT_KNOWN


def _contains(symbol: str, left: Value, right: Value) -> Value:
    if not isinstance(left, CONSTANTS):
        return NOT_KNOWN
    if isinstance(right, str):
        return (left in right) is (symbol == "in") if isinstance(left, str) else NOT_KNOWN
    if isinstance(right, list | tuple | set | frozenset | dict):
        if any(same(left, part) for part in right):
            return symbol == "in"
        return symbol != "in" if all(isinstance(part, CONSTANTS) for part in right) else NOT_KNOWN
    return NOT_KNOWN


def is_number(value: Value) -> bool:
    return isinstance(value, int | float) and abs(value) < MAX_INTEGER


def _number(symbol: str, left: Value, right: Value) -> Value:
    if symbol in ("//", "%", "/"):
        if right == 0:
            return NOT_KNOWN
        return left // right if symbol == "//" else left % right if symbol == "%" else left / right
    return left + right if symbol == "+" else left - right if symbol == "-" else left * right


def _as_text(symbol: str, left: Value, right: Value) -> Value:
    if symbol in ("+", "/"):
        parts = (text_of(left), text_of(right))
        if any(part is not None for part in parts):
            joiner = "/" if symbol == "/" else ""
            return unknown(left, right, text=joiner.join("{}" if part is None else part for part in parts)[:MAX_LENGTH])
    return unknown(left, right)


def truth(value: Value) -> bool | None:
    """Whether a condition holds; None where that is not known."""
    if isinstance(value, (CONSTANTS, list | tuple | set | frozenset | dict)):
        return bool(value)
    if isinstance(value, Model):
        return value.truth()
    if isinstance(value, Choice):
        answers = {truth(option) for option in value.options}
        return answers.pop() if len(answers) == 1 else None
    if isinstance(value, Function | Class | Module | Bound):
        return True
    return None
