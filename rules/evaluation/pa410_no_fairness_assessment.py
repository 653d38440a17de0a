from pipeaudit.rule import (
    Confidence,
    Iterator,
    Match,
    Project,
    Severity,
    StageKind,
    is_test,
    protected,
    rule,
    trainings,
)

_ASSESSES = ("fairness-metrics", "sliced-call", "segment-metrics", "fairness-documented")


@rule(
    "PA410",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.EVALUATION,
    controls=("EVL-3",),
    tier="pack:ethics",
)
def no_fairness_assessment(project: Project) -> Iterator[Match]:
    """A model of people is trained on data that tells their sex, origin or the like, and is not judged by these groups.

    It may fail one group far more often than another, and the average does not show it.

    Bad, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import roc_auc_score

        rows = pd.read_csv("loans.csv", usecols=["income", "sex", "default"])
        model = LogisticRegression().fit(rows[["income"]], rows["default"])
        print(roc_auc_score(rows["default"], model.predict_proba(rows[["income"]])[:, 1]))

    Good, in train.py:

        import pandas as pd
        from fairlearn.metrics import MetricFrame
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import recall_score

        rows = pd.read_csv("loans.csv", usecols=["income", "sex", "default"])
        model = LogisticRegression().fit(rows[["income"]], rows["default"])
        predicted = model.predict(rows[["income"]])
        frame = MetricFrame(
            metrics=recall_score, y_true=rows["default"], y_pred=predicted, sensitive_features=rows["sex"]
        )
        print(frame.by_group)

    Fix: judge the model by group (`fairlearn.metrics.MetricFrame`), and write down what was found.

    Not seen: columns of frames whose names the code does not tell. Studies get a note.

    Source: ML Test Score, Model 7; EU AI Act, Article 10(2)(f).
    """
    if project.profile in ("library", "none", "platform") or project.evidence(*_ASSESSES):
        return
    for path in sorted(project.programs):
        program = project.programs[path]
        fits = [] if is_test(path) else trainings(program)
        columns = [column for training in fits for column in training.features.columns or ()]
        for event in program.of("read", "query"):
            for name in ("usecols", "columns", "names"):
                listed = event.constant(name)
                columns += [c for c in listed if isinstance(c, str)] if isinstance(listed, list | tuple) else []
        found = protected(dict.fromkeys(columns))
        names = ", ".join(f"`{column}`" for column in found[:5])
        if found and fits:
            yield Match(
                fits[0].event.at,
                f"the data tells {names} of people, and no score is given by group",
                severity=Severity.NOTE if project.profile == "study" else None,
                confidence=Confidence.MEDIUM,
                fix="Give the scores by group.",
                symbol=fits[0].event.function,
            )
            return
