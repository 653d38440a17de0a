from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    Snapshot,
    StageKind,
    rule,
    trainings,
)


@rule(
    "PA405",
    Severity.ERROR,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.EVALUATION,
    controls=("EVL-1", "TRN-4", "ANT-3"),
    scope=Scope.FILE,
)
def threshold_tuned_on_test(events: Events) -> Iterator[Match]:
    """The decision threshold is chosen on the rows on which the final score is computed.

    The threshold fits the noise of these rows. The score is the best of many tries, not what the model will do.

    Bad:

        import numpy as np
        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import f1_score, precision_recall_curve
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        x_train, x_test, y_train, y_test = train_test_split(rows.drop(columns="y"), rows["y"], random_state=0)
        scores = LogisticRegression().fit(x_train, y_train).predict_proba(x_test)[:, 1]
        precision, recall, thresholds = precision_recall_curve(y_test, scores)
        best = thresholds[np.argmax(precision * recall)]
        print(f1_score(y_test, scores >= best))

    Good:

        import numpy as np
        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import f1_score, precision_recall_curve
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        x_rest, x_test, y_rest, y_test = train_test_split(rows.drop(columns="y"), rows["y"], random_state=0)
        x_train, x_val, y_train, y_val = train_test_split(x_rest, y_rest, random_state=0)
        model = LogisticRegression().fit(x_train, y_train)
        precision, recall, thresholds = precision_recall_curve(y_val, model.predict_proba(x_val)[:, 1])
        best = thresholds[np.argmax(precision * recall)]
        print(f1_score(y_test, model.predict_proba(x_test)[:, 1] >= best))

    Fix: choose the threshold on validation rows.

    Not seen: a threshold that is chosen by eye from a plot, or in a loop of one's own.

    Source: Kapoor and Narayanan, leakage L1.1.
    """
    told: set[int] = set()
    for final in events.of("metric"):
        predicted = final.port("metric", "pred")
        if predicted is None or predicted.output != "label" or not _is_final(events, predicted, final):
            continue
        for identifier in predicted.metrics:
            choice = events.with_id(identifier)
            if choice is None or choice.id in told or not _is_curve(choice):
                continue
            if _rows(choice) and events.rows.overlap(_rows(choice), _rows(final)):
                told.add(choice.id)
                yield Match(
                    choice.at,
                    f"the threshold is chosen on the rows that `{final.short}` judges at "
                    f"{final.at.seen_from(choice.at)}",
                    confidence=Confidence.MEDIUM,
                    related=(Related(final.at, "judged on the same rows"),),
                    fix="Choose the threshold on validation rows.",
                    symbol=choice.function,
                )


def _is_final(events: Events, predicted: Snapshot, final: Event) -> bool:
    """Whether the judged rows are held out from the training of the model."""
    rows = frozenset(_rows(final))
    return any(
        set(fit.models) & set(predicted.models)
        and fit.rows
        and not any(events.rows.within((r,), fit.rows) for r in rows)
        for fit in trainings(events)
    )


def _is_curve(event: Event) -> bool:
    """Whether an event judges scores at all thresholds."""
    return event.effect("metric").get("needs") in ("score", "proba") and event.result is not None


def _rows(event: Event) -> tuple[int, ...]:
    rows = event.effect("metric").get("rows")
    return rows if isinstance(rows, tuple) else ()
