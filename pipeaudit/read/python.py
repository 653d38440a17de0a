"""Python source to the statement form that the interpreter runs on; the syntax tree is dropped.

The form is nested tuples whose first item names the construct. It keeps what touches data (names, calls, subscripts,
operators, literals, control flow) with positions `(line, column, end line, end column)`: lines from 1, columns in
characters from 0. Plain tuples are compact, comparable, and quick to build and to walk.

Expressions                                   Statements
    ("const", value)                              ("expr", pos, expression)
    ("name", identifier)                          ("assign", pos, targets, value)
    ("attr", pos, value, name)                    ("augment", pos, target, operator, value)
    ("call", pos, function, arguments, keywords)  ("if", pos, test, body, orelse)
    ("index", pos, value, index)                  ("for", pos, target, iterable, body, orelse)
    ("slice", lower, upper, step)                 ("while", pos, test, body, orelse)
    ("tuple" | "list" | "set", elements)          ("with", pos, ((context, target), ...), body)
    ("dict", keys, values)                        ("try", pos, body, handlers, orelse, final)
    ("binary", pos, operator, left, right)        ("def", pos, Function)
    ("unary", operator, operand)                  ("class", pos, Class)
    ("bool", operator, values)                    ("return", pos, value)
    ("compare", pos, left, operators, values)     ("import", pos, ((module, name), ...))
    ("choice", test, body, orelse)                ("from", pos, level, module, ((name, as), ...))
    ("format", parts)                             ("delete", pos, targets)
    ("comprehension", kind, elements, loops)      ("raise", pos, exception)
    ("lambda", Function)                          ("assert", pos, test)
    ("star" | "await", value)                     ("global", names)
    ("walrus", name, value)                       ("jump", kind)
    ("unknown",)
"""

from __future__ import annotations

import ast
import warnings
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeaudit.read import depth
from pipeaudit.read.columns import in_characters
from pipeaudit.read.error import ReadError
from pipeaudit.read.exported import CELL_MARK

Expression = tuple[Any, ...]
Statement = tuple[Any, ...]
Position = tuple[int, int, int, int]

UNKNOWN: Expression = ("unknown",)
NONE: Expression = ("const", None)
_LONGEST_CONSTANT = 4096


@dataclass(frozen=True, slots=True)
class Parameter:
    """`kind` is "", "*" or "**"; `default` and `annotation` are None where absent."""

    name: str
    kind: str = ""
    default: Expression | None = None
    annotation: Expression | None = None
    keyword_only: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    name: str
    at: Position
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]
    decorators: tuple[Expression, ...] = ()
    returns: Expression | None = None
    is_async: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Class:
    name: str
    at: Position
    bases: tuple[Expression, ...]
    body: tuple[Statement, ...]
    decorators: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Statements that run together: a module, one notebook cell, or what stands between the cell marks of an exported
    one.
    """

    body: tuple[Statement, ...]
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class PythonFacts:
    """What one Python file or notebook says: its blocks in order."""

    path: str
    blocks: tuple[Block, ...]
    is_notebook: bool = False


def parse(path: str, data: bytes) -> ast.Module:
    """The syntax tree of a file, its columns in characters.

    Raises ReadError with the line where CPython's parser, or one of its limits, gives up.
    """
    depth.refuse(path, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return in_characters(ast.parse(data, path), data)
    except SyntaxError as error:
        older = _as_python_2(data)
        if older is not None:
            return older
        raise ReadError(path, error.lineno or 1, f"not valid Python: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError, LookupError, OverflowError) as error:
        raise ReadError(path, 1, f"not valid Python: {type(error).__name__}: {error}") from error


def _as_python_2(data: bytes) -> ast.Module | None:
    """The tree of Python 2 code; None where it is none, or none that can be put in today's words."""
    from pipeaudit.read.python2 import modernised

    text = modernised(data.decode("utf-8-sig", "replace").replace("\r\n", "\n"))
    if text is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return in_characters(ast.parse(text), text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # the caller tells what is wrong with the text as it stands


def read(path: str, data: bytes) -> PythonFacts:
    """The facts of a Python file. Raises ReadError where it can't be parsed."""
    body = parse(path, data).body
    return PythonFacts(path, tuple(Block(block(part)) for part in _cells(body, data)))


def _cells(body: list[ast.stmt], data: bytes) -> list[list[ast.stmt]]:
    """The statements of each cell of an exported notebook or a marimo one; one part where a file has none."""
    if b"marimo.App(" in data:
        from pipeaudit.read import marimo

        return [part for part in marimo.cells(body) if part]
    marks = [data.count(b"\n", 0, found.start()) + 1 for found in CELL_MARK.finditer(data)]
    if not marks:
        return [body]
    parts: list[list[ast.stmt]] = [[] for _ in range(len(marks) + 1)]
    for node in body:
        parts[bisect_right(marks, node.lineno)].append(node)
    return [part for part in parts if part]


def block(body: list[ast.stmt]) -> tuple[Statement, ...]:
    """Statements to their form; one that is too deep for the stack is left out as unknown."""
    lowered: list[Statement] = []
    for node in body:
        lower = _STATEMENTS.get(type(node))
        if lower is None:
            continue
        try:
            lowered.append(lower(node))
        except RecursionError:
            lowered.append(("expr", _position(node), UNKNOWN))
    return tuple(lowered)


def expression(node: ast.expr | None) -> Expression:
    kind = type(node)
    if kind is ast.Name:
        return ("name", node.id)  # type: ignore[union-attr] # its type was just compared
    if node is None:
        return NONE
    lower = _EXPRESSIONS.get(kind)
    return UNKNOWN if lower is None else lower(node)


def _position(node: Any) -> Position:
    return (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)


def _constant(node: ast.Constant) -> Expression:
    value = node.value
    if isinstance(value, str) and len(value) > _LONGEST_CONSTANT:
        return UNKNOWN
    if isinstance(value, bytes) or value is Ellipsis:
        return ("const", None) if value is Ellipsis else UNKNOWN
    return ("const", value)


def _call(node: ast.Call) -> Expression:
    return (
        "call",
        (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset),
        expression(node.func),
        tuple([expression(argument) for argument in node.args]),
        tuple([(keyword.arg, expression(keyword.value)) for keyword in node.keywords]),
    )


def _comprehension(kind: str, elements: tuple[ast.expr, ...], node: Any) -> Expression:
    loops = tuple(
        (expression(loop.target), expression(loop.iter), tuple(expression(test) for test in loop.ifs))
        for loop in node.generators
    )
    return ("comprehension", kind, tuple(expression(element) for element in elements), loops)


def _format(node: ast.JoinedStr) -> Expression:
    return ("format", tuple(expression(v.value if isinstance(v, ast.FormattedValue) else v) for v in node.values))


def _operator(node: ast.AST) -> str:
    return _OPERATORS[type(node)]


_OPERATORS: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.BitAnd: "&",
    ast.MatMult: "@",
    ast.Invert: "~",
    ast.Not: "not",
    ast.UAdd: "+",
    ast.USub: "-",
    ast.And: "and",
    ast.Or: "or",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}

