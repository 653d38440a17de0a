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

_KEEPS = frozenset(
    """write_data log_metric log_param capture monitor instrument alert artifact_put track_run feature_store_write
    drift""".split()
)


@rule(
    "PA601",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.MONITORING,
    controls=("MON-1", "MON-3"),
    scope=Scope.FILE,
)
def predictions_not_logged(events: Events) -> Iterator[Match]:
    """A service answers with predictions and records neither what came in nor what went out.

    Drift can't be measured, a wrong answer can't be explained, and true labels that arrive later have nothing to be
    joined to.

    Bad:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")


        @app.post("/predict")
        def predict(features: list[float]):
            return {"score": float(model.predict([features])[0])}

    Good:

        import logging

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")
        logger = logging.getLogger("predictions")


        @app.post("/predict")
        def predict(features: list[float]):
            score = float(model.predict([features])[0])
            logger.info("prediction", extra={"version": "17", "features": features, "score": score})
            return {"score": score}

    Fix: one structured record for each prediction: time, request id, model version, inputs, output.

    Not seen: a gateway or a platform that captures requests. Middleware in the program, and a call that is not known
    and gets the prediction, count as a record.

    Source: EU AI Act, Article 12(1).
    """
    if events.is_test or any("middleware" in event.short for event in events):
        return
    for handler in handlers(events):
        predicted = [event for event in handler.of("predict") if event.effect("predict")]
        if predicted and not any(_records(event) for event in handler.items):
            first = predicted[0]
            yield Match(
                first.at,
                f"`{handler.name}` answers with predictions and records none",
                confidence=Confidence.MEDIUM,
                related=(Related(handler.route.at, "the handler"),) if handler.route is not None else (),
                fix="Write a structured record of inputs, output and model version.",
                symbol=first.function,
            )


def _records(event: Event) -> bool:
    """Whether an event keeps the prediction or the request: a log, a table, a queue, or a call that is not known."""
    if _KEEPS & set(event.roles):
        return True
    if event.effect("sink"):
        return not event.name.startswith("builtins.")
    values = (*event.arguments.values(), *(inner for value in event.arguments.values() for inner in value.elements))
    return "call" in event.roles and not event.strong and any(value.models for value in values)
