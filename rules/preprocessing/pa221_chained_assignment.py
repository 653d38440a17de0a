from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Rewrite, Scope, Severity, StageKind, rule


@rule(
    "PA221",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.PREPROCESSING,
    controls=("PRP-1",),
    tier="core",
    kinds=("inplace", "chained-read"),
    packed_kinds=(("chained-read", "smells"),),
    scope=Scope.FILE,
    fixable=True,
)
def chained_assignment(events: Events) -> Iterator[Match]:
    """Rows of a frame are assigned through two indexing steps.

    The first step may give a copy, and then the second writes into the copy: the frame keeps its old values. With
    copy-on-write, which pandas 3 always uses, it never writes.

    Bad:

        import pandas as pd

        rows = pd.read_csv("rows.csv")
        rows[rows["age"] < 0]["age"] = 0

    Good:

        import pandas as pd

        rows = pd.read_csv("rows.csv")
        rows.loc[rows["age"] < 0, "age"] = 0

    Fix: one `.loc[rows, column]`. Kind `inplace` is a method with `inplace=True` on such a slice. Kind `chained-read`
    (in the `smells` pack) is the same in reading, which is slower but right.

    Not seen: a slice that got a name of its own first.

    Source: Zhang et al., CAIN 2022, smell 3; pandas, copy-on-write.
    """
    for event in events.of("chained-assignment"):
        text = event.detail.get("text")
        if event.detail.get("first") == "inplace":
            yield Match(
                event.at,
                f"`{event.detail.get('method')}(inplace=True)` changes a copy of `{text}`: the frame keeps its values",
                kind="inplace",
                fix="Assign the result to the column: frame[column] = frame[column]...",
                symbol=event.function,
            )
        else:
            yield Match(
                event.at,
                f"assigning through `{text}` may write into a copy: the frame keeps its values",
                fix="Write it as one frame.loc[rows, column] = value.",
                symbol=event.function,
                edit=_edit(event),
            )
    for event in events.of("chained-read"):
        yield Match(
            event.at,
            f"`{event.detail.get('text')}` reads a frame in two steps",
            kind="chained-read",
            severity=Severity.NOTE,
            fix="Read it as one frame.loc[rows, column].",
            symbol=event.function,
        )


def _edit(event: Event) -> Rewrite | None:
    """One step for two, where it is plain which of them are the rows and which is the column."""
    index = event.argument("index")
    first, is_loc = event.detail.get("first"), event.detail.get("loc") is True
    if index is None:
        return None
    if first == "mask" and isinstance(index.constant, str):
        forms = (("_f.loc[_r][_c]", "_f.loc[_r, _c]"),) if is_loc else (("_f[_r][_c]", "_f.loc[_r, _c]"),)
        return Rewrite(event.at, forms)
    if first == "column" and not is_loc and index.is_a("pandas.Series"):
        return Rewrite(event.at, (("_f[_c][_r]", "_f.loc[_r, _c]"),))
    return None