_EXPRESSIONS: dict[type, Callable[[Any], Expression]] = {
    ast.Constant: _constant,
    ast.Name: lambda n: ("name", n.id),
    ast.Attribute: lambda n: (
        "attr",
        (n.lineno, n.col_offset, n.end_lineno, n.end_col_offset),
        expression(n.value),
        n.attr,
    ),
    ast.Call: _call,
    ast.Subscript: lambda n: ("index", _position(n), expression(n.value), expression(n.slice)),
    ast.Slice: lambda n: ("slice", expression(n.lower), expression(n.upper), expression(n.step)),
    ast.Tuple: lambda n: ("tuple", tuple([expression(e) for e in n.elts])),
    ast.List: lambda n: ("list", tuple([expression(e) for e in n.elts])),
    ast.Set: lambda n: ("set", tuple([expression(e) for e in n.elts])),
    ast.Dict: lambda n: (
        "dict",
        tuple([None if k is None else expression(k) for k in n.keys]),
        tuple([expression(v) for v in n.values]),
    ),
    ast.BinOp: lambda n: ("binary", _position(n), _operator(n.op), expression(n.left), expression(n.right)),
    ast.UnaryOp: lambda n: ("unary", _operator(n.op), expression(n.operand)),
    ast.BoolOp: lambda n: ("bool", _operator(n.op), tuple([expression(v) for v in n.values])),
    ast.Compare: lambda n: (
        "compare",
        _position(n),
        expression(n.left),
        tuple([_operator(o) for o in n.ops]),
        tuple([expression(c) for c in n.comparators]),
    ),
    ast.IfExp: lambda n: ("choice", expression(n.test), expression(n.body), expression(n.orelse)),
    ast.JoinedStr: _format,
    ast.ListComp: lambda n: _comprehension("list", (n.elt,), n),
    ast.SetComp: lambda n: _comprehension("set", (n.elt,), n),
    ast.GeneratorExp: lambda n: _comprehension("generator", (n.elt,), n),
    ast.DictComp: lambda n: _comprehension("dict", (n.key, n.value), n),
    ast.Lambda: lambda n: (
        "lambda",
        Function("<lambda>", _position(n), _parameters(n.args), (("return", _position(n.body), expression(n.body)),)),
    ),
    ast.Starred: lambda n: ("star", expression(n.value)),
    ast.NamedExpr: lambda n: ("walrus", n.target.id, expression(n.value)),
    ast.Await: lambda n: ("await", expression(n.value)),
    ast.Yield: lambda n: ("yield", expression(n.value)),
    ast.YieldFrom: lambda n: ("yield", expression(n.value)),
}


