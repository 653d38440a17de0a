from pipeaudit.rule import Confidence, Event, Iterator, Location, Match, Project, Severity, StageKind, is_test, rule

_KEEPS = (
    "run-tracked",
    "metric-logged",
    "metrics-file-written",
    "metrics-declared",
    "model-logged-to-run",
    "dvc-lineage",
    "run-folders",
)


@rule(
    "PA311",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.TRAINING,
    controls=("EVL-1", "TRB-3", "COL-4"),
    kinds=("untracked", "log-overwrite"),
)
def run_not_tracked(project: Project) -> Iterator[Match]:
    """Nothing is kept of a run that trains a model: no tracker, no file of metrics, or a log that the next run erases.

    Which data and settings gave which score is a matter of memory.

    Kinds: `untracked` (one for the project), `log-overwrite` (a log of fixed name that is opened anew).

    Bad, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        model = LogisticRegression().fit(rows[["a"]], rows["b"])
        with open("train.log", "w") as log:
            log.write(str(model.score(rows[["a"]], rows["b"])))

    Good, in train.py:

        import mlflow
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        with mlflow.start_run():
            model = LogisticRegression().fit(rows[["a"]], rows["b"])
            mlflow.log_metric("accuracy", model.score(rows[["a"]], rows["b"]))

    Fix: log runs to MLflow, W&B or DVCLive, or write metrics to a file that DVC or git keeps.

    Not seen: trackers that a wrapper hides. Libraries are not counted; in studies it is a weak hint.

    Source: SE for ML practice 23.
    """
    if project.profile in ("library", "none", "platform", "service"):
        return
    study = project.profile == "study"
    trained = sorted(project.training, key=lambda event: (event.at.path.endswith(".ipynb"), event.at.key))
    if trained and not project.evidence(*_KEEPS):
        yield Match(
            _entry(project, trained[0]),
            "nothing is kept of this run: no tracker, and no file of metrics",
            kind="untracked",
            confidence=Confidence.LOW if study else Confidence.MEDIUM,
            fix="Log parameters and metrics to a tracker or a file.",
            symbol=trained[0].function,
        )
    programs = {event.at.path for event in project.training}
    seen = set()
    for path in sorted(project.programs):
        for event in project.programs[path].of("open"):
            if event.at not in seen and path in programs and not is_test(path) and _erases_a_log(event):
                seen.add(event.at)
                yield Match(
                    event.at,
                    f"each run erases `{event.constant('name')}`, the log of the last one",
                    kind="log-overwrite",
                    confidence=Confidence.MEDIUM,
                    fix="Append, or write into a folder of the run.",
                    symbol=event.function,
                )


def _entry(project: Project, event: Event) -> Location:
    """The program that starts the training, where a helper does the work."""
    if event.at.path.endswith(".ipynb"):
        return event.at
    starts = [path for path, program in sorted(project.programs.items()) if any(e.at == event.at for e in program)]
    scripts = [path for path in starts if not path.endswith(".ipynb") and not is_test(path)]
    mains = [path for path in scripts if project.programs[path].of("main")]
    return event.at if not mains or event.at.path in mains else Location(mains[0])


def _erases_a_log(event: Event) -> bool:
    name = event.constant("name")
    return (
        isinstance(name, str) and "{}" not in name and name.endswith(".log") and event.constant("mode") in ("w", "wt")
    )
