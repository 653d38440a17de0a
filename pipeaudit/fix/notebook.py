"""Cells of a notebook changed in place: no byte of its JSON moves but those of the lines that change."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pipeaudit.fix.change import Change, Refused, applied, difference
from pipeaudit.read.cell_lines import cell_lines

_UNIT = re.compile(
    r'\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^"\\]', re.DOTALL
)


def changed(data: bytes, sources: Mapping[int, tuple[str, str]]) -> bytes:
    """The notebook with new sources in some cells, given before and after; they have the same number of lines."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("the notebook is not UTF-8") from error
    places = cell_lines(data)
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    escapes = text.isascii()
    changes = []
    for cell, (before, after) in sorted(sources.items()):
        old, new = before.split("\n"), after.split("\n")
        if len(old) != len(new) or cell >= len(places) or len(places[cell]) < len(old):
            raise Refused("the edit would add lines to a cell or take some away")
        for number, (was, becomes) in enumerate(zip(old, new, strict=True)):
            if was != becomes:
                line, column = places[cell][number]
                changes.append(_in_json(text, starts[line - 1] + column - 1, difference(was, becomes), escapes))
    made = applied(text, changes).encode("utf-8")
    try:
        _refuse_other_changes(data, made, sources)
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise Refused("the notebook has an odd form") from error
    return made


def _in_json(text: str, at: int, change: Change, escapes: bool) -> Change:
    """The change of a line as a change of the file, where the line's text begins at a place inside a JSON string."""
    ends = [at]
    while len(ends) <= change.end:
        unit = _UNIT.match(text, ends[-1])
        if unit is None:
            raise Refused("the notebook's JSON is not as it was read")
        ends.append(unit.end())
    written = json.dumps(change.text, ensure_ascii=escapes)[1:-1]
    return Change(ends[change.start], ends[change.end], written)


def _refuse_other_changes(before: bytes, after: bytes, sources: Mapping[int, tuple[str, str]]) -> None:
    """Both files mean the same but for the sources that were to change, and these mean what they should."""
    old, new = json.loads(before), json.loads(after)
    for cell, (_, source) in sources.items():
        was, becomes = _cells(old)[cell], _cells(new)[cell]
        key = [key for key in ("source", "input", "code", "text") if key in was][0]  # noqa: RUF015 # a LookupError tells
        if "".join(becomes[key]).replace("\r\n", "\n").replace("\r", "\n") != source:
            raise Refused("the cell's text can't be written in its place")
        was[key] = becomes[key] = ""
    if old != new:
        raise Refused("more of the notebook would change than the cell's text")


def _cells(content: Any) -> list[dict[str, Any]]:
    if isinstance(content.get("cells"), list):
        return list(content["cells"])
    return [cell for sheet in content.get("worksheets", ()) for cell in sheet.get("cells", ())]
