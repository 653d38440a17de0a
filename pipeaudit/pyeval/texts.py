"""Texts made of partly known parts: what is not known is a hole, `{}`."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pipeaudit.pyeval.bounds import MAX_LENGTH
from pipeaudit.pyeval.values import Choice, Unknown, Value, choose, text_of, unknown

if TYPE_CHECKING:
    from pipeaudit.pyeval.calls import Call


def concatenated(values: list[Value], certain: bool = True) -> Value:
    """Parts of a text joined; unknown parts are holes."""
    if certain and all(isinstance(value, str | int | float | bool | PurePosixPath) for value in values):
        joined = "".join(str(value) for value in values)
        return joined if len(joined) <= MAX_LENGTH else Unknown(text=joined[:MAX_LENGTH])
    if certain and any(isinstance(value, Choice) for value in values):
        return _each_choice(values)
    return unknown(*values, text="".join("{}" if (t := text_of(v)) is None else t for v in values)[:MAX_LENGTH])


def _each_choice(values: list[Value]) -> Value:
    index = next(i for i, value in enumerate(values) if isinstance(value, Choice))
    return choose([concatenated([*values[:index], option, *values[index + 1 :]]) for option in values[index].options])


def percent(template: str, value: Value) -> Value:
    """`template % value` for plain `%s` and `%d`."""
    values = list(value) if isinstance(value, tuple) else [value]
    if isinstance(value, dict):
        pieces = re.split(r"%\((\w+)\)[sd]", template)
        return concatenated([piece if i % 2 == 0 else value.get(piece, Unknown()) for i, piece in enumerate(pieces)])
    pieces = re.split(r"(%[sd])", template)
    holes = sum(1 for piece in pieces if piece in ("%s", "%d"))
    if holes != len(values) or "%" in "".join(piece for piece in pieces if piece not in ("%s", "%d")):
        return unknown(value, text=re.sub(r"%[^%a-z]*[a-z]", "{}", template[:MAX_LENGTH]))
    remaining = iter(values)
    return concatenated([next(remaining) if piece in ("%s", "%d") else piece for piece in pieces])


def formatted(template: str, call: Call) -> Value:
    """`template.format(...)` for plain fields."""
    parts: list[Value] = []
    number = 0
    for index, piece in enumerate(
        re.split(r"\{([\w.\[\]]*)\}", template[:MAX_LENGTH].replace("{{", "\0").replace("}}", "\1"))
    ):
        if index % 2 == 0:
            parts.append(piece.replace("\0", "{").replace("\1", "}"))
            continue
        if piece == "":
            parts.append(call.args[number] if number < len(call.args) else Unknown())
            number += 1
        elif piece.isdigit():
            parts.append(call.args[int(piece)] if int(piece) < len(call.args) else Unknown())
        else:
            parts.append(call.keywords.get(piece, Unknown()))
    return concatenated(parts)
