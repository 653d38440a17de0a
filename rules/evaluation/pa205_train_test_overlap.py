from pipeaudit.rule import (
    Confidence,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    StageKind,
    overlaps,
    rule,
)


@rule(
    "PA205",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.EVALUATION,
    controls=("TRN-4", "EVL-1", "TRB-1"),
    tier="core",
    scope=Scope.FILE,
)
def train_test_overlap(events: Events) -> Iterator[Match]:
    """A model is only ever evaluated on rows that it was trained on.

    Such a figure says how well the model remembers, not how well it predicts.

    Bad:

        import pandas as pd
        from sklearn.metrics import accuracy_score
        from sklearn.tree import DecisionTreeClassifier

        rows = pd.read_csv("rows.csv")
        X, y = rows.drop(columns="label"), rows["label"]
        model = DecisionTreeClassifier(random_state=0).fit(X, y)
        print(accuracy_score(y, model.predict(X)))

    Good:

        import pandas as pd
        from sklearn.metrics import accuracy_score
        from sklearn.model_selection import train_test_split
        from sklearn.tree import DecisionTreeClassifier

        rows = pd.read_csv("rows.csv")
        X, X_test, y, y_test = train_test_split(rows.drop(columns="label"), rows["label"], random_state=0)
        model = DecisionTreeClassifier(random_state=0).fit(X, y)
        print(accuracy_score(y, model.predict(X)), accuracy_score(y_test, model.predict(X_test)))

    Fix: evaluate on rows that were held out, or by cross-validation.

    Not seen: an evaluation in another program, so where the model is saved the finding is of medium confidence. A
    training figure beside a held-out one is normal and not meant here.

    Source: Kapoor and Narayanan, leakage L1.1.
    """
    is_handed_on = any("save_model" in event.roles for event in events)
    for pair in overlaps(events):
        strong = pair.training.event.strong and pair.evaluation.event.strong and pair.evaluation.how != "predict"
        yield Match(
            pair.evaluation.event.at,
            "the model is evaluated on rows that it was trained on at "
            f"{pair.training.event.at.seen_from(pair.evaluation.event.at)}, and on no others in this program",
            confidence=Confidence.HIGH if strong and not is_handed_on else Confidence.MEDIUM,
            related=(Related(pair.training.event.at, "trained on the same rows"),),
            fix="Hold rows out before training, or use cross-validation.",
            symbol=pair.evaluation.event.function,
        )
