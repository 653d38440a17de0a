from pipeaudit.rule import Confidence, Iterator, Location, Match, Project, Severity, StageKind, rule


@rule(
    "PA810",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.OTHER,
    controls=("EVL-4", "PRE-5", "TIP-5"),
)
def attestation_problem(project: Project) -> Iterator[Match]:
    """What somebody signed for does not count: it has expired, lacks an owner or a date, or names what is not there.

    The report says so too, but a signature that nobody renews is a promise that nobody keeps.

    Bad, in pipeaudit-attestations.yaml:

        schema: pipeaudit/attestations/1
        attestations:
          - control: EVL-4
            status: met
            statement: The risk board has reviewed the model and its limits.
            owner: ""
            date: 2024-01-10
            expires: 2024-06-30

    Good, in pipeaudit-attestations.yaml:

        schema: pipeaudit/attestations/1
        attestations:
          - control: EVL-4
            status: met
            statement: The risk board has reviewed the model and its limits.
            owner: Risk board of the retail bank
            date: 2024-05-10
            expires: 2024-10-30

    Fix: renew the entry, or withdraw it.

    Not seen: whether the statement is true. The day of the audit is that of the last commit, or the one of `--as-of`.

    Source: this checklist's scoring model.
    """
    for problem in project.register:
        yield Match(
            Location(problem.path, problem.line),
            problem.message,
            confidence=Confidence.HIGH,
            fix="Renew the entry, or withdraw it.",
        )
