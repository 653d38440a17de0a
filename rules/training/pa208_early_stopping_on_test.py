from pipeaudit.rule import (
    Confidence,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    StageKind,
    rule,
    steered_by_test,
)


@rule(
    "PA208",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.TRAINING,
    controls=("TRN-4", "TRN-2", "TRB-1"),
    tier="core",
    scope=Scope.FILE,
)
def early_stopping_on_test(events: Events) -> Iterator[Match]:
    """The rows of the final figure also steer the training.

    Early stopping, the best checkpoint or a learning-rate schedule chosen on the test rows fits the model to them.

    Bad:

        import pandas as pd
        from sklearn.metrics import roc_auc_score
        from sklearn.model_selection import train_test_split
        from xgboost import XGBClassifier

        rows = pd.read_csv("rows.csv")
        X_train, X_test, y_train, y_test = train_test_split(rows.drop(columns="label"), rows["label"], random_state=0)
        model = XGBClassifier(early_stopping_rounds=20)
        model.fit(X_train, y_train, eval_set=[(X_test, y_test)])
        print(roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]))

    Good:

        import pandas as pd
        from sklearn.metrics import roc_auc_score
        from sklearn.model_selection import train_test_split
        from xgboost import XGBClassifier

        rows = pd.read_csv("rows.csv")
        X, X_test, y, y_test = train_test_split(rows.drop(columns="label"), rows["label"], random_state=0)
        X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
        model = XGBClassifier(early_stopping_rounds=20)
        model.fit(X_train, y_train, eval_set=[(X_val, y_val)])
        print(roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]))

    Fix: take a validation part out of the training rows and watch that.

    Not seen: a stop by hand between two runs. Test rows that are only logged during training are a note.

    Source: Kapoor and Narayanan, leakage L1.1; Yang et al., ASE 2022.
    """
    for steered in steered_by_test(events):
        event = steered.training.event
        if steered.stops:
            says, severity = "training stops, or keeps its best, by rows that report the result", None
        else:
            says, severity = "training is watched on the rows that report the result", Severity.NOTE
        yield Match(
            event.at,
            f"{says} at {steered.report.event.at.spoken}",
            confidence=Confidence.HIGH if steered.strong and steered.stops is not None else Confidence.MEDIUM,
            severity=severity,
            related=(Related(steered.report.event.at, "reported on the same rows"),),
            fix="Take a validation part out of the training rows, and watch that.",
            symbol=event.function,
        )
