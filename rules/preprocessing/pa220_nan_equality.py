from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Rewrite, Scope, Severity, rule

_SINGLETONS = ("pandas.NA", "pandas.NaT", "numpy.NaT")


@rule(
    "PA220",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("PRP-1",),
    tier="core",
    kinds=("identity",),
    scope=Scope.FILE,
    fixable=True,
)
def nan_equality(events: Events) -> Iterator[Match]:
    """A value is compared with NaN, NA or NaT by `==`, `!=` or `in`.

    NaN equals nothing, itself included: `==` is false for every row and `!=` is true for every row, so the filter takes
    none or all of them.

    Bad:

        import numpy as np
        import pandas as pd

        rows = pd.read_csv("rows.csv")
        gaps = rows[rows["age"] == np.nan]

    Good:

        import pandas as pd

        rows = pd.read_csv("rows.csv")
        gaps = rows[rows["age"].isna()]

    Fix: `isna()` and `notna()` for frames and series, `numpy.isnan` for arrays, `math.isnan` for numbers. Kind
    `identity` (`x is np.nan`) holds for one object only and fails for a NaN that was computed; `is pd.NA` and `is
    pd.NaT` are right.

    Not seen: NaN in a query string. `x != x` asks for NaN on purpose and is left alone.

    Source: Zhang et al., CAIN 2022, smell 2.
    """
    for event in events.of("compare"):
        operands = event.detail.get("nan")
        if not isinstance(operands, tuple) or not any(operands):
            continue
        names = [name for name in operands if name]
        written = next(event.arguments[str(i)].name for i, name in enumerate(operands) if name)
        if event.name in ("is", "is not"):
            if names[0] not in ("list", *_SINGLETONS):
                yield Match(
                    event.at,
                    f"`{event.name} {written}` asks for one particular NaN object; a computed NaN is another one",
                    kind="identity",
                    severity=Severity.WARNING,
                    fix="Use isna()/notna(), numpy.isnan or math.isnan.",
                    symbol=event.function,
                )
        elif (names[0] == "list") is (event.name in ("in", "not in")):
            never = "always true" if event.name == "!=" else "never true"
            yield Match(
                event.at,
                f"`{event.name} {written}` finds no computed NaN: NaN equals nothing, itself included"
                if names[0] == "list"
                else f"comparing with `{written}` by `{event.name}` is {never}: NaN equals nothing, itself included",
                fix="Use isna()/notna(), numpy.isnan or math.isnan.",
                symbol=event.function,
                edit=_edit(event, operands),
            )


def _edit(event: Event, operands: tuple[object, ...]) -> Rewrite | None:
    """The question that was meant, where the other side is known to have a method for it, or NumPy is at hand."""
    if event.name not in ("==", "!=") or len(operands) != 2:
        return None
    at = 0 if operands[0] else 1
    nan, other = event.arguments[str(at)], event.arguments[str(1 - at)]
    if event.caller is not None and other.name.isidentifier():
        return None  # a parameter, that may be anything else in another call
    before = f"_n {event.name} _x" if at == 0 else f"_x {event.name} _n"
    if other.is_a("pandas.DataFrame", "pandas.Series"):
        return Rewrite(event.at, ((before, "_x.isna()" if event.name == "==" else "_x.notna()"),))
    module, _, name = nan.name.rpartition(".")
    if other.is_a("numpy.ndarray") and name.lower() == "nan" and module in ("np", "numpy"):
        after = f"{module}.isnan(_x)"
        return Rewrite(event.at, ((before, after if event.name == "==" else f"~{after}"),))
    return None
