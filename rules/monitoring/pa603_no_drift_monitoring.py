import re

from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, rule

_WATCHES = (
    "drift-check",
    "drift-monitor-resource",
    "quality-monitor",
    "monitoring-scheduled",
    "monitor-in-service",
    "skew-check",
)
_NAMED = re.compile(r"drift|model[-_ ]?monitor|data[-_ ]?quality", re.IGNORECASE)


@rule(
    "PA603",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.MONITORING,
    controls=("MON-1", "TRB-1"),
)
def no_drift_monitoring(project: Project) -> Iterator[Match]:
    """A model is served, and nothing here compares what it meets with what it was trained on.

    Inputs change, the score of the day of training does not say so, and wrong answers are noticed by users.

    Bad, in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            return model.predict(rows).tolist()

    Good, in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            return model.predict(rows).tolist()

    And in drift.py:

        import pandas as pd
        from evidently.metric_preset import DataDriftPreset
        from evidently.report import Report

        report = Report(metrics=[DataDriftPreset()])
        report.run(reference_data=pd.read_csv("train.csv"), current_data=pd.read_csv("requests.csv"))
        if report.as_dict()["metrics"][0]["result"]["dataset_drift"]:
            raise SystemExit("the data has drifted")

    Fix: keep the requests, and run a scheduled check of them against the training data.

    Not seen: monitoring that lives in another repository or on a platform: attest MON-1. Applications of hosted
    language models, which have no training data of their own, are not counted.

    Source: SE for ML practice 30; EU AI Act, Article 72.
    """
    if project.profile not in ("full", "service") or project.evidence(*_WATCHES):
        return
    if any(_NAMED.search(path) for path in project.repository.paths):
        return
    own = bool(project.training) or any(True for _ in project.events("load_model", "predict"))
    for found in project.serving[:1] if own else ():
        yield Match(
            found.at,
            f"a model is served here ({found.what}), and nothing in the repository watches it for drift",
            confidence=Confidence.MEDIUM,
            fix="Add a scheduled check of logged requests against the training data.",
        )
