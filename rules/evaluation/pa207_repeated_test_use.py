from pipeaudit.rule import (
    Confidence,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    StageKind,
    rule,
    test_reuse,
)


@rule(
    "PA207",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.EVALUATION,
    controls=("TRN-4", "ANT-3"),
    tier="default",
    scope=Scope.FILE,
)
def repeated_test_use(events: Events) -> Iterator[Match]:
    """The same test rows judge several models or settings, and there are no other rows to choose by.

    Whoever picks the best of these scores picks luck along with skill.

    Bad:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import train_test_split
        from sklearn.tree import DecisionTreeClassifier

        rows = pd.read_csv("rows.csv")
        X_train, X_test, y_train, y_test = train_test_split(rows.drop(columns="label"), rows["label"], random_state=0)
        linear = LogisticRegression().fit(X_train, y_train)
        print(linear.score(X_test, y_test))
        tree = DecisionTreeClassifier(random_state=0).fit(X_train, y_train)
        print(tree.score(X_test, y_test))

    Good:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import cross_val_score, train_test_split
        from sklearn.tree import DecisionTreeClassifier

        rows = pd.read_csv("rows.csv")
        X_train, X_test, y_train, y_test = train_test_split(rows.drop(columns="label"), rows["label"], random_state=0)
        for model in (LogisticRegression(), DecisionTreeClassifier(random_state=0)):
            print(cross_val_score(model, X_train, y_train).mean())
        print(LogisticRegression().fit(X_train, y_train).score(X_test, y_test))

    Fix: compare by cross-validation or on a validation part; test the winner once.

    Not seen: test rows that other programs use as well.

    Source: Yang et al., ASE 2022 (multi-test leakage).
    """
    for reuse in test_reuse(events):
        if reuse.chosen is not None:
            continue
        first = reuse.pairs[0].evaluation.event
        others = {p.evaluation.event.at: p for p in reuse.pairs[1:] if p.evaluation.event.at != first.at}
        count = len({p.training.models for p in reuse.pairs})
        what = f"{count} models are judged" if count > 1 else "each setting is judged"
        yield Match(
            first.at,
            f"{what} on the same test rows, and no others are there to choose by",
            confidence=Confidence.MEDIUM,
            related=tuple(Related(at, "judged on the same rows") for at in sorted(others, key=lambda at: at.key)[:5]),
            fix="Compare candidates by cross-validation, and test the chosen one once.",
            symbol=first.function,
        )
