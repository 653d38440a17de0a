from pipeaudit.rule import (
    Confidence,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    StageKind,
    copies_across_split,
    rule,
)


@rule(
    "PA204",
    Severity.ERROR,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.PREPROCESSING,
    controls=("TRN-4", "TRB-1"),
    tier="default",
    scope=Scope.FILE,
)
def duplicates_across_split(events: Events) -> Iterator[Match]:
    """Rows are copied before they are split.

    The same row then trains the model and judges it.

    Bad:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        more = pd.concat([rows, rows[rows["label"] == 1]])
        train, test = train_test_split(more, random_state=0)
        model = LogisticRegression().fit(train[["a"]], train["label"])
        print(model.score(test[["a"]], test["label"]))

    Good:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        train, test = train_test_split(rows, random_state=0)
        more = pd.concat([train, train[train["label"] == 1]])
        model = LogisticRegression().fit(more[["a"]], more["label"])
        print(model.score(test[["a"]], test["label"]))

    Fix: split first and copy rows of the training part only.

    Not seen: rows that were already double in the file.

    Source: Kapoor and Narayanan, leakage L1.4.
    """
    for copies in copies_across_split(events):
        if "resample" in copies.copying.roles:
            continue
        yield Match(
            copies.copying.at,
            "rows are copied here, before they are split: copies train and judge the model "
            f"at {copies.evaluation.event.at.seen_from(copies.copying.at)}",
            confidence=Confidence.MEDIUM,
            related=(
                Related(copies.training.at, "the model is trained on one part"),
                Related(copies.evaluation.event.at, "the model is evaluated on the other"),
            ),
            fix="Split first, then copy rows of the training part only.",
            symbol=copies.copying.function,
        )
