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
    "PA218",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.PREPROCESSING,
    controls=("PRP-2",),
    kinds=("overwritten",),
    scope=Scope.FILE,
)
def label_encoder_on_features(events: Events) -> Iterator[Match]:
    """An encoder that is made for labels numbers the categories of features.

    The numbers follow the alphabet. A linear model, a distance or a network takes them for amounts: `blue` plus one is
    `green`.

    Bad:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import LabelEncoder

        rows = pd.read_csv("rows.csv")
        encoder = LabelEncoder()
        for name in ["plan", "region"]:
            rows[name] = encoder.fit_transform(rows[name])
        model = LogisticRegression().fit(rows.drop(columns="churned"), rows["churned"])

    Good:

        import pandas as pd
        from sklearn.compose import make_column_transformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder

        rows = pd.read_csv("rows.csv")
        one_hot = OneHotEncoder(handle_unknown="ignore")
        encode = make_column_transformer((one_hot, ["plan", "region"]), remainder="passthrough")
        model = make_pipeline(encode, LogisticRegression()).fit(rows.drop(columns="churned"), rows["churned"])

    Kind `overwritten`: one encoder is fitted on several columns in turn, and remembers the last one only. That is a
    note where the model is a tree, which does not mind the numbers.

    Fix: `OneHotEncoder`, or `OrdinalEncoder` with an order that means something.

    Encoders that feed one model are told once.

    Not seen: an order that the category names happen to have.
    """
    if events.is_test:
        return
    fits = trainings(events)
    targets = {name for fit in fits for name in (_columns(fit.event) or ())}
    told: set[tuple[str, int, int | None]] = set()
    by_encoder: dict[int, list[Event]] = {}
    for event in events:
        if not _is_label_encoding(event) or event.receiver is None:
            continue
        value = event.arguments["y"]
        named = value.columns is not None and len(value.columns) == 1 and value.columns[0] not in targets
        if not named and not event.loops:
            continue
        by_encoder.setdefault(event.receiver.identity, []).append(event)
    found: dict[object, list[tuple[Event, list[Event]]]] = {}
    for uses in by_encoder.values():
        first = uses[0]
        sensitive = [
            fit.event
            for fit in fits
            if fit.event.id > first.id
            and fit.event.detail.get("scale_sensitive")
            and _share(first, fit.rows, events)
            and _holds(fit.features, first.arguments["y"])
        ]
        several = len({use.arguments["y"].columns for use in uses}) > 1 or _in_loop(events, first)
        place = (first.at.path, first.at.line, first.at.cell)
        if place in told or not (sensitive or several):
            continue
        told.add(place)
        found.setdefault(("fed", sensitive[0].id) if sensitive else first.id, []).append((first, sensitive))
    for (first, sensitive), *others in found.values():
        yield Match(
            first.at,
            f"`{first.subject}` numbers a feature by the alphabet"
            if sensitive
            else f"`{first.subject}` is fitted on one column after the other and remembers the last one only",
            kind=None if sensitive else "overwritten",
            confidence=Confidence.HIGH if first.strong else Confidence.MEDIUM,
            severity=None if sensitive else Severity.NOTE,
            related=(
                *(Related(event.at, "takes the numbers for amounts") for event in sensitive[:2]),
                *(Related(other.at, f"`{other.subject}` numbers another one") for other, _ in others[:5]),
            ),
            fix="Use OneHotEncoder or OrdinalEncoder on features.",
            symbol=first.function,
        )


def _columns(event: Event) -> tuple[str, ...] | None:
    target = event.port("train", "y")
    return target.columns if target is not None else None


def _is_label_encoding(event: Event) -> bool:
    """Whether a label transformer is fitted: it takes one column, the labels."""
    return (
        "fit_transformer" in event.roles
        and "y" in event.arguments
        and "X" not in event.arguments
        and "LabelEncoder" in event.name
    )


def _in_loop(events: Events, event: Event) -> bool:
    """Whether one encoder, made outside the loop, is fitted in it."""
    made = events.with_id(event.receiver.produced) if event.receiver is not None else None
    return bool(event.loops) and made is not None and made.loops != event.loops


def _holds(features: Snapshot, encoded: Snapshot) -> bool:
    """Whether the encoded column may be among the features; not where these are known to be others."""
    return features.columns is None or not encoded.columns or bool(set(encoded.columns) & set(features.columns))


def _share(event: Event, rows: frozenset[int], events: Events) -> bool:
    encoded = event.arguments["y"].rows
    return bool(encoded) and events.rows.overlap(encoded, rows)
