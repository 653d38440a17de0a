"""The numbers that sum up the statuses: three readings a group, coverage, the weakest group, and what voids results.

Every control weighs 1 unless the project sets weights. Percentages are rounded down and come with their counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from pipeaudit.model.audit import GroupScore, Reading, Scores
from pipeaudit.model.control import Control, Status
from pipeaudit.model.finding import Confidence, Finding, Severity

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Prerequisites and team": ("PRE-1", "PRE-2", "PRE-3", "PRE-4", "PRE-5", "TIP-3", "TIP-4", "TIP-5"),
    "1 Data collection": ("COL-1", "COL-2", "COL-3", "COL-4"),
    "2 Preprocessing and features": ("PRP-1", "PRP-2", "PRP-3", "PRP-4", "ANT-1"),
    "3 Training": ("TRN-1", "TRN-2", "TRN-3", "TRN-4", "ANT-2", "TIP-1", "TRB-3"),
    "4 Evaluation": ("EVL-1", "EVL-2", "EVL-3", "EVL-4", "ANT-3", "TRB-1"),
    "5 Deployment": ("DEP-1", "DEP-2", "DEP-3", "DEP-4", "ANT-4", "TRB-2"),
    "6 Monitoring and maintenance": ("MON-1", "MON-2", "MON-3", "MON-4", "ANT-5"),
    "Pipeline as a whole": ("TIP-2",),
}
INVALIDATING = frozenset(
    ("PA201", "PA202", "PA203", "PA205", "PA206", "PA208", "PA209", "PA210", "PA214", "PA402", "PA403", "PA406")
)
EXPLOITABLE = frozenset({"PA901", "PA905"})

_FEWEST_FOR_A_PERCENTAGE = 3
_HALF = Fraction(1, 2)


def scores(
    controls: Sequence[Control],
    findings: Iterable[Finding],
    weights: Mapping[str, float] | None = None,
    attestation_file: str = "pipeaudit-attestations.yaml",
) -> Scores:
    """`findings` are the open ones: a suppressed finding lowers nothing, it is listed as an accepted risk.

    Evidence in `attestation_file` is somebody's word, so it does not count as shown by the repository.
    """
    weights = weights or {}
    said = frozenset({attestation_file, "."})  # evidence at the root is the list of places looked at in vain
    found = list(findings)
    groups = tuple(
        _score(name, members, weights, said)
        for name, ids in _groups(controls).items()
        if (members := [control for control in controls if control.id in ids])
    )
    overall = _score("All controls", list(controls), weights, said)
    coverage = overall.decided * 100 // overall.applicable if overall.applicable >= _FEWEST_FOR_A_PERCENTAGE else None
    rated = [group for group in groups if group.reading.evidenced is not None]
    weakest = min(rated, key=lambda group: group.reading.evidenced or 0).name if rated else ""
    return Scores(
        groups=groups,
        overall=overall,
        coverage=coverage,
        weakest=weakest,
        invalid=tuple(finding.fingerprint for finding in found if _invalidates(finding)),
        exploitable=tuple(finding.fingerprint for finding in found if finding.rule in EXPLOITABLE),
        weights=dict(sorted(weights.items())),
    )


def _groups(controls: Sequence[Control]) -> dict[str, set[str]]:
    """The known groups, and those that controls of a user's own name."""
    groups = {name: set(ids) for name, ids in GROUPS.items()}
    known = set().union(*groups.values())
    for control in controls:
        if control.id not in known:
            groups.setdefault(control.group or "Other", set()).add(control.id)
    return groups


def _score(name: str, members: list[Control], weights: Mapping[str, float], said: frozenset[str]) -> GroupScore:
    applicable = [control for control in members if control.status is not Status.NOT_APPLICABLE]
    return GroupScore(
        name=name,
        controls=tuple(control.id for control in members),
        counts={status.value: sum(control.status is status for control in members) for status in Status},
        reading=_reading(applicable, weights, said),
        decided=sum(control.status in (Status.MET, Status.PARTIAL, Status.UNMET) for control in applicable),
        applicable=len(applicable),
    )


def _reading(applicable: list[Control], weights: Mapping[str, float], said: frozenset[str]) -> Reading:
    weighed = [(Fraction(weights.get(control.id, 1)), _values(control, said)) for control in applicable]
    total = sum((weight for weight, _ in weighed), Fraction())
    if len(applicable) < _FEWEST_FOR_A_PERCENTAGE or not total:
        return Reading(None, None, None)
    low, middle, high = (
        int(sum((weight * values[position] for weight, values in weighed), Fraction()) * 100 / total)
        for position in range(3)
    )
    return Reading(low, middle, high)


def _values(control: Control, said: frozenset[str]) -> tuple[Fraction, Fraction, Fraction]:
    """What a status is worth as evidenced, with attestations, and at best."""
    some = _HALF if any(item.at.path not in said for item in control.evidence) else Fraction()
    one = Fraction(1)
    match control.status:
        case Status.MET:
            return one, one, one
        case Status.PARTIAL:
            return _HALF, _HALF, _HALF
        case Status.ATTESTED:
            return some, one, one
        case Status.NEEDS_ATTESTATION:
            return some, some, one
        case _:
            return Fraction(), Fraction(), Fraction()


def _invalidates(finding: Finding) -> bool:
    return (
        finding.rule in INVALIDATING
        and finding.severity is Severity.ERROR
        and finding.confidence is Confidence.HIGH
        and finding.suppressed is None
    )
