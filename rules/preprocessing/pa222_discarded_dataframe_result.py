from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Rewrite,
    Scope,
    Severity,
    Snapshot,
    StageKind,
    rule,
)

_CHANGES = frozenset(
    {"transform", "filter", "join", "impute", "encode", "resample", "scale", "reduce", "tokenize", "augment"}
)
_ROWS = frozenset({"same", "permute", "subset", "superset", "dup", "unknown"})


@rule(
    "PA222",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.PREPROCESSING,
    controls=("PRP-1", "PRP-2"),
    tier="core",
    scope=Scope.FILE,
    fixable=True,
    unsafe_fix=True,
)
def discarded_dataframe_result(events: Events) -> Iterator[Match]:
    """A call that gives back a changed frame or array stands alone, and its result is lost.

    `drop`, `fillna`, `sort_values` and their like change nothing in place: the program goes on with the old rows.

    Bad:

        import pandas as pd

        rows = pd.read_csv("rows.csv")
        rows.dropna()
        rows.to_csv("clean.csv")

    Good:

        import pandas as pd

        rows = pd.read_csv("rows.csv")
        rows = rows.dropna()
        rows.to_csv("clean.csv")

    Fix: assign the result, `rows = rows.dropna()`.

    Not seen: `append` on a series; calls of a function of the repository's own, which may have been meant for its side
    effects. The last line of a notebook cell shows its value and is left alone, as is a call that a test expects to
    fail.

    Source: Zhang et al., CAIN 2022, smell 7.
    """
    for event in events:
        if event.statement and not event.guarded and _is_pure(event) and not _is_kept_too(events, event):
            yield Match(
                event.at,
                f"the result of `{event.short}` is lost: it changes nothing in place",
                confidence=Confidence.MEDIUM if _is_guessed(events, event) else Confidence.HIGH,
                severity=Severity.NOTE if _ends_a_chain(event) else None,
                fix=f"Assign it: {event.subject} = {event.subject}.{event.short}(...)"
                if event.receiver
                else "Assign the result.",
                symbol=event.function,
                edit=_assignment(event),
            )


def _assignment(event: Event) -> Rewrite | None:
    """What was meant by most who wrote it; a call at the end of a chain was made for something else."""
    if event.receiver is None or _ends_a_chain(event):
        return None
    return Rewrite(event.at, (("_o._m(*___)", "_o = _o._m(*___)"),), safe=False)


def _is_pure(event: Event) -> bool:
    """Whether the call is known to do nothing but give back changed rows."""
    made = event.effect("derive")
    if event.detail.get("in_place") is not False or made.get("rows", "same") not in _ROWS or not made:
        return False
    if event.short.startswith("set_") and event.short not in ("set_index", "set_axis"):
        return False
    if event.receiver is not None and (not event.receiver.types or event.receiver.types[0] == "super"):
        return False
    if event.short == "append" and event.receiver is not None and not event.receiver.is_a("pandas.DataFrame"):
        return False  # an unknown mapping's list looks like a column
    if event.result is None or "none" in event.result.types or _calls_own_code(event, made):
        return False
    return bool(_CHANGES & set(event.roles)) or (
        event.receiver is not None and event.detail.get("may_change", False) is True
    )


def _is_guessed(events: Events, event: Event) -> bool:
    """Whether the object is a column of a parameter of which nothing else is known: it may be any mapping's item."""
    if event.receiver is None or not event.receiver.is_a("pandas.Series"):
        return False
    origins = events.rows.origins(event.receiver.rows)
    return bool(origins) and all(events.rows[token].source.startswith("parameter:") for token in origins)


def _ends_a_chain(event: Event) -> bool:
    """`rows.groupby("a").mean().round()` was meant to be looked at, not to change `rows`."""
    return event.receiver is not None and "(" in event.receiver.name


def _calls_own_code(event: Event, made: object) -> bool:
    """Whether a function of the repository runs inside (`rows.apply(draw)`), which may be the point of the call."""
    functions: list[Snapshot] = [value for value in event.arguments.values() if value.is_a("function", "method")]
    return bool(functions)


def _is_kept_too(events: Events, event: Event) -> bool:
    """Whether the same call on the same line gave its result to a name: nothing is lost then."""
    return any(
        other.name == event.name
        and other.at.path == event.at.path
        and other.at.line == event.at.line
        and not other.statement
        for other in events.items[max(0, event.id - 8) : event.id]
    )
