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
    Training,
    rule,
    trainings,
)


@rule(
    "PA210",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.PREPROCESSING,
    controls=("TRN-4", "TRB-1"),
    tier="core",
    kinds=("label-kept", "derived"),
    scope=Scope.FILE,
)
def target_in_features(events: Events) -> Iterator[Match]:
    """The column that a model is to predict is among the features it is trained on.

    It learns to copy the label. Every score is near perfect, and in service the column is not there.

    Bad:

        import pandas as pd
        from sklearn.ensemble import RandomForestClassifier

        rows = pd.read_csv("rows.csv")
        features = rows.drop(columns="id")
        model = RandomForestClassifier(random_state=0).fit(features, rows["churned"])

    Good:

        import pandas as pd
        from sklearn.ensemble import RandomForestClassifier

        rows = pd.read_csv("rows.csv")
        features = rows.drop(columns=["id", "churned"])
        model = RandomForestClassifier(random_state=0).fit(features, rows["churned"])

    Fix: drop the label from the features, or `pop` it. A misspelled name in `drop` is the usual cause.

    Kinds: `label-kept` (the label itself is among the features), `derived` (a column that calls on the label alone
    made, row by row, stays in the frame from which the label is dropped).

    Not seen: columns that an operator or several columns make, and means of the label for each group (PA201 tells what
    is learned before a split); features that are chosen by position. A frame whose columns are not known in full is
    left alone, as is an interface that takes the whole frame and the label's name. A label of earlier rows (`shift`) is
    no fault.

    Source: Kapoor and Narayanan, leakage L2.
    """
    for training in trainings(events):
        target = _target(training.event)
        features = training.features
        if target is None or not features.is_a("pandas.DataFrame") or not features.rows:
            continue
        name = (target.columns or ("",))[0]
        if features.rows == target.rows and not _holds(features, name):
            yield from _derived(events, training, name)
        if features.rows != target.rows or not _holds(features, name):
            continue
        yield Match(
            training.event.at,
            f"`{features.name}` still holds the column `{name}` that `{training.event.subject}` is to predict",
            kind="label-kept",
            confidence=Confidence.HIGH
            if features.strong and target.strong and training.event.strong
            else Confidence.MEDIUM,
            fix=f'Drop it from the features: .drop(columns="{name}").',
            symbol=training.event.function,
        )


def _target(event: Event) -> Snapshot | None:
    """The label that goes in, where it is one named column of a frame."""
    target = event.port("train", "y")
    if target is None or not target.is_a("pandas.Series") or target.columns is None or len(target.columns) != 1:
        return None
    return target


def _holds(features: Snapshot, name: str) -> bool:
    """Whether a frame certainly has a column: it is listed, or the frame has all of its file's but those it lost."""
    if features.columns is not None:
        return name in features.columns
    return features.lost is not None and name not in features.lost


def _derived(events: Events, training: Training, label: str) -> Iterator[Match]:
    """Columns that were made of the label and stayed when it was dropped."""
    features = training.features
    dropping = events.with_id(features.produced)
    if dropping is None or dropping.receiver is None or dropping.short != "drop":
        return
    for store in events.of("subscript-store"):
        column = store.detail.get("columns")
        value = store.argument("value")
        if store.id > dropping.id or not isinstance(column, tuple) or len(column) != 1 or value is None:
            continue
        if column[0] == label or not _holds(features, column[0]) or value.rows != features.rows:
            continue
        if _frame_of_label(events, value, label) == dropping.receiver.name:
            yield Match(
                store.at,
                f"`{column[0]}` is made of `{label}`, and stays among the features when that is dropped",
                kind="derived",
                confidence=Confidence.MEDIUM,
                severity=Severity.WARNING,
                related=(
                    Related(dropping.at, "the label is dropped here, without it"),
                    Related(training.event.at, "the model is trained on it"),
                ),
                fix="Drop it too.",
                symbol=store.function,
            )


def _frame_of_label(events: Events, value: Snapshot, label: str) -> str:
    """The name of the frame whose label was turned into this value, row by row and by calls alone."""
    made = events.with_id(value.produced)
    for _ in range(6):
        if made is None or made.receiver is None or made.effect("derive").get("mix") != "none":
            return ""
        if any(given.rows for given in made.arguments.values()):
            return ""
        written = made.receiver.name
        if made.receiver.columns == (label,) and written.endswith("]"):
            return written[: written.rindex("[")]
        made = events.with_id(made.receiver.produced)
    return ""
