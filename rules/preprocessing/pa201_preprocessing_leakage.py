from pipeaudit.rule import (
    Confidence,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    StageKind,
    leaks,
    rule,
    together,
)

# what a reader is told that something does, by what it learns
_DOES = {
    "scaling": "learns a scale from",
    "imputation": "learns what fills gaps from",
    "encoding": "learns codes from",
    "vocabulary": "learns a vocabulary from",
    "projection": "learns a projection from",
    "discretization": "learns bins from",
    "outlier": "learns limits from",
}


@rule(
    "PA201",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.PREPROCESSING,
    controls=("TRN-4", "PRP-1", "PRP-2", "TRB-1", "ANT-1"),
    tier="core",
    kinds=("scaling", "imputation", "encoding", "vocabulary", "projection", "discretization", "outlier", "manual"),
    scope=Scope.FILE,
)
def preprocessing_leakage(events: Events) -> Iterator[Match]:
    """A transformer or statistic is fitted on rows that later evaluate the model.

    What it learns (means, vocabularies, components) carries the test rows into training, so the score on the test
    set is better than the model.

    Bad:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("rows.csv")
        scaled = StandardScaler().fit_transform(rows.drop(columns="label"))
        train, test, y_train, y_test = train_test_split(scaled, rows["label"], random_state=0)
        model = LogisticRegression().fit(train, y_train)
        print(model.score(test, y_test))

    Good:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("rows.csv")
        train, test, y_train, y_test = train_test_split(rows.drop(columns="label"), rows["label"], random_state=0)
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train, y_train)
        print(model.score(test, y_test))

    Fix: split first, and put the transformer into a pipeline that is fitted on the training part.

    Statistics of the same kind that are written one after the other are told once. A figure for each group
    (`groupby("user").transform("mean")`) is a warning of medium confidence: a group may lie on one side whole.

    Not seen: code of tests; a test set that is read from a file of its own; lists of categories (one-hot and label
    encoders) are not counted. Severity speaks of the protocol, not of the size of the effect: that of scaling is often
    small.

    Source: Kapoor and Narayanan, leakage L1.2; Yang et al., ASE 2022.
    """
    if events.is_test:
        return
    for leak, *others in together(leaks(events, supervised=False)):
        does = _DOES.get(leak.learned.what, "is fitted on") if leak.is_transformer else "is computed from"
        also = f", like {len(others)} more," if others else ""
        yield Match(
            leak.fit.at,
            f"`{leak.learner}`{also} {does} rows that evaluate the model at "
            f"{leak.evaluation.event.at.seen_from(leak.fit.at)}",
            kind=leak.learned.what,
            confidence=Confidence.HIGH if leak.strong and not leak.is_aggregate else Confidence.MEDIUM,
            severity=Severity.WARNING if leak.is_aggregate else None,
            related=(
                *(Related(other.fit.at, "computed from the same rows") for other in others[:5]),
                Related(leak.training.at, "the model is trained on what it made"),
                Related(leak.evaluation.event.at, "the model is evaluated on rows it has learned from"),
            ),
            fix="Split first; fit the transformer on the training part only, best inside a Pipeline.",
            symbol=leak.fit.function,
        )
