"""Anything that grows faster than its input shows when a piece is repeated up to the limit of a file."""

from __future__ import annotations

import os
import time

import pytest

from pipeaudit.limits import DEFAULT
from tests.test_read_hostile import PIECES, PREFIXES, READERS, outcome

SIZE = int(os.environ.get("FUZZ_BYTES") or DEFAULT.text_bytes - 1000)


@pytest.mark.parametrize("name", READERS)
def test_no_repetition_takes_long(name: str) -> None:
    slow = []
    for prefix in PREFIXES.get(name, [""]):
        for piece in PIECES:
            data = (prefix + piece * (SIZE // len(piece))).encode()[: DEFAULT.text_bytes]
            start = time.process_time()
            outcome(READERS[name], data)
            taken = time.process_time() - start
            if taken > DEFAULT.file_seconds:
                slow.append((prefix, piece, round(taken, 1)))
    assert slow == []
