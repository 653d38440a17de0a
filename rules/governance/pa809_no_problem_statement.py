from pipeaudit.rule import Confidence, Iterator, Location, Match, Project, Severity, StageKind, rule

_PURPOSE = ("purpose-section", "objective-section", "objective-named", "readme-introduction", "card-intended-use")
_SUCCESS = (
    "target-metric-documented",
    "metric-in-configuration",
    "metric-threshold-in-config",
    "metric-gate",
    "target-in-config",
    "search-objective",
    "release-criteria-documented",
)


@rule(
    "PA809",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.OTHER,
    controls=("PRE-2", "PRE-4"),
    kinds=("no-purpose", "no-success-metric"),
)
def no_problem_statement(project: Project) -> Iterator[Match]:
    """No document says what the model is for, or from which score on it is good enough.

    Without that, every result is a success.

    Kinds: `no-purpose`, `no-success-metric`.

    Bad, in README.md:

        # Model

        ## Install

        pip install -r requirements.txt

    And in train.py:

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

    Good, in README.md:

        # Churn

        ## Objective

        We predict which customers of the mobile contracts will leave within three months, so that the team can
        call them in time. It replaces a list that was made by hand each month.

        ## Success metric

        The model goes into service when its recall among the first thousand customers is at least 0.4.

    And in train.py:

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

    Fix: state the objective, and the metric with its threshold, in the README or the configuration.

    Not seen: what is written down elsewhere: attest PRE-2 and PRE-4.

    Source: SE for ML practices 9 and 10; EU AI Act, Annex IV 1(a).
    """
    if project.profile not in ("full", "training", "service"):
        return
    readmes = sorted(project.repository.glob("/README*"))
    at = Location(readmes[0]) if readmes else project.training[0].at if project.training else None
    if at is None:
        return
    if not project.evidence(*_PURPOSE):
        yield Match(
            at,
            "no document says what the model is for",
            kind="no-purpose",
            confidence=Confidence.MEDIUM,
            fix="State the objective in the README.",
        )
    elif project.profile == "full" and not project.evidence(*_SUCCESS):
        yield Match(
            at,
            "no metric with a threshold says when the model is good enough",
            kind="no-success-metric",
            confidence=Confidence.LOW,
            fix="Name the primary metric and its threshold.",
        )
