"""Which tables and files an SQL text reads and writes, by the words before their names."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STATEMENT = re.compile(
    r"\s*(?:--[^\n]*\n\s*)*(?:select|with|insert|create|drop|update|delete|merge|alter|copy|truncate|explain|call|set|use|show"
    r"|begin|replace|grant|pragma|vacuum)\s+[^\s/\\]",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_NAMED = re.compile(
    r"""\b(?P<word>delete\s+from|insert\s+(?:overwrite\s+)?into|insert\s+overwrite(?:\s+table)?|merge\s+into|from|join|update"""
    r"""|create\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+)?(?:table|view)(?:\s+if\s+not\s+exists)?)\s+"""
    r"""(?:'(?P<file>[^'\n]{1,300})'|(?P<name>[`"\[]?[A-Za-z_{][\w{}$.`"\]\[-]{0,200}))(?P<call>\s*\()?""",
    re.IGNORECASE,
)
_COMMON = re.compile(r"(?:\bwith|,)\s+(?:recursive\s+)?[`\"]?(\w+)[`\"]?(?:\s*\([^()]*\))?\s+as\s*\(", re.IGNORECASE)
_PART_OF_CALL = re.compile(r"\b(?:extract|trim|substring|overlay|position)\s*\([^()]*$", re.IGNORECASE)
_WORDS = frozenset("select lateral unnest values table set where on using dual only".split())
_LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class Statement:
    """Names as they are written, without their quotes: tables, and files that an engine reads in place."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]


def statement(text: str) -> Statement | None:
    """What the text reads and writes; None where it is no SQL."""
    if not _STATEMENT.match(text[:_LONGEST]) or not (" " in text.strip() or "\n" in text):
        return None
    plain = _COMMENT.sub(" ", text[:_LONGEST])
    common = {found[1].lower() for found in _COMMON.finditer(plain)}
    reads: dict[str, None] = {}
    writes: dict[str, None] = {}
    for found in _NAMED.finditer(plain):
        word = " ".join(found["word"].lower().split())
        name = found["file"] or re.sub(r"[`\"\[\]]", "", found["name"]).strip(".")
        is_read = word in ("from", "join")
        if not found["file"] and (name.lower() in _WORDS | common or not name.replace("{}", "").strip(".")):
            continue
        if is_read and (found["call"] or _PART_OF_CALL.search(plain[max(0, found.start() - 200) : found.start()])):
            continue
        (reads if is_read else writes)[name] = None
    return Statement(tuple(name for name in reads if name not in writes), tuple(writes))
