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

_EVENS_OUT = frozenset({"scaling", "vocabulary", "projection", "discretization"})
_TABLES = ("pandas.DataFrame", "numpy.ndarray", "polars.DataFrame")


@rule(
    "PA219",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.PREPROCESSING,
    controls=("PRP-2",),
    scope=Scope.FILE,
)
def unscaled_sensitive_model(events: Events) -> Iterator[Match]:
    """A model that compares distances or penalises weights is fitted on features that were never scaled.

    A column in thousands outweighs one in units: neighbours, margins, components and penalties follow the unit of
    measurement, not the information.

    Bad:

        import pandas as pd
        from sklearn.neighbors import KNeighborsClassifier

        rows = pd.read_csv("rows.csv")
        model = KNeighborsClassifier(n_neighbors=5).fit(rows[["age", "income"]], rows["churned"])

    Good:

        import pandas as pd
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("rows.csv")
        model = make_pipeline(StandardScaler(), KNeighborsClassifier(n_neighbors=5))
        model.fit(rows[["age", "income"]], rows["churned"])

    Fix: `make_pipeline(StandardScaler(), model)`.

    One finding for each kind of model in a program. Not seen: features that share one unit (pixels, shares, one-hot
    columns), and scaling by hand. Penalised linear models are told as notes.

    Source: Zhang et al., CAIN 2022, smell 10.
    """
    if events.is_test:
        return
    told: set[str] = set()
    for training in trainings(events):
        event = training.event
        sensitive = _sensitive(event)
        features = training.features
        if not sensitive or not _is_uneven(events, features) or _is_scaled_by_hand(features.name):
            continue
        key = "mild" if sensitive == "mild" else event.name
        if key not in told:
            told.add(key)
            yield Match(
                event.at,
                f"`{event.subject}` depends on the scale of its features, and nothing scales "
                f"`{features.name or 'them'}`",
                confidence=Confidence.LOW if sensitive == "mild" else Confidence.MEDIUM,
                severity=Severity.NOTE if sensitive == "mild" else None,
                fix="Put a scaler before it: make_pipeline(StandardScaler(), model).",
                symbol=event.function,
            )
    for event in events.of("fit_transformer"):
        value = next(iter(event.arguments.values()), None)
        if event.detail.get("scale_sensitive") is True and value is not None and _is_uneven(events, value):
            yield Match(
                event.at,
                f"`{event.subject}` depends on the scale of its features, and nothing scales them",
                confidence=Confidence.MEDIUM,
                fix="Scale the features first.",
                symbol=event.function,
            )


def _is_uneven(events: Events, features: Snapshot) -> bool:
    """Whether several columns of a table go in as they were read, each in a unit of its own."""
    if not features.rows or not features.strong or not features.is_a(*_TABLES) or len(features.columns or ("", "")) < 2:
        return False
    if any(item.what in _EVENS_OUT for item in features.learned):
        return False
    return not any(_is_one_unit(events, token) for token in features.rows)


def _sensitive(event: Event) -> object:
    """Whether the fitted model, or a step of the fitted pipeline with no scaler before it, feels the scale."""
    steps = event.effect("train").get("steps")
    if not isinstance(steps, tuple):
        return event.detail.get("scale_sensitive")
    for _, sensitive, learns in steps:
        if learns in ("scaling", "vocabulary", "discretization"):
            return False
        if sensitive:
            return sensitive
    return event.detail.get("scale_sensitive") if not steps else False


def _is_one_unit(events: Events, token: int) -> bool:
    """Data sets whose features are all pixels or counts of one kind."""
    sources = {events.rows[origin].source for origin in events.rows.origins([token])}
    return any(
        word in source for source in sources for word in ("digits", "mnist", "faces", "cifar", "make_", "parameter:")
    )


def _is_scaled_by_hand(name: str) -> bool:
    lowered = name.lower()
    return any(
        word in lowered for word in ("scal", "norm", "std", "/ 255", "tfidf", "embed", "onehot", "dummies", "pca")
    )
