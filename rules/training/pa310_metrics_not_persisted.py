from pipeaudit.rule import (
    Confidence,
    Evaluation,
    Event,
    Events,
    Iterator,
    Location,
    Match,
    Related,
    Scope,
    Severity,
    StageKind,
    asked_by,
    evaluations,
    held_out,
    rule,
    trainings,
)

_KEEPS = frozenset(
    "call write_data log_metric log_param artifact_put gate test_assert branch register promote alert monitor set_item"
    " set_attribute save_model track_run report_file".split()
)
_KEEPING_EFFECTS = ("writes", "save", "log", "register", "promote", "validate")


@rule(
    "PA310",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.EVALUATION,
    controls=("EVL-1", "TRB-3", "ANT-3"),
    tier="core",
    scope=Scope.FILE,
)
def metrics_not_persisted(events: Events) -> Iterator[Match]:
    """The scores of a trained model are printed and kept nowhere.

    Once the terminal is closed nobody can say how good the model was, compare it with the next one, or stop a worse
    one.

    Bad:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import f1_score
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        features, target = rows.drop(columns="churned"), rows["churned"]
        x_train, x_test, y_train, y_test = train_test_split(features, target, random_state=0)
        model = LogisticRegression().fit(x_train, y_train)
        print("F1:", f1_score(y_test, model.predict(x_test)))

    Good:

        import json
        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import f1_score
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        features, target = rows.drop(columns="churned"), rows["churned"]
        x_train, x_test, y_train, y_test = train_test_split(features, target, random_state=0)
        model = LogisticRegression().fit(x_train, y_train)
        with open("metrics.json", "w") as file:
            json.dump({"f1": f1_score(y_test, model.predict(x_test))}, file)

    Fix: write a metrics file, log to a tracker, or compare with a threshold that can fail.

    Not seen: notebooks, where the output is kept with the cell. A score that goes into a call that is not known counts
    as kept, and so do trackers that log by themselves, and a search that asks for the score.
    """
    if events.is_notebook or events.is_test:
        return
    ran = events.ran()
    if any("log_metric" in event.roles for event in ran):
        return
    fits = trainings(events)
    searches = events.of("search")
    judged = [
        e
        for e in evaluations(events)
        if e.how in ("metric", "score")
        and e.event.id < len(ran)
        and not any(_answers(search, e.event) for search in searches)
        and any(set(fit.models) & set(e.models) and held_out(events, fit, e) for fit in fits)
    ]
    kept = _kept(ran)
    if not judged or any(e.event.id in kept for e in judged):
        return
    last = judged[-1]
    how = "printed" if _is_printed(ran, last.event) else "computed"
    yield Match(
        last.event.at,
        f"`{last.event.short}` on held-out rows is {how} and kept nowhere",
        confidence=Confidence.HIGH if last.event.strong else Confidence.MEDIUM,
        related=tuple(Related(at, "also not kept") for at in _others(judged, last)),
        fix="Write it to a metrics file or log it to a tracker.",
        symbol=last.event.function,
    )


def _answers(search: Event, metric: Event) -> bool:
    """Whether a search asks for this score, by a function's name or in a lambda of its own call."""
    at, caller = search.at, metric.caller
    inside = caller is not None and caller.path == at.path and at.line <= caller.line <= (at.end_line or at.line)
    return asked_by(search, metric) or inside


def _others(judged: list[Evaluation], last: Evaluation) -> list[Location]:
    places = dict.fromkeys(e.event.at for e in judged if e.event.at != last.event.at)
    return list(places)[:5]


def _kept(ran: tuple[Event, ...]) -> set[int]:
    """The metric events whose values go somewhere that lasts."""
    kept: set[int] = set()
    for event in ran:
        if not (
            _KEEPS & set(event.roles)
            or any(event.effect(op) for op in _KEEPING_EFFECTS)
            or _sinks_to(event, "file", "alert", "metric_store")
        ):
            continue
        if _sinks_to(event, "console", "display"):
            continue
        for value in (*event.arguments.values(), *([event.receiver] if event.receiver else [])):
            kept.update(value.metrics)
            for inner in value.elements:
                kept.update(inner.metrics)
    return kept


def _sinks_to(event: Event, *kinds: str) -> bool:
    return event.effect("sink").get("what") in kinds


def _is_printed(ran: tuple[Event, ...], metric: Event) -> bool:
    return any(
        metric.id in value.metrics or any(metric.id in inner.metrics for inner in value.elements)
        for event in ran
        if _sinks_to(event, "console", "display")
        for value in event.arguments.values()
    )
