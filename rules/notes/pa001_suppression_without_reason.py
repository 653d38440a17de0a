from pipeaudit.rule import Confidence, Iterator, Match, Project, Scope, Severity, StageKind, rule


@rule(
    "PA001",
    Severity.NOTE,
    ceiling=Confidence.HIGH,
    stage=StageKind.OTHER,
    controls=(),
    scope=Scope.NOTES,
)
def suppression_without_reason(project: Project) -> Iterator[Match]:
    """A suppression hides a rule of severity error and does not say why.

    Whoever reads the audit later can't tell an accepted risk from an oversight.

    Bad:

        scaled = StandardScaler().fit_transform(rows)  # pipeaudit: ignore[PA201]

    Good:

        scaled = StandardScaler().fit_transform(rows)  # pipeaudit: ignore[PA201] the ranges are a published standard

    Fix: say why the finding is acceptable here.

    Not seen: rules of severity warning and note need no reason.
    """
    for suppression in project.suppressions:
        if suppression.hides_errors and not suppression.reason:
            codes = ", ".join(suppression.codes)
            yield Match(
                suppression.at, f"`{codes}` is ignored here without a reason", fix="Say why, behind the bracket."
            )
