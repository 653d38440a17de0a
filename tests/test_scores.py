"""The numbers behind the statuses, against the worked example of the scoring model and its rules."""

from __future__ import annotations

import pytest

from pipeaudit.model.audit import Reading
from pipeaudit.model.control import Control, Evidence, Status
from pipeaudit.model.finding import Confidence, Finding, Match, Severity
from pipeaudit.model.location import Location
from pipeaudit.scores import scores

MET, PARTIAL, UNMET = Status.MET, Status.PARTIAL, Status.UNMET
ATTESTED, OPEN, EXCLUDED = Status.ATTESTED, Status.NEEDS_ATTESTATION, Status.NOT_APPLICABLE
HERE = (Evidence(Location("README.md"), "says so"),)
SAID = (Evidence(Location("pipeaudit-attestations.yaml", 3), "signed"),)
LOOKED = (Evidence(Location("."), "looked for it"),)


def controls(*statuses: Status, group: str = "3 Training", evidence: tuple[Evidence, ...] = ()) -> list[Control]:
    return [Control(f"{group}-{n}", group, "", status, evidence) for n, status in enumerate(statuses)]


def finding(rule: str, severity: Severity = Severity.ERROR, confidence: Confidence = Confidence.HIGH) -> Finding:
    return Finding(rule, rule, severity, confidence, "", (), Match(Location("a.py"), ""), f"{rule}-{severity.value}")


def test_worked_example_of_a_training_repository() -> None:
    made = scores(controls(*[MET] * 11, *[PARTIAL] * 12, *[UNMET] * 6, *[OPEN] * 13), [], ())
    assert made.overall.reading == Reading(40, 40, 71)
    assert made.coverage == 69


def test_what_does_not_apply_is_no_part_of_the_sum() -> None:
    made = scores(controls(*[MET] * 11, *[PARTIAL] * 12, *[UNMET] * 6, *[OPEN] * 3, *[EXCLUDED] * 10), [], ())
    assert made.overall.reading == Reading(53, 53, 62)


@pytest.mark.parametrize(
    ("status", "evidence", "expected"),
    [
        (ATTESTED, SAID, Reading(0, 100, 100)),
        (ATTESTED, (*SAID, *HERE), Reading(50, 100, 100)),
        (OPEN, LOOKED, Reading(0, 0, 100)),
        (OPEN, HERE, Reading(50, 50, 100)),
        (UNMET, HERE, Reading(0, 0, 0)),
        (PARTIAL, (), Reading(50, 50, 50)),
    ],
)
def test_a_word_is_not_counted_as_shown(status: Status, evidence: tuple[Evidence, ...], expected: Reading) -> None:
    assert scores(controls(status, status, status, evidence=evidence), [], ()).overall.reading == expected


def test_fewer_than_three_controls_have_no_percentage() -> None:
    assert scores(controls(MET, EXCLUDED, MET), [], ()).overall.reading == Reading(None, None, None)


def test_weakest_group_is_the_least_evidenced_one_with_a_percentage() -> None:
    strong, weak = controls(MET, MET, MET), controls(UNMET, UNMET, MET, group="4 Evaluation")
    small = controls(UNMET, group="5 Deployment")
    assert scores([*strong, *weak, *small], [], ()).weakest == "4 Evaluation"


def test_weights_are_those_of_the_project_and_are_told() -> None:
    made = scores(controls(MET, UNMET, UNMET), [], (), weights={"3 Training-0": 2})
    assert (made.overall.reading.evidenced, made.weights) == (50, {"3 Training-0": 2})


def test_only_sure_errors_of_the_named_rules_void_results() -> None:
    found = [
        finding("PA201"),
        finding("PA202", confidence=Confidence.MEDIUM),
        finding("PA203", severity=Severity.WARNING),
        finding("PA301"),
        finding("PA905"),
    ]
    made = scores(controls(MET), found, ("PA201", "PA202", "PA203"))
    assert (made.invalid, made.exploitable, made.results_valid) == (("PA201-error",), ("PA905-error",), False)
