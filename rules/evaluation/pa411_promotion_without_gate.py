from pipeaudit.rule import Confidence, Event, Iterator, Match, Project, Related, Severity, StageKind, is_test, rule

_GATES = ("metric-gate", "champion-challenger", "model-approval-required", "approval-gate")
_PRODUCTION = ("production", "prod", "champion", "live", "approved", "serving", "active", "default")


@rule(
    "PA411",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.DEPLOYMENT,
    controls=("DEP-2", "ANT-4", "EVL-1"),
)
def promotion_without_gate(project: Project) -> Iterator[Match]:
    """A model goes into service at the end of its training, whatever its score.

    A run on broken data replaces a good model by a bad one, and nobody was asked.

    Bad, in train.py:

        import mlflow
        import pandas as pd
        from mlflow.tracking import MlflowClient
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        model = LogisticRegression().fit(rows[["a"]], rows["b"])
        mlflow.sklearn.log_model(model, "model", registered_model_name="churn")
        MlflowClient().set_registered_model_alias("churn", "champion", "3")

    Good, in train.py:

        import mlflow
        import pandas as pd
        from mlflow.tracking import MlflowClient
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import f1_score

        rows = pd.read_csv("rows.csv")
        held = pd.read_csv("held.csv")
        model = LogisticRegression().fit(rows[["a"]], rows["b"])
        mlflow.sklearn.log_model(model, "model", registered_model_name="churn")
        if f1_score(held["b"], model.predict(held[["a"]])) > 0.8:
            MlflowClient().set_registered_model_alias("churn", "champion", "3")

    Fix: promote only when a metric on held-out rows passes a threshold or beats the model in service.

    Not seen: gates of a platform. Commands that only promote, and promotions under a condition, are not counted.

    Source: ML Test Score, Infra 4.
    """
    seen = set()
    for path in sorted(project.programs):
        program = project.programs[path]
        trained = program.of("train")
        for event in program.of("promote", "deploy"):
            if event.at in seen or is_test(path) or program.is_notebook or not _is_open(event):
                continue
            before = [fit for fit in trained if fit.id < event.id]
            if before and project.evidence(*_GATES):
                return
            if before:
                seen.add(event.at)
                yield Match(
                    event.at,
                    "the model is put into service right after its training, whatever its score",
                    confidence=Confidence.MEDIUM,
                    related=(Related(before[-1].at, "it is trained here"),),
                    fix="Compare a held-out metric with a threshold or with the model in service first.",
                    symbol=event.function,
                )


def _is_open(event: Event) -> bool:
    """Whether it is no step that depends on a condition, and names something that serves."""
    if event.conditional:
        return False
    if "deploy" in event.roles:
        return True
    words = [value.constant for value in event.arguments.values() if isinstance(value.constant, str)]
    return any(word.lower() in _PRODUCTION for word in words)
