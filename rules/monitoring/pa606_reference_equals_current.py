import re

from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Scope, Severity, StageKind, is_example, rule

_REFERENCE = re.compile(r"(?<![a-z])(ref|reference|baseline|train|training)(?![a-z])", re.IGNORECASE)
_CURRENT = re.compile(r"(?<![a-z])(cur|current|prod|production|serving|live|latest)(?![a-z])", re.IGNORECASE)


@rule(
    "PA606",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.MONITORING,
    controls=("MON-1", "TRB-1"),
    tier="core",
    kinds=("random-split", "swapped"),
    scope=Scope.FILE,
)
def reference_equals_current(events: Events) -> Iterator[Match]:
    """Drift is measured between a data set and itself.

    There is none, whatever happens to the data: the check always passes.

    Bad:

        import pandas as pd
        from evidently import Report
        from evidently.presets import DataDriftPreset

        rows = pd.read_csv("rows.csv")
        result = Report([DataDriftPreset()]).run(current_data=rows, reference_data=rows)

    Good:

        import pandas as pd
        from evidently import Report
        from evidently.presets import DataDriftPreset

        reference = pd.read_csv("train.csv")
        current = pd.read_csv("last_week.csv")
        result = Report([DataDriftPreset()]).run(current_data=current, reference_data=reference)

    Fix: the training snapshot as reference, logged requests as current data.

    Kinds: `random-split` (two parts of one random split are compared, which differ by chance only), `swapped` (what is
    called reference is passed as the current data, and the other way round: the order of the two changed with
    Evidently 0.7).

    Not seen: two files with the same content; swapped data whose names say nothing. Tests and examples are left out.
    """
    if events.is_test or is_example(events.path):
        return
    for event in events.of("drift", "monitor"):
        current, reference = event.port("drift", "current"), event.port("drift", "reference")
        if current is None or reference is None:
            continue
        if set(current.identities) & set(reference.identities) or (current.rows and current.rows == reference.rows):
            certain = current.identity == reference.identity or (current.strong and reference.strong)
            yield Match(
                event.at,
                f"`{event.short}` compares `{current.name}` with itself",
                confidence=Confidence.HIGH if certain else Confidence.MEDIUM,
                fix="Compare the training snapshot with logged current data.",
                symbol=event.function,
            )
        elif _is_one_split(events, event):
            yield Match(
                event.at,
                f"`{current.name}` and `{reference.name}` are parts of one random split: they differ by chance only",
                kind="random-split",
                confidence=Confidence.MEDIUM,
                severity=Severity.WARNING,
                fix="Compare the training snapshot with logged current data.",
                symbol=event.function,
            )
        elif _is_swapped(current.name, reference.name):
            yield Match(
                event.at,
                f"`{current.name}` is passed as the current data, and `{reference.name}` as what it is compared with",
                kind="swapped",
                confidence=Confidence.MEDIUM,
                severity=Severity.WARNING,
                fix="Name the two arguments, and give each its own data.",
                symbol=event.function,
            )


def _is_swapped(current: str, reference: str) -> bool:
    """Whether each of the two is called what the other is."""
    names = (current, reference)
    return [bool(_REFERENCE.search(n)) for n in names] == [True, False] and [
        bool(_CURRENT.search(n)) for n in names
    ] == [False, True]


def _is_one_split(events: Events, event: Event) -> bool:
    current, reference = event.port("drift", "current"), event.port("drift", "reference")
    if current is None or reference is None:
        return False
    parts = [[events.rows[t] for t in value.rows] for value in (current, reference)]
    splits = [{rows.split for rows in side if rows.kind == "part" and rows.shuffled} for side in parts]
    return bool(splits[0] & splits[1])
