from pipeaudit.rule import (
    Confidence,
    Events,
    Iterator,
    Match,
    Project,
    Severity,
    StageKind,
    is_test,
    rule,
    trainings,
)


@rule(
    "PA710",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.PREPROCESSING,
    controls=("PRP-4",),
    tier="pack:debt",
)
def unused_feature(project: Project) -> Iterator[Match]:
    """A column is computed on the way to training, and no model is trained on it.

    It is kept, checked and served for nothing; sometimes it was forgotten in the list.

    Bad, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        rows["ratio"] = rows["bill"] / rows["limit"]
        LogisticRegression().fit(rows[["bill", "limit"]], rows["left"])

    Good, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        rows["ratio"] = rows["bill"] / rows["limit"]
        LogisticRegression().fit(rows[["bill", "ratio"]], rows["left"])

    Fix: remove it, or add it to the list of features.

    Not seen: features that are selected by a pattern, and frames that are handed on as a whole. Columns that anything
    else names are not counted: they may be for slices, keys or logs.

    Source: Sculley et al. 2015, underutilized data dependencies; ML Test Score, Data 2.
    """
    for path in sorted(project.programs):
        program = project.programs[path]
        fits = [] if is_test(path) else trainings(program)
        if not fits or any(not fit.features.columns for fit in fits):
            continue
        used = {column for fit in fits for column in fit.features.columns or ()}
        seen = set()
        for event in program.of("subscript-store"):
            for column in event.detail["columns"]:  # type: ignore[attr-defined] # a tuple of names
                if column not in used and column not in seen and not _is_named(program, event.id, column):
                    seen.add(column)
                    yield Match(
                        event.at,
                        f"`{column}` is computed, and no model is trained on it",
                        confidence=Confidence.MEDIUM,
                        fix="Remove it, or add it to the features.",
                        symbol=event.function,
                    )


def _is_named(program: Events, event: int, column: str) -> bool:
    """Whether any later call names the column, or the whole frame leaves the program."""
    for later in program:
        if later.id <= event or "subscript-store" in later.roles:
            continue
        if {"write_data", "save_model", "feature_store_write", "artifact_put"} & set(later.roles):
            return True
        values = [*later.arguments.values(), *([later.receiver] if later.receiver is not None else [])]
        for value in values:
            constants = value.constant if isinstance(value.constant, list | tuple) else (value.constant,)
            if column in value.name or column in (value.columns or ()) or column in constants:
                return True
    return any(column in rows.complement for rows in program.rows.items)
