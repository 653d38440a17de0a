from pipeaudit.rule import (
    Confidence,
    Events,
    Iterator,
    Match,
    Refit,
    Related,
    Rewrite,
    Scope,
    Severity,
    StageKind,
    refits,
    rule,
)


@rule(
    "PA214",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.PREPROCESSING,
    controls=("TRN-4", "PRP-1", "PRP-2", "TRB-1", "TRB-2"),
    tier="core",
    scope=Scope.FILE,
    fixable=True,
)
def test_refit(events: Events) -> Iterator[Match]:
    """A transformer is fitted again on the rows that are to be judged.

    Train and test are then measured by different yardsticks, and a single new row can't be transformed at all.

    Bad:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("rows.csv")
        X_train, X_test, y_train, y_test = train_test_split(rows.drop(columns="label"), rows["label"], random_state=0)
        scaler = StandardScaler()
        X_train = scaler.fit_transform(X_train)
        X_test = scaler.fit_transform(X_test)
        print(LogisticRegression().fit(X_train, y_train).score(X_test, y_test))

    Good:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split
        from sklearn.preprocessing import StandardScaler

        rows = pd.read_csv("rows.csv")
        X_train, X_test, y_train, y_test = train_test_split(rows.drop(columns="label"), rows["label"], random_state=0)
        scaler = StandardScaler()
        X_train = scaler.fit_transform(X_train)
        X_test = scaler.transform(X_test)
        print(LogisticRegression().fit(X_train, y_train).score(X_test, y_test))

    Fix: call `transform` on the test rows.

    Not seen: a refit in a program that only serves.

    Source: Yang et al., ASE 2022.
    """
    for refit in refits(events):
        learner = refit.again.receiver.name if refit.again.receiver and refit.again.receiver.name else "the transformer"
        yield Match(
            refit.again.at,
            f"`{learner}` is fitted again, on rows that judge the model at "
            f"{refit.evaluation.event.at.seen_from(refit.again.at)}",
            confidence=Confidence.HIGH if refit.strong else Confidence.MEDIUM,
            related=(
                Related(refit.first.at, "fitted on the training rows"),
                Related(refit.evaluation.event.at, "these rows judge the model"),
            ),
            fix="Use transform here: the statistics of the training rows hold for the test rows too.",
            symbol=refit.again.function,
            edit=_edit(refit),
        )


def _edit(refit: Refit) -> Rewrite | None:
    """Safe where the same object was fitted before at another place, in the same run of the same code."""
    first, again = refit.first, refit.again
    is_same_run = (first.function, first.caller) == (again.function, again.caller)
    if not refit.strong or first.conditional or not is_same_run or first.at == again.at:
        return None
    return Rewrite(again.at, (("_t.fit_transform(_x)", "_t.transform(_x)"),))
