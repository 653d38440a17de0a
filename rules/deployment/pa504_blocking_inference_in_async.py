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

_BLOCKS = ("predict", "load_model", "load_pretrained", "download", "query")


@rule(
    "PA504",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.DEPLOYMENT,
    controls=("MON-2", "DEP-4"),
    scope=Scope.FILE,
)
def blocking_inference_in_async(events: Events) -> Iterator[Match]:
    """An async handler predicts, loads or calls another service in a way that blocks.

    While it computes nothing else is served: one slow prediction stops health checks and all other requests.

    Bad:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")


        @app.post("/predict")
        async def predict(features: list[float]):
            return {"score": float(model.predict([features])[0])}

    Good:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")


        @app.post("/predict")
        def predict(features: list[float]):
            return {"score": float(model.predict([features])[0])}

    Fix: a plain `def` handler, which the server runs in a thread, or an executor.

    Not seen: how long the call takes. A call that is awaited, and one that is handed to an executor, are left alone.
    """
    for handler in handlers(events):
        if not handler.is_async or handler.route is None:
            continue
        for event in handler.of(*_BLOCKS):
            if event.detail.get("awaited") or event.function != handler.name or not _blocks(event):
                continue
            light = event.detail.get("cost") == "light"
            yield Match(
                event.at,
                f"`{event.short}` blocks the event loop of `{handler.name}`",
                confidence=Confidence.HIGH if event.strong or "predict" not in event.roles else Confidence.MEDIUM,
                severity=Severity.NOTE if light else None,
                related=(Related(handler.route.at, "the async handler"),),
                fix="Make the handler a plain def, or run the call in a thread pool.",
                symbol=event.function,
            )
            break


def _blocks(event: Event) -> bool:
    """Whether the call works here; reading the request itself does not count."""
    return "async" not in event.name.lower() and not event.name.startswith(("fastapi.", "starlette.", "flask."))
