"""The lines that changed since a commit, from git's objects and the files as they lie here.

No checkout, no filter and no external diff of the repository's has a part in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

from pipeaudit import git
from pipeaudit.discover import FileProblem, read_bytes
from pipeaudit.limits import Limits
from pipeaudit.model.change import ChangedLines
from pipeaudit.read import notebook
from pipeaudit.read.error import ReadError
from pipeaudit.texts import decoded
from pipeaudit.tree import is_opaque

_LINE_END = re.compile(r"\r\n|\r|\n")
_MOST_LINES = 20_000  # a longer file counts as changed in all its lines
_Lines = frozenset[tuple[int | None, int]] | None


def since(tree: git.WorkTree, ref: str, root: Path, limits: Limits) -> ChangedLines:
    """What is new since this work left the line of history that the commit is on."""
    base = git.merge_base(tree, ref)
    before = git.committed_blobs(tree, base)
    tracked, untracked = git.listed(tree)
    files: list[tuple[str, _Lines]] = []
    for path in sorted({*(entry.path for entry in tracked), *untracked}):
        if is_opaque(path) or path.endswith("/"):
            continue
        try:
            data = read_bytes(root, path, limits.bytes_of(path))
        except FileProblem:
            continue  # it is gone, a link, or too large: then nothing is found in it either
        if path not in before:
            files.append((path, None))
        elif git.blob_name(data) != before[path]:
            files.append((path, _changed(path, git.committed_file(tree, base, path), data, limits)))
    return ChangedLines(tuple(files))


def _changed(path: str, before: bytes, after: bytes, limits: Limits) -> _Lines:
    try:
        old, new = (_lines(path, data, limits) for data in (before, after))
    except ReadError:
        return None
    if len(old) > _MOST_LINES or len(new) > _MOST_LINES:
        return None
    places: set[tuple[int | None, int]] = set()
    for tag, _, _, start, end in SequenceMatcher(None, _texts(old), _texts(new), autojunk=False).get_opcodes():
        if tag != "equal":
            places |= {new[at][0] for at in range(start, min(max(end, start + 1), len(new)))}
    return frozenset(places)


def _texts(lines: Sequence[tuple[tuple[int | None, int], str]]) -> list[str]:
    return [text for _, text in lines]


def _lines(path: str, data: bytes, limits: Limits) -> list[tuple[tuple[int | None, int], str]]:
    """Each line with its place; of a notebook those of its cells, whose outputs don't count."""
    if path.endswith(".ipynb"):
        cells = notebook.parse(path, data, limits).cells
        return [((cell.index, at), line) for cell in cells for at, line in enumerate(cell.lines, start=1)]
    return [((None, at), line) for at, line in enumerate(_LINE_END.split(decoded(data)), start=1)]
