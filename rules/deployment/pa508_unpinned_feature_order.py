import re

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

_BY_POSITION = re.compile(r"\.values\(\)")
_ORDERED = re.compile(r"feature_names|\.columns\b|reindex|FEATURES|COLUMNS|feature_order|feature_cols")


@rule(
    "PA508",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.DEPLOYMENT,
    controls=("TRB-2", "DEP-4"),
    scope=Scope.FILE,
)
def unpinned_feature_order(events: Events) -> Iterator[Match]:
    """A service hands the model its features in whatever order the request has them.

    The model knows columns by their place. A client that sorts its keys, or leaves one out, moves every value into
    another column, and nothing fails.

    Bad:

        import joblib
        import numpy as np
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")


        @app.post("/predict")
        def predict(payload: dict):
            features = np.array(list(payload.values())).reshape(1, -1)
            return {"score": float(model.predict(features)[0])}

    Good:

        import joblib
        import pandas as pd
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")


        @app.post("/predict")
        def predict(payload: dict):
            features = pd.DataFrame([payload])[model.feature_names_in_]
            return {"score": float(model.predict(features)[0])}

    Fix: keep the list of columns with the model and select by it.

    Not seen: an order that client and service have agreed on. A saved pipeline that takes its columns by name is left
    alone.
    """
    for handler in handlers(events):
        if handler.of("apply_transformer"):
            continue
        texts = {event.id: _text(event) for event in handler.items}
        if any(_ORDERED.search(text) for text in texts.values()):
            continue
        for event in handler.of("predict"):
            source = next((e for e in _behind(events, event) if _BY_POSITION.search(texts.get(e.id, ""))), None)
            if source is None:
                continue
            yield Match(
                source.at,
                "the features have the order of the request's keys, which nothing fixes",
                confidence=Confidence.MEDIUM,
                related=(Related(event.at, "the model gets them by position"),) if event.at != source.at else (),
                fix="Select the columns by a list that is kept with the model.",
                symbol=event.function,
            )


def _behind(events: Events, event: Event) -> Iterator[Event]:
    """The prediction and the calls that made what goes into it, back to the first."""
    yield event
    seen = {event.id}
    waiting = list(event.arguments.values())
    while waiting:
        value = waiting.pop()
        waiting.extend(value.elements)
        made = events.with_id(value.produced)
        if made is None or made.id in seen or made.id > event.id:
            continue
        seen.add(made.id)
        yield made
        waiting.extend(made.arguments.values())
        if made.receiver is not None:
            waiting.append(made.receiver)


def _text(event: Event) -> str:
    return " ".join(value.name for value in (*event.arguments.values(), *([event.receiver] if event.receiver else [])))
