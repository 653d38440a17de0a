from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Scope, Severity, StageKind, rule

_ROW_BY_ROW = (".iterrows", ".itertuples")


@rule(
    "PA503",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.DEPLOYMENT,
    controls=("MON-2",),
    scope=Scope.FILE,
)
def row_wise_prediction(events: Events) -> Iterator[Match]:
    """A model predicts one row at a time in a loop over a frame.

    Each call checks, converts and dispatches anew: a thousand rows cost a thousand times the overhead of one batch.

    Bad:

        import joblib
        import pandas as pd

        model = joblib.load("model.pkl")
        rows = pd.read_csv("rows.csv")
        scores = []
        for _, row in rows.iterrows():
            scores.append(model.predict([row])[0])

    Good:

        import joblib
        import pandas as pd

        model = joblib.load("model.pkl")
        rows = pd.read_csv("rows.csv")
        scores = model.predict(rows)

    Fix: hand the whole frame to `predict`; in Spark a `pandas_udf`.

    Not seen: a function that a frame applies to its rows; loops over plain lists, streams, and simulations whose next
    row depends on the last answer.
    """
    if events.is_test:
        return
    loops = {event.loops[-1]: event for event in events.of("loop") if event.name.endswith(_ROW_BY_ROW)}
    for event in events.of("predict"):
        if (
            not any(_is_around(loops[loop], event) for loop in event.loops if loop in loops)
            or not event.effect("predict")
            or _is_per_row_model(event, loops)
        ):
            continue
        yield Match(
            event.at,
            f"`{event.subject}` predicts one row at a time",
            confidence=Confidence.HIGH if event.strong else Confidence.MEDIUM,
            fix="Predict the whole frame in one call.",
            symbol=event.function,
        )


def _is_around(loop: Event, event: Event) -> bool:
    """Whether the loop stands in the same function: of one further away it is not known that its rows are predicted."""
    return loop.at.path == event.at.path and loop.function == event.function


def _is_per_row_model(event: Event, loops: dict[int, Event]) -> bool:
    """Whether each row has a model of its own, chosen inside the loop."""
    name = event.receiver.name if event.receiver is not None else ""
    targets = [t for loop in event.loops if loop in loops for t in (loops[loop].detail.get("targets") or ())]  # type: ignore[attr-defined] # a tuple of names
    return "[" in name or any(str(target) and str(target) in name.split(".") for target in targets)
