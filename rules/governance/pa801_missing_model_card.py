from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, is_test, rule

_HANDED_ON = (
    "model-registered",
    "model-registered-on-log",
    "serving-endpoint",
    "served-by-call",
    "serving-resource",
    "batch-prediction",
    "model-exported",
)
_CARDS = ("model-card", "card-intended-use")


@rule(
    "PA801",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.OTHER,
    controls=("PRE-2", "EVL-3"),
)
def missing_model_card(project: Project) -> Iterator[Match]:
    """A model is registered, deployed or exported, and no card says what it is for and what it can't do.

    It is used for what it was not made for, by people who could not know.

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

    And in MODEL_CARD.md:

        # Churn model

        ## Intended use

        Ranks customers of the mobile contracts by how likely they leave in three months, for the retention team.
        It is not meant for single decisions about a person.

    Fix: add a card: intended use, data, metrics, limits, owner.

    Not seen: a card in the description of a registry or hub: attest PRE-2. Studies are not counted.

    Source: SE for ML practice 42; EU AI Act, Articles 11 and 13.
    """
    if project.profile not in ("full", "training", "service") or project.evidence(*_CARDS):
        return
    handed = [e for e in project.evidence(*_HANDED_ON) if not is_test(e.at.path) and not e.at.path.endswith(".ipynb")]
    for found in handed[:1]:
        yield Match(
            found.at,
            f"this model leaves the project ({found.what}), and no card describes it",
            confidence=Confidence.MEDIUM,
            fix="Add a MODEL_CARD.md: intended use, data, metrics, limits, owner.",
        )
