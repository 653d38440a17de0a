import re

from pipeaudit.rule import (
    Confidence,
    Evaluation,
    Event,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    Snapshot,
    StageKind,
    evaluations,
    rule,
    trainings,
)

_TEST = re.compile(r"(?<![a-z])(?:test|testing|val|valid|validation|holdout|held.?out|dev)(?![a-z])", re.IGNORECASE)
# not the work that has ended, as in `training completed, f1: 0.9`
_TRAIN = re.compile(
    r"(?<![a-z])(?:train|training)(?![a-z])"
    r"(?! +(?:is |was |has )?(?:complete|done|finish|success|time|end|took|start|run|job|pipeline|stage))",
    re.IGNORECASE,
)


@rule(
    "PA406",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.EVALUATION,
    controls=("EVL-1", "TRN-4"),
    tier="core",
    scope=Scope.FILE,
)
def mislabeled_metric_split(events: Events) -> Iterator[Match]:
    """A score is written down as that of the test rows, and was computed on the training rows, or the other way round.

    Everybody who reads the tracker or the log believes a number that means something else.

    Bad:

        import mlflow
        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        x_train, x_test, y_train, y_test = train_test_split(rows.drop(columns="y"), rows["y"], random_state=0)
        model = LogisticRegression().fit(x_train, y_train)
        mlflow.log_metric("test_accuracy", model.score(x_train, y_train))

    Good:

        import mlflow
        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        x_train, x_test, y_train, y_test = train_test_split(rows.drop(columns="y"), rows["y"], random_state=0)
        model = LogisticRegression().fit(x_train, y_train)
        mlflow.log_metric("test_accuracy", model.score(x_test, y_test))

    Fix: compute it on the rows that the name says, or correct the name.

    Not seen: names that are put together in a loop; scores under a key of a dictionary. Where the rows come from has
    to be proven, and a text that speaks of both is left alone.
    """
    judged = {e.event.id: e for e in evaluations(events) if e.how in ("metric", "score")}
    for event in events.where(effects=("log", "sink")):
        if not (event.effect("log") or event.effect("sink")):
            continue
        said = _said(event)
        metrics = {m for value in event.arguments.values() for part in (value, *value.elements) for m in part.metrics}
        if said is None or len(metrics) != 1:
            continue
        evaluation = judged.get(next(iter(metrics)))
        if evaluation is None:
            continue
        meant = _meant(events, evaluation)
        if meant is not None and meant != said:
            yield Match(
                event.at,
                f"this is called a {said} score and was computed on "
                f"{'training' if meant == 'train' else 'held-out'} rows",
                confidence=Confidence.HIGH if evaluation.event.strong else Confidence.MEDIUM,
                related=(Related(evaluation.event.at, "computed here"),),
                fix="Compute it on the rows that its name says.",
                symbol=event.function,
            )


def _said(event: Event) -> str | None:
    """Of which rows the text speaks: test or train; None where it speaks of neither, or of both."""
    texts = [_text(value) for argument in event.arguments.values() for value in (argument, *argument.elements)]
    text = " ".join(texts)
    test, train = bool(_TEST.search(text)), bool(_TRAIN.search(text))
    return None if test is train or "train_test" in text else "test" if test else "train"


def _text(value: Snapshot) -> str:
    """The texts of an argument; those of a tuple stand in its constant."""
    parts = value.constant if isinstance(value.constant, tuple | list) else (value.constant,)
    return " ".join(part.replace("_", " ") for part in parts if isinstance(part, str))


def _meant(events: Events, evaluation: Evaluation) -> str | None:
    """Which rows a score was computed on, as far as that is proven."""
    fits = [
        fit for fit in trainings(events) if set(fit.models) & set(evaluation.models) and fit.rows and fit.event.strong
    ]
    if not fits or not evaluation.rows:
        return None
    if all(events.rows.within(evaluation.rows, fit.rows) for fit in fits):
        return "train"
    if all(events.rows.disjoint(evaluation.rows, fit.rows) for fit in fits):
        return "test"
    return None
