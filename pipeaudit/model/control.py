"""The checklist's controls and how each was decided."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pipeaudit.model.location import Location


class Status(Enum):
    MET = "met"
    PARTIAL = "partial"
    UNMET = "unmet"
    NOT_APPLICABLE = "not-applicable"
    ATTESTED = "attested"
    NEEDS_ATTESTATION = "needs-attestation"


class Strength(Enum):
    """How much an item of evidence is worth: a resolved fact, a document with a body, a name."""

    STRONG = "strong"
    SUPPORTING = "supporting"
    WEAK = "weak"


@dataclass(frozen=True, slots=True)
class Evidence:
    at: Location
    what: str
    strength: Strength = Strength.STRONG


@dataclass(frozen=True, slots=True)
class Control:
    """A judged control: `findings` are fingerprints of open findings against it, `missing` what would make it met."""

    id: str
    group: str
    title: str
    status: Status
    evidence: tuple[Evidence, ...] = ()
    findings: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    remedy: str = ""
    reason: str = ""
