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
    "PA226",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.PREPROCESSING,
    controls=("PRP-4", "TRB-2"),
    tier="pack:smells",
    scope=Scope.FILE,
)
def pipeline_not_used(events: Events) -> Iterator[Match]:
    """A transformer and the model that it feeds are fitted apart, where one pipeline would hold both.

    Two objects have to be fitted on the same rows, saved together and applied in the same order, wherever the model
    goes.

    Bad:

        import pandas as pd
        from sklearn.cluster import KMeans
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("rows.csv")
        scaled = StandardScaler().fit_transform(rows)
        model = KMeans(n_clusters=3, random_state=0).fit(scaled)

    Good:

        import pandas as pd
        from sklearn.cluster import KMeans
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("rows.csv")
        model = make_pipeline(StandardScaler(), KMeans(n_clusters=3, random_state=0)).fit(rows)

    Fix: `make_pipeline(transformer, model)`.

    Not seen: transformed rows that are needed for something else. A transformer that feeds several models is left
    alone.

    Source: dslinter, pipeline-not-used.
    """
    fed: dict[int, list[Event]] = {}
    for training in trainings(events):
        for identifier in {training.features.produced} | {item.event for item in training.features.learned}:
            made = events.with_id(identifier)
            if made is not None and _transforms(made):
                fed.setdefault(made.id, []).append(training.event)
    for identifier, fits in fed.items():
        transformer = events.items[identifier]
        if len({fit.receiver.identity for fit in fits if fit.receiver is not None}) != 1 or not fits[0].detail.get(
            "hard_labels"
        ):
            continue
        yield Match(
            fits[0].at,
            f"`{fits[0].subject}` is fitted apart from `{transformer.subject}`, which prepares its rows",
            confidence=Confidence.MEDIUM,
            related=(Related(transformer.at, "fitted here"),),
            fix="Put both into make_pipeline(...).",
            symbol=fits[0].function,
        )


def _transforms(event: Event) -> bool:
    """Whether an event fits a transformer of the library's own kind on the way to a model."""
    return "fit_transformer" in event.roles and event.receiver is not None and bool(event.receiver.types)
