from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, is_example, is_test, rule

_USUAL = (0, 0.5, 1)


@rule(
    "PA717",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.DEPLOYMENT,
    controls=("DEP-2", "MON-1"),
    tier="pack:debt",
)
def hardcoded_decision_threshold(project: Project) -> Iterator[Match]:
    """The service decides by a number in its code, which was right for one model.

    The next model is calibrated otherwise, and nobody thinks of the number.

    Bad, in app.py:

        import pandas as pd
        from fastapi import FastAPI
        from sklearn.linear_model import LogisticRegression

        app = FastAPI()
        rows = pd.read_csv("rows.csv")
        model = LogisticRegression().fit(rows[["a"]], rows["b"])

        @app.post("/predict")
        def predict(a: float):
            score = model.predict_proba([[a]])[0, 1]
            return {"block": bool(score > 0.37)}

    Good, in app.py:

        import json

        import pandas as pd
        from fastapi import FastAPI
        from sklearn.linear_model import LogisticRegression

        app = FastAPI()
        rows = pd.read_csv("rows.csv")
        model = LogisticRegression().fit(rows[["a"]], rows["b"])
        with open("threshold.json") as file:
            threshold = json.load(file)["threshold"]

        @app.post("/predict")
        def predict(a: float):
            score = model.predict_proba([[a]])[0, 1]
            return {"block": bool(score > threshold)}

    Fix: store the threshold with the model, and choose it anew when the model is trained.

    Not seen: scores of models whose kind is not known. The usual 0.5 is not counted.

    Source: Sculley et al. 2015, fixed thresholds in dynamic systems.
    """
    seen = set()
    for path in sorted(project.programs):
        program = project.programs[path]
        if not program.of("serve") or is_test(path) or is_example(path) or program.is_notebook:
            continue
        for event in program.of("threshold"):
            if event.at not in seen and event.detail["value"] not in _USUAL and event.detail["config"] is None:
                seen.add(event.at)
                yield Match(
                    event.at,
                    f"the service decides at {event.detail['value']}, whatever the model",
                    confidence=Confidence.MEDIUM,
                    fix="Store the threshold with the model.",
                    symbol=event.function,
                )
