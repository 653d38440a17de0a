from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, is_test, rule

_COMPARES = (
    "baseline-model",
    "automl",
    "models-compared",
    "champion-challenger",
    "model-comparison-section",
    "hyperparameter-search-call",
)


@rule(
    "PA320",
    Severity.NOTE,
    ceiling=Confidence.LOW,
    stage=StageKind.TRAINING,
    controls=("TRN-1",),
    tier="pack:governance",
)
def no_baseline(project: Project) -> Iterator[Match]:
    """One kind of model is trained and judged, and nothing simple stands beside it.

    An accuracy of 0.95 is worth nothing where guessing gives 0.96.

    Bad, in train.py:

        import pandas as pd
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.metrics import f1_score
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        train, test = train_test_split(rows, random_state=0)
        model = RandomForestClassifier(random_state=0).fit(train[["a"]], train["b"])
        print(f1_score(test["b"], model.predict(test[["a"]])))

    Good, in train.py:

        import pandas as pd
        from sklearn.dummy import DummyClassifier
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.metrics import f1_score
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        train, test = train_test_split(rows, random_state=0)
        for model in (DummyClassifier(), RandomForestClassifier(random_state=0)):
            model.fit(train[["a"]], train["b"])
            print(f1_score(test["b"], model.predict(test[["a"]])))

    Fix: add a dummy or a simple model to the comparison.

    Not seen: baselines that a document only mentions. Pretrained models that are fine-tuned, and libraries, are not
    counted.

    Source: ML Test Score, Model 5.
    """
    if project.profile in ("library", "none", "platform", "service") or project.evidence(*_COMPARES):
        return
    if any(True for _ in project.events("load_pretrained")):
        return
    trained = project.training
    families = {type_name for event in trained for type_name in _types(event.detail.get("train"))}
    judged = any(not is_test(event.at.path) for event in project.events("metric", "evaluate"))
    if trained and judged and len(families) == 1:
        yield Match(
            trained[0].at,
            f"`{families.pop().rpartition('.')[2]}` is judged alone: no baseline stands beside it",
            confidence=Confidence.LOW,
            fix="Add a dummy or a simple model to the comparison.",
            symbol=trained[0].function,
        )


def _types(detail: object) -> tuple[str, ...]:
    types = detail.get("types") if isinstance(detail, dict) else None
    return types[:1] if isinstance(types, tuple) else ()
