from pipeaudit.rule import (
    Confidence,
    Event,
    FileLeak,
    Iterator,
    Match,
    Project,
    Related,
    Severity,
    StageKind,
    leaks_through_files,
    rule,
)


@rule(
    "PA227",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.PREPROCESSING,
    controls=("TRN-4", "PRP-1", "PRP-2", "TRB-1", "ANT-1"),
    kinds=(
        "scaling",
        "imputation",
        "encoding",
        "vocabulary",
        "projection",
        "selection",
        "discretization",
        "outlier",
        "manual",
        "copies",
    ),
    yields_to=("PA201", "PA202", "PA203", "PA204"),
)
def leakage_through_files(project: Project) -> Iterator[Match]:
    """One program learns from all rows and writes them; others train on some of these rows and judge on the rest.

    Each file looks right by itself. What was learned, or copied, before the rows were parted carries the test rows into
    the training all the same, and the score is better than the model.

    Bad, in prepare.py:

        import pandas as pd
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("raw.csv")
        rows[["age", "income"]] = StandardScaler().fit_transform(rows[["age", "income"]])
        rows.to_csv("scaled.csv", index=False)

    And, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("scaled.csv")
        train, test, y_train, y_test = train_test_split(rows.drop(columns="label"), rows["label"], random_state=0)
        print(LogisticRegression().fit(train, y_train).score(test, y_test))

    Good, in prepare.py:

        import pandas as pd

        rows = pd.read_csv("raw.csv")
        rows.dropna().to_csv("clean.csv", index=False)

    And, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("clean.csv")
        train, test, y_train, y_test = train_test_split(rows.drop(columns="label"), rows["label"], random_state=0)
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train, y_train)
        print(model.score(test, y_test))

    Fix: split before anything is learned, and fit the transformer where the model is trained, best in one pipeline.

    Not seen: paths that are not literal; rows that a database hands over; a figure for each group; cross-validation of
    the rows that are read. Two programs are taken to mean one file where they name one path.

    Source: Kapoor and Narayanan, leakage L1.2; Yang et al., ASE 2022.
    """
    groups: dict[object, list[FileLeak]] = {}
    for leak in leaks_through_files(project.programs, project.written, project.read):
        origin = leak.origin
        groups.setdefault((origin.program, origin.fit.function, origin.what, leak.files), []).append(leak)
    for first, *others in groups.values():
        fit, last = first.origin.fit, first.evaluation
        copies = first.origin.what == "copies"
        also = f", like {len(others)} more," if others else ""
        does = (
            "copies rows"
            if copies
            else "learns from all rows"
            if first.origin.is_transformer
            else "is computed from all rows"
        )
        reached = " and ".join(f"`{name}`" for name in first.files)
        yield Match(
            fit.at,
            f"`{first.origin.learner}`{also} {does} before they are parted: by {reached} they train the model at "
            f"{first.training.at} and judge it at {last.at}",
            kind=first.origin.what,
            confidence=Confidence.MEDIUM,
            severity=Severity.ERROR if copies or first.origin.supervised else None,
            related=(
                *(Related(other.origin.fit.at, "learned from the same rows") for other in others[:5]),
                *(Related(event.at, _passes(event)) for event in first.way),
                Related(first.training.at, "the model is trained on some of these rows"),
                Related(last.at, "the model is judged on the others"),
            ),
            fix="Split first; fit the transformer on the training part only, best inside a Pipeline that is saved.",
            symbol=fit.function,
        )


def _passes(event: Event) -> str:
    written = "writes" in event.detail or "save" in event.detail
    return "the rows are written here" if written else "and read again here"
