from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Related, Scope, Severity, StageKind, rule


@rule(
    "PA407",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.EVALUATION,
    controls=("ANT-3", "EVL-1", "PRE-4"),
    kinds=("max-over-metrics",),
    scope=Scope.FILE,
)
def metric_chosen_post_hoc(events: Events) -> Iterator[Match]:
    """The number that is reported is the best of several different metrics of one model.

    Among enough metrics one is always good. Which one counts has to stand before the results.

    Bad:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import f1_score, precision_score, recall_score
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        x_train, x_test, y_train, y_test = train_test_split(rows.drop(columns="y"), rows["y"], random_state=0)
        predicted = LogisticRegression().fit(x_train, y_train).predict(x_test)
        results = {"f1": f1_score(y_test, predicted), "recall": recall_score(y_test, predicted)}
        print(max(results, key=results.get))

    Good:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import f1_score, recall_score
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        x_train, x_test, y_train, y_test = train_test_split(rows.drop(columns="y"), rows["y"], random_state=0)
        predicted = LogisticRegression().fit(x_train, y_train).predict(x_test)
        results = {"f1": f1_score(y_test, predicted), "recall": recall_score(y_test, predicted)}
        print("f1 (primary):", results["f1"])

    Fix: declare the primary metric and its threshold beforehand.

    Not seen: a choice that people make; many metrics of which none is declared to count (ANT-3 of the checklist asks
    for that). One metric compared between several models is a choice of a model, and is left alone.

    Source: EU AI Act, Annex IV 4.
    """
    for choice in events.of("choice"):
        of = choice.argument("of")
        metrics = [events.with_id(m) for m in of.metrics] if of is not None else []
        found = [event for event in metrics if event is not None]
        if of is None or any(len(element.metrics) != 1 for element in of.elements):
            continue
        if len({event.name for event in found}) > 1 and len({_models(event) for event in found}) == 1:
            yield Match(
                choice.at,
                f"the best of {', '.join(f'`{event.short}`' for event in found)} is taken for one model",
                kind="max-over-metrics",
                confidence=Confidence.MEDIUM,
                related=tuple(Related(event.at, "one of the metrics") for event in found[:4]),
                fix="Declare the primary metric before looking at the results.",
                symbol=choice.function,
            )


def _models(event: Event) -> object:
    return event.effect("metric").get("models") or event.effect("score").get("models")
