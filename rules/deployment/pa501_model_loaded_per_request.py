from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Handler,
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

    Not seen: handlers that are made inside another function; a download that no loader does. A load behind a condition
    (`if model is None`), one whose result is kept in a global, an attribute or a dict, and one in a cached function are
    left alone, unless the same branch predicts with what it has just loaded. A load in a helper of another module is
    told at its call.
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
            at = event.at if event.caller is None or event.at.path in (events.path, event.caller.path) else event.caller
            place = (at.path, event.function if at is event.at else str(at.line))
            if not _is_load(handler, event) or event.function.rpartition(".")[2] in cached or place in told:
                continue
            told.add(place)
            yield Match(
                at,
                f"`{event.short}` runs on every request to `{handler.name}`",
                confidence=Confidence.HIGH if event.at.path == events.path else Confidence.MEDIUM,
                related=(Related(handler.route.at, "for each request"),) if handler.route is not None else (),
                fix="Load it once at startup.",
                symbol=event.function,
            )


def _is_load(handler: Handler, event: Event) -> bool:
    """Whether something is read each time, and not weights put into a model that is there."""
    if event.detail.get("kept") or event.short in ("load_state_dict", "load_weights"):
        return False
    return not event.conditional or _is_used_up(handler, event)


def _is_used_up(handler: Handler, load: Event) -> bool:
    """Whether what a branch loads is used in it under one name, and is nothing that an earlier request left."""
    made = load.result
    if made is None:
        return False
    return any(
        event.conditional
        and event.receiver is not None
        and event.receiver.identities == (made.identity,)
        and event.receiver.name.isidentifier()
        for event in handler.of("predict", "apply_transformer")
    )
