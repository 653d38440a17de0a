from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, rule

_STARTS = (
    "training-scheduled",
    "training-triggered",
    "retraining-threshold",
    "training-in-ci",
    "redeploy-on-push",
    "retraining-documented",
    "training-on-request",
)


@rule(
    "PA609",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.MONITORING,
    controls=("MON-4",),
)
def no_retraining_trigger(project: Project) -> Iterator[Match]:
    """A deployed model is trained here by hand only: no schedule, event or threshold starts it anew.

    The model grows old, and nobody has decided when that is too old.

    Bad, in train.py:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        joblib.dump(LogisticRegression().fit(rows[["a"]], rows["b"]), "model.pkl")

    And in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            return model.predict(rows).tolist()

    Good, in train.py:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        joblib.dump(LogisticRegression().fit(rows[["a"]], rows["b"]), "model.pkl")

    And in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            return model.predict(rows).tolist()

    And in .github/workflows/train.yml:

        on: {schedule: [{cron: "0 3 * * 1"}]}
        jobs:
          train:
            runs-on: ubuntu-latest
            steps:
              - uses: actions/checkout@v4
              - run: python train.py

    Fix: start the pipeline on a schedule or when drift or the score crosses a threshold.

    Not seen: triggers that live elsewhere, and models that are meant to stay as they are: attest MON-4.

    Source: ML Test Score, Monitoring 4.
    """
    if project.profile != "full" or project.evidence(*_STARTS):
        return
    trained = [e for e in project.training if not e.at.path.endswith(".ipynb")]
    for event in sorted(trained, key=lambda e: not e.effect("train").get("rows"))[:1]:
        yield Match(
            event.at,
            "the deployed model is trained by hand: no schedule, event or threshold starts this",
            confidence=Confidence.MEDIUM,
            fix="Run the training on a schedule or on a trigger.",
            symbol=event.function,
        )
