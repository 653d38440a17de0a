import re

from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Project,
    Severity,
    StageKind,
    consents,
    is_test,
    rule,
)

_SELECTED = re.compile(r"\bselect\b(.*?)\bfrom\b(.*)", re.IGNORECASE | re.DOTALL)


@rule(
    "PA106",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.COLLECTION,
    controls=("COL-3",),
    tier="pack:ethics",
)
def consent_flag_ignored(project: Project) -> Iterator[Match]:
    """The data says who agreed to its use, and the code that trains does not look.

    People who said no are in the model all the same.

    Bad, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("customers.csv", usecols=["age", "consent_given", "left"])
        LogisticRegression().fit(rows[["age"]], rows["left"])

    Good, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("customers.csv", usecols=["age", "consent_given", "left"])
        rows = rows[rows["consent_given"]]
        LogisticRegression().fit(rows[["age"]], rows["left"])

    Fix: filter by it first, and count how many rows fall away.

    Not seen: columns that the code does not name. A view whose name says that it is filtered is taken at its word.

    Source: GDPR, Articles 6 and 7.
    """
    for path in sorted(project.programs):
        program = project.programs[path]
        if is_test(path) or not program.of("train"):
            continue
        for event in program.of("read", "query"):
            for flag in _flags(event):
                if not _is_used(program, event, flag):
                    yield Match(
                        event.at,
                        f"`{flag}` is read, and no row is left out by it before training",
                        confidence=Confidence.MEDIUM,
                        fix=f"Keep only rows that `{flag}` allows.",
                        symbol=event.function,
                    )


def _flags(event: Event) -> list[str]:
    """Consent columns that a read names, and does not filter by itself."""
    columns: list[str] = []
    for value in event.arguments.values():
        if isinstance(value.constant, list | tuple):
            columns += [item for item in value.constant if isinstance(item, str)]
        elif isinstance(value.constant, str) and (found := _SELECTED.search(value.constant)):
            named = [word.strip().rpartition(".")[2] for word in found[1].split(",")]
            columns += [word for word in named if word not in found[2]]
    return consents(dict.fromkeys(columns))


def _is_used(program: Events, read: Event, flag: str) -> bool:
    """Whether a mask names the column, or anything after the read that may select rows."""
    if any(flag in rows.complement for rows in program.rows.items):
        return True
    for event in program:
        if event.id > read.id:
            texts = [value.name for value in event.arguments.values()]
            texts += [event.receiver.name] if event.receiver is not None else []
            texts += [value.constant for value in event.arguments.values() if isinstance(value.constant, str)]
            if any(flag in text for text in texts) and "drop" not in event.name:
                return True
    return False
