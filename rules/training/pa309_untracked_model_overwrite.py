from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Origin,
    Project,
    Scope,
    Severity,
    StageKind,
    Touch,
    is_example,
    is_test,
    rule,
    trainings,
)

_TRACKING = frozenset("track_run artifact_put register promote deploy".split())


@rule(
    "PA309",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.TRAINING,
    controls=("ANT-2", "TRB-3"),
    scope=Scope.PROJECT,
)
def untracked_model_overwrite(project: Project) -> Iterator[Match]:
    """Training saves the model to one fixed path, and nothing keeps the one that was there.

    The next run replaces it. Nobody can go back to the model that worked, or say which data and code made the one in
    use.

    Bad:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        model = LogisticRegression().fit(rows.drop(columns="churned"), rows["churned"])
        joblib.dump(model, "model.pkl")

    Good:

        import mlflow
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        with mlflow.start_run():
            model = LogisticRegression().fit(rows.drop(columns="churned"), rows["churned"])
            mlflow.sklearn.log_model(model, name="model")

    Fix: log the model to a tracker or registry, make it an output of a DVC stage, or put a run id or date into its
    path.

    Not seen: a bucket with versioning behind a local path. Tests and examples are left out; in a notebook it is a
    note, since studies are not served. A path with a part that is not known counts as versioned.
    """
    if project.profile == "library":
        return
    told: set[tuple[str, str]] = set()
    for touch in project.written:
        events = project.programs[touch.program]
        event = touch.event
        if "save_model" not in event.roles or event.id >= len(events.ran()):
            continue
        if is_test(touch.program) or is_example(touch.program) or not _is_model(events, event):
            continue
        if _is_tracked(project, touch) or _keeps_runs(events) or _is_sent_away(events, event):
            continue
        if (touch.program, touch.name) in told:
            continue
        told.add((touch.program, touch.name))
        yield Match(
            event.at,
            f"the model is saved to `{event.detail.get('path')}`: the next run overwrites it, and no tracker, registry"
            " or DVC output keeps this one",
            confidence=Confidence.HIGH if event.strong else Confidence.MEDIUM,
            severity=Severity.NOTE if events.is_notebook or project.profile == "study" else None,
            fix="Log it to a tracker or registry, make it a DVC output, or put the run into its path.",
            symbol=event.function,
        )


def _is_model(events: Events, event: Event) -> bool:
    """Whether what is saved is a model that this program trains, alone, in a tuple or dict, or as its weights."""
    saved = event.port("save", "obj")
    if saved is None:
        return False
    trained = {identity for fit in trainings(events) for identity in fit.models}
    steps = any("backward" in other.roles for other in events.ran())
    if not trained and not steps:
        return False
    for value in (saved, *saved.elements):
        if trained & set(value.identities):
            return True
        made = events.with_id(value.produced)
        if steps and made is not None and made.receiver is not None and made.short == "state_dict":
            return True
    return steps and event.effect("save").get("what") == "model"


def _is_tracked(project: Project, touch: Touch) -> bool:
    """Whether a stage declares the file as its output, or a pointer file of DVC stands beside it."""
    declared = [a.name for node in project.graph.stages() for a in project.graph.writes(node, Origin.DECLARED)]
    for place in touch.places:
        if f"{place}.dvc" in project.repository:
            return True
        if any(place == name or place.startswith(f"{name}/") for name in declared if name):
            return True
    return False


def _keeps_runs(events: Events) -> bool:
    """Whether the program works in a run of a tracker, or in a folder of its own for each run."""
    return any(_TRACKING & set(event.roles) or event.effect("track") for event in events.ran())


def _is_sent_away(events: Events, saved: Event) -> bool:
    """Whether a later call gets the very path, as an upload would."""
    path = saved.detail.get("path")
    return any(
        value.constant == path
        for event in events.items[saved.id + 1 :]
        if "call" in event.roles and not event.effect("sink")
        for value in event.arguments.values()
    )
