from pipeaudit.rule import Confidence, Iterator, Match, Project, Scope, Severity, StageKind, Withdrawal, rule


@rule(
    "PA002",
    Severity.NOTE,
    ceiling=Confidence.HIGH,
    stage=StageKind.OTHER,
    controls=(),
    scope=Scope.NOTES,
    fixable=True,
)
def unused_suppression(project: Project) -> Iterator[Match]:
    """A suppression hides nothing: the rule that it names finds nothing there.

    It stays behind when the code is mended, and would hide the next mistake on that line.

    Bad:

        import pandas as pd

        rows = pd.read_csv("rows.csv")  # pipeaudit: ignore[PA201] the ranges are a published standard

    Good:

        import pandas as pd

        rows = pd.read_csv("rows.csv")

    Fix: remove it.

    Not seen: rules that did not run, and files that could not be read in full.
    """
    for suppression in project.suppressions:
        for code in suppression.unused:
            yield Match(
                suppression.at,
                f"`{code}` is ignored here, but finds nothing",
                fix="Remove the code.",
                edit=Withdrawal(suppression.at, code),
            )
