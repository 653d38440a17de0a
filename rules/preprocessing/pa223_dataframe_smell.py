import re

from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Rewrite, Scope, Severity, StageKind, rule

_ROW_BY_ROW = (".iterrows", ".itertuples")


@rule(
    "PA223",
    Severity.NOTE,
    ceiling=Confidence.HIGH,
    stage=StageKind.PREPROCESSING,
    controls=("PRP-1",),
    tier="pack:smells",
    kinds=(
        "row-iteration",
        "row-iteration-write",
        "empty-column",
        "implicit-merge",
        "values-attribute",
        "append-in-loop",
    ),
    scope=Scope.FILE,
    fixable=True,
)
def dataframe_smell(events: Events) -> Iterator[Match]:
    """A frame is used in a way that is slow, or says less than it means.

    Bad:

        import pandas as pd

        rows = pd.read_csv("rows.csv")
        for index, row in rows.iterrows():
            rows.loc[index, "total"] = row["price"] * row["pieces"]

    Good:

        import pandas as pd

        rows = pd.read_csv("rows.csv")
        rows["total"] = rows["price"] * rows["pieces"]

    Kinds: `row-iteration` (a loop over rows, or a function applied row by row), `row-iteration-write` (the loop writes
    into the rows or the frame: what is written into a row is lost), `empty-column` (a new column of zeros or empty
    strings, which can't be told from values; use NA), `implicit-merge` (a merge that names no key or no `how`),
    `values-attribute` (`to_numpy()` says which type comes out), `append-in-loop` (each round copies the whole frame;
    collect the parts in a list and concatenate once).

    Not seen: whether the body of a loop could be one expression over columns.

    Source: Zhang et al., CAIN 2022, smells 1, 5, 6 and 8; pandas documentation.
    """
    loops = {event.loops[-1]: event for event in events.of("loop") if event.name.endswith(_ROW_BY_ROW)}
    for event in events:
        found = _kind(event)
        if found is not None:
            kind, message, fix = found
            edit = Rewrite(event.at, (("_x.values", "_x.to_numpy()"),)) if kind == "values-attribute" else None
            yield Match(event.at, message, kind=kind, fix=fix, symbol=event.function, edit=edit)
        if "store" in event.roles and loops:
            yield from _written(event, loops)


def _written(event: Event, loops: dict[int, Event]) -> Iterator[Match]:
    """A store into the row of a loop, or into the frame that the loop goes over."""
    owner = event.argument("owner")
    loop = next((loops[number] for number in event.loops if number in loops), None)
    if owner is None or loop is None:
        return
    targets = loop.detail.get("targets")
    over = loop.argument("over")
    in_row = isinstance(targets, tuple) and owner.name in targets
    if in_row or (over is not None and over.rows and over.rows == owner.rows and owner.is_a("pandas.DataFrame")):
        yield Match(
            event.at,
            f"the loop writes into {'a copy of the row' if in_row else 'the frame that it goes over'}",
            kind="row-iteration-write",
            severity=Severity.WARNING,
            fix="Compute the column for all rows at once.",
            symbol=event.function,
        )


def _kind(event: Event) -> tuple[str, str, str] | None:
    """The kind of smell that one event is, with what to say of it and what to do."""
    name = event.name
    if name.endswith(_ROW_BY_ROW) and "loop" not in event.roles and not name.startswith("?"):
        return "row-iteration", f"`{event.short}` goes through the frame row by row", "Work on whole columns."
    if event.short == "apply" and name.startswith("pandas."):
        by_row = event.constant("axis") in (1, "columns")
        own_code = any(value.is_a("function") for value in event.arguments.values())
        if by_row or (event.loops and own_code):
            return "row-iteration", "a Python function runs for each row", "Work on whole columns."
    if "attribute" in event.roles and event.short == "values":
        return "values-attribute", "`.values` does not say what comes out", "Use .to_numpy() or .array."
    if "empty_column" in event.roles:
        what = "empty strings" if event.constant("value") == "" else "zeros"
        text = f"the new column `{event.detail.get('column')}` is filled with {what}, which look like values"
        return "empty-column", text, "Fill it with pandas.NA or numpy.nan."
    if event.short == "merge" and name.startswith("pandas."):
        keys = {"on", "left_on", "right_on", "left_index", "right_index", "**"}
        if not keys & set(event.arguments) or not {"how", "**"} & set(event.arguments):
            return (
                "implicit-merge",
                "the merge does not say its key and how rows are kept",
                "Name on, how and validate.",
            )
    if event.loops and "join" in event.roles and _grows(event):
        return (
            "append-in-loop",
            "the frame is copied in each round of the loop",
            "Collect parts in a list, concatenate once.",
        )
    return None


def _grows(event: Event) -> bool:
    """Whether a frame is joined with something and takes its own place: `all = concat([all, part])`."""
    into = event.detail.get("into")
    if not isinstance(into, str) or event.result is None or not event.result.is_a("pandas.DataFrame", "pandas.Series"):
        return False
    values = [*event.arguments.values(), *([event.receiver] if event.receiver else [])]
    return any(re.search(rf"\b{re.escape(into)}\b", value.name) for value in values)
