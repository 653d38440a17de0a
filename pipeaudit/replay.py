"""The report of an earlier call, given again where all that it came from looks as it did.

Nothing is read or parsed for that: a record names its witnesses (files, folders, links) with the state each was in,
and is good while every one of them still is. A folder's state tells whether something came or went in it. This is the
way of a call in which nothing has changed, so it imports no more than it must.
"""

from __future__ import annotations

import os
import sys

from pipeaudit.cache_folder import default_folder, is_ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MAGIC = b"pipeaudit-replay-1"
_SLOTS = 64
_MOST_BYTES = 64 * 1024 * 1024
_ENVIRONMENT = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TERM", "COLUMNS", "PATH")
LINK = ">"  # before a path: where the link leads is what counts


def again(words: Sequence[str]) -> int | None:
    """Writes the earlier call's report and gives its exit status; None where it has to be worked out anew."""
    if words[:1] not in (["check"], ["audit"], ["graph"]) or "--no-cache" in words or os.isatty(1):
        return None
    folder = default_folder()
    if not is_ours(folder):
        return None
    record = _read(os.path.join(folder, _name(words)))
    found = _opened(record, _key(words)) if record else None
    if found is None:
        return None
    status, witnesses, report = found
    parts = witnesses.split(b"\0")
    if any(state(os.fsdecode(parts[at])) != parts[at + 1] for at in range(0, len(parts) - 1, 2)):
        return None
    return status if _write(report) else None


def keep(words: Sequence[str], witnesses: Iterable[tuple[str, bytes]], status: int, report: bytes) -> None:
    """Records a call; a cache that can't be written costs no more than the time it would have saved."""
    folder = default_folder()
    if not is_ours(folder):
        return
    seen = b"\0".join(os.fsencode(path) + b"\0" + how for path, how in witnesses)
    key = _key(words)
    body = key + seen + report
    if len(body) > _MOST_BYTES:
        return
    head = b"%s %d %d %d %d\n" % (_MAGIC, len(key), len(seen), status, _sum(body))
    target = os.path.join(folder, _name(words))
    temporary = f"{target}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(head + body)
        os.replace(temporary, target)
    except OSError:
        _remove(temporary)


def state(path: str) -> bytes:
    """Changes whenever the file, the folder's list of names or the link's target does."""
    if path.startswith(LINK):
        return os.fsencode(_target(path[len(LINK) :]))
    try:
        status = os.lstat(path)
    except OSError:
        return b"-"
    return b"%d %d %d %d" % (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _target(path: str) -> str:
    try:
        return os.path.realpath(path, strict=True)
    except OSError:
        return "-"


def _key(words: Sequence[str]) -> bytes:
    """The call with all around it that a report may depend on and that is no file."""
    around = (
        sys.version,
        sys.executable,
        __file__,
        os.getcwd(),
        *(os.environ.get(name, "\1") for name in _ENVIRONMENT),
    )
    return os.fsencode("\0".join((*around, *words)))


def _name(words: Sequence[str]) -> str:
    """Calls share a few places, so that those that are not made again go away."""
    return f"replay-{_sum(_key(words)) % _SLOTS}"


def _sum(data: bytes) -> int:
    import zlib

    return zlib.crc32(data)


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        return b""
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        foreign = hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022)
        return b"" if foreign or status.st_size > 2 * _MOST_BYTES else file.read()


def _opened(record: bytes, key: bytes) -> tuple[int, bytes, bytes] | None:
    """Status, witnesses and report of a whole record of this very call; None for any other."""
    head, _, body = record.partition(b"\n")
    parts = head.split(b" ")
    if len(parts) != 5 or parts[0] != _MAGIC or not all(part.isdigit() for part in parts[1:]):
        return None
    key_length, seen_length, status, check = map(int, parts[1:])
    if body[:key_length] != key or len(body) < key_length + seen_length or _sum(body) != check:
        return None
    end = key_length + seen_length
    return status, body[key_length:end], body[end:]


def _write(report: bytes) -> bool:
    """False where nothing could be written at all: then the long way tells why."""
    data = memoryview(report)
    try:
        while data:
            data = data[os.write(1, data) :]
    except BrokenPipeError:
        return True  # a reader that went away is no error of ours
    except OSError:
        return len(data) < len(report)
    return True


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return  # it never came to be
