"""Words of shell commands: `kubectl .. apply` finds it with any options between, `make test*` any such target."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_BOUND = r"[\w./-]"


@lru_cache(maxsize=4096)
def pattern(phrase: str) -> re.Pattern[str]:
    """A phrase as an expression: words in sequence, `..` for anything on the line, `*` for the rest of a word."""
    parts: list[str] = []
    for word in phrase.split():
        if word == "..":
            parts.append(r"[^\n;|&]*?")
            continue
        parts.append(re.escape(word).replace(r"\*", r"[^\s;|&]*"))
    body = r"\s+".join(parts).replace(r"\s+[^\n;|&]*?\s+", r"\s[^\n;|&]*?")
    return re.compile(
        rf"(?<!{_BOUND}){body}(?![\w-])" if phrase[-1].isalnum() else rf"(?<!{_BOUND}){body}", re.IGNORECASE
    )


def first(text: str, phrases: Iterable[str]) -> re.Match[str] | None:
    """The earliest of the phrases in a text."""
    beginnings, expression = _any(tuple(phrases))
    lowered = text.lower()
    return expression.search(text) if any(word in lowered for word in beginnings) else None


@lru_cache(maxsize=1024)
def _any(phrases: tuple[str, ...]) -> tuple[frozenset[str], re.Pattern[str]]:
    """The plain beginnings of phrases, which are quick to look for, and one expression for them all."""
    beginnings = frozenset(phrase.split()[0].partition("*")[0].lower() for phrase in phrases)
    return beginnings, re.compile("|".join(f"(?:{pattern(phrase).pattern})" for phrase in phrases), re.IGNORECASE)
