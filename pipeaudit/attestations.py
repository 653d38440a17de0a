"""What people sign for, and risks that are accepted: read, checked, and held against the audit's day.

An entry counts only while it is complete and in force. Why one does not is said in its state and in a problem.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, timedelta

from pipeaudit.model.audit import AcceptedRisk, Attestation
from pipeaudit.model.finding import Problem
from pipeaudit.model.location import Location
from pipeaudit.read.node import Node

FILES = ("pipeaudit-attestations.yaml", "pipeaudit-attestations.yml")
_SCHEMA = "pipeaudit/attestations/1"
_STATUSES = frozenset(("met", "partial", "unmet", "not-applicable"))
_SHORT_LIVED = ("EVL-4", "DEP-2", "DEP-3", "MON-")
_LONGEST = timedelta(days=366)
_LONGEST_SHORT = timedelta(days=184)
_NEAR_EXPIRY = timedelta(days=30)
_FEWEST_WORDS = 5
_PLACEHOLDER = re.compile(
    r"^(?:todo|tbd|fixme|n/?a|none|unknown|someone|name|owner|x+|\W*)$|\[bot\]|\bbot\b|dependabot|renovate|example\.org$",
    re.IGNORECASE,
)
_RISK_FIELDS = ("reason", "owner", "approved-by", "date", "expires", "compensating-control")


@dataclass(frozen=True, slots=True)
class Register:
    """Entries in the file's order; `problems` say which ones do not count and why."""

    attestations: tuple[Attestation, ...] = ()
    accepted: tuple[AcceptedRisk, ...] = ()
    problems: tuple[Problem, ...] = ()


def read(
    document: Node,
    *,
    as_of: str,
    controls: Collection[str],
    exists: Callable[[str], bool] = lambda path: True,
) -> Register:
    """The register of a parsed file. `as_of` is the audit's day (ISO); where it is "", nothing dated counts."""
    problems: list[Problem] = []
    if document.get("schema").text != _SCHEMA:
        place = document.get("schema") or document
        problems.append(
            Problem(document.path, place.line, f"the register's schema is not `{_SCHEMA}`: nothing in it counts")
        )
        return Register(problems=tuple(problems))
    today = _day(as_of)
    attestations = tuple(
        _attestation(entry, today, controls, exists, problems)
        for entry in document.list("attestations")
        if entry.is_mapping
    )
    accepted = tuple(_risk(entry, today, problems) for entry in document.list("exceptions") if entry.is_mapping)
    return Register(attestations, accepted, tuple(problems))


def _attestation(
    entry: Node, today: date | None, controls: Collection[str], exists: Callable[[str], bool], problems: list[Problem]
) -> Attestation:
    control = entry.get("control").text
    state, why = _state_of(entry, today, control, controls)
    if why:
        problems.append(Problem(entry.path, entry.line, f"the attestation of {control or 'no control'} {why}"))
    evidence = entry.strings("evidence")
    problems.extend(
        Problem(entry.path, entry.line, f"the attestation of {control} names `{path}`, which is not here")
        for path in evidence
        if not re.match(r"\w+:", path) and not exists(path)
    )
    return Attestation(
        control=control,
        status=entry.get("status").text or "met",
        statement=entry.get("statement").text,
        owner=entry.get("owner").text,
        date=entry.get("date").text,
        expires=entry.get("expires").text,
        at=Location(entry.path, entry.line),
        state=state,
        role=entry.get("role").text,
        evidence=evidence,
    )


def _state_of(entry: Node, today: date | None, control: str, controls: Collection[str]) -> tuple[str, str]:
    """The state of an attestation, and why it does not count; "" where it does."""
    if control not in controls:
        return "malformed", "names no control of the checklist"
    if entry.get("status") and entry.get("status").text not in _STATUSES:
        return "malformed", f"has an unknown status `{entry.get('status').text}`"
    if len(entry.get("statement").text.split()) < _FEWEST_WORDS:
        return "malformed", f"needs a statement of at least {_FEWEST_WORDS} words"
    if not entry.get("owner").text or _PLACEHOLDER.search(entry.get("owner").text):
        return "malformed", "needs a person or team as its owner"
    return _term(entry, today, _LONGEST_SHORT if control.startswith(_SHORT_LIVED) else _LONGEST)


def _term(entry: Node, today: date | None, longest: timedelta) -> tuple[str, str]:
    """Whether an entry is in force on the audit's day; too long a life ends after the longest allowed."""
    given, ends = _day(entry.get("date").text), _day(entry.get("expires").text)
    if given is None or ends is None:
        return "malformed", "needs `date` and `expires` as YYYY-MM-DD"
    if ends <= given:
        return "malformed", "expires before it begins"
    if today is None:
        return "malformed", "is dated, and the day of the audit is not known: give `--as-of`"
    if given > today:
        return "malformed", "is dated in the future"
    clipped = min(ends, given + longest)
    if clipped < today:
        return (
            "expired",
            "has expired" if clipped == ends else f"is older than the {longest.days} days that it may count",
        )
    return ("expiring" if clipped - today <= _NEAR_EXPIRY else "valid"), ""


def _risk(entry: Node, today: date | None, problems: list[Problem]) -> AcceptedRisk:
    subject = entry.get("rule").text or entry.get("control").text
    absent = [name for name in _RISK_FIELDS if not entry.get(name).text]
    if not subject:
        state, why = "malformed", "names neither rule nor control"
    elif absent:
        state, why = "malformed", f"lacks {', '.join(absent)}"
    else:
        state, why = _term(entry, today, _LONGEST)
    if why:
        problems.append(Problem(entry.path, entry.line, f"the exception for {subject or 'nothing'} {why}"))
    return AcceptedRisk(
        subject=subject,
        reason=entry.get("reason").text,
        owner=entry.get("owner").text,
        approved_by=entry.get("approved-by").text,
        date=entry.get("date").text,
        expires=entry.get("expires").text,
        compensating_control=entry.get("compensating-control").text,
        at=Location(entry.path, entry.line),
        state=state,
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if re.fullmatch(r"\d{4}-\d{2}-\d{2}(?:T.*)?", text) else None
    except ValueError:
        return None
