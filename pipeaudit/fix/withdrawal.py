"""Codes taken out of ignore comments that do without them."""

from __future__ import annotations

import re

from pipeaudit.fix.change import Change, Refused

_CODES = re.compile(r"(#\s{0,20}pipeaudit:\s{0,20}(ignore-file|ignore|disable|enable)\s{0,20}\[)([^\]\n]{0,500})\]")
_BLANK = " \t"


def change(text: str, start: int, end: int, codes: frozenset[str], *, keeps_lines: bool) -> Change:
    """The comment between two places of a text without these codes, or without itself where none is left.

    A comment on a line of its own takes its line along, unless the lines have to stay as many as they are.
    """
    found = _CODES.match(text, start, end)
    if found is None:
        raise Refused("it is no comment, or names no codes")
    written = [code.strip() for code in found[3].split(",") if code.strip()]
    left = [code for code in written if code not in codes]
    if left:
        return Change(found.start(3), found.end(3), ", ".join(left))
    if found[2] in ("disable", "enable"):
        raise Refused("the comment is one end of a range; take away both")
    return _without(text, start, end, keeps_lines)


def _without(text: str, start: int, end: int, keeps_lines: bool) -> Change:
    line = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    rest = re.compile(r"[ \t]*(\r\n|\r|\n|\Z)").match(text, end)
    if rest is None:  # another comment follows on the same line, and takes its place
        return Change(start, end + len(text[end:]) - len(text[end:].lstrip(_BLANK)), "")
    if text[line:start].strip(_BLANK):
        return Change(start - (len(text[line:start]) - len(text[line:start].rstrip(_BLANK))), end, "")
    return Change(line, rest.start(1) if keeps_lines else rest.end(), "")
