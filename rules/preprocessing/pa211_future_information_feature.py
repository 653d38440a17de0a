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
    rule,
    trainings,
)


@rule(
    "PA211",
    Severity.ERROR,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.PREPROCESSING,
    controls=("TRN-4", "TRB-1"),
    scope=Scope.FILE,
)
def future_information_feature(events: Events) -> Iterator[Match]:
    """A feature of a row is computed from rows that come after it.

    When the model is used those rows do not exist yet. In the test they do, and make the score.

    Bad:

        import pandas as pd
        from sklearn.linear_model import Ridge

        rows = pd.read_csv("prices.csv")
        rows["next_price"] = rows["price"].shift(-1)
        model = Ridge().fit(rows.drop(columns="target"), rows["target"])

    Good:

        import pandas as pd
        from sklearn.linear_model import Ridge

        rows = pd.read_csv("prices.csv")
        rows["last_price"] = rows["price"].shift(1)
        model = Ridge().fit(rows.drop(columns="target"), rows["target"])

    Fix: windows that end at the row: `shift(1)`, `rolling(...)` without `center`, `ffill`.

    Not seen: columns that are combined further. A column that looks ahead is right as the label, and is left alone
    there.

    Source: Kapoor and Narayanan, leakage L3.1.
    """
    told: set[int] = set()
    for ahead in events.of("future_column"):
        names = ahead.detail.get("columns")
        for training in trainings(events):
            if training.event.id < ahead.id or ahead.id in told or not isinstance(names, tuple):
                continue
            features, target = training.features, training.event.port("train", "y")
            kept = [name for name in names if _is_feature(name, features.columns, features.lost)]
            if target is not None and target.columns is not None:
                kept = [name for name in kept if name not in target.columns]
            if kept and target is not None and features.rows:
                told.add(ahead.id)
                yield _match(ahead, kept[0], training.event)


def _match(ahead: Event, name: str, training: Event) -> Match:
    return Match(
        ahead.at,
        f"`{name}` is computed from later rows by `{ahead.short}` and is a feature of `{training.subject}`",
        confidence=Confidence.MEDIUM,
        related=(Related(training.at, "trained with it"),),
        fix="Use past rows only.",
        symbol=ahead.function,
    )


def _is_feature(name: str, columns: tuple[str, ...] | None, lost: frozenset[str] | None) -> bool:
    if columns is not None:
        return name in columns
    return lost is not None and name not in lost
