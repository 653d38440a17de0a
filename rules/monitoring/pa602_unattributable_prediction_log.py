import re

from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Scope, Severity, StageKind, handlers, rule

_MODEL = re.compile(r"version|run_id|model_(?:name|uri|id|hash)|revision|alias|release", re.IGNORECASE)


@rule(
    "PA602",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.MONITORING,
    controls=("MON-3", "MON-1"),
    scope=Scope.FILE,
)
def unattributable_prediction_log(events: Events) -> Iterator[Match]:
    """Predictions are logged without saying which model made them, or for whom.

    After the next release nobody knows which lines belong to which model, and labels that arrive later can't be joined.

    Bad:

        import logging

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")
        logger = logging.getLogger("predictions")


        @app.post("/predict")
        def predict(features: list[float]):
            score = float(model.predict([features])[0])
            logger.info("pred=%s", score)
            return {"score": score}

    Good:

        import logging

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")
        logger = logging.getLogger("predictions")
        MODEL_VERSION = "17"


        @app.post("/predict")
        def predict(customer_id: str, features: list[float]):
            score = float(model.predict([features])[0])
            logger.info("pred=%s version=%s customer=%s", score, MODEL_VERSION, customer_id)
            return {"score": score}

    Fix: add the model's version, and an id by which the outcome can be joined.

    Not seen: fields that the logger's format, a context variable or a tracing library adds.

    Source: EU AI Act, Article 12(2).
    """
    if events.is_test or any("contextvars" in name or "structlog" in name for name in events.imports):
        return
    for handler in handlers(events):
        for event in handler.items:
            if not event.effect("sink") or event.name.startswith("builtins.") or not _has_prediction(event):
                continue
            if not _MODEL.search(_text(event)):
                yield Match(
                    event.at,
                    "the record says what was predicted, and not by which model",
                    confidence=Confidence.MEDIUM,
                    fix="Add the model's version and an id.",
                    symbol=event.function,
                )


def _has_prediction(event: Event) -> bool:
    return any(value.models or any(inner.models for inner in value.elements) for value in event.arguments.values())


def _text(event: Event) -> str:
    """All that the record says: names and constants of its arguments."""
    parts = [v for value in event.arguments.values() for v in (value, *value.elements)]
    return " ".join(f"{value.name} {value.constant if value.known else ''}" for value in parts)
