from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Project,
    Related,
    Scope,
    Severity,
    StageKind,
    Touch,
    evaluations,
    is_example,
    is_test,
    rule,
    same_file,
    trainings,
)


@rule(
    "PA408",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.EVALUATION,
    controls=("TRN-4", "EVL-1"),
    scope=Scope.PROJECT,
    yields_to=("PA205",),
)
def no_holdout_evaluation(project: Project) -> Iterator[Match]:
    """A model is trained and saved, and nothing judges it on rows that it was not trained on.

    Nobody knows how good it is, or whether it is better than the one before.

    Bad:

        import joblib
        import pandas as pd
        from sklearn.ensemble import RandomForestClassifier

        rows = pd.read_csv("rows.csv")
        model = RandomForestClassifier(random_state=0).fit(rows.drop(columns="churned"), rows["churned"])
        joblib.dump(model, "model.pkl")

    Good:

        import joblib
        import pandas as pd
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.model_selection import cross_val_score

        rows = pd.read_csv("rows.csv")
        model = RandomForestClassifier(random_state=0)
        print(cross_val_score(model, rows.drop(columns="churned"), rows["churned"]).mean())
        model.fit(rows.drop(columns="churned"), rows["churned"])
        joblib.dump(model, "model.pkl")

    Fix: a held-out evaluation, in the program or in a stage of its own.

    Not seen: an evaluation in another repository. Models without a label (clusters, indices), tests and examples are
    left out; a program that splits, cross-validates or searches counts as judging.

    Source: Kapoor and Narayanan, leakage L1.1.
    """
    for touch in project.written:
        events = project.programs[touch.program]
        if is_test(touch.program) or is_example(touch.program) or "save_model" not in touch.event.roles:
            continue
        fit = _supervised_fit(events, touch.event)
        if fit is None or _judges(events) or _judged_elsewhere(project, touch):
            continue
        yield Match(
            touch.event.at,
            f"the model in `{touch.name}` was never judged on rows that it was not trained on",
            confidence=Confidence.MEDIUM,
            related=(Related(fit.at, "trained here, on all rows"),),
            fix="Evaluate it on held-out rows or by cross-validation.",
            symbol=touch.event.function,
        )


def _supervised_fit(events: Events, save: Event) -> Event | None:
    """The fit, with a label, of the model that is saved."""
    saved = save.port("save", "obj")
    if saved is None or save.id >= len(events.ran()):
        return None
    identities = {i for value in (saved, *saved.elements) for i in value.identities}
    for training in trainings(events):
        label = training.event.port("train", "y")
        kind = training.event.detail.get("hard_labels")
        if identities & set(training.models) and label is not None and kind in ("classifier", "regressor", "held"):
            return training.event
    return None


def _judges(events: Events) -> bool:
    """Whether the program does anything that could judge a model: a split, a metric, a search, a validation set."""
    if events.of("split", "metric", "evaluate", "search"):
        return True
    return any(evaluation.how in ("cv", "tail", "steer", "score", "metric") for evaluation in evaluations(events))


def _judged_elsewhere(project: Project, touch: Touch) -> bool:
    """Whether another program loads the model and computes a metric."""
    for read in project.read:
        other = read.program != touch.program and same_file(touch, read) is not False
        if other and project.programs[read.program].of("metric", "evaluate"):
            return True
    return False
