from pipeaudit.rule import (
    Confidence,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    StageKind,
    internal_leaks,
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
    "selection": "chooses features on",
}


@rule(
    "PA209",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.PREPROCESSING,
    controls=("TRN-4", "TRN-2", "PRP-1", "PRP-2", "TRB-1"),
    tier="core",
    kinds=(
        "scaling", "imputation", "encoding", "vocabulary", "projection", "discretization", "outlier", "manual",
        "selection",
    ),
    scope=Scope.FILE,
)  # fmt: skip
def cv_preprocessing_leakage(events: Events) -> Iterator[Match]:
    """A transformer is fitted on the rows that cross-validation or a search then splits by itself.

    Each fold's held-out rows have already shaped the features it is judged on, so the mean score, and the settings
    chosen by it, are too good.

    Bad:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import cross_val_score
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("rows.csv")
        scaled = StandardScaler().fit_transform(rows.drop(columns="label"))
        print(cross_val_score(LogisticRegression(), scaled, rows["label"]).mean())

    Good:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import cross_val_score
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("rows.csv")
        model = make_pipeline(StandardScaler(), LogisticRegression())
        print(cross_val_score(model, rows.drop(columns="label"), rows["label"]).mean())

    Fix: hand a pipeline to cross-validation instead of transformed rows.

    Statistics of the same kind that are written one after the other are told once, and a figure for each group is a
    warning of medium confidence.

    Not seen: code of tests; folds cut by hand inside a library of one's own.

    Source: Kapoor and Narayanan, leakage L1.2 and L1.3.
    """
    if events.is_test:
        return
    for leak, *others in together(internal_leaks(events)):
        does = _DOES.get(leak.learned.what, "is fitted on") if leak.is_transformer else "is computed from"
        also = f", like {len(others)} more," if others else ""
        inside = leak.inside_train and not leak.learned.supervised
        yield Match(
            leak.fit.at,
            f"`{leak.learner}`{also} {does} all the rows that "
            f"{leak.evaluation.event.at.seen_from(leak.fit.at)} splits into folds",
            kind=leak.learned.what,
            confidence=Confidence.HIGH if leak.strong and not leak.is_aggregate else Confidence.MEDIUM,
            severity=Severity.WARNING if inside or leak.is_aggregate else None,
            related=(
                *(Related(other.fit.at, "computed from the same rows") for other in others[:5]),
                Related(leak.evaluation.event.at, "the folds are cut from rows that it has already seen"),
            ),
            fix="Pass make_pipeline(transformer, model) to the cross-validation or search.",
            symbol=leak.fit.function,
        )
