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
)


@rule(
    "PA202",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.PREPROCESSING,
    controls=("TRN-4", "TRB-1"),
    tier="core",
    kinds=("selection", "encoding", "projection", "discretization", "manual"),
    scope=Scope.FILE,
)
def supervised_preprocessing_leakage(events: Events) -> Iterator[Match]:
    """Features are chosen or encoded by the label on rows that later evaluate the model.

    A selector, a target encoder or a supervised projection that has seen the test labels hands them to the model:
    scores rise even on pure noise.

    Bad:

        import pandas as pd
        from sklearn.feature_selection import SelectKBest, f_classif
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        y = rows["label"]
        chosen = SelectKBest(f_classif, k=10).fit_transform(rows.drop(columns="label"), y)
        train, test, y_train, y_test = train_test_split(chosen, y, random_state=0)
        print(LogisticRegression().fit(train, y_train).score(test, y_test))

    Good:

        import pandas as pd
        from sklearn.feature_selection import SelectKBest, f_classif
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split
        from sklearn.pipeline import make_pipeline

        rows = pd.read_csv("rows.csv")
        train, test, y_train, y_test = train_test_split(rows.drop(columns="label"), rows["label"], random_state=0)
        model = make_pipeline(SelectKBest(f_classif, k=10), LogisticRegression())
        print(model.fit(train, y_train).score(test, y_test))

    Fix: put the selector or encoder into the pipeline, so that cross-validation and the split see it.

    Not seen: columns chosen by eye from a correlation table.

    Source: Kapoor and Narayanan, leakage L1.3.
    """
    if events.is_test:
        return
    for leak in leaks(events, supervised=True):
        learner = leak.learner
        yield Match(
            leak.fit.at,
            f"`{learner}` learns from the labels of rows that evaluate the model at "
            f"{leak.evaluation.event.at.seen_from(leak.fit.at)}",
            kind=leak.learned.what,
            confidence=Confidence.HIGH if leak.strong else Confidence.MEDIUM,
            related=(
                Related(leak.training.at, "the model is trained on what it chose"),
                Related(leak.evaluation.event.at, "the model is evaluated on rows whose labels it has used"),
            ),
            fix="Choose and encode features inside a Pipeline that is fitted on the training part only.",
            symbol=leak.fit.function,
        )
