from pipeaudit.rule import Confidence, Events, Iterator, Match, Scope, Severity, StageKind, rule


@rule(
    "PA404",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.EVALUATION,
    controls=("EVL-1",),
    tier="pack:smells",
    scope=Scope.FILE,
)
def threshold_only_validation(events: Events) -> Iterator[Match]:
    """A binary classifier is judged at one threshold only.

    F1, precision and recall say how good the cut at 0.5 is. Whether the scores rank well, and whether another cut
    would be better, stays unknown.

    Bad:

        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import f1_score


        def evaluate(model: LogisticRegression, features, target):
            return f1_score(target, model.predict(features))

    Good:

        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import f1_score, roc_auc_score


        def evaluate(model: LogisticRegression, features, target):
            scores = model.predict_proba(features)[:, 1]
            return f1_score(target, scores > 0.5), roc_auc_score(target, scores)

    Fix: add the area under the ROC or the precision-recall curve, or choose the threshold on validation rows.

    Not seen: an operating point that somebody has fixed. Several classes are not binary, and accuracy alone has a rule
    of its own.

    Source: Zhang et al., CAIN 2022, smell 22.
    """
    if events.is_test:
        return
    metrics = [event for event in events.of("metric") if event.effect("metric")]
    if any(event.effect("metric").get("needs") in ("score", "proba") for event in metrics):
        return
    first = next((event for event in metrics if event.effect("metric").get("binary")), None)
    if first is not None:
        yield Match(
            first.at,
            f"`{first.short}` judges one threshold, and no metric of the scores stands beside it",
            confidence=Confidence.MEDIUM,
            fix="Add ROC AUC or average precision.",
            symbol=first.function,
        )
