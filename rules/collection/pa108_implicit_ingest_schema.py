import re

from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Scope, Severity, StageKind, rule

_TYPED = frozenset({"parquet", "feather", "orc", "arrow", "iceberg", "delta", "avro"})
_UNTYPED = frozenset({"csv", "excel", "json", "text"})
_COLUMNS = ("usecols", "columns", "names")
_TYPES = ("dtype", "dtypes", "converters", "schema", "schema_overrides", "parse_dates")


@rule(
    "PA108",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.COLLECTION,
    controls=("COL-2", "PRP-1"),
    tier="pack:smells",
    kinds=("no-dtype", "columns", "select-star", "unordered-limit"),
    scope=Scope.FILE,
)
def implicit_ingest_schema(events: Events) -> Iterator[Match]:
    """A table is read without saying which columns and types are expected.

    A renamed, added or retyped column goes on silently and changes the features.

    Bad:

        import pandas as pd

        rows = pd.read_csv("rows.csv")

    Good:

        import pandas as pd

        rows = pd.read_csv("rows.csv", usecols=["age", "plan"], dtype={"age": "int64", "plan": "string"})

    Kinds: `columns` (no column is named, at the read or by choosing a list of them right after), `no-dtype` (no type is
    named), `select-star` (`SELECT *`), `unordered-limit` (`LIMIT` without `ORDER BY` gives other rows each time).

    Fix: `usecols` and `dtype`, or a schema check (pandera, Great Expectations) after the read.

    Not seen: a schema that is enforced where the file is written. Parquet and its like carry their types. A program
    that validates its data is left alone.

    Source: Zhang et al., CAIN 2022, smell 4.
    """
    if events.is_test or events.of("validate_data"):
        return
    for event in events.of("read", "query"):
        found = _kind(events, event)
        if found is not None:
            kind, message = found
            yield Match(
                event.at,
                message,
                kind=kind,
                confidence=Confidence.MEDIUM,
                fix="Name the columns and their types, or check a schema.",
                symbol=event.function,
            )


def _kind(events: Events, event: Event) -> tuple[str, str] | None:
    """One finding for each read: the query's own fault first, then its columns, then their types."""
    made = event.effect("reads")
    if event.result is None or not event.result.types or "**" in event.arguments:
        return None
    form = made.get("fmt")
    if form == "sql":
        text = event.port("reads", "path")
        query = " ".join(text.constant.split()) if text is not None and isinstance(text.constant, str) else ""
        if re.match(r"select (?:\w+\.)?\* ", query, re.IGNORECASE):
            return "select-star", "`SELECT *` takes whatever columns the table has"
        if re.search(r"\blimit\s+\d", query, re.IGNORECASE) and not re.search(r"\border by\b", query, re.IGNORECASE):
            return "unordered-limit", "`LIMIT` without `ORDER BY` gives other rows each time"
        return None
    if form not in _TYPED | _UNTYPED or not event.result.types[0].endswith("DataFrame"):
        return None
    typed = any(name in event.arguments for name in _TYPES)
    named = any(name in event.arguments for name in _COLUMNS) or event.id in events.chosen
    if not named and not (typed and form in _UNTYPED):
        return "columns", f"`{event.short}` takes whatever columns the file has"
    if not typed and form in _UNTYPED:
        return "no-dtype", f"`{event.short}` guesses the types of the columns"
    return None
