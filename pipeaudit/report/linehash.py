"""The line hash that code scanning knows results by, computed exactly as its upload action does."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import accumulate

_BLOCK = 100
_FACTOR = 37
_MODULUS = (1 << 64) - 1
_LEAVING = pow(_FACTOR, _BLOCK, 1 << 64)
_SPACE, _TAB, _LF, _CR, _END = 32, 9, 10, 13, 65535


def line_hashes(text: str) -> dict[int, str]:
    """For each line the rolling hash over the 100 UTF-16 units from its first kept one, and how often it came so far.

    Spaces and tabs are dropped, so the hash survives indentation; a line after the last line end counts as one.
    """
    units, starts = _kept(text)
    totals = list(accumulate(units, lambda total, unit: (_FACTOR * total + unit) & _MODULUS, initial=0))
    seen: Counter[int] = Counter()
    hashes = {}
    for line, start in enumerate(starts, 1):
        value = (totals[start + _BLOCK] - _LEAVING * totals[start]) & _MODULUS
        seen[value] += 1
        hashes[line] = f"{value:x}:{seen[value]}"
    return hashes


def _kept(text: str) -> tuple[list[int], list[int]]:
    """The units that count, with the end mark and its padding, and where in them each line begins."""
    encoded = text.encode(f"utf-16-{sys.byteorder[0]}e", "surrogatepass")
    units: list[int] = []
    starts: list[int] = []
    at_start, after_return = True, False
    for unit in memoryview(encoded).cast("H"):
        if unit in (_SPACE, _TAB) or (after_return and unit == _LF):
            after_return = False
            continue
        after_return = unit == _CR
        if at_start:
            starts.append(len(units))
        kept = _LF if after_return else unit
        at_start = kept == _LF
        units.append(kept)
    if at_start:
        starts.append(len(units))
    return [*units, _END, *[0] * _BLOCK], starts
