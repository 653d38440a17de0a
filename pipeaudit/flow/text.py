"""Expressions of the statement form as short text: for messages, and to tell whether two are written alike."""

from __future__ import annotations

from pipeaudit.read.python import Expression

_LONGEST = 80


def written(expression: Expression) -> str:
    """The expression as one would write it, cut to a line."""
    text = _text(expression, 0)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def argument(expression: Expression) -> str:
    """How an argument is written; nothing for a literal, which its value tells."""
    kind = expression[0]
    if kind == "name":
        return str(expression[1])
    return "" if kind == "const" else written(expression)


def key(expression: Expression) -> str:
    """A text that is equal for expressions that are written alike."""
    return _text(expression, 0)


def _text(expression: Expression, depth: int) -> str:
    if depth > 12:
        return "…"
    kind = expression[0]
    if kind == "name":
        return str(expression[1])
    if kind == "const":
        return repr(expression[1])
    if kind == "attr":
        return f"{_text(expression[2], depth + 1)}.{expression[3]}"
    if kind == "call":
        arguments = [_text(a, depth + 1) for a in expression[3]]
        arguments += [
            f"{name}={_text(v, depth + 1)}" if name else f"**{_text(v, depth + 1)}" for name, v in expression[4]
        ]
        return f"{_text(expression[2], depth + 1)}({', '.join(arguments)})"
    if kind == "index":
        inner = expression[3]
        shown = ", ".join(_text(e, depth + 1) for e in inner[1]) if inner[0] == "tuple" else _text(inner, depth + 1)
        return f"{_text(expression[2], depth + 1)}[{shown}]"
    if kind == "slice":
        parts = ["" if part == ("const", None) else _text(part, depth + 1) for part in expression[1:]]
        return f"{parts[0]}:{parts[1]}" + (f":{parts[2]}" if parts[2] else "")
    if kind == "binary":
        return f"{_text(expression[3], depth + 1)} {expression[2]} {_text(expression[4], depth + 1)}"
    if kind == "compare":
        rest = "".join(f" {o} {_text(v, depth + 1)}" for o, v in zip(expression[3], expression[4], strict=True))
        return _text(expression[2], depth + 1) + rest
    if kind == "unary":
        return f"{expression[1]}{' ' if expression[1] == 'not' else ''}{_text(expression[2], depth + 1)}"
    if kind in ("tuple", "list", "set"):
        inside = ", ".join(_text(e, depth + 1) for e in expression[1])
        return {"tuple": f"({inside})", "list": f"[{inside}]", "set": f"{{{inside}}}"}[kind]
    if kind == "await":
        return _text(expression[1], depth + 1)
    if kind == "star":
        return f"*{_text(expression[1], depth + 1)}"
    if kind == "bool":
        return f" {expression[1]} ".join(_text(v, depth + 1) for v in expression[2])
    return {"dict": "{…}", "comprehension": "[… for …]", "lambda": "lambda", "format": 'f"…"'}.get(kind, "…")
