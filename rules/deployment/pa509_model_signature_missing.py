from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Scope, Severity, StageKind, rule

_SAYS = ("signature", "input_example", "signatures", "**")


@rule(
    "PA509",
    Severity.NOTE,
    ceiling=Confidence.HIGH,
    stage=StageKind.TRAINING,
    controls=("DEP-1", "TRB-2"),
    scope=Scope.FILE,
)
def model_signature_missing(events: Events) -> Iterator[Match]:
    """A model is logged without saying which inputs it takes.

    MLflow then can't refuse a wrong column or type, and whoever serves the model has to guess them.

    Bad:

        import mlflow
        import pandas as pd
        from sklearn.linear_model import Ridge

        rows = pd.read_csv("rows.csv")
        model = Ridge().fit(rows[["age"]], rows["price"])
        mlflow.sklearn.log_model(model, name="model")

    Good:

        import mlflow
        import pandas as pd
        from mlflow.models import infer_signature
        from sklearn.linear_model import Ridge

        rows = pd.read_csv("rows.csv")
        model = Ridge().fit(rows[["age"]], rows["price"])
        signature = infer_signature(rows[["age"]], model.predict(rows[["age"]]))
        mlflow.sklearn.log_model(model, name="model", signature=signature)

    Fix: `signature=infer_signature(inputs, outputs)`, or an `input_example`.

    Not seen: type hints of a pyfunc model, from which the signature follows. Automatic logging writes one, and is left
    alone.
    """
    if events.is_test or any("autolog" in event.short for event in events):
        return
    for event in events.of("save_model"):
        if _is_flavor(event) and not any(name in event.arguments for name in _SAYS):
            yield Match(
                event.at,
                f"`{event.short}` says nothing about the model's inputs",
                fix="Pass signature=infer_signature(inputs, outputs) or input_example=.",
                symbol=event.function,
            )


def _is_flavor(event: Event) -> bool:
    """Whether the model is written by a flavor of MLflow, which takes a signature."""
    return (
        event.name.startswith("mlflow.") and event.short in ("log_model", "save_model") and "pyfunc" not in event.name
    )
