"""Paths made of partly known parts."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from posixpath import normpath

from pipeaudit.pyeval.bounds import MAX_LENGTH
from pipeaudit.pyeval.values import Choice, Value, choose, text_of, unknown

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://(?=[^/])")


def joined_path(parts: list[Value], as_path: bool) -> Value:
    if all(isinstance(part, str | PurePosixPath) for part in parts):
        parts = [part for part in parts if str(part)] or [""]
        path = PurePosixPath(normpath("/".join(str(part) for part in parts)))
        if len(parts) > 1 and any(str(part).startswith("/") for part in parts[1:]):
            path = PurePosixPath(*[str(part) for part in parts])
        if not as_path and (uri := _URI.match(str(parts[0]))) and str(path).startswith(uri[0][:-1]):
            return uri[0] + str(path)[len(uri[0]) - 1 :]  # the two slashes of a scheme are no empty folder
        return path if as_path else str(path)
    if any(isinstance(part, Choice) for part in parts):
        index = next(i for i, part in enumerate(parts) if isinstance(part, Choice))
        return choose([joined_path([*parts[:index], o, *parts[index + 1 :]], as_path) for o in parts[index].options])
    return unknown(
        *parts, text="/".join("{}" if (t := text_of(part)) is None else t.rstrip("/") for part in parts)[:MAX_LENGTH]
    )
