"""The one module that runs git, by plumbing commands that execute nothing a repository configures.

A repository's own configuration can name programs (fsmonitor, hooks, filters, diff drivers). The commands below, in
exactly these forms, run none of them; whatever else we need to know is computed from what they print.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeaudit.model.error import UserError

_SECONDS = 10
_MOST_OUTPUT = 256 * 1024 * 1024
_REF = re.compile(r"(?!-)[A-Za-z0-9._/-]{1,250}")
_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.excludesFile=/dev/null",
    "core.pager=cat",
    "safe.bareRepository=explicit",
    "protocol.allow=never",
)


class GitUnavailable(UserError):
    """What we asked git for is not known here; the message says why. Where the user asked for it, the call is wrong."""


@dataclass(frozen=True, slots=True)
class WorkTree:
    """`top` is where `.git` lies, `prefix` the path from there to the audited root ("" or ending in a slash)."""

    top: Path
    prefix: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the index: `mode` as git writes it (100644, 120000 for links, 160000 for submodules)."""

    mode: str
    blob: str
    path: str


def work_tree(root: Path) -> WorkTree | None:
    """The git work tree around a folder, found without running git; raises where its `.git` must not be followed."""
    root = root.absolute()
    for top in (root, *root.parents):
        try:
            found = (top / ".git").lstat()
        except OSError:
            continue
        if stat.S_ISREG(found.st_mode):
            _check_pointer(top / ".git")
        elif not stat.S_ISDIR(found.st_mode):
            raise GitUnavailable("`.git` is neither a folder nor a file; its history is not read")
        prefix = root.relative_to(top).as_posix()
        return WorkTree(top, "" if prefix == "." else prefix + "/")
    return None


def _check_pointer(pointer: Path) -> None:
    """A `.git` file may only lead to a worktree that points back at it, or to a submodule of a folder above it."""
    try:
        words = pointer.read_bytes()[:4097].decode("utf-8", "surrogateescape").strip()
        if not words.startswith("gitdir:"):
            raise GitUnavailable("`.git` is a file that names no git directory")
        target = Path(os.path.normpath(pointer.parent / words.removeprefix("gitdir:").strip()))
        same_owner = target.stat().st_uid == pointer.lstat().st_uid
        if target.parent.name == "worktrees":
            back = (target / "gitdir").read_bytes()[:4097].decode("utf-8", "surrogateescape").strip()
            belongs = Path(os.path.normpath(target / back)) == pointer
        else:
            belongs = any(target.is_relative_to(parent / ".git" / "modules") for parent in pointer.parent.parents)
    except (OSError, ValueError) as error:
        raise GitUnavailable("`.git` is a file that leads nowhere") from error
    if not (same_owner and belongs):
        raise GitUnavailable("`.git` is a file that leads out of this repository; its history is not read")


def _command(tree: WorkTree, *words: str) -> list[str]:
    command = ["git", "-C", str(tree.top / tree.prefix)]
    for setting in _SETTINGS:
        command += ["-c", setting]
    return [*command, "--no-pager", "--no-optional-locks", *words]


def _environment(tree: WorkTree) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_CEILING_DIRECTORIES": str(tree.top.parent),
        "LC_ALL": "C",
    }


