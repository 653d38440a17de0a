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

_HARMLESS = frozenset({"selection", "resampling", "outlier", "manual"})


@rule(
    "PA216",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.TRAINING,
    controls=("TRB-2", "PRP-4", "ANT-1"),
    scope=Scope.FILE,
)
def transformer_not_persisted(events: Events) -> Iterator[Match]:
    """A model is saved without the transformer that prepared its training rows.

    Whoever loads the model has no means to prepare a new row in the same way. What the transformer has learned is gone
    when the program ends.

    Bad:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("rows.csv")
        scaler = StandardScaler()
        model = LogisticRegression().fit(scaler.fit_transform(rows[["age"]]), rows["churned"])
        joblib.dump(model, "model.pkl")

    Good:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("rows.csv")
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows[["age"]], rows["churned"])
        joblib.dump(model, "model.pkl")

    Fix: save one pipeline, or the transformer beside the model.

    Not seen: parameters that are written down by hand. A transformer that goes into a call which is not known, or into
    an object or tuple that is saved, counts as kept.
    """
    if events.is_test or events.is_notebook:
        return
    ran = events.ran()
    kept = _kept(ran)
    told: set[int] = set()
    for save in ran:
        if "save_model" not in save.roles:
            continue
        saved = _identities(save)
        for training in trainings(events):
            if not saved & set(training.models) or training.event.id > save.id:
                continue
            for item in sorted(training.features.learned, key=lambda each: each.event):
                fit = events.with_id(item.event)
                if fit is None or not _is_transformer(fit) or item.what in _HARMLESS or save.id in told:
                    continue
                if fit.receiver is not None and not kept & set(fit.receiver.identities) and fit.id < len(ran):
                    told.add(save.id)
                    yield Match(
                        save.at,
                        f"the model is saved without `{fit.subject}`, which prepared its rows",
                        confidence=Confidence.HIGH if item.strong and save.strong else Confidence.MEDIUM,
                        related=(
                            Related(fit.at, "fitted here, and lost"),
                            Related(training.event.at, "trained on what it made"),
                        ),
                        fix="Save a pipeline of both, or the transformer too.",
                        symbol=save.function,
                    )


def _is_transformer(event: Event) -> bool:
    return "fit_transformer" in event.roles and event.receiver is not None and bool(event.receiver.types)


def _identities(event: Event) -> set[int]:
    """All objects that a call is given, alone or inside tuples, lists and dicts."""
    found: set[int] = set()
    waiting = list(event.arguments.values())
    if event.receiver is not None:
        waiting.append(event.receiver)
    while waiting:
        value = waiting.pop()
        found.update(value.identities)
        waiting.extend(value.elements)
    return found


def _kept(ran: tuple[Event, ...]) -> set[int]:
    """Objects that are saved, logged, put into something, or given to a call that is not known."""
    found: set[int] = set()
    for event in ran:
        unknown = "call" in event.roles and not event.strong
        if unknown or {"save_model", "write_data", "artifact_put", "construct_model", "register"} & set(event.roles):
            found |= _identities(event)
    return found
