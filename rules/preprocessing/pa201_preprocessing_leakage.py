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

    Not seen: a test set that is read from a file of its own; lists of categories (one-hot and label encoders) are
    not counted. Severity speaks of the protocol, not of the size of the effect: that of scaling is often small.

    Source: Kapoor and Narayanan, leakage L1.2; Yang et al., ASE 2022.
    """
    for leak in leaks(events, supervised=False):
        learner = leak.learner
        yield Match(
            leak.fit.at,
            f"`{learner}` learns ({leak.learned.what}) from rows that evaluate the model "
            f"at {leak.evaluation.event.at.spoken}",
            kind=leak.learned.what,
            confidence=Confidence.HIGH if leak.strong else Confidence.MEDIUM,
            related=(
                Related(leak.training.at, "the model is trained on what it made"),
                Related(leak.evaluation.event.at, "the model is evaluated on rows it has learned from"),
            ),
            fix="Split first; fit the transformer on the training part only, best inside a Pipeline.",
            symbol=leak.fit.function,
        )
