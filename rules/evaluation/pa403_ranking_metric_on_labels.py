from pipeaudit.rule import Confidence, Events, Iterator, Match, Related, Rewrite, Scope, Severity, StageKind, rule

# Right for two classes, which the code does not tell.
_FORMS = (
    ("_f(_y, _m.predict(_x), *___)", "_f(_y, _m.predict_proba(_x)[:, 1], *___)"),
    ("_f(_y, y_score=_m.predict(_x), *___)", "_f(_y, y_score=_m.predict_proba(_x)[:, 1], *___)"),
    ("_f(y_true=_y, y_score=_m.predict(_x), *___)", "_f(y_true=_y, y_score=_m.predict_proba(_x)[:, 1], *___)"),
    ("_f(y_true=_y, y_pred=_m.predict(_x), *___)", "_f(y_true=_y, y_pred=_m.predict_proba(_x)[:, 1], *___)"),
)


@rule(
    "PA403",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.EVALUATION,
    controls=("EVL-1",),
    tier="core",
    scope=Scope.FILE,
    fixable=True,
    unsafe_fix=True,
)
def ranking_metric_on_labels(events: Events) -> Iterator[Match]:
    """A metric that ranks or weighs scores gets hard labels.

    ROC AUC, average precision and the log loss are about the scores behind the labels. On 0 and 1 a curve has one
    point: the area is the balanced accuracy at one threshold, usually far below the model's AUC.

    Bad:

        import pandas as pd
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.metrics import roc_auc_score
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        features, target = rows.drop(columns="churned"), rows["churned"]
        x_train, x_test, y_train, y_test = train_test_split(features, target, random_state=0)
        model = RandomForestClassifier(random_state=0).fit(x_train, y_train)
        print(roc_auc_score(y_test, model.predict(x_test)))

    Good:

        import pandas as pd
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.metrics import roc_auc_score
        from sklearn.model_selection import train_test_split

        rows = pd.read_csv("rows.csv")
        features, target = rows.drop(columns="churned"), rows["churned"]
        x_train, x_test, y_train, y_test = train_test_split(features, target, random_state=0)
        model = RandomForestClassifier(random_state=0).fit(x_train, y_train)
        print(roc_auc_score(y_test, model.predict_proba(x_test)[:, 1]))

    Fix: `predict_proba(X)[:, 1]`, or `decision_function(X)` where a model has no probabilities.

    Not seen: labels from a model that is not known. Boosters and networks whose `predict` gives scores are left alone,
    as are regressors and outlier scores.

    Source: scikit-learn, metrics of classification.
    """
    for event in events.of("metric"):
        predicted = event.port("metric", "pred")
        if predicted is None or event.effect("metric").get("needs") not in ("score", "proba"):
            continue
        if predicted.output != "label" or not predicted.models:
            continue
        made = events.with_id(predicted.produced)
        yield Match(
            event.at,
            f"`{event.short}` needs scores and gets labels: `{predicted.name}`",
            confidence=Confidence.HIGH if event.strong and predicted.strong else Confidence.MEDIUM,
            related=(Related(made.at, "made here"),) if made is not None and made.id != event.id else (),
            fix="Pass predict_proba(X)[:, 1] or decision_function(X).",
            symbol=event.function,
            edit=Rewrite(event.at, _FORMS, safe=False),
        )
