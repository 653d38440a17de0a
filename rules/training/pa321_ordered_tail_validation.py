from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    StageKind,
    evaluations,
    rule,
)

_MIXES = ("shuffle", "permutation", "permuted")


@rule(
    "PA321",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.TRAINING,
    controls=("TRN-4",),
    scope=Scope.FILE,
)
def ordered_tail_validation(events: Events) -> Iterator[Match]:
    """The last rows validate the model, and the rows stand in the order of their class or source.

    `validation_split` takes the tail before it shuffles. Of positives followed by negatives it takes negatives only.

    Bad:

        import pandas as pd
        import tensorflow as tf

        positives, negatives = pd.read_csv("positives.csv"), pd.read_csv("negatives.csv")
        rows = pd.concat([positives, negatives])
        model = tf.keras.Sequential([tf.keras.layers.Dense(1, activation="sigmoid")])
        model.compile(optimizer="adam", loss="binary_crossentropy")
        model.fit(rows.drop(columns="y"), rows["y"], validation_split=0.2)

    Good:

        import pandas as pd
        import tensorflow as tf

        positives, negatives = pd.read_csv("positives.csv"), pd.read_csv("negatives.csv")
        rows = pd.concat([positives, negatives]).sample(frac=1, random_state=0)
        model = tf.keras.Sequential([tf.keras.layers.Dense(1, activation="sigmoid")])
        model.compile(optimizer="adam", loss="binary_crossentropy")
        model.fit(rows.drop(columns="y"), rows["y"], validation_split=0.2)

    Fix: shuffle first, or split with stratification.

    Not seen: an order that the file has. Rows in the order of time are meant to be split so.

    Source: Keras documentation of fit; Kapoor and Narayanan, leakage L3.3.
    """
    for evaluation in evaluations(events):
        if evaluation.how != "tail":
            continue
        ordered = next(
            (event for token in sorted(evaluation.rows) for event in _orders(events, token, evaluation.event)), None
        )
        if ordered is not None and not _is_mixed(events, evaluation.rows, ordered, evaluation.event):
            yield Match(
                evaluation.event.at,
                f"the last rows validate the model, and `{ordered.short}` put them in order at "
                f"{ordered.at.seen_from(evaluation.event.at)}",
                confidence=Confidence.MEDIUM,
                related=(Related(ordered.at, "put in order here"),),
                fix="Shuffle the rows first.",
                symbol=evaluation.event.function,
            )


def _orders(events: Events, token: int, fit: Event) -> Iterator[Event]:
    """Calls that put rows behind each other by where they come from, or sort them by the label."""
    above = events.rows.ancestors(token)
    target = fit.port("train", "y")
    label = target.columns[0] if target is not None and target.columns else None
    for event in events.items[: fit.id]:
        made = event.result
        if made is None or not made.rows & above:
            continue
        if "join" in event.roles and any(events.rows[t].kind == "union" for t in made.rows):
            yield event
        if event.short == "sort_values" and label is not None and event.constant("by") in (label, [label]):
            yield event


def _is_mixed(events: Events, rows: frozenset[int], since: Event, until: Event) -> bool:
    """Whether something shuffles the rows in between."""
    above = {a for token in rows for a in events.rows.ancestors(token)}
    for event in events.items[since.id + 1 : until.id]:
        values = (event.receiver, event.result, *event.arguments.values())
        touches = any(value is not None and value.rows & above for value in values)
        if event.short in _MIXES or (
            touches and event.effect("derive").get("rows") == "permute" and event.short == "sample"
        ):
            return True
        if touches and "split" in event.roles:
            return True
    return False
