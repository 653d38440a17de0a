"""The repository's files: git's own view where there is one, else a walk under .gitignore rules.

Links are never followed, and only what `lstat` calls a regular file is ever opened. Whatever is left out is kept with
its reason, so that `--show-files` can say so.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeaudit import git
from pipeaudit.ignore import Patterns
from pipeaudit.limits import DEFAULT, Limits
from pipeaudit.model.finding import LeftOut, Problem

SKIPPED_FOLDERS = {
    ".git": "git's own data",
    ".hg": "another version control's own data",
    ".svn": "another version control's own data",
    ".venv": "a virtual environment",
    "venv": "a virtual environment",
    "node_modules": "vendored",
    "site-packages": "vendored",
    ".ipynb_checkpoints": "copies that Jupyter keeps",
    "__pycache__": "compiled",
    ".tox": "a virtual environment",
    ".nox": "a virtual environment",
    ".mypy_cache": "a cache",
    ".ruff_cache": "a cache",
    ".pytest_cache": "a cache",
    "mlruns": "MLflow's records of runs",
}
_SKIPPED_PATHS = {".dvc/cache": "DVC's cache", ".dvc/tmp": "DVC's cache"}
_CHUNK = 1 << 20
_BY_DESCRIPTOR = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_FLAGS |= getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A regular file of the tree.

    `tracked` is None where no git history tells; `blob` is the index's name for its content; `changed` holds the
    times of modification and change in nanoseconds and the inode, which tell whether it is the file of the last run.
    """

    path: str
    size: int
    tracked: bool | None = None
    blob: str = ""
    changed: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Discovery:
    """`unreadable_history` says why git data is unknown, where there should be some."""

    files: tuple[SourceFile, ...]
    left_out: tuple[LeftOut, ...] = ()
    problems: tuple[Problem, ...] = ()
    work_tree: git.WorkTree | None = None
    unreadable_history: str = ""


