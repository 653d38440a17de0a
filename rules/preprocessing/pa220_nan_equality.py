from pipeaudit.rule import Confidence, Events, Iterator, Match, Scope, Severity, rule

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
            never = "always true" if event.name in ("!=", "not in") else "never true"
            yield Match(
                event.at,
                f"comparing with `{written}` by `{event.name}` is {never}: NaN equals nothing, itself included",
                fix="Use isna()/notna(), numpy.isnan or math.isnan.",
                symbol=event.function,
            )
