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
    evaluations,
    rule,
)


@rule(
    "PA225",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.PREPROCESSING,
    controls=("TRN-4", "PRP-3", "EVL-1", "TRB-1"),
    scope=Scope.FILE,
)
def selective_test_filtering(events: Events) -> Iterator[Match]:
    """Rows that judge the model were chosen by their label: the classes were balanced before the split.

    In service the rare class stays rare. Precision and accuracy on balanced rows say nothing about that.

    Bad:

        import pandas as pd
        from imblearn.under_sampling import RandomUnderSampler
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        x, y = RandomUnderSampler(random_state=0).fit_resample(rows.drop(columns="fraud"), rows["fraud"])
        x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
        print(LogisticRegression().fit(x_train, y_train).score(x_test, y_test))

    Good:

        import pandas as pd
        from imblearn.under_sampling import RandomUnderSampler
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        x_train, x_test, y_train, y_test = train_test_split(rows.drop(columns="fraud"), rows["fraud"], random_state=0)
        x_train, y_train = RandomUnderSampler(random_state=0).fit_resample(x_train, y_train)
        print(LogisticRegression().fit(x_train, y_train).score(x_test, y_test))

    Fix: split first, and balance the training part only.

    Not seen: rows that are taken out by hand. Invalid records and rows without a label may go from both sides.

    Source: Kapoor and Narayanan, leakage L3.3.
    """
    told: set[int] = set()
    for evaluation in evaluations(events):
        if evaluation.how not in ("metric", "score", "cv"):
            continue
        above = {a for token in evaluation.rows for a in events.rows.ancestors(token)}
        for token in sorted(above):
            how, _, identifier = events.rows[token].complement.partition("|")
            sampling = events.with_id(int(identifier)) if how == "call" else None
            if sampling is None or sampling.id in told or not _balances(sampling):
                continue
            told.add(sampling.id)
            yield Match(
                sampling.at,
                f"`{sampling.subject}` balances the rows that judge the model at "
                f"{evaluation.event.at.seen_from(sampling.at)}",
                confidence=Confidence.MEDIUM,
                related=(Related(evaluation.event.at, "evaluated on balanced rows"),),
                fix="Split first; balance the training part only.",
                symbol=sampling.function,
            )


def _balances(event: Event) -> bool:
    """Whether a sampler took rows away by their label."""
    return "resample" in event.roles and event.effect("derive").get("rows") == "subset"
