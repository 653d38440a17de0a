from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Project,
    Related,
    Severity,
    StageKind,
    Touch,
    Training,
    is_test,
    rule,
    same_file,
    trainings,
)

_PREPARES = (
    "apply_transformer",
    "fit_transformer",
    "scale",
    "encode",
    "impute",
    "tokenize",
    "reduce",
    "select_features",
    "transform",
    "join",
)
_STEPS = ("scaling", "encoding", "imputation", "vocabulary", "projection", "discretization", "selection")


@rule(
    "PA217",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.DEPLOYMENT,
    controls=("TRB-2", "TRB-1", "MON-1"),
    kinds=("missing-step", "refit", "crossed-fields"),
)
def train_serve_skew(project: Project) -> Iterator[Match]:
    """What the model is given in service was not prepared as what it was trained on.

    Nothing fails: the model answers, and its answers mean nothing.

    Kinds: `missing-step` (training fits a transformer that the service does not apply), `refit` (the service fits it
    anew, on the request), `crossed-fields` (two fields of the request are taken under each other's names).

    Bad, in train.py:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("rows.csv")
        scaled = StandardScaler().fit_transform(rows[["a", "b"]])
        model = LogisticRegression().fit(scaled, rows["y"])
        joblib.dump(model, "model.pkl")

    And in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

        @app.post("/predict")
        def predict(a: float, b: float):
            return model.predict([[a, b]]).tolist()

    Good, in train.py:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("rows.csv")
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows[["a", "b"]], rows["y"])
        joblib.dump(model, "model.pkl")

    And in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

        @app.post("/predict")
        def predict(a: float, b: float):
            return model.predict([[a, b]]).tolist()

    Fix: save one pipeline that holds the steps and the model, or share one module between training and service.

    Not seen: steps that learn nothing (logarithms, ratios), constants and column lists that differ, a transformer of
    another run, and services that get their inputs prepared elsewhere. Silent where the service loads a second artifact
    or calls a helper that could not be followed.

    Source: Sculley et al. 2015; ML Test Score, Monitoring 3.
    """
    yield from _crossed(project)
    for writer in project.written:
        training = _training(project, writer)
        if training is None:
            continue
        for reader in project.read:
            if _serves(project, writer, reader):
                yield from _compared(project, writer, training, reader)


def _crossed(project: Project) -> Iterator[Match]:
    for path in sorted(project.programs):
        if not is_test(path) and project.programs[path].of("serve"):
            for crossed in project.crossed_fields(path):
                yield Match(
                    crossed.at,
                    f"`{crossed.name}` is given the request's `{crossed.field}`, and the other way round",
                    kind="crossed-fields",
                    confidence=Confidence.MEDIUM,
                    fix="Take each field under its own name.",
                )


def _training(project: Project, writer: Touch) -> Training | None:
    """The last fit of the model that is saved here, if learned steps went into its features."""
    saved = writer.event.detail.get("save")
    value = writer.event.argument(str(saved.get("obj"))) if isinstance(saved, dict) else None
    value = value or writer.event.receiver
    if value is None or is_test(writer.program) or writer.event.at.path.endswith(".ipynb"):
        return None
    fits = [t for t in trainings(project.programs[writer.program]) if set(t.models) & set(value.identities)]
    fitted = fits[-1] if fits else None
    return fitted if fitted is not None and _steps(fitted) else None


def _steps(training: Training) -> list[str]:
    """What learned steps made the features, apart from the model's own."""
    return sorted({item.what for item in training.features.learned if item.what in _STEPS and item.strong})


def _serves(project: Project, writer: Touch, reader: Touch) -> bool:
    program = project.programs[reader.program]
    if reader.program == writer.program or is_test(reader.program) or program.is_notebook:
        return False
    if same_file(writer, reader) is False or program.of("train", "metric", "evaluate"):
        return False
    return bool(_predictions(program))


def _predictions(program: Events) -> list[Event]:
    return [
        event for event in program if "predict" in event.roles or event.name.endswith((".predict", ".predict_proba"))
    ]


def _compared(project: Project, writer: Touch, training: Training, reader: Touch) -> Iterator[Match]:
    program = project.programs[reader.program]
    prediction = _predictions(program)[0]
    steps = ", ".join(_steps(training))
    related = (
        Related(training.event.at, f"the model is trained on features that went through {steps}"),
        Related(writer.event.at, "it is saved without that step"),
    )
    refits = [e for e in program.of("fit_transformer", "learn") if "learn" in e.detail]
    if refits:
        yield Match(
            refits[0].at,
            f"the service fits a transformer anew before it asks the model of `{reader.name}`",
            kind="refit",
            confidence=Confidence.MEDIUM,
            related=related,
            fix="Save what training fitted, and apply that.",
            symbol=refits[0].function,
        )
    elif not program.of(*_PREPARES) and not _loads_more(program, reader) and not _is_unclear(program, prediction):
        yield Match(
            prediction.at,
            f"the model of `{reader.name}` is asked without the step ({steps}) that its training data went through",
            kind="missing-step",
            confidence=Confidence.MEDIUM,
            related=related,
            fix="Save one pipeline that holds the step and the model.",
            symbol=prediction.function,
        )


def _loads_more(program: Events, reader: Touch) -> bool:
    """Whether the service loads another artifact, which may be the step."""
    return any(event.at != reader.event.at for event in program.of("load_model", "load_pretrained"))


def _is_unclear(program: Events, prediction: Event) -> bool:
    """Whether the input comes from a helper that could not be followed."""
    value = prediction.argument("X") or prediction.argument("0")
    if value is None or not value.name:
        return value is not None
    made = [e for e in program if e.name.startswith("?") and e.function == prediction.function and e.id < prediction.id]
    return bool(made)
