from pipeaudit.rule import (
    Confidence,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    StageKind,
    asked_by,
    called_validation,
    rule,
    searched_by_test,
    test_reuse,
)


@rule(
    "PA206",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.EVALUATION,
    controls=("TRN-4", "TRN-2", "EVL-1", "TRB-1"),
    tier="default",
    scope=Scope.FILE,
)
def test_set_selection(events: Events) -> Iterator[Match]:
    """A model or setting is chosen by its score on the rows that then report it.

    The best of many scores on one test set is too good by chance alone.

    Bad:

        import pandas as pd
        from sklearn.model_selection import train_test_split
        from sklearn.tree import DecisionTreeClassifier

        rows = pd.read_csv("rows.csv")
        X_train, X_test, y_train, y_test = train_test_split(rows.drop(columns="label"), rows["label"], random_state=0)
        best = 0
        for depth in range(1, 20):
            model = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(X_train, y_train)
            score = model.score(X_test, y_test)
            if score > best:
                best, kept = score, model
        print(best)

    Good:

        import pandas as pd
        from sklearn.model_selection import GridSearchCV, train_test_split
        from sklearn.tree import DecisionTreeClassifier

        rows = pd.read_csv("rows.csv")
        X_train, X_test, y_train, y_test = train_test_split(rows.drop(columns="label"), rows["label"], random_state=0)
        search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": range(1, 20)}).fit(X_train, y_train)
        print(search.score(X_test, y_test))

    Fix: choose by cross-validation or on a validation part; touch the test part once.

    Not seen: a choice that a person makes by looking at printed scores (PA207). The best turn of one network's training
    is PA208; where validation rows choose it, and no test is there, nothing is said.

    Source: Yang et al., ASE 2022 (multi-test leakage).
    """
    told: set[int] = set()
    for reuse in test_reuse(events):
        if reuse.chosen is None:
            continue
        test = reuse.chosen.argument("test")
        deciding = set(test.metrics) if test is not None else set()
        pair = next(
            pair
            for pair in reuse.pairs
            if pair.evaluation.event.id in deciding
            or (test is None and asked_by(reuse.chosen, pair.evaluation.event) and pair.evaluation.how != "predict")
        )
        first = pair.evaluation.event
        told.add(reuse.chosen.id)
        aside = called_validation(events, pair.evaluation.rows)
        sure = first.strong and not aside
        yield Match(
            first.at,
            f"the choice at {reuse.chosen.at.seen_from(first.at)} is made by this score, on rows that then report "
            + ("the result, though they are called validation rows" if aside else "the result"),
            confidence=Confidence.HIGH if sure else Confidence.MEDIUM,
            severity=None if sure else Severity.WARNING,
            related=(
                Related(pair.training.event.at, "each candidate is trained here"),
                Related(reuse.chosen.at, "the best by this score is kept"),
            ),
            fix="Choose on a validation part or by cross-validation, and report on rows that chose nothing.",
            symbol=first.function,
        )
    for search, pair in searched_by_test(events):
        if search.id in told:
            continue
        score = pair.evaluation.event
        yield Match(
            score.at,
            f"the search at {search.at.seen_from(score.at)} chooses settings by this score, on what the program calls "
            "test rows; no others are left to report on",
            confidence=Confidence.MEDIUM,
            severity=Severity.WARNING,
            related=(
                Related(pair.training.event.at, "each candidate is trained here"),
                Related(search.at, "the best by this score is kept"),
            ),
            fix="Let the search ask for a cross-validated score of the training rows.",
            symbol=score.function,
        )
