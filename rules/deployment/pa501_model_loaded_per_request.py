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
    handlers,
    rule,
)

_LOADS = ("load_model", "load_pretrained")


@rule(
    "PA501",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.DEPLOYMENT,
    controls=("DEP-4", "MON-2"),
    scope=Scope.FILE,
)
def model_loaded_per_request(events: Events) -> Iterator[Match]:
    """A request handler loads the model, so every request pays for it.

    Reading and unpickling take longer than predicting, memory grows with the requests in flight, and a model that is
    replaced on disk changes answers in the middle of a release.

    Bad:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()


        @app.post("/predict")
        def predict(features: list[float]):
            model = joblib.load("model.pkl")
            return {"score": float(model.predict([features])[0])}

    Good:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")


        @app.post("/predict")
        def predict(features: list[float]):
            return {"score": float(model.predict([features])[0])}

    Fix: load at startup, or behind a cache.

    Not seen: handlers that are made inside another function. A load behind a condition (`if model is None`), one
    whose result is kept in a global or an attribute, and one in a cached function are left alone.
    """
    cached = {
        str(event.detail["decorates"])
        for event in events
        if "decorates" in event.detail and "cache" in event.name.lower()
    } | {
        str(event.detail["decorates"]) for event in events if "decorates" in event.detail and "singleton" in event.name
    }
    for handler in handlers(events):
        told: set[tuple[str, str]] = set()
        for event in handler.of(*_LOADS):
            place = (event.at.path, event.function)
            if not _is_load(event) or event.function.rpartition(".")[2] in cached or place in told:
                continue
            told.add(place)
            yield Match(
                event.at,
                f"`{event.short}` runs on every request to `{handler.name}`",
                confidence=Confidence.HIGH if event.at.path == events.path else Confidence.MEDIUM,
                related=(Related(handler.route.at, "for each request"),) if handler.route is not None else (),
                fix="Load it once at startup.",
                symbol=event.function,
            )


def _is_load(event: Event) -> bool:
    """Whether something is read each time, and not weights put into a model that is there."""
    anew = not event.conditional and not event.detail.get("kept")
    return anew and event.short not in ("load_state_dict", "load_weights")
