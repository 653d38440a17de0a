import re

from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Related, Scope, Severity, StageKind, rule

_DATED = re.compile(
    r"to_datetime$|date_range$|DatetimeIndex$|\.resample$|set_index$|sort_values$|sort_index$|read_\w+$"
)
_WHEN = re.compile(r"date|time|timestamp|year|month|week|day", re.IGNORECASE)


@rule(
    "PA212",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.PREPROCESSING,
    controls=("TRN-4", "TRB-1"),
    scope=Scope.FILE,
)
def shuffled_temporal_split(events: Events) -> Iterator[Match]:
    """Rows that follow each other in time are split at random.

    Neighbours in time are much alike, and lagged features even share values: for each test row the model has seen the
    day before and the day after.

    Bad:

        import pandas as pd
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("prices.csv", parse_dates=["date"])
        rows["last_price"] = rows["price"].shift(1)
        train, test = train_test_split(rows, random_state=0)

    Good:

        import pandas as pd

        rows = pd.read_csv("prices.csv", parse_dates=["date"])
        rows["last_price"] = rows["price"].shift(1)
        train, test = rows[rows["date"] < "2024-01-01"], rows[rows["date"] >= "2024-01-01"]

    Fix: cut at a date, or `TimeSeriesSplit`.

    Not seen: data whose time is in the file only. A date column alone says nothing: a lag or a moving window has to
    stand beside it.

    Source: Kapoor and Narayanan, leakage L3.1.
    """
    for split in events.of("split"):
        if not _shuffles(split):
            continue
        rows = {t for value in split.arguments.values() for part in (value, *value.elements) for t in part.rows}
        above = {a for token in rows for a in events.rows.ancestors(token)}
        earlier = events.items[: split.id]
        lags = [event for event in earlier if _looks_back(event) and _touches(event, above)]
        dated = [event for event in earlier if _is_dated(event) and _touches(event, above)]
        if rows and lags and dated:
            yield Match(
                split.at,
                f"`{split.short}` splits rows at random that follow each other in time",
                confidence=Confidence.MEDIUM,
                related=(
                    Related(lags[0].at, "a feature from earlier rows"),
                    Related(dated[0].at, "the rows have a date"),
                ),
                fix="Cut at a date, or use TimeSeriesSplit.",
                symbol=split.function,
            )


def _shuffles(split: Event) -> bool:
    """Whether the split certainly mixes the order."""
    if split.constant("shuffle", True) is not True or "TimeSeries" in split.name or not split.effect("split"):
        return False
    return "draws" in split.detail and bool(split.detail["draws"])


def _looks_back(event: Event) -> bool:
    return event.effect("derive").get("mix") in ("back", "center") and "transform" in event.roles


def _touches(event: Event, above: set[int]) -> bool:
    values = (event.receiver, event.result, *event.arguments.values())
    return any(value is not None and bool(value.rows & above) for value in values)


def _is_dated(event: Event) -> bool:
    """Whether rows get a date, or are put in the order of one."""
    if not _DATED.search(event.name):
        return False
    if event.short == "to_datetime" or event.short in ("resample", "date_range") or "parse_dates" in event.arguments:
        return True
    named = [str(value.constant) for value in event.arguments.values() if value.known]
    return event.short in ("set_index", "sort_values") and any(_WHEN.search(name) for name in named)
