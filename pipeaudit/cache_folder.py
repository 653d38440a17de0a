"""Where the results of earlier runs lie: a folder of the user's own, never a place in the audited tree."""

from __future__ import annotations

import os
import sys


def default_folder() -> str:
    """The user's own cache folder, never a place in the audited tree."""
    if named := os.environ.get("PIPEAUDIT_CACHE_DIR"):
        return named
    if sys.platform == "win32":
        parent = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~")
    elif sys.platform == "darwin":
        parent = os.path.expanduser("~/Library/Caches")
    else:
        parent = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(parent, "pipeaudit")


def is_ours(folder: str) -> bool:
    """A folder that others may write to is not trusted."""
    try:
        status = os.stat(folder)
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & 0o022
