"""What was audited and with what: the head of every report, and the list of files that were read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeaudit import __version__, git
from pipeaudit.discover import Discovery, FileProblem, read_bytes
from pipeaudit.limits import DEFAULT
from pipeaudit.model.audit import Identification, InputFile
from pipeaudit.read.error import ReadError
from pipeaudit.request import Request
from pipeaudit.tree import Tree

_SECTION = re.compile(r"\s{0,20}\[([^\]\n]{1,300})\]")
_PACKAGE = re.compile(r"\s{0,20}name\s{0,20}=\s{0,20}[\"']([^\"'\n]{1,100})[\"']")
_URL = re.compile(r"\s{0,20}url\s{0,20}=\s{0,20}(\S{1,1000})")
_SCP = re.compile(r"(?:[\w.-]{1,100}@)?([\w.-]{1,200}):(?!//)(\S{1,500})")
_USER = re.compile(r"(?<=://)[^/@]{0,300}@")


@dataclass(frozen=True, slots=True)
class Subject:
    """The commit that the tree stands on, and the day that dated entries are held against."""

    revision: git.Revision | None
    as_of: str


def subject(request: Request, found: Discovery) -> Subject:
    revision = git.revision(found.work_tree) if found.work_tree else None
    return Subject(revision, request.as_of or (revision.day if revision else ""))


def identification(
    request: Request,
    found: Discovery,
    tree: Tree,
    this: Subject,
    files: tuple[InputFile, ...],
    digests: Mapping[str, str],
) -> Identification:
    """`digests`: of the rules and the knowledge, and the checklist's version, by the field's name."""
    address = _address(found)
    prefix = found.work_tree.prefix if found.work_tree else ""
    committed = [file.committed for file in files]
    return Identification(
        tool_version=__version__,
        name=("" if prefix else _repository(address)) or _package(tree) or request.name or _repository(address),
        revision=this.revision.commit if this.revision else "",
        branch=this.revision.branch if this.revision else "",
        repository_url=address,
        dirty=False in committed if request.checklist and this.revision else None,
        prefix=prefix,
        as_of=this.as_of,
        configuration=request.config.origin,
        configuration_digest=request.config.digest,
        manifest=tree.manifest(),
        **digests,
    )


def inputs(request: Request, found: Discovery, tree: Tree, this: Subject) -> tuple[InputFile, ...]:
    """The files that were read; for an audit with whether each is as committed, worked out from its bytes."""
    blobs: dict[str, str] | None = None
    if request.checklist and found.work_tree and this.revision:
        try:
            blobs = git.committed_blobs(found.work_tree, this.revision.commit)
        except git.GitUnavailable:
            blobs = None  # whether files are as committed is then not known
    return tuple(
        InputFile(path, tree.files[path].size, digest, _is_committed(path, tree, blobs))
        for path in tree.paths
        if (digest := tree.digest(path))
    )


def _is_committed(path: str, tree: Tree, blobs: Mapping[str, str] | None) -> bool | None:
    return None if blobs is None else git.blob_name(tree.data(path)) == blobs.get(path)


def _repository(address: str) -> str:
    """What its address calls a repository; a folder of one has a name of its own."""
    return address.rstrip("/").rpartition("/")[2].removesuffix(".git")


def _package(tree: Tree) -> str:
    """The project's name in its pyproject.toml, read off the text."""
    try:
        text = tree.data("pyproject.toml").decode("utf-8", "replace") if "pyproject.toml" in tree else ""
    except ReadError:
        return ""  # it is one of the tree's problems
    section = ""
    for line in text.split("\n"):
        if head := _SECTION.match(line):
            section = head[1].strip()
        elif section in ("project", "tool.poetry") and (name := _PACKAGE.match(line)):
            return name[1]
    return ""


def _address(found: Discovery) -> str:
    """Where the repository came from, without user info; read off the configuration's text, as nothing of it is run."""
    if found.work_tree is None:
        return ""
    try:
        text = read_bytes(found.work_tree.top, ".git/config", DEFAULT.text_bytes).decode("utf-8", "replace")
    except FileProblem:
        return ""  # a worktree or a submodule keeps it elsewhere
    section = ""
    for line in text.split("\n"):
        if head := _SECTION.match(line):
            section = head[1]
        elif section == 'remote "origin"' and (url := _URL.match(line)):
            scp = _SCP.fullmatch(url[1])
            return f"https://{scp[1]}/{scp[2]}" if scp else _USER.sub("", url[1])
    return ""
