"""A report held against the tree that it speaks of: which of the files that were read are not what they were."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pipeaudit import config, resources, rulebook
from pipeaudit.discover import FileProblem, read_bytes
from pipeaudit.limits import DEFAULT
from pipeaudit.model.error import UserError
from pipeaudit.report.text import unicode_form
from pipeaudit.request import Request
from pipeaudit.tree import Tree

_MOST_BYTES = 256 * 1024 * 1024


class NoReport(UserError):
    """The file is not a report that names what was read: exit 2 with what it should be."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Files by what became of them since the report, and whether the rules are still those that made it."""

    same: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]
    same_rules: bool

    @property
    def holds(self) -> bool:
        return not (self.changed or self.gone or self.new)


def verify(report: Path, root: Path) -> Verdict:
    """Every file that the report lists is hashed again; nothing outside the root is opened."""
    document = _document(report)
    listed = _listed(document, report)
    request = Request(root=root, config=config.load(root))
    tree = Tree(root, request.find().files, request.config.limits)
    now = {unicode_form(path): tree.digest(path) for path in tree.paths}
    found = {path: now.get(path) or _digest(root, path) for path in listed}
    made = document.get("identification")
    rules = made.get("rules_sha256") if isinstance(made, dict) else None
    return Verdict(
        same=tuple(path for path, digest in sorted(found.items()) if digest == listed[path]),
        changed=tuple(path for path, digest in sorted(found.items()) if digest and digest != listed[path]),
        gone=tuple(path for path, digest in sorted(found.items()) if not digest),
        new=tuple(path for path, digest in sorted(now.items()) if digest and path not in listed),
        same_rules=rules == rulebook.digest((resources.folder("rules"),)),
    )


def _document(report: Path) -> dict[str, object]:
    try:
        if report.stat().st_size > _MOST_BYTES:
            raise NoReport(f"{report.name}: is too large for a report")
        document = json.loads(report.read_bytes())
    except OSError as error:
        raise NoReport(f"{report.name}: can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise NoReport(f"{report.name}: is not JSON") from error
    if not isinstance(document, dict) or document.get("schema") != "pipeaudit/audit/1":
        raise NoReport(f"{report.name}: is no report of `pipeaudit audit --format json`")
    return document


def _listed(document: dict[str, object], report: Path) -> dict[str, str]:
    entries = document.get("files")
    listed = {}
    for entry in entries if isinstance(entries, list) else ():
        path, digest = (entry.get("path"), entry.get("sha256")) if isinstance(entry, dict) else (None, None)
        if not isinstance(path, str) or not isinstance(digest, str):
            raise NoReport(f"{report.name}: its list of files is damaged")
        listed[path] = digest
    if not listed:
        raise NoReport(f"{report.name}: it lists no files")
    return listed


def _digest(root: Path, path: str) -> str:
    """Of a file that other settings left out; "" where there is none."""
    try:
        return hashlib.sha256(read_bytes(root, path, DEFAULT.notebook_bytes)).hexdigest()
    except FileProblem:
        return ""
