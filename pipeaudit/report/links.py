"""Where a rule's page is, and what a path looks like as a URI."""

from __future__ import annotations

import posixpath
from urllib.parse import quote, urlsplit

from pipeaudit import PROJECT_URL
from pipeaudit.model.audit import Audit, RuleInfo
from pipeaudit.model.location import Location
from pipeaudit.report import text

_HOMES = ("README.md", "pyproject.toml", "dvc.yaml")


def rule_page(rule: RuleInfo) -> str:
    return f"{PROJECT_URL}/blob/main/rules/README.md#{rule.id.lower()}-{rule.name}"


def uri(path: str, prefix: str = "") -> str:
    """The path relative to the repository's top, its raw bytes percent-encoded; it never leads out of the tree."""
    return quote(text.raw_bytes(joined(path, prefix)), safe="/~")


def joined(path: str, prefix: str) -> str:
    """The path seen from the top of the repository, which is where services look."""
    return posixpath.normpath(posixpath.join("/", prefix.strip("/"), path.lstrip("/"))).lstrip("/")


def web(address: str) -> str:
    """An address that may become a link, without user info; nothing for any other."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    return parts._replace(netloc=f"{host}:{port}" if port else host).geturl()


def anchored(audit: Audit, at: Location) -> Location:
    """Where to show a finding about the repository as a whole: in the file that should have held the answer."""
    if at.path not in ("", "."):
        return at
    known = {file.path for file in audit.files}
    return Location(next((home for home in _HOMES if home in known), min(known, default=_HOMES[0])))


def source(audit: Audit, at: Location, line: int | None = None) -> str:
    """The page of a forge that shows a place at the audited revision; nothing where no such page can be known.

    `line` is the physical line, where it is not the place's own: in a notebook.
    """
    made = audit.identification
    address = web(made.repository_url).removesuffix(".git")
    host = urlsplit(address).hostname or ""
    if not made.revision or at.path in ("", ".") or host not in ("github.com", "gitlab.com"):
        return ""
    folder = "/-/blob/" if host == "gitlab.com" else "/blob/"
    shown = "?plain=1" if at.cell is not None else ""
    revision = quote(text.raw_bytes(made.revision), safe="")
    return f"{address}{folder}{revision}/{uri(at.path, made.prefix)}{shown}#L{line or at.line}"
