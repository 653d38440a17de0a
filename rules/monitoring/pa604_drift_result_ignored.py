from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    StageKind,
    is_example,
    rule,
)

_SHOWS = frozenset(
    """save_html save show save_json to_html write_html display get_html plot _repr_html_ write_report
    save_as_html""".split()
)


@rule(
    "PA604",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.MONITORING,
    controls=("MON-1", "ANT-5"),
    scope=Scope.FILE,
)
def drift_result_ignored(events: Events) -> Iterator[Match]:
    """Drift is measured, and the result only becomes a picture or a page.

    A report that nobody has to open stops nothing: the model goes on with data it was not made for.

    Bad:

        import pandas as pd
        from evidently import Report
        from evidently.presets import DataDriftPreset

        result = Report([DataDriftPreset()]).run(pd.read_csv("current.csv"), pd.read_csv("reference.csv"))
        result.save_html("drift.html")

    Good:

        import sys

        import pandas as pd
        from evidently import Report
        from evidently.presets import DataDriftPreset

        result = Report([DataDriftPreset()]).run(pd.read_csv("current.csv"), pd.read_csv("reference.csv"))
        result.save_html("drift.html")
        if result.dict()["metrics"][0]["value"]["share"] > 0.3:
            sys.exit("the data has drifted")

    Fix: compare the result with a threshold, and fail, alert or start a retraining.

    Not seen: people who read the report on schedule. A result that goes to a tracker or a workspace is history, and a
    call that is not known counts as a use. In a notebook it is a note.
    """
    if events.is_test or is_example(events.path):
        return
    for drift in events.of("drift"):
        result = drift.result if drift.result is not None and drift.result.types else drift.receiver or drift.result
        if result is None or drift.constant("include_tests") is True or not drift.effect("drift"):
            continue
        identities = {result.identity, *(drift.receiver.identities if drift.receiver is not None else ())}
        uses = [event for event in events.items[drift.id + 1 :] if _uses(event, identities)]
        if any(_decides(event) for event in uses) or (events.is_notebook and not uses):
            continue
        if not uses and not result.types and not drift.statement:
            continue  # numbers, whose further way is not followed
        shown = uses[0].short if uses else "nothing"
        yield Match(
            drift.at,
            f"the result of `{drift.short}` only goes to `{shown}`"
            if uses
            else f"the result of `{drift.short}` goes nowhere",
            confidence=Confidence.HIGH if drift.strong else Confidence.MEDIUM,
            severity=Severity.NOTE if events.is_notebook else None,
            related=tuple(Related(event.at, "shown here") for event in uses[:3]),
            fix="Compare it with a threshold and act on it.",
            symbol=drift.function,
        )


def _uses(event: Event, identities: set[int]) -> bool:
    values = (*event.arguments.values(), *([event.receiver] if event.receiver is not None else []))
    return any(identities & set(value.identities) for value in values)


def _decides(event: Event) -> bool:
    """Whether a use can change anything: it is no picture, page or print."""
    return event.short not in _SHOWS and not event.effect("sink") and "drift" not in event.roles
