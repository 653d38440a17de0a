"""Where a script of the repository lies that somebody names as it will lie elsewhere."""

from __future__ import annotations

from posixpath import join, normpath

from pipeaudit.sources import Sources


def located(path: str, folder: str, sources: Sources) -> str | None:
    """A script's path in the repository: from the folder, else from the root, else by the only file that ends so.

    Containers and runners see the tree under other roots (`/app/src/train.py`, `$GITHUB_WORKSPACE/train.py`).
    """
    plain = normpath(path.replace("\\", "/"))
    for candidate in (normpath(join(folder, plain)), plain):
        if candidate in sources:
            return candidate
    parts = [part for part in plain.split("/") if part not in ("", ".", "..")]
    for start in range(1, len(parts)):
        tail = "/".join(parts[start:])
        if tail in sources:
            return tail
    fitting = sources.ending(parts[-1]) if parts else []
    return fitting[0] if len(fitting) == 1 else None
