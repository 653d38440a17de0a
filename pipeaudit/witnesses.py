"""What a report came from, file by file: the call is answered from memory while all of it looks as it did."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeaudit import config, resources
from pipeaudit.discover import SKIPPED_FOLDERS, Discovery
from pipeaudit.replay import LINK, state
from pipeaudit.request import Request

_RACY_NANOSECONDS = 2_000_000_000
_MOST = 200_000
_GIT = ("HEAD", "index", "packed-refs", "config", "info/exclude")


def witnesses(request: Request, found: Discovery, words: Sequence[str], started: int) -> list[tuple[str, bytes]] | None:
    """Paths with their states; None where a call depends on more, or on what changed as it ran.

    What changed less than two seconds before the start may have changed again within a tick of the file system's clock.
    """
    settings = request.config
    others = request.baseline or settings.baseline or settings.attestations or settings.include or request.touched
    elsewhere = found.work_tree is not None and not (found.work_tree.top / ".git").is_dir()
    if others or elsewhere or found.unreadable_history or len(request.rule_folders) > 1 or not request.use_cache:
        return None
    top = os.fspath(request.root)
    latest = max((max(file.changed[:2]) for file in found.files), default=0)
    seen = [(os.path.join(top, file.path), _as_found(file.size, file.changed)) for file in found.files]
    for path in (*_words(words), *_named(request, found), *_program(), *_folders(top)):
        how = state(path)
        seen.append((path, how))
        if not path.startswith(LINK) and how != b"-":
            latest = max(latest, *map(int, how.split(b" ")[1:3]))
    return seen if len(seen) <= _MOST and latest < started - _RACY_NANOSECONDS else None


def _as_found(size: int, changed: tuple[int, int, int]) -> bytes:
    """As `state` has it, from before the file was read."""
    return b"%d %d %d %d" % (size, *changed)


def _words(words: Sequence[str]) -> Iterator[str]:
    """What the call names may lead elsewhere tomorrow."""
    return (LINK + os.path.abspath(word) for word in words if os.path.lexists(word))


def _named(request: Request, found: Discovery) -> Iterator[str]:
    """Settings, git's own files and links: what counts is not only where the tree's files lie."""
    for name in (*config.OWN_FILES, "pyproject.toml"):
        yield os.path.join(request.root, name)
    for entry in found.left_out:
        if "symbolic link" in entry.reason:
            yield LINK + os.path.join(request.root, entry.path)
    if found.work_tree is not None:
        git = found.work_tree.top / ".git"
        yield from (os.path.join(git, name) for name in _GIT)
        yield from _ref(git)
        yield from (os.path.join(folder, ".gitignore") for folder in request.root.parents)


def _ref(git: Path) -> Iterator[str]:
    try:
        head = (git / "HEAD").read_bytes()[:4096].decode("utf-8", "surrogateescape").strip()
    except OSError:
        return
    if head.startswith("ref: ") and ".." not in head:
        yield os.path.join(git, head.removeprefix("ref: "))


def _program() -> Iterator[str]:
    """The program itself: modules, rules and templates."""
    return _below((Path(__file__).parent, resources.folder("rules"), resources.folder("reports")), files=True)


def _folders(top: str) -> Iterator[str]:
    """Folders that files may come to; those that are never looked into are left out."""
    return _below((Path(top),), files=False)


def _below(tops: Iterable[Path], files: bool) -> Iterator[str]:
    waiting = [os.fspath(top) for top in tops]
    while waiting:
        folder = waiting.pop()
        yield folder
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name not in SKIPPED_FOLDERS:
                            waiting.append(entry.path)
                    elif files:
                        yield entry.path
        except OSError:
            continue  # its own state tells when that changes
