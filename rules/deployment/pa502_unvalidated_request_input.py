import re

from pipeaudit.rule import (
    Confidence,
    Events,
    Handler,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    Snapshot,
    StageKind,
    handlers,
    is_from_request,
    rule,
)

_CHECKS = ("validate_data", "apply_transformer")  # a saved transformer takes its columns by name


@rule(
    "PA502",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.DEPLOYMENT,
    controls=("DEP-4", "TRB-2"),
    scope=Scope.FILE,
)
def unvalidated_request_input(events: Events) -> Iterator[Match]:
    """What comes in with a request reaches the model with no check of names, types or order.

    A missing field shifts all columns, a text becomes a number or an error, and the answer looks as good as any other.

    Bad:

        import joblib
        from flask import Flask, request

        app = Flask(__name__)
        model = joblib.load("model.pkl")


        @app.route("/predict", methods=["POST"])
        def predict():
            data = request.json
            return {"score": float(model.predict([list(data.values())])[0])}

    Good:

        import joblib
        from fastapi import FastAPI
        from pydantic import BaseModel

        app = FastAPI()
        model = joblib.load("model.pkl")


        class Customer(BaseModel):
            age: int
            visits: int


        @app.post("/predict")
        def predict(customer: Customer):
            return {"score": float(model.predict([[customer.age, customer.visits]])[0])}

    Fix: a typed request model, or a schema check before the prediction.

    Not seen: validation in middleware or in front of the service. Fields that are taken by name, one by one or by a
    saved transformer, count as chosen; uploaded files are left alone.
    """
    for handler in handlers(events):
        if handler.of(*_CHECKS):
            continue
        for event in handler.of("predict"):
            value = event.port("predict", "X") or next(iter(event.arguments.values()), None)
            if value is None or not is_from_request(events, None, value) or not _is_whole(events, handler, value):
                continue
            yield Match(
                event.at,
                f"`{value.name}` comes from the request and reaches `{event.subject}` unchecked",
                confidence=Confidence.MEDIUM,
                related=(Related(handler.route.at, "the handler"),) if handler.route is not None else (),
                fix="Parse the request with a typed model or check a schema.",
                symbol=event.function,
            )


def _is_whole(events: Events, handler: Handler, value: Snapshot) -> bool:
    """Whether the request's body goes on as it came: no field of it is taken by its name."""
    made = events.with_id(value.produced)
    sources = [value, *value.elements]
    if made is not None:
        sources += [part for argument in made.arguments.values() for part in (argument, *argument.elements)]
    text = " ".join(source.name for source in sources)
    if re.search(r"\[['\"]|\.get\(|\.files?\b|upload", text):
        return False
    bodies = {e.result.identity for e in handler.items if e.result is not None and "request" in e.name.lower()}
    return ".values()" in text or "request" in text or any(set(source.identities) & bodies for source in sources)