def _parameters(arguments: ast.arguments) -> tuple[Parameter, ...]:
    positional = [*arguments.posonlyargs, *arguments.args]
    absent: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    made = [_parameter(a, "", d) for a, d in zip(positional, [*absent, *arguments.defaults], strict=True)]
    if arguments.vararg:
        made.append(_parameter(arguments.vararg, "*", None))
    made += [_parameter(a, "", d, True) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    if arguments.kwarg:
        made.append(_parameter(arguments.kwarg, "**", None))
    return tuple(made)


def _parameter(argument: ast.arg, kind: str, default: ast.expr | None, keyword_only: bool = False) -> Parameter:
    return Parameter(
        argument.arg,
        kind,
        None if default is None else expression(default),
        None if argument.annotation is None else expression(argument.annotation),
        keyword_only,
    )


def _def(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Statement:
    function = Function(
        node.name,
        _position(node),
        _parameters(node.args),
        block(node.body),
        tuple(expression(decorator) for decorator in node.decorator_list),
        None if node.returns is None else expression(node.returns),
        isinstance(node, ast.AsyncFunctionDef),
    )
    return ("def", function.at, function)


def _class(node: ast.ClassDef) -> Statement:
    made = Class(
        node.name,
        _position(node),
        tuple(expression(base) for base in node.bases),
        block(node.body),
        tuple(expression(decorator) for decorator in node.decorator_list),
    )
    return ("class", made.at, made)


def _with(node: ast.With | ast.AsyncWith) -> Statement:
    items = tuple(
        (expression(i.context_expr), None if i.optional_vars is None else expression(i.optional_vars))
        for i in node.items
    )
    return ("with", _position(node), items, block(node.body))


def _try(node: Any) -> Statement:
    handlers = tuple(
        (_position(h), None if h.type is None else expression(h.type), h.name, block(h.body)) for h in node.handlers
    )
    return ("try", _position(node), block(node.body), handlers, block(node.orelse), block(node.finalbody))


def _match(node: ast.Match) -> Statement:
    """A match is read as a chain of branches on an unknown test: which case holds is not decided."""
    chain: tuple[Statement, ...] = ()
    for case in reversed(node.cases):
        chain = (("if", _position(node), UNKNOWN, block(case.body), chain),)
    return ("if", _position(node), expression(node.subject), chain, ())


def _for(node: ast.For | ast.AsyncFor) -> Statement:
    return (
        "for",
        _position(node),
        expression(node.target),
        expression(node.iter),
        block(node.body),
        block(node.orelse),
    )


_STATEMENTS: dict[type, Callable[[Any], Statement]] = {
    ast.Expr: lambda n: ("expr", _position(n), expression(n.value)),
    ast.Assign: lambda n: ("assign", _position(n), tuple([expression(t) for t in n.targets]), expression(n.value)),
    ast.AnnAssign: lambda n: (
        ("assign", _position(n), (expression(n.target),), expression(n.value))
        if n.value is not None
        else ("annotate", _position(n), expression(n.target), expression(n.annotation))
    ),
    ast.AugAssign: lambda n: ("augment", _position(n), expression(n.target), _operator(n.op), expression(n.value)),
    ast.If: lambda n: ("if", _position(n), expression(n.test), block(n.body), block(n.orelse)),
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: lambda n: ("while", _position(n), expression(n.test), block(n.body), block(n.orelse)),
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.Match: _match,
    ast.FunctionDef: _def,
    ast.AsyncFunctionDef: _def,
    ast.ClassDef: _class,
    ast.Return: lambda n: ("return", _position(n), expression(n.value)),
    ast.Import: lambda n: ("import", _position(n), tuple((a.name, a.asname) for a in n.names)),
    ast.ImportFrom: lambda n: (
        "from",
        _position(n),
        n.level,
        n.module or "",
        tuple((a.name, a.asname or a.name) for a in n.names),
    ),
    ast.Delete: lambda n: ("delete", _position(n), tuple(expression(t) for t in n.targets)),
    ast.Raise: lambda n: ("raise", _position(n), expression(n.exc)),
    ast.Assert: lambda n: ("assert", _position(n), expression(n.test)),
    ast.Global: lambda n: ("global", tuple(n.names)),
    ast.Nonlocal: lambda n: ("global", tuple(n.names)),
    ast.Break: lambda n: ("jump", "break"),
    ast.Continue: lambda n: ("jump", "continue"),
}
