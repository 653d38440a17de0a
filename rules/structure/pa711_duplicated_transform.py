import re
from difflib import SequenceMatcher
from posixpath import basename

from pipeaudit.rule import (
    Confidence,
    Event,
    Iterator,
    Location,
    Match,
    Project,
    Related,
    Severity,
    StageKind,
    is_example,
    is_test,
    rule,
)

_STEPS = "transform impute encode scale filter join tokenize reduce fit_transformer apply_transformer".split()
_COURSE = re.compile(r"lesson|homework|workshop|cohort|exercise|tutorial|chapter|starter|solution", re.IGNORECASE)
_FEWEST = 3
_ALIKE = 0.8
_MOST = 400


@rule(
    "PA711",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.PREPROCESSING,
    controls=("ANT-1", "TRB-2"),
)
def duplicated_transform(project: Project) -> Iterator[Match]:
    """The same steps of preparation stand in two places, which share no function.

    One is mended, the other is not, and training and service drift apart.

    Bad, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        rows["age"] = rows["age"].fillna(40)
        rows["plan"] = rows["plan"].map({"basic": 0, "full": 1})
        rows["bill"] = rows["bill"].clip(0, 500)
        LogisticRegression().fit(rows[["age", "plan", "bill"]], rows["left"])

    And in score.py:

        import joblib
        import pandas as pd

        rows = pd.read_csv("new.csv")
        rows["age"] = rows["age"].fillna(40)
        rows["plan"] = rows["plan"].map({"basic": 0, "full": 1})
        rows["bill"] = rows["bill"].clip(0, 500)
        print(joblib.load("model.pkl").predict(rows[["age", "plan", "bill"]]))

    Good, in features.py:

        def prepare(rows):
            rows["age"] = rows["age"].fillna(40)
            rows["plan"] = rows["plan"].map({"basic": 0, "full": 1})
            rows["bill"] = rows["bill"].clip(0, 500)
            return rows

    And in train.py:

        import pandas as pd
        from features import prepare
        from sklearn.linear_model import LogisticRegression

        rows = prepare(pd.read_csv("rows.csv"))
        LogisticRegression().fit(rows[["age", "plan", "bill"]], rows["left"])

    Fix: move the steps into a module that both use, or save them with the model in one pipeline.

    Not seen: the same steps written with other calls. A notebook that a script grew out of gets a note; tests,
    examples, courses and variants of one file in several folders are not counted.

    Source: Sculley et al. 2015, glue code and pipeline jungles.
    """
    sequences = [
        (where, events, [_step(event) for event in events])
        for where, events in sorted(_sequences(project).items())[:_MOST]
    ]
    told = set()
    for index, ((path, function), events, steps) in enumerate(sequences):
        distinct = set(steps)
        if _COURSE.search(path):
            continue
        for (other_path, other_function), other_events, others in sequences[index + 1 :]:
            if basename(path) == basename(other_path) or (other_path, other_function) in told:
                continue
            if len(distinct.intersection(others)) < _FEWEST or _COURSE.search(other_path):
                continue
            if _ratio(steps, others) >= _ALIKE:
                told.add((other_path, other_function))
                notebook = path.endswith(".ipynb") or other_path.endswith(".ipynb")
                yield Match(
                    other_events[0].at,
                    f"these {len(others)} steps stand in `{path}` as well",
                    severity=Severity.NOTE if notebook else None,
                    confidence=Confidence.MEDIUM,
                    related=(Related(events[0].at, "the same steps"),),
                    fix="Move them into a module that both use.",
                    symbol=other_function or function,
                )


def _sequences(project: Project) -> dict[tuple[str, str], list[Event]]:
    """Preparing steps by file and function, in order, each place once."""
    found: dict[tuple[str, str], dict[Location, Event]] = {}
    for path in sorted(project.programs):
        for event in project.programs[path].of(*_STEPS):
            place = event.at.path
            if place == path and not is_test(place) and not is_example(place) and "construct_model" not in event.roles:
                found.setdefault((place, event.function), {}).setdefault(event.at, event)
    return {key: list(events.values()) for key, events in found.items() if len(events) >= _FEWEST}


def _step(event: Event) -> tuple[str, str]:
    """A call with what it is given literally; what stands for the data does not count."""
    given = [f"{name}={value.constant!r}" for name, value in sorted(event.arguments.items()) if value.known]
    columns = event.receiver.columns if event.receiver is not None and event.receiver.columns else ()
    return event.name, " ".join((*given, *columns))


def _ratio(steps: list[tuple[str, str]], others: list[tuple[str, str]]) -> float:
    return SequenceMatcher(None, steps, others, autojunk=False).ratio()
