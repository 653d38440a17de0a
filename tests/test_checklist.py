"""The checklist: its entries, the decision model, and whole repositories with the statuses they deserve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeaudit import checklist, engine
from pipeaudit.checklist import Case, Checklist, Item, Requirement
from pipeaudit.config import Config
from pipeaudit.model.audit import Attestation
from pipeaudit.model.control import Evidence, Status, Strength
from pipeaudit.model.finding import Confidence, Finding, Match, Severity
from pipeaudit.model.location import Location
from pipeaudit.request import Request
from pipeaudit.resources import folder

REPOSITORIES = folder("rules").parent / "fixtures" / "repositories"
CHECKLIST = checklist.load(folder("rules") / "controls.yaml")
STRONG, SUPPORTING, WEAK = Strength.STRONG, Strength.SUPPORTING, Strength.WEAK
HERE = Location("train.py", 3)
DECLARED = Evidence(Location("pyproject.toml", 9), "declared")


def test_the_checklist_has_its_items() -> None:
    groups = {"PRE": 5, "COL": 4, "PRP": 4, "TRN": 4, "EVL": 4, "DEP": 4, "MON": 4, "ANT": 5, "TIP": 5, "TRB": 3}
    assert [item.id for item in CHECKLIST.items] == [
        f"{g}-{n}" for g, most in groups.items() for n in range(1, most + 1)
    ]


@pytest.mark.parametrize("item", CHECKLIST.items, ids=lambda item: item.id)
def test_every_item_says_what_it_must(item: Item) -> None:
    assert set(item.applies) == {"full", "training", "service", "study", "library", "platform"}
    assert item.text
    assert item.remedy
    assert item.looked
    assert item.attest or item.type == "S"


ITEM = Item(
    id="X-1",
    group="",
    title="",
    text="",
    type="S",
    applies={"full": "A", "training": "H", "service": "X", "study": "N"},
    requires=(
        Requirement("a split", ("split",), weak_in_notebooks=True),
        Requirement("a seed", ("seed",), alone=False, exempt=frozenset({"library"})),
    ),
    partly=("half",),
    unknown=("unknown",),
    against=("contrary",),
    caps=("cap",),
    waives=("waived",),
    blocks=frozenset({"PA1"}),
    fails=frozenset({"PA2"}),
    attest="it is so",
)


def judged(
    *,
    item: Item = ITEM,
    profile: str = "full",
    shown: Sequence[tuple[str, Strength]] = (),
    path: str = "train.py",
    **case: Any,
) -> Status:
    """The status of an item where these signals show something."""
    found: dict[str, list[Evidence]] = {}
    for name, strength in shown:
        found.setdefault(name, []).append(Evidence(Location(path, 3), name, strength))
    made = Case(profile=profile, signal=lambda name: found.get(name, []), **case)
    return checklist.judge(Checklist("1", (item,)), made)[0].status


BOTH = (("split", STRONG), ("seed", STRONG))


@pytest.mark.parametrize(
    ("expected", "case"),
    [
        ("met", {"shown": BOTH}),
        ("partial", {"shown": (("split", STRONG),)}),
        ("unmet", {"shown": (("seed", STRONG),)}),
        ("partial", {"shown": (("split", WEAK), ("seed", STRONG))}),
        ("partial", {"shown": (("half", WEAK),)}),
        ("partial", {"shown": BOTH, "path": "a.ipynb"}),
        ("partial", {"shown": (*BOTH, ("cap", WEAK))}),
        ("unmet", {"shown": (*BOTH, ("contrary", WEAK))}),
        ("unmet", {}),
        ("needs-attestation", {"shown": (("unknown", WEAK),)}),
        ("not-applicable", {"shown": (("waived", STRONG),)}),
        ("met", {"shown": (*BOTH, ("waived", STRONG))}),
        ("met", {"profile": "library", "shown": (("split", STRONG),)}),
        ("partial", {"shown": BOTH, "unread": {"train.py"}}),
        ("not-applicable", {"profile": "none", "shown": BOTH}),
        ("not-applicable", {"profile": "study", "shown": BOTH}),
        ("needs-attestation", {"profile": "service"}),
        ("not-applicable", {"profile": "training", "shown": BOTH}),
        ("needs-attestation", {"profile": "training", "handed_on": [DECLARED]}),
        ("met", {"profile": "training", "handed_on": [DECLARED], "shown": BOTH}),
        ("not-applicable", {"shown": BOTH, "excluded": {"X-1": DECLARED}}),
    ],
)
def test_static_evidence_decides(expected: str, case: dict[str, Any]) -> None:
    assert judged(**case).value == expected


def test_people_decide_what_no_repository_shows() -> None:
    organisational = Item(
        id="X-1", group="", title="", text="", type="A", applies={"full": "A"}, requires=ITEM.requires
    )
    assert judged(item=organisational) is Status.NEEDS_ATTESTATION


def finding(rule: str, severity: Severity = Severity.ERROR, confidence: Confidence = Confidence.HIGH) -> Finding:
    return Finding(rule, rule, severity, confidence, "", (), Match(HERE, ""), f"{rule} {severity} {confidence}")


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("partial", finding("PA1")),
        ("partial", finding("PA1", Severity.WARNING, Confidence.MEDIUM)),
        ("unmet", finding("PA2")),
        ("met", finding("PA1", Severity.NOTE)),
        ("met", finding("PA1", confidence=Confidence.LOW)),
        ("met", finding("PA3")),
    ],
)
def test_open_findings_hold_a_control_down(expected: str, found: Finding) -> None:
    assert judged(shown=BOTH, findings=[found]).value == expected


@pytest.mark.parametrize(
    ("expected", "signed", "case"),
    [
        ("attested", "met", {}),
        ("attested", "met", {"shown": (("half", WEAK),)}),
        ("attested", "met", {"profile": "service"}),
        ("met", "met", {"shown": BOTH}),
        ("partial", "met", {"shown": BOTH, "findings": [finding("PA1")]}),
        ("partial", "partial", {"shown": BOTH}),
        ("unmet", "unmet", {"shown": BOTH}),
        ("unmet", "partial", {}),
        ("not-applicable", "not-applicable", {}),
    ],
)
def test_attestations_raise_what_is_open_and_lower_what_is_claimed(
    expected: str, signed: str, case: dict[str, Any]
) -> None:
    attestation = Attestation("X-1", signed, "it is so, I say", "m.rossi", "2026-01-01", "2026-06-01", HERE)
    assert judged(attestations=[attestation], **case).value == expected


def test_an_expired_attestation_counts_as_none() -> None:
    expired = Attestation("X-1", "met", "it is so, I say", "m.rossi", "2025-01-01", "2025-06-01", HERE, state="expired")
    assert judged(attestations=[expired]) is Status.UNMET


def audited(root: Path, **settings: Any) -> dict[str, str]:
    """The profile and the statuses of a repository, from its evidence alone: no rule is run."""
    audit, _ = engine.audit(Request(root, checklist=True, use_cache=False, as_of="2026-03-01", **settings))
    return {"profile": audit.profile} | {control.id: control.status.value for control in audit.controls}


EXPECTED = yaml.safe_load((REPOSITORIES / "expected.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_repositories_get_the_statuses_they_deserve(name: str) -> None:
    expected = {"profile": EXPECTED[name]["profile"]}
    for status, controls in EXPECTED[name].items():
        if status != "profile":
            expected |= dict.fromkeys(controls.split(), status)
    assert audited(REPOSITORIES / name) == expected


def test_a_declared_profile_and_scope_win() -> None:
    statuses = audited(REPOSITORIES / "house-prices", config=Config(profile="full", scope={"deployment": "none"}))
    assert {statuses[c] for c in ("DEP-1", "DEP-4", "MON-1", "ANT-5")} == {"not-applicable"}
    assert audited(REPOSITORIES / "house-prices", profile="study")["DEP-4"] == "not-applicable"


def test_evidence_points_into_the_repository() -> None:
    audit, _ = engine.audit(Request(REPOSITORIES / "churn-service", checklist=True, use_cache=False))
    for control in audit.controls:
        for evidence in control.evidence:
            path = REPOSITORIES / "churn-service" / evidence.at.path
            assert path.exists()
            if path.is_file() and path.suffix != ".png":
                assert 1 <= evidence.at.line <= len(path.read_text(encoding="utf-8").split("\n"))
