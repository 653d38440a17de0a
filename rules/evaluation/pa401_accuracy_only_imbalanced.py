from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Related, Scope, Severity, StageKind, rule

_WEIGHTS = ("class_weight", "scale_pos_weight", "is_unbalance", "auto_class_weights", "pos_weight", "class_weights")


@rule(
    "PA401",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.EVALUATION,
    controls=("EVL-1",),
    scope=Scope.FILE,
)
def accuracy_only_imbalanced(events: Events) -> Iterator[Match]:
    """Accuracy alone judges a classifier whose classes are known to be unequal.

    Where one class in a hundred is rare, always answering the other one scores 99 percent.

    Bad:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import accuracy_score
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        x_train, x_test, y_train, y_test = train_test_split(rows.drop(columns="fraud"), rows["fraud"], random_state=0)
        model = LogisticRegression(class_weight="balanced").fit(x_train, y_train)
        print(accuracy_score(y_test, model.predict(x_test)))

    Good:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import accuracy_score, f1_score
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        x_train, x_test, y_train, y_test = train_test_split(rows.drop(columns="fraud"), rows["fraud"], random_state=0)
        model = LogisticRegression(class_weight="balanced").fit(x_train, y_train)
        predicted = model.predict(x_test)
        print(accuracy_score(y_test, predicted), f1_score(y_test, predicted))

    Fix: F1, precision-recall AUC, balanced accuracy or the Matthews coefficient beside it.

    Not seen: classes whose sizes only the data shows. Weights and resampling in the program are what tells.
    """
    if events.is_test:
        return
    unequal = next((event for event in events.where(given=_WEIGHTS, roles=("resample",)) if _balances(event)), None)
    if unequal is None:
        return
    judged = [event for event in events.of("metric", "evaluate") if event.effect("metric") or event.effect("score")]
    if not judged or not all(_is_accuracy(event) for event in judged):
        return
    yield Match(
        judged[-1].at,
        "accuracy alone judges a model whose classes are unequal",
        confidence=Confidence.MEDIUM,
        related=(Related(unequal.at, "the classes are balanced here"),),
        fix="Add F1, average precision or balanced accuracy.",
        symbol=judged[-1].function,
    )


def _balances(event: Event) -> bool:
    """Whether the program itself says that its classes are unequal."""
    weighted = any(
        event.argument(name) is not None and event.constant(name) not in (None, False, 1) for name in _WEIGHTS
    )
    return (weighted and bool({"construct_model", "train"} & set(event.roles))) or (
        "resample" in event.roles and event.effect("derive").get("learn") == "resampling"
    )


def _is_accuracy(event: Event) -> bool:
    """`accuracy_score`, or the `score` of a classifier."""
    if event.effect("score"):
        return event.detail.get("hard_labels") in ("classifier", "held")
    return "accuracy" in event.short.lower() and "balanced" not in event.short.lower()
