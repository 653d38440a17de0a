"""The register of attestations and accepted risks: what counts, and what is said of what does not."""

from __future__ import annotations

import pytest

from pipeaudit import attestations
from pipeaudit.read import yaml

GOOD = {
    "control": "PRE-5",
    "status": "met",
    "statement": '"the contacts are named in the handbook"',
    "owner": "m.rossi@company.example",
    "date": "2026-01-10",
    "expires": "2026-12-31",
}
RISK = {
    "rule": "PA902",
    "reason": '"the scorer reads pickles only"',
    "owner": "m.rossi@company.example",
    "approved-by": "head of model risk",
    "date": "2026-01-10",
    "expires": "2026-12-31",
    "compensating-control": '"the hash is checked"',
}


def register(text: str, as_of: str = "2026-03-01") -> attestations.Register:
    [document] = yaml.parse("a.yaml", text.encode())
    return attestations.read(document, as_of=as_of, controls={"PRE-5", "EVL-4"}, exists=lambda path: path == "here.md")


def entry(section: str, fields: dict[str, str]) -> str:
    lines = [f"  {'-' if number == 0 else ' '} {key}: {value}" for number, (key, value) in enumerate(fields.items())]
    return "\n".join(["schema: pipeaudit/attestations/1", f"{section}:", *lines]) + "\n"


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ("valid", {}),
        ("expiring", {"expires": "2026-03-20"}),
        ("expired", {"expires": "2026-02-01"}),
        ("malformed", {"expires": "2026-01-01"}),
        ("malformed", {"date": "2026-04-01", "expires": "2026-12-31"}),
        ("malformed", {"date": "soon"}),
        ("malformed", {"owner": '""'}),
        ("malformed", {"owner": "TODO"}),
        ("malformed", {"owner": "renovate[bot]"}),
        ("malformed", {"statement": "all is well"}),
        ("malformed", {"status": "fine"}),
        ("malformed", {"control": "PRE-9"}),
        ("valid", {"expires": "2036-01-01"}),
        ("expired", {"date": "2024-01-01", "expires": "2036-01-01"}),
        ("expired", {"control": "EVL-4", "date": "2025-06-01", "expires": "2026-05-31"}),
    ],
)
def test_an_attestation_counts_while_it_is_complete_and_in_force(state: str, changes: dict[str, str]) -> None:
    made = register(entry("attestations", GOOD | changes))
    assert made.attestations[0].state == state
    assert bool(made.problems) == (state in ("malformed", "expired"))


def test_without_a_day_nothing_dated_counts() -> None:
    assert register(entry("attestations", GOOD), as_of="").attestations[0].state == "malformed"


def test_evidence_that_is_not_there_is_told_and_tickets_are_taken_as_they_are() -> None:
    made = register(entry("attestations", GOOD | {"evidence": "[here.md, gone.md, ticket:R-1, https://a.example]"}))
    assert [problem.message for problem in made.problems] == [
        "the attestation of PRE-5 names `gone.md`, which is not here"
    ]


def test_another_schema_counts_for_nothing() -> None:
    made = register(entry("attestations", GOOD).replace("attestations/1", "attestations/2"))
    assert (made.attestations, len(made.problems)) == ((), 1)


@pytest.mark.parametrize("field", [*RISK, None])
def test_an_accepted_risk_needs_every_field(field: str | None) -> None:
    made = register(entry("exceptions", {key: value for key, value in RISK.items() if key != field}))
    assert made.accepted[0].state == ("valid" if field is None else "malformed")
