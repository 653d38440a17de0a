"""What an earlier commit was found to hold: its tree out of git's objects into a folder of our own, audited there.

Nothing is checked out, no hook or filter runs, and the folder goes when the call ends.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pipeaudit import engine, git, suppress
from pipeaudit.limits import Limits
from pipeaudit.model.error import UserError
from pipeaudit.request import Request
from pipeaudit.tree import is_opaque


@contextmanager
def baseline(request: Request, ref: str) -> Iterator[Path]:
    """A file with all findings of a commit, as `--write-baseline` would write them there."""
    tree = git.work_tree(request.root)
    if tree is None:
        raise UserError("--baseline-commit asks for a git work tree, and there is none here")
    with tempfile.TemporaryDirectory(prefix="pipeaudit-") as folder:
        root = Path(os.path.realpath(folder)) / "tree"
        root.mkdir()
        _write(tree, ref, root, request.config.limits)
        now = git.revision(tree)
        then = replace(request.unnarrowed(), root=root, as_of=request.as_of or (now.day if now else ""))
        found = then.find()
        found = replace(found, files=tuple(replace(file, tracked=True) for file in found.files))
        known = engine.audit(then, found)[0]
        file = Path(folder) / f"{ref.replace('/', '-')}.json"
        file.write_text(suppress.baseline(known.findings), encoding="utf-8")
        yield file


def _write(tree: git.WorkTree, ref: str, root: Path, limits: Limits) -> None:
    """Regular files only; what an audit does not open has its size and no content."""
    blobs = [blob for blob in git.committed_tree(tree, ref) if _is_plain(blob.path)]
    read = [blob for blob in blobs if not is_opaque(blob.path) and blob.size <= limits.bytes_of(blob.path)]
    for blob, data in zip(read, git.contents(tree, read), strict=True):
        _create(root, blob.path, data, blob.size)
    for blob in blobs:
        if is_opaque(blob.path) or blob.size > limits.bytes_of(blob.path):
            _create(root, blob.path, b"", blob.size)


def _is_plain(path: str) -> bool:
    """Git's objects may be made by hand: no name of theirs leads out of the folder or into a repository's own."""
    return not any(part in ("", ".", "..") or part.lower() == ".git" for part in path.split("/"))


def _create(root: Path, path: str, data: bytes, size: int) -> None:
    target = root / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "xb") as file:
            file.write(data)
            file.truncate(size)
    except (OSError, ValueError) as error:
        raise UserError(f"--baseline-commit: `{target.name}` can't be written here: {error}") from error
