from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Scope,
    Severity,
    StageKind,
    rule,
    unseeded_domains,
)


@rule(
    "PA301",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.PREPROCESSING,
    controls=("TRN-3", "TRN-4"),
    tier="core",
    scope=Scope.FILE,
)
def unseeded_split(events: Events) -> Iterator[Match]:
    """Rows are split at random with no seed.

    Every run trains and tests on other rows: scores of two runs can't be compared, and a row that was in the test set
    yesterday is trained on today.

    Bad:

        import pandas as pd
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        train, test = train_test_split(rows, test_size=0.2)

    Good:

        import pandas as pd
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        train, test = train_test_split(rows, test_size=0.2, random_state=42)

    Fix: pass the seed from the configuration: `random_state`, `generator` or `seed`.

    Not seen: a shuffle and a cut by hand (`unseeded-framework` speaks of the shuffle). A global seed set earlier in
    the same program governs the split, and nothing is said; so is a split in test code.

    Source: Zhang et al., CAIN 2022, smell 14.
    """
    if events.is_test:
        return
    ran = len(events.ran())
    for event in events.items:
        if unseeded_domains(events, event) and ("split" in event.roles or _splits_by_sample(events, event)):
            yield Match(
                event.at,
                f"`{event.short}` splits at random and no seed is set: every run has another test set",
                confidence=Confidence.HIGH if event.id < ran else Confidence.MEDIUM,
                fix="Pass a fixed seed, from the configuration.",
                symbol=event.function,
            )


def _splits_by_sample(events: Events, event: Event) -> bool:
    """`train = rows.sample(frac=0.8)`, whose rest is the test set: `rows.drop(train.index)`."""
    if event.result is None or not event.effect("derive"):
        return False
    return any(f"drop|{token}" == rows.complement for token in event.result.rows for rows in events.rows.items)
