from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, is_test, rule

_SLICES = ("sliced-call", "segment-metrics", "fairness-metrics", "behavioural-tests", "period-backtest", "skew-check")


@rule(
    "PA409",
    Severity.NOTE,
    ceiling=Confidence.LOW,
    stage=StageKind.EVALUATION,
    controls=("EVL-2",),
    tier="pack:governance",
)
def no_slice_evaluation(project: Project) -> Iterator[Match]:
    """The model is judged by one number over all rows, never by group, class or period.

    A good average hides the region, the class or the month in which it fails.

    Bad, in dvc.yaml:

        stages:
          train:
            cmd: python train.py
            outs: [model.pkl]

    And in train.py:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import roc_auc_score

        rows, held = pd.read_csv("rows.csv"), pd.read_csv("held.csv")
        model = LogisticRegression().fit(rows[["a"]], rows["b"])
        print(roc_auc_score(held["b"], model.predict_proba(held[["a"]])[:, 1]))
        joblib.dump(model, "model.pkl")

    Good, in dvc.yaml:

        stages:
          train:
            cmd: python train.py
            outs: [model.pkl]

    And in train.py:

        import joblib
        import pandas as pd
        from fairlearn.metrics import MetricFrame
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import accuracy_score

        rows, held = pd.read_csv("rows.csv"), pd.read_csv("held.csv")
        model = LogisticRegression().fit(rows[["a"]], rows["b"])
        predicted = model.predict(held[["a"]])
        frame = MetricFrame(
            metrics=accuracy_score, y_true=held["b"], y_pred=predicted, sensitive_features=held["region"]
        )
        print(frame.by_group)
        joblib.dump(model, "model.pkl")

    Fix: add a table by group or period.

    Not seen: slices that a report outside the repository has. Studies and libraries are not counted.

    Source: ML Test Score, Model 6.
    """
    if project.profile not in ("full", "training") or project.evidence(*_SLICES):
        return
    judged = [
        e for e in project.events("metric", "evaluate") if not is_test(e.at.path) and not e.at.path.endswith(".ipynb")
    ]
    for event in judged[:1]:
        yield Match(
            event.at,
            "the model is judged by numbers over all rows only",
            confidence=Confidence.LOW,
            fix="Add a table by group, class or period.",
            symbol=event.function,
        )
