"""How deep Python's brackets and blocks nest, told before the parser sees them: depth is what parsers break on."""

from __future__ import annotations

import re

from pipeaudit.limits import DEFAULT, Limits
from pipeaudit.read.error import ReadError

_OPEN, _CLOSE = b"([{", b")]}"
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _OPEN + _CLOSE)
_TOKEN = re.compile(
    rb"#[^\r\n]*|\"\"\"(?:[^\"\\]|\\.|\"(?!\"\"))*+\"\"\"|'''(?:[^'\\]|\\.|'(?!''))*+'''"
    rb"|\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'|[(\[{)\]}]|\n",
    re.DOTALL,
)
_INDENT = re.compile(rb"^[ \t]*(?=[^ \t\r\n#])", re.MULTILINE)


def refuse(path: str, data: bytes, limits: Limits = DEFAULT) -> None:
    """Raises where brackets, over however many lines, or blocks nest deeper than they may.

    A plain count, with brackets in strings and comments, clears nearly every file; what it does not is looked at
    closely. Strings can hide brackets from it, and then CPython's own limit of 200 strikes.
    """
    most = limits.bracket_nesting
    if _deepest(data.translate(None, _NO_BRACKETS)) > most:
        _refuse_brackets(path, data, most)
    if b" " * limits.block_nesting in data or b"\t" * limits.block_nesting in data:
        _refuse_blocks(path, data, limits.block_nesting)


def _deepest(brackets: bytes) -> int:
    depth = deepest = 0
    for byte in brackets:
        if byte in _OPEN:
            depth += 1
            if depth > deepest:
                deepest = depth
        elif depth:
            depth -= 1
    return deepest


def _refuse_brackets(path: str, data: bytes, most: int) -> None:
    depth, line = 0, 1
    for found in _TOKEN.finditer(data):
        token = found[0]
        line += token.count(b"\n")
        if len(token) > 1:
            continue
        if token in _OPEN:
            depth += 1
            if depth > most:
                raise ReadError(path, line, f"brackets nest deeper than {most}")
        elif token in _CLOSE:
            depth = max(depth - 1, 0)


def _refuse_blocks(path: str, data: bytes, most: int) -> None:
    """Each line that begins further to the right than the one before may open a block."""
    margins: list[int] = []
    for found in _INDENT.finditer(data):
        width = len(found[0])
        while margins and margins[-1] >= width:
            margins.pop()
        margins.append(width)
        if len(margins) > most + 1:
            raise ReadError(path, data.count(b"\n", 0, found.start()) + 1, f"blocks nest deeper than {most}")
