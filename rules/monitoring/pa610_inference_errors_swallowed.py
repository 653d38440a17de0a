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

_EVERYTHING = frozenset({"", "Exception", "BaseException", "builtins.Exception", "builtins.BaseException"})


@rule(
    "PA610",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.DEPLOYMENT,
    controls=("MON-3", "ANT-5"),
    scope=Scope.FILE,
)
def inference_errors_swallowed(events: Events) -> Iterator[Match]:
    """When a prediction fails, the service answers with a default and tells nobody.

    A broken model looks like one that always says 0: no alert fires, and the wrong answers are acted on.

    Bad:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")


        @app.post("/predict")
        def predict(features: list[float]):
            try:
                return {"score": float(model.predict([features])[0])}
            except Exception:
                return {"score": 0.0}

    Good:

        import logging

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")


        @app.post("/predict")
        def predict(features: list[float]):
            try:
                return {"score": float(model.predict([features])[0]), "fallback": False}
            except Exception:
                logging.exception("prediction failed")
                return {"score": 0.0, "fallback": True}

    Fix: log the error with its context, count it, and say that the answer is a fallback.

    Not seen: what a function called in the handler does. Exceptions that are named, and re-raised ones, are left alone.
    """
    for handler in handlers(events):
        if not any(event.guarded for event in handler.of("predict")):
            continue
        for event in handler.of("except"):
            if event.name.rpartition(".")[2] in _EVERYTHING and _is_silent(event):
                yield Match(
                    event.at,
                    f"errors of the prediction in `{handler.name}` end here, and nobody is told",
                    related=(Related(handler.route.at, "the handler"),) if handler.route is not None else (),
                    fix="Log the error, count it, and mark the answer as a fallback.",
                    symbol=event.function,
                )


def _is_silent(event: Event) -> bool:
    detail = event.detail
    if detail.get("reraises") or detail.get("calls"):
        return False
    return bool(detail.get("empty") or detail.get("returns_constant") or not detail.get("returns"))
