from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Scope,
    Severity,
    Snapshot,
    StageKind,
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
    kinds=("label-kept",),
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

    Kind `label-kept`: the label itself is among the features.

    Not seen: columns that are computed from the label; features that are chosen by position. A frame whose columns are
    not known in full is left alone, as is an interface that takes the whole frame and the label's name.

    Source: Kapoor and Narayanan, leakage L2.
    """
    for training in trainings(events):
        target = _target(training.event)
        features = training.features
        if target is None or not features.is_a("pandas.DataFrame") or not features.rows:
            continue
        name = (target.columns or ("",))[0]
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
