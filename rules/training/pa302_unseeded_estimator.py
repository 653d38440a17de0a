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
    unseeded_domains,
)

_DRAWING = frozenset({"construct_model", "search", "reduce", "resample", "transform", "select_features", "impute"})
_OWN_SEED = frozenset({"numpy", "own", "python"})


@rule(
    "PA302",
    Severity.NOTE,
    ceiling=Confidence.HIGH,
    stage=StageKind.TRAINING,
    controls=("TRN-3",),
    scope=Scope.FILE,
)
def unseeded_estimator(events: Events) -> Iterator[Match]:
    """Estimators that draw random numbers are made without a seed, and no global seed stands before them.

    Trees, initial weights and samples differ in each run, and so do the scores. One finding for each program, at the
    first such estimator.

    Bad:

        import pandas as pd
        from sklearn.ensemble import RandomForestClassifier

        rows = pd.read_csv("rows.csv")
        model = RandomForestClassifier(n_estimators=200).fit(rows.drop(columns="churned"), rows["churned"])

    Good:

        import pandas as pd
        from sklearn.ensemble import RandomForestClassifier

        rows = pd.read_csv("rows.csv")
        model = RandomForestClassifier(n_estimators=200, random_state=42)
        model.fit(rows.drop(columns="churned"), rows["churned"])

    Fix: pass the seed from the configuration.

    Not seen: an estimator inside another one that hands its seed down. Settings under which nothing is drawn are known
    for the common libraries.

    Source: Zhang et al., CAIN 2022, smell 14.
    """
    if events.is_test:
        return
    held = _given_away(events)
    drawn: dict[tuple[str, int, int | None], Event] = {}
    for event in events:
        if (
            event.receiver is not None
            or not _DRAWING & set(event.roles)
            or "split" in event.roles
            or not _is_unseeded(events, event)
        ):
            continue
        if event.result is not None and event.result.identity in held:
            continue
        drawn.setdefault((event.at.path, event.at.line, event.at.cell), event)
    if not drawn:
        return
    first, *others = drawn.values()
    more = f", and so do {len(others)} more" if others else ""
    yield Match(
        first.at,
        f"`{first.short}` draws random numbers and has no seed{more}",
        related=tuple(Related(event.at, f"`{event.short}` has no seed either") for event in others[:20]),
        fix="Pass random_state or seed.",
        symbol=first.function,
    )


def _is_unseeded(events: Events, event: Event) -> bool:
    drawn_globally = event.detail.get("draws_global")
    return any(
        domain in _OWN_SEED and not (isinstance(drawn_globally, tuple) and domain in drawn_globally)
        for domain in unseeded_domains(events, event)
    )


def _given_away(events: Events) -> set[int]:
    """Estimators that were handed to one with a seed of its own, which seeds what it clones."""
    found: set[int] = set()
    for event in events.of("construct_model", "search"):
        draws = event.detail.get("draws")
        if isinstance(draws, dict) and "seeded" in draws.values():
            found.update(value.identity for value in event.arguments.values())
    return found
