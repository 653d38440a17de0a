"""What rules say and what reports show."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum

from pipeaudit.model.edit import Edit
from pipeaudit.model.location import Location


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """3 for the gravest."""
        return {"error": 3, "warning": 2, "note": 1}[self.value]


class Confidence(Enum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """3 for the surest."""
        return {"high": 3, "medium": 2, "low": 1}[self.value]


def least(*levels: Confidence) -> Confidence:
    """A chain is as sure as its weakest link."""
    return min(levels, key=lambda level: level.rank)


@dataclass(frozen=True, slots=True)
class Related:
    """A step of the path that led to a finding: `split here`, `evaluated here`."""

    at: Location
    message: str


@dataclass(frozen=True, slots=True)
class Match:
    """What a rule says: where, why, how sure, and by which path.

    `severity` overrides the rule's own (a trap of the catalogue that lowers it), `symbol` is the enclosing function or
    class, `subject` is the source text of the flagged statement; both make the fingerprint survive edits above. `edit`
    is what `--fix` does about it.
    """

    at: Location
    message: str
    kind: str | None = None
    confidence: Confidence = Confidence.HIGH
    severity: Severity | None = None
    related: tuple[Related, ...] = ()
    fix: str = ""
    symbol: str = ""
    edit: Edit | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A match under its rule, with all that a report shows of it.

    `core` says whether it gates by default; `suppressed` holds the reason that the repository gives for living with it.
    """

    rule: str
    name: str
    severity: Severity
    confidence: Confidence
    stage: str
    controls: tuple[str, ...]
    match: Match
    fingerprint: str
    core: bool = False
    suppressed: str | None = None

    @property
    def at(self) -> Location:
        return self.match.at


def fingerprint(rule: str, kind: str | None, path: str, symbol: str, statement: str, ordinal: int) -> str:
    """SHA-256 over what names a finding without its line, so that it survives edits above it."""
    parts = (rule, kind or "", path, symbol, " ".join(statement.split()), str(ordinal))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Problem:
    """An input that could not be analysed, in full or in part: an entry of `errors`."""

    path: str
    line: int
    message: str

    @property
    def key(self) -> tuple[str, int, str]:
        return (self.path, self.line, self.message)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that was not read, and why: `ignored by .gitignore`, `over 2 MiB`, `vendored`."""

    path: str
    reason: str
