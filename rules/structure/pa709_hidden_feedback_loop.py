import re

from pipeaudit.rule import (
    Confidence,
    Iterator,
    Match,
    Project,
    Related,
    Severity,
    StageKind,
    Touch,
    is_test,
    rule,
    same_file,
)

_LABELLED = re.compile(
    r"feedback|label|outcome|ground_?truth|actual|verified|annotat|explor|holdout|propensity", re.IGNORECASE
)


@rule(
    "PA709",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.MONITORING,
    controls=("TRB-1", "MON-4"),
    tier="pack:debt",
)
def hidden_feedback_loop(project: Project) -> Iterator[Match]:
    """Training reads what the model's own service has written: the model learns from its decisions.

    It grows sure of what it has said before, and what it never let happen it never learns.

    Bad, in app.py:

        import joblib
        import pandas as pd

        model = joblib.load("model.pkl")

        def serve(rows):
            rows["left"] = model.predict(rows)
            rows.to_csv("predictions.csv", mode="a")

        serve(pd.read_csv("today.csv"))

    And in train.py:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.concat([pd.read_csv("rows.csv"), pd.read_csv("predictions.csv")])
        joblib.dump(LogisticRegression().fit(rows[["age"]], rows["left"]), "model.pkl")

    Good, in app.py:

        import joblib
        import pandas as pd

        model = joblib.load("model.pkl")

        def serve(rows):
            rows["left"] = model.predict(rows)
            rows.to_csv("predictions.csv", mode="a")

        serve(pd.read_csv("today.csv"))

    And in train.py:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        joblib.dump(LogisticRegression().fit(rows[["age"]], rows["left"]), "model.pkl")

    Fix: keep labels and predictions apart, keep a sample that the model does not touch, log how likely a decision was.

    Not seen: loops that lead through databases and other systems. Labels that people give, joined to what was logged,
    are healthy; files that are named for that are not counted.

    Source: Sculley et al. 2015, feedback loops; EU AI Act, Article 15(4).
    """
    for writer in project.written:
        if not _predicts(project, writer) or _LABELLED.search(writer.name):
            continue
        for reader in project.read:
            trains = project.programs[reader.program].of("train")
            apart = reader.program != writer.program and not is_test(reader.program)
            if trains and apart and "read" in reader.event.roles and same_file(writer, reader) is not False:
                yield Match(
                    reader.event.at,
                    f"training reads `{reader.name}`, which holds the model's own predictions",
                    confidence=Confidence.MEDIUM,
                    related=(Related(writer.event.at, "they are written here"),),
                    fix="Keep labels and predictions apart.",
                    symbol=reader.event.function,
                )
                break


def _predicts(project: Project, writer: Touch) -> bool:
    """Whether the program asks a loaded model, trains none, and writes a table."""
    program = project.programs[writer.program]
    if is_test(writer.program) or "write_data" not in writer.event.roles or program.of("train"):
        return False
    asks = program.of("predict") or [e for e in program if e.name.endswith((".predict", ".predict_proba"))]
    return bool(asks) and bool(program.of("load_model", "serve"))
