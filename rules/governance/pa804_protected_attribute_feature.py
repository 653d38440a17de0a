from pipeaudit.rule import (
    Confidence,
    Iterator,
    Match,
    Project,
    Severity,
    StageKind,
    Training,
    is_test,
    protected,
    proxies,
    rule,
    trainings,
)


@rule(
    "PA804",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.PREPROCESSING,
    controls=("EVL-3",),
    tier="pack:ethics",
    kinds=("protected", "proxy"),
)
def protected_attribute_feature(project: Project) -> Iterator[Match]:
    """A protected attribute of people, or a stand-in for one, is a feature of a model.

    The model may treat people differently for what they are; in many uses the law forbids that.

    Kinds: `protected`, `proxy` (a note: postal codes, names and the like).

    Bad, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("loans.csv")
        LogisticRegression().fit(rows[["income", "gender", "zip_code"]], rows["default"])

    Good, in train.py:

        import pandas as pd
        from fairlearn.metrics import MetricFrame
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import recall_score

        rows = pd.read_csv("loans.csv")
        model = LogisticRegression().fit(rows[["income", "debt"]], rows["default"])
        predicted = model.predict(rows[["income", "debt"]])
        frame = MetricFrame(
            metrics=recall_score, y_true=rows["default"], y_pred=predicted, sensitive_features=rows["gender"]
        )
        print(frame.by_group)

    Fix: leave it out and use it for auditing only, or write down why the model needs it.

    Not seen: columns of frames whose names the code does not tell, and attributes under other names. In medicine age
    and sex may be needed: the finding asks for the reason, which a suppression can give.

    Source: SE for ML practice 6; EU AI Act, Article 10(2)(f); GDPR, Article 9.
    """
    seen = set()
    for path in sorted(project.programs):
        for training in [] if is_test(path) else trainings(project.programs[path]):
            if training.event.at not in seen:
                seen.add(training.event.at)
                yield from _judged(training)


def _judged(training: Training) -> Iterator[Match]:
    columns = training.features.columns or ()
    found = protected(columns)
    if found:
        yield Match(
            training.event.at,
            f"the model is trained on {_names(found)}",
            kind="protected",
            confidence=Confidence.MEDIUM,
            fix="Leave it out, or give the reason.",
            symbol=training.event.function,
        )
    elif stand_ins := proxies(columns):
        yield Match(
            training.event.at,
            f"the model is trained on {_names(stand_ins)}, which may stand in for a protected attribute",
            kind="proxy",
            severity=Severity.NOTE,
            confidence=Confidence.MEDIUM,
            fix="Check how it goes with protected attributes.",
            symbol=training.event.function,
        )


def _names(columns: list[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns[:5])
