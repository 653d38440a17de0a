from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Scope, Severity, StageKind, rule

_COUNTS = frozenset(
    {"isna", "isnull", "notna", "notnull", "dropna", "info", "count", "value_counts", "any", "fillna", "ffill"}
)


@rule(
    "PA105",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.COLLECTION,
    controls=("COL-2", "PRP-1"),
    kinds=("bad-lines", "coerced", "malformed", "swallowed"),
    scope=Scope.FILE,
)
def lossy_read(events: Events) -> Iterator[Match]:
    """Records that can't be read are dropped, and nobody counts them.

    A change of format upstream then empties the training data, one file or one column at a time, without an error.

    Bad:

        import pandas as pd

        rows = pd.read_csv("rows.csv", on_bad_lines="skip")

    Good:

        import pandas as pd

        rows = pd.read_csv("rows.csv", on_bad_lines="error")

    Kinds: `bad-lines` (a reader skips them), `coerced` (values that don't parse become missing, and nothing counts
    them), `malformed` (Spark's `DROPMALFORMED`), `swallowed` (an exception per file is passed over in a loop).

    Fix: count and log what is dropped, and fail above a limit.

    Not seen: a count that is taken somewhere else. In notebooks it is a note.

    Source: MTS D1.
    """
    if events.is_test:
        return
    severity = Severity.NOTE if events.is_notebook else None
    for event in events.where(given=_GIVEN, shorts=("option", "options"), roles=("except",)):
        found = _kind(events, event)
        if found is not None:
            kind, message = found
            yield Match(
                event.at,
                message,
                kind=kind,
                confidence=Confidence.MEDIUM if kind in ("coerced", "swallowed") else Confidence.HIGH,
                severity=severity,
                fix="Count and log what is dropped; fail above a limit.",
                symbol=event.function,
            )


_GIVEN = ("on_bad_lines", "error_bad_lines", "mode", "errors")


def _kind(events: Events, event: Event) -> tuple[str, str] | None:
    if event.constant("on_bad_lines") == "skip" or event.constant("error_bad_lines") is False:
        return "bad-lines", f"`{event.short}` skips lines that it can't read, and nobody counts them"
    if event.constant("mode") == "DROPMALFORMED" or "DROPMALFORMED" in [
        v.constant for v in event.arguments.values() if v.known
    ]:
        return "malformed", "records that can't be read are dropped, and nobody counts them"
    if event.constant("errors") == "coerce" and event.short.startswith("to_") and not _is_counted(events, event):
        return "coerced", f"`{event.short}` turns what it can't read into missing values, and nothing counts them"
    if "except" in event.roles and event.detail.get("empty") and event.loops and _reads_before(events, event):
        return "swallowed", "a file that can't be read is passed over, and nobody is told"
    return None


def _is_counted(events: Events, event: Event) -> bool:
    """Whether missing values of these rows are looked at, counted or dropped later."""
    rows = event.result.rows if event.result is not None else frozenset()
    return not rows or any(
        later.short in _COUNTS and later.receiver is not None and bool(later.receiver.rows & rows)
        for later in events.items[event.id + 1 :]
    )


def _reads_before(events: Events, event: Event) -> bool:
    """Whether the `try` of this handler reads a file: the reads just before it, in the same loop."""
    for earlier in reversed(events.items[max(0, event.id - 12) : event.id]):
        if earlier.loops != event.loops or earlier.function != event.function:
            continue
        if earlier.guarded and {"read", "load_dataset", "download", "open"} & set(earlier.roles):
            return True
    return False
