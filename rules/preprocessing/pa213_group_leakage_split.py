import re

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
    rule,
    trainings,
)

_ENTITY = re.compile(
    r"(?:^|_)(?:patient|user|customer|client|subject|person|member|account|device|session|machine|sensor|vehicle|driver"
    r"|player|employee|household|store|shop|station)s?_?(?:id|no|nr|key|number|code)$",
    re.IGNORECASE,
)
# what gives each row of a group a value of its own, and so is of use where a group has several
_KEEPS_ROWS = frozenset(
    "transform cumcount cumsum cummax cummin shift diff rank pct_change ffill bfill rolling expanding ewm".split()
)


@rule(
    "PA213",
    Severity.WARNING,
    ceiling=Confidence.LOW,
    stage=StageKind.PREPROCESSING,
    controls=("TRN-4", "TRB-1"),
    tier="pack:repro",
    scope=Scope.FILE,
)
def group_leakage_split(events: Events) -> Iterator[Match]:
    """Rows of the same person or thing come to lie on both sides of a random split.

    The model recognises whom it has seen. The score holds for the known ones, and not for the next patient or customer.

    Bad:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split

        scans = pd.read_csv("scans.csv")
        scans["earlier"] = scans.groupby("patient_id").cumcount()
        train, test = train_test_split(scans, random_state=0)
        print(LogisticRegression().fit(train[["earlier"]], train["ill"]).score(test[["earlier"]], test["ill"]))

    Good:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GroupShuffleSplit

        scans = pd.read_csv("scans.csv")
        scans["earlier"] = scans.groupby("patient_id").cumcount()
        split = GroupShuffleSplit(n_splits=1, random_state=0)
        train, test = next(split.split(scans, groups=scans["patient_id"]))
        model = LogisticRegression().fit(scans.iloc[train][["earlier"]], scans.iloc[train]["ill"])
        print(model.score(scans.iloc[test][["earlier"]], scans.iloc[test]["ill"]))

    Fix: `GroupShuffleSplit`, `GroupKFold` or `StratifiedGroupKFold`, or split the ids first.

    Not seen: whether an id repeats in the data. That the program works out something for each row within the rows of
    one id is taken as a sign of it; ids that nothing is grouped by, windows that are cut for each entity, and figures
    that leave one row for each id are not. Recommenders split ratings, and have a protocol of their own.

    Source: Kapoor and Narayanan, leakage L3.2.
    """
    if events.is_test or not trainings(events):
        return
    keyed = list(_keyed(events))
    for split in events.of("split") if keyed else ():
        if "Group" in split.name or "TimeSeries" in split.name or split.argument("groups") is not None:
            continue
        if not split.detail.get("draws"):
            continue
        rows = {t for value in split.arguments.values() for part in (value, *value.elements) for t in part.rows}
        above = {a for token in rows for a in events.rows.ancestors(token)}
        found = next(((key, each) for key, each in keyed if each.id < split.id and _rows(each) & above), None)
        if found is not None and not _is_unique(events, split, found[0], above):
            key, within = found
            yield Match(
                split.at,
                f"`{split.short}` parts rows at random; several belong to one `{key}`",
                confidence=Confidence.LOW,
                related=(Related(within.at, "worked out within the rows of one id"),),
                fix="Split by groups, so that each id lies on one side.",
                symbol=split.function,
            )


def _keyed(events: Events) -> Iterator[tuple[str, Event]]:
    """What is worked out for each row among the rows of one entity, with the entity's column."""
    grouped: Event | None = None
    for event in events.where(shorts=("groupby", *_KEEPS_ROWS)):
        if event.short == "groupby":
            grouped = event
        elif grouped is not None and "GroupBy" in event.name and event.function == grouped.function:
            by = grouped.constant("by", grouped.constant("0"))
            names = by if isinstance(by, list | tuple) else (by,)
            key = next((name for name in names if isinstance(name, str) and _ENTITY.search(name)), None)
            if key is not None and len(names) == 1:
                yield key, event


def _rows(event: Event) -> frozenset[int]:
    return event.receiver.rows if event.receiver is not None else frozenset()


def _is_unique(events: Events, split: Event, key: str, above: set[int]) -> bool:
    """Whether one row of each id is left before the split."""
    for event in events.named("pandas.DataFrame.drop_duplicates"):
        subset = event.constant("subset")
        by_key = key in (subset if isinstance(subset, list | tuple) else (subset,))
        if by_key and event.id < split.id and event.result is not None and event.result.rows & above:
            return True
    return False
