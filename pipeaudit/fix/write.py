"""New bytes put in the place of a file's old ones: whole or not at all, inside the root, and never through a link."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from pipeaudit.discover import FileProblem, read_bytes
from pipeaudit.fix.change import Refused

_BY_DESCRIPTOR = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


def replace(root: Path, path: str, before: bytes, after: bytes) -> None:
    """Refuses a file that is not what it was when it was read."""
    try:
        now = read_bytes(root, path, len(before) + 1)
    except FileProblem as error:
        raise Refused(f"the file {error}") from error
    if now != before:
        raise Refused("the file has changed since it was read")
    try:
        folder = _folder(root, path)
        try:
            _put(folder, path.rpartition("/")[2], after)
        finally:
            if folder.descriptor is not None:
                os.close(folder.descriptor)
    except OSError as error:
        raise Refused(f"the file can't be written: {error.strerror}") from error


class _Folder:
    """The folder that a file lies in: open where the system can work relative to it, else a path."""

    def __init__(self, path: str, descriptor: int | None) -> None:
        self._path = path
        self.descriptor = descriptor

    def name(self, name: str) -> str:
        return name if self.descriptor is not None else os.path.join(self._path, name)


def _folder(root: Path, path: str) -> _Folder:
    """Opened step by step without following links."""
    names = path.split("/")[:-1]
    if not _BY_DESCRIPTOR:
        return _Folder(os.path.join(root, *names), None)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for name in names:
        try:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return _Folder("", folder)


def _put(folder: _Folder, name: str, data: bytes) -> None:
    target, at = folder.name(name), folder.descriptor
    temporary = folder.name(f".{name[:200]}.{os.getpid()}.part")
    status = os.stat(target, dir_fd=at, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        raise Refused("the file has become a link or a device")
    try:
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600, dir_fd=at
        )
        with open(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, stat.S_IMODE(status.st_mode), dir_fd=at)
        os.replace(temporary, target, src_dir_fd=at, dst_dir_fd=at)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=at)
        raise
