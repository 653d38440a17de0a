import re

from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    KeptByTest,
    Location,
    Match,
    Related,
    Scope,
    Severity,
    StageKind,
    kept_by_test,
    rule,
    steered_by_test,
)

_VALIDATION = re.compile(r"(^|[._])(val|valid|validation|dev|oof)([._]|\b)", re.IGNORECASE)


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

    Not seen: a stop by hand between two runs. Test rows that are only logged during training are a note; rows that
    the program itself calls validation rows, and those of a fold, are a warning: their score is too good, though nobody
    calls it the test.

    Source: Kapoor and Narayanan, leakage L1.1; Yang et al., ASE 2022.
    """
    yield from (_kept(found) for found in kept_by_test(events))
    for steered in steered_by_test(events):
        event, report = steered.training.event, steered.report
        measured = report.how != "predict"
        does = "report the result" if measured else "it then predicts"
        if steered.stops:
            says = f"training stops, or keeps its best, by rows that {does}"
            aside = steered.in_fold or _is_validation(report.event)
            severity = None if measured and not aside else Severity.WARNING
        else:
            says, severity = f"training is watched on the rows that {does}", Severity.NOTE
        yield Match(
            event.at,
            f"{says} at {report.event.at.seen_from(event.at)}",
            confidence=Confidence.HIGH
            if steered.strong and measured and steered.stops is not None
            else Confidence.MEDIUM,
            severity=severity,
            related=(Related(report.event.at, "reported on the same rows" if measured else "predicts the same rows"),),
            fix="Take a validation part out of the training rows, and watch that.",
            symbol=event.function,
        )


def _is_validation(report: Event) -> bool:
    """Whether the program calls these rows validation rows."""
    given = (report.port("metric", "true"), report.port("score", "X"), report.port("score", "data"))
    return any(value is not None and _VALIDATION.search(value.name) for value in given)


def _kept(found: KeptByTest) -> Match:
    """A turn of a training loop that the program itself chooses by test rows."""
    choice, judged = found.choice, found.judged
    rows = "the data set's own test rows" if found.published else "rows that the program calls test rows"
    related = [
        Related(found.training.at, "each turn trains the model further here"),
        Related(judged.at, "each turn is judged on these rows"),
    ]
    if found.saves is not None:
        related.append(Related(found.saves.at, "what is kept"))
    does = "the learning rate follows" if found.is_schedule else "the best turn of the training is kept by"
    return Match(
        Location(choice.at.path, choice.at.line, choice.at.column, cell=choice.at.cell),
        f"{does} the score on {rows}, judged at {judged.at.seen_from(choice.at)}, and is too good then",
        confidence=Confidence.HIGH if found.strong and found.published and found.saves else Confidence.MEDIUM,
        severity=None if found.published and found.saves is not None else Severity.WARNING,
        related=tuple(related),
        fix="Take a validation part out of the training rows, choose by that, and ask the test rows once.",
        symbol=choice.function,
    )
