"""Files before and after as a unified diff: what a patch program takes, and what can't steer a terminal."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from pipeaudit.report import text

_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")


def unified(files: Mapping[str, tuple[bytes, bytes]]) -> str:
    """Bytes before and after, by path."""
    return "".join("".join(_file(text.path(path), *both)) for path, both in sorted(files.items()))


def _file(path: str, before: bytes, after: bytes) -> Iterator[str]:
    old, new = (_LINE.findall(data.decode("utf-8", "backslashreplace")) for data in (before, after))
    for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
        body = line.removesuffix("\n")
        is_crlf = body.endswith("\r") and body != line
        yield text.visible(body.removesuffix("\r")) + ("\r\n" if is_crlf else "\n")
        if body == line:
            yield "\\ No newline at end of file\n"