@dataclass(slots=True)
class _Collected:
    files: list[SourceFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def skip(self, path: str, reason: str) -> None:
        self.left_out.append(LeftOut(path, reason))

    def complain(self, path: str, why: str, line: int = 1) -> None:
        self.problems.append(Problem(path, line, why))


def discover(
    root: Path,
    *,
    exclude: Iterable[str] = (),
    include: Iterable[str] = (),
    obey_ignore_files: bool = True,
    limits: Limits = DEFAULT,
) -> Discovery:
    """All regular files under `root` that are ours to look at, sorted by path.

    `exclude` and `include` are patterns as in a .gitignore; `include` takes files back that we leave out by default.
    """
    found = _Collected()
    tree, note = None, ""
    try:
        tree = git.work_tree(root)
    except git.GitUnavailable as error:
        note = str(error)
    excluded, included = Patterns(exclude), Patterns(include)
    listed = False
    if tree is not None and obey_ignore_files:
        try:
            listed = _from_git(root, tree, excluded, included, found, limits)
        except git.GitUnavailable as error:
            tree, note = None, str(error)
    if not listed:
        found = _Collected()
        _walk(root, excluded, included, found, limits, obey_ignore_files)
    if note:
        found.complain(".", f"git data is unknown: {note}")
    return Discovery(
        tuple(sorted(found.files, key=lambda file: file.path)),
        tuple(sorted(set(found.left_out), key=lambda entry: (entry.path, entry.reason))),
        tuple(sorted(found.problems, key=lambda problem: problem.key)),
        tree,
        note,
    )


def _from_git(
    root: Path, tree: git.WorkTree, excluded: Patterns, included: Patterns, found: _Collected, limits: Limits
) -> bool:
    """False where git knows of nothing here: a repository around the root ignores it, yet the user named it."""
    tracked, others = git.listed(tree)
    if not tracked and not others:
        return False
    top = os.fspath(root)
    entries = {entry.path: entry for entry in tracked}
    linked: dict[str, bool] = {}
    for path in sorted(entries.keys() | set(others)):
        entry = entries.get(path)
        if path.endswith("/"):
            found.skip(path, "a repository of its own")
        elif entry is not None and entry.mode == "160000":
            found.skip(path + "/", "a submodule")
        elif reason := _unwanted(path, excluded, included):
            found.skip(path, reason)
        elif _behind_link(top, path, linked):
            found.skip(path, "behind a symbolic link")
        elif len(found.files) >= limits.files:
            found.complain(".", f"only the first {limits.files} files are looked at")
            break
        else:
            _look(top, path, entry, entry is not None, found)
    return True


def _behind_link(top: str, path: str, linked: dict[str, bool]) -> bool:
    """Whether a folder on the way to a file that git knows is now a link: then the file is not the one git knows."""
    folder = path.rpartition("/")[0]
    if not folder:
        return False
    if folder not in linked:
        try:
            is_link = stat.S_ISLNK(os.lstat(os.path.join(top, folder)).st_mode)
        except OSError:
            is_link = False
        linked[folder] = is_link or _behind_link(top, folder, linked)
    return linked[folder]


def _unwanted(path: str, excluded: Patterns, included: Patterns) -> str:
    if excluded and excluded.match(path):
        return "excluded by the configuration"
    reason = ""
    folders = path.split("/")[:-1]
    for at, name in enumerate(folders):
        if name in SKIPPED_FOLDERS:
            reason = SKIPPED_FOLDERS[name]
        elif at and f"{folders[at - 1]}/{name}" in _SKIPPED_PATHS:
            reason = _SKIPPED_PATHS[f"{folders[at - 1]}/{name}"]
    return "" if reason and included and included.match(path) else reason


def _look(top: str, path: str, entry: git.Entry | None, tracked: bool | None, found: _Collected) -> None:
    """Files one entry of the tree under what it is."""
    try:
        status = os.lstat(os.path.join(top, path))
    except FileNotFoundError:
        found.skip(path, "tracked, but not in the work tree" if tracked else "vanished while we looked")
    except OSError as error:
        found.complain(path, f"can't be looked at: {_reason(error)}")
    else:
        _sort(top, path, status, entry, tracked, found)


def _sort(
    top: str, path: str, status: os.stat_result, entry: git.Entry | None, tracked: bool | None, found: _Collected
) -> None:
    mode = status.st_mode
    if stat.S_ISREG(mode):
        changed = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        found.files.append(SourceFile(path, status.st_size, tracked, entry.blob if entry else "", changed))
    elif stat.S_ISLNK(mode):
        _note_link(top, path, found)
    elif stat.S_ISDIR(mode):
        found.skip(path + "/", "a folder where git knows a file" if entry else "a repository of its own")
    else:
        found.complain(path, "is a pipe, socket or device, not a file")
        found.skip(path, "a pipe, socket or device")


def _note_link(top: str, path: str, found: _Collected) -> None:
    try:
        target = os.path.realpath(os.path.join(top, path), strict=True)
    except (OSError, ValueError):
        found.skip(path, "a symbolic link that leads nowhere")
        return
    if target == top or target.startswith(top.rstrip(os.sep) + os.sep):
        found.skip(path, "a symbolic link; its target is looked at in its own place")
    else:
        found.skip(path, "a symbolic link that leads out of the tree")
        found.complain(path, "is a symbolic link that leads out of the audited root; it is not followed")


def _walk(
    root: Path, excluded: Patterns, included: Patterns, found: _Collected, limits: Limits, obey_ignore_files: bool
) -> None:
    top = os.fspath(root)
    waiting: list[tuple[str, tuple[tuple[int, Patterns], ...]]] = [("", ())]
    while waiting:
        folder, rules = waiting.pop()
        depth = folder.count("/") + 1 if folder else 0
        if depth > limits.depth:
            found.complain(folder, f"lies deeper than {limits.depth} folders and is not looked at")
            continue
        try:
            with os.scandir(os.path.join(top, folder) if folder else top) as entries:
                listing = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            found.complain(folder or ".", f"can't be listed: {_reason(error)}")
            continue
        if obey_ignore_files and any(entry.name == ".gitignore" for entry in listing):
            rules = (*rules, (depth, _ignore_file(root, f"{folder}/.gitignore".lstrip("/"), found, limits)))
        for entry in listing:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if len(found.files) >= limits.files:
                found.complain(".", f"only the first {limits.files} files are looked at")
                return
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
            except OSError as error:
                found.complain(path, f"can't be looked at: {_reason(error)}")
                continue
            shown = path + "/" if is_folder else path
            if entry.name == ".git":
                found.skip(shown, SKIPPED_FOLDERS[".git"])
            elif rules and _ignored(path, is_folder, rules):
                found.skip(shown, "ignored by .gitignore")
            elif reason := _unwanted(shown, excluded, included):
                found.skip(shown, reason)
            elif is_folder and _is_environment(entry.path):
                found.skip(shown, "a virtual environment")
            elif is_folder:
                waiting.append((path, rules))
            else:
                try:
                    _sort(top, path, entry.stat(follow_symlinks=False), None, None, found)
                except OSError as error:
                    found.complain(path, f"can't be looked at: {_reason(error)}")


def _is_environment(folder: str) -> bool:
    return os.path.lexists(os.path.join(folder, "pyvenv.cfg"))


def _ignored(path: str, is_folder: bool, rules: tuple[tuple[int, Patterns], ...]) -> bool:
    segments = path.split("/")
    for depth, patterns in reversed(rules):
        verdict = patterns.verdict(segments[depth:], is_folder)
        if verdict is not None:
            return verdict
    return False


def _ignore_file(root: Path, path: str, found: _Collected, limits: Limits) -> Patterns:
    try:
        text = read_bytes(root, path, limits.text_bytes).decode("utf-8", "surrogateescape")
    except FileProblem as error:
        found.complain(path, str(error))
        return Patterns(())
    patterns = Patterns(text.split("\n"))
    if patterns.refused:
        found.complain(path, f"{len(patterns.refused)} patterns are too costly to match and are not used")
    return patterns


class FileProblem(Exception):
    """A file that can't be read; the message says why, for an entry of `errors`."""


def read_bytes(root: Path, path: str, limit: int) -> bytes:
    """A file's bytes, read once and at most `limit` of them.

    Each folder on the way is opened without following links, so that what is read lies where the path says. A pipe or a
    device is never waited for.
    """
    try:
        descriptor = _open(os.fspath(root), path)
    except OSError as error:
        raise FileProblem(f"can't be opened: {_reason(error)}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FileProblem("is not a regular file")
        if status.st_size > limit:
            raise FileProblem(f"is {_size(status.st_size)} large, over the limit of {_size(limit)}")
        data = b"".join(_pieces(descriptor, limit + 1))
    except OSError as error:
        raise FileProblem(f"can't be read: {_reason(error)}") from error
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise FileProblem(f"grew over the limit of {_size(limit)} while we read it")
    return data


def _open(root: str, path: str) -> int:
    if not _BY_DESCRIPTOR:
        return os.open(os.path.join(root, path), _FLAGS)
    names = path.split("/")
    if ".." in names:
        raise OSError(errno.EINVAL, "the path leads upwards")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names[:-1]:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(names[-1], _FLAGS, dir_fd=folder)
    finally:
        os.close(folder)


def _pieces(descriptor: int, most: int) -> Iterator[bytes]:
    left = most
    while left > 0:
        piece = os.read(descriptor, min(left, _CHUNK))
        if not piece:
            return
        left -= len(piece)
        yield piece


def _reason(error: OSError) -> str:
    """The system's words without the path, which may be absolute."""
    return error.strerror or error.__class__.__name__


def _size(count: int) -> str:
    return f"{count / 1048576:.1f} MiB" if count >= 1048576 else f"{count} bytes"