def _start(tree: WorkTree, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            _command(tree, *words),
            env=_environment(tree),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise GitUnavailable("git is not installed or can't be run") from error


def _finish(process: subprocess.Popen[bytes], asked: bytes | None = None) -> bytes:
    try:
        output, complaint = process.communicate(asked, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        raise GitUnavailable(f"git did not answer within {_SECONDS} s") from error
    if process.returncode != 0:
        why = complaint.decode("utf-8", "backslashreplace").partition("\n")[0].removeprefix("fatal: ")
        if "dubious ownership" in why:
            why = "the repository belongs to another user, so git refuses it"
        raise GitUnavailable(why or f"git left with status {process.returncode}")
    if len(output) > _MOST_OUTPUT:
        raise GitUnavailable("git listed more than can be looked at")
    return output


def _names(output: bytes) -> list[str]:
    return [os.fsdecode(name) for name in output.split(b"\0") if name]


def _entries(output: bytes) -> list[Entry]:
    found = []
    for line in output.split(b"\0"):
        head, tab, name = line.partition(b"\t")
        if tab:
            mode, blob, _ = head.decode("ascii", "replace").split(" ", 2)
            found.append(Entry(mode, blob, os.fsdecode(name)))
    return found


def listed(tree: WorkTree) -> tuple[list[Entry], list[str]]:
    """What the index holds under the root, and the untracked files that are not ignored, relative to the root.

    A repository inside the repository is one untracked path that ends in a slash.
    """
    index = _start(tree, "ls-files", "-s", "-z")
    others = _start(tree, "ls-files", "-o", "--exclude-standard", "-z")
    try:
        tracked = _entries(_finish(index))
    except GitUnavailable:
        others.kill()
        others.communicate()
        raise
    return tracked, _names(_finish(others))


def ignored(tree: WorkTree) -> list[str]:
    """Files and folders (with a slash at the end) that ignore rules leave out; only for those who ask to see them."""
    return _names(_finish(_start(tree, "ls-files", "-o", "-i", "--exclude-standard", "--directory", "-z")))


def staged(tree: WorkTree) -> frozenset[str]:
    """Files whose index entry differs from the last commit; before the first commit, all that the index holds."""
    try:
        head = _finish(_start(tree, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")).decode("ascii").strip()
    except GitUnavailable:
        return frozenset(entry.path for entry in _entries(_finish(_start(tree, "ls-files", "-s", "-z"))))
    words = (
        "diff-index",
        "--cached",
        "--name-only",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "-z",
        head,
        "--",
    )
    names = _names(_finish(_start(tree, *words)))
    return frozenset(name.removeprefix(tree.prefix) for name in names if name.startswith(tree.prefix))


@dataclass(frozen=True, slots=True)
class Revision:
    """`day` is the committer's day in UTC, as YYYY-MM-DD."""

    commit: str
    branch: str
    day: str


def revision(tree: WorkTree) -> Revision | None:
    """The commit that the work tree stands on; None before the first."""
    names = _start(tree, "rev-parse", "HEAD", "--abbrev-ref", "HEAD")
    body = _start(tree, "cat-file", "commit", "HEAD")
    try:
        name, label = _finish(names).decode("utf-8", "backslashreplace").split("\n")[:2]
        text = _finish(body)
    except (GitUnavailable, ValueError):
        for process in (names, body):
            process.kill()
            process.communicate()
        return None
    found = re.search(rb"^committer [^\n]* (\d{1,12}) [+-]\d{4}$", text, re.MULTILINE)
    return Revision(name, "" if label == "HEAD" else label, _day(int(found[1])) if found else "")


def _day(seconds: int) -> str:
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return ""


def committed_blobs(tree: WorkTree, commit: str) -> dict[str, str]:
    """The blob of each file under the root in a commit, by path relative to the root."""
    output = _finish(_start(tree, "ls-tree", "-r", "-z", check_ref(commit)))
    blobs = {}
    for line in output.split(b"\0"):
        head, tab, name = line.partition(b"\t")
        if tab:
            blobs[os.fsdecode(name)] = head.decode("ascii", "replace").split(" ")[2]
    return blobs


@dataclass(frozen=True, slots=True)
class Blob:
    """A regular file of a commit, by its path relative to the root."""

    path: str
    name: str
    size: int


def committed_tree(tree: WorkTree, ref: str) -> list[Blob]:
    """The regular files of a commit; links and submodules are none."""
    found = []
    for line in _finish(_start(tree, "ls-tree", "-r", "-l", "-z", check_ref(ref))).split(b"\0"):
        head, tab, name = line.partition(b"\t")
        mode, _, blob, size = head.decode("ascii", "replace").split() if tab else ("", "", "", "")
        if mode in ("100644", "100755") and size.isdigit():
            found.append(Blob(os.fsdecode(name), blob, int(size)))
    return found


def contents(tree: WorkTree, blobs: Sequence[Blob]) -> Iterator[bytes]:
    """The bytes of each, from git's objects."""
    process = _start(tree, "cat-file", "--batch", stdin=subprocess.PIPE)
    output = _finish(process, "".join(f"{blob.name}\n" for blob in blobs).encode("ascii"))
    at = 0
    for blob in blobs:
        start = output.find(b"\n", at) + 1
        if output[at : start - 1] != f"{blob.name} blob {blob.size}".encode("ascii"):
            raise GitUnavailable(f"`{blob.path}` is not in this clone as that commit has it")
        at = start + blob.size + 1
        yield output[start : start + blob.size]


def merge_base(tree: WorkTree, ref: str) -> str:
    """The last commit that this work and another one have in common."""
    try:
        _finish(_start(tree, "rev-parse", "--verify", "--quiet", f"{check_ref(ref)}^{{commit}}"))
        return _finish(_start(tree, "merge-base", ref, "HEAD")).decode("ascii", "replace").strip()
    except GitUnavailable as error:
        hint = "; the clone is shallow, check out with fetch-depth: 0" if _is_shallow(tree) else ""
        raise GitUnavailable(f"{ref}: there is no such commit here, or none that both come from{hint}") from error


def _is_shallow(tree: WorkTree) -> bool:
    return (tree.top / ".git" / "shallow").exists()


def committed_file(tree: WorkTree, ref: str, path: str) -> bytes:
    """A file as a commit has it, from git's objects; the work tree is not touched."""
    return _finish(_start(tree, "cat-file", "blob", f"{check_ref(ref)}:{tree.prefix}{path}"))


def check_ref(ref: str) -> str:
    if not _REF.fullmatch(ref):
        raise GitUnavailable(f"{ref!r} is not a name of a revision")
    return ref


def blob_name(data: bytes) -> str:
    """The name git gives these bytes; it differs from the committed one under line-end conversion too."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
