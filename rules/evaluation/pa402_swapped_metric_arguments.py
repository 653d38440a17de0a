from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Related,
    Rewrite,
    Scope,
    Severity,
    StageKind,
    rule,
)


@rule(
    "PA402",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.EVALUATION,
    controls=("EVL-1",),
    tier="core",
    scope=Scope.FILE,
    fixable=True,
)
def swapped_metric_arguments(events: Events) -> Iterator[Match]:
    """A metric is given the predictions where the truth belongs, and the truth where the predictions belong.

    Precision becomes recall, R² divides by the spread of the predictions, a confusion matrix is turned over.

    Bad:

        import pandas as pd
        from sklearn.linear_model import Ridge
        from sklearn.metrics import r2_score
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        x_train, x_test, y_train, y_test = train_test_split(rows.drop(columns="price"), rows["price"], random_state=0)
        model = Ridge().fit(x_train, y_train)
        print(r2_score(model.predict(x_test), y_test))

    Good:

        import pandas as pd
        from sklearn.linear_model import Ridge
        from sklearn.metrics import r2_score
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        x_train, x_test, y_train, y_test = train_test_split(rows.drop(columns="price"), rows["price"], random_state=0)
        model = Ridge().fit(x_train, y_train)
        print(r2_score(y_test, model.predict(x_test)))

    Fix: truth first (`y_true`, `y_pred`), or name the arguments. Metrics that give the same value either way (accuracy,
    squared error, binary F1) are told as notes. The order that each library wants is known: torchmetrics takes the
    predictions first.

    Not seen: values of which nothing but the name is known. Two models compared with each other are left alone.
    """
    for event in events.of("metric"):
        truth, predicted = event.port("metric", "true"), event.port("metric", "pred")
        if truth is None or predicted is None or not _is_prediction(event, "true") or _is_prediction(event, "pred"):
            continue
        if not predicted.rows:
            continue
        harmless = bool(event.effect("metric").get("symmetric"))
        certain = event.strong and truth.strong and predicted.strong and bool(truth.rows & predicted.rows)
        yield Match(
            event.at,
            f"`{event.short}` gets the predictions `{truth.name}` as truth and `{predicted.name}` as predictions"
            + ("; its value is the same either way" if harmless else ""),
            confidence=Confidence.HIGH if certain else Confidence.MEDIUM,
            severity=Severity.NOTE if harmless else None,
            related=_prediction_place(events, event),
            fix="Swap the two arguments.",
            symbol=event.function,
            edit=_swap(event) if certain and _is_made_here(events, event) else None,
        )


def _is_prediction(event: Event, port: str) -> bool:
    value = event.port("metric", port)
    return value is not None and bool(value.models) and value.output != ""


def _is_made_here(events: Events, event: Event) -> bool:
    """Whether the function itself made the predictions: those that a caller passed are for the caller to swap."""
    truth = event.port("metric", "true")
    made = events.with_id(truth.produced) if truth is not None else None
    return made is not None and (made.function, made.caller) == (event.function, event.caller)


def _swap(event: Event) -> Rewrite:
    """The two arguments change places, named or not, where the metric is called by its own name: what a variable holds
    may take them in another order the next time.
    """
    truth, predicted = event.effect("metric").get("true"), event.effect("metric").get("pred")
    arguments = (
        (f"{truth}=_a, {predicted}=_b", f"{truth}=_b, {predicted}=_a"),
        (f"_a, {predicted}=_b", f"_b, {predicted}=_a"),
        ("_a, _b", "_b, _a"),
    )
    names = (event.short, f"_m.{event.short}")
    return Rewrite(
        event.at, tuple((f"{name}({a}, *___)", f"{name}({b}, *___)") for name in names for a, b in arguments)
    )


def _prediction_place(events: Events, event: Event) -> tuple[Related, ...]:
    truth = event.port("metric", "true")
    made = events.with_id(truth.produced) if truth is not None else None
    return (Related(made.at, "predicted here"),) if made is not None and "predict" in made.roles else ()
