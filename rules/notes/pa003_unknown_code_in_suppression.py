from pipeaudit.rule import Confidence, Iterator, Match, Project, Scope, Severity, StageKind, rule


@rule(
    "PA003",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.OTHER,
    controls=(),
    scope=Scope.NOTES,
)
def unknown_code_in_suppression(project: Project) -> Iterator[Match]:
    """A suppression names no rule, kind or rule name that is known, or names nothing at all: it hides nothing.

    Bad:

        scaled = StandardScaler().fit_transform(rows)  # pipeaudit: ignore[PA2O1] the ranges are a published standard

    Good:

        scaled = StandardScaler().fit_transform(rows)  # pipeaudit: ignore[PA201] the ranges are a published standard

    Fix: write the code of the rule, its name, or either with a kind (`PA201:scaling`).
    """
    for suppression in project.suppressions:
        if not suppression.codes:
            yield Match(suppression.at, "the suppression names no rule", fix="Name the rules: `ignore[PA201]`.")
        for code, nearest in suppression.unknown:
            yield Match(suppression.at, f"there is no rule `{code}`{nearest}", fix="Write a code that exists.")
