"""The numbers that sum up the statuses: three readings a group, coverage, the weakest group, and what voids results.

Every control weighs 1 unless the project sets weights. Percentages are rounded down and come with their counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction

from pipeaudit.model.audit import GroupScore, Reading, Scores
from pipeaudit.model.control import Control, Status
from pipeaudit.model.finding import Confidence, Finding, Severity

EXPLOITABLE = frozenset({"PA901", "PA905"})

_FEWEST_FOR_A_PERCENTAGE = 3
_HALF = Fraction(1, 2)


def scores(
    controls: Sequence[Control],
    findings: Iterable[Finding],
    invalidating: Collection[str],
    weights: Mapping[str, float] | None = None,
    attestation_file: str = "pipeaudit-attestations.yaml",
) -> Scores:
    """`findings` are the open ones: a suppressed finding lowers nothing, it is listed as an accepted risk.

    `invalidating` are the rules whose sure findings void reported metrics. Evidence in `attestation_file` is somebody's
    word, so it does not count as shown by the repository. Groups stand in the order in which controls name them first.
    """
    weights = weights or {}
    said = frozenset({attestation_file, "."})  # evidence at the root is the list of places looked at in vain
    found = list(findings)
    groups = tuple(
        _score(name, [control for control in controls if control.group == name], weights, said)
        for name in dict.fromkeys(control.group for control in controls)
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
        invalid=tuple(finding.fingerprint for finding in found if _invalidates(finding, invalidating)),
        exploitable=tuple(finding.fingerprint for finding in found if finding.rule in EXPLOITABLE),
        weights=dict(sorted(weights.items())),
    )


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


def _invalidates(finding: Finding, invalidating: Collection[str]) -> bool:
    return (
        finding.rule in invalidating
        and finding.severity is Severity.ERROR
        and finding.confidence is Confidence.HIGH
        and finding.suppressed is None
    )
