import re

from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, rule

_MEASURES = ("service-metrics", "metrics-resource", "metrics-manifest", "dashboards", "drift-check")
_ALERTS = (
    "alert-rule",
    "alert-resource",
    "alert-rule-manifest",
    "monitor-alert",
    "alert-call",
    "failure-notification",
    "drift-monitor-resource",
    "error-tracker",
)
_COMPARES = re.compile(r"[<>]|==|!=|absent|changes|resets|\bunless\b|\band\b")


@rule(
    "PA608",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.MONITORING,
    controls=("ANT-5", "MON-1"),
    kinds=("no-alert", "no-threshold", "no-receiver"),
)
def metrics_without_alerts(project: Project) -> Iterator[Match]:
    """Metrics are collected or drawn, and nothing tells anybody when they go wrong.

    A dashboard is looked at after the complaint, not before.

    Kinds: `no-alert`, `no-threshold` (an alert without a condition), `no-receiver` (rules that Prometheus sends
    nowhere).

    Bad, in app.py:

        import joblib
        from fastapi import FastAPI
        from prometheus_client import Histogram

        app = FastAPI()
        model = joblib.load("model.pkl")
        seconds = Histogram("seconds", "time of a prediction")

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            with seconds.time():
                return model.predict(rows).tolist()

    Good, in app.py:

        import joblib
        from fastapi import FastAPI
        from prometheus_client import Histogram

        app = FastAPI()
        model = joblib.load("model.pkl")
        seconds = Histogram("seconds", "time of a prediction")

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            with seconds.time():
                return model.predict(rows).tolist()

    And in rules.yml:

        groups:
          - name: scorer
            rules:
              - alert: Slow
                expr: histogram_quantile(0.95, rate(seconds_bucket[5m])) > 0.5

    Fix: alert on drift, errors, latency and missing data.

    Not seen: alerts that are kept elsewhere: attest ANT-5.

    Source: ML Test Score, Monitoring 1 to 7.
    """
    if project.profile not in ("full", "service", "platform"):
        return
    measured = [e for e in project.evidence(*_MEASURES) if not e.at.path.endswith(".ipynb")]
    if measured and not project.evidence(*_ALERTS):
        yield Match(
            measured[0].at,
            f"{measured[0].what}, and no alert is defined",
            kind="no-alert",
            confidence=Confidence.MEDIUM,
            fix="Add alert rules with thresholds.",
        )
    yield from _without_threshold(project)
    yield from _unsent(project)


def _without_threshold(project: Project) -> Iterator[Match]:
    """Alerts of Prometheus whose expression compares with nothing."""
    for path in sorted({found.at.path for found in project.evidence("alert-rule-manifest")}):
        for document in project.repository.nodes(path):
            for node in document.walk():
                expression = node.get("expr") if node.get("alert") else None
                if expression is not None and expression.text and not _COMPARES.search(expression.text):
                    yield Match(
                        expression.at,
                        f"alert `{node.get('alert').text}` compares with no value: it fires whenever there is a number",
                        kind="no-threshold",
                        confidence=Confidence.MEDIUM,
                        fix="Compare the expression with a value.",
                    )


def _unsent(project: Project) -> Iterator[Match]:
    """Alert rules beside a Prometheus that has no alertmanager."""
    rules = project.evidence("alert-rule-manifest")
    for path in project.repository.glob("prometheus*.y*ml") if rules else ():
        for document in project.repository.nodes(path)[:1]:
            if document.get("scrape_configs") and document.get("rule_files") and not document.get("alerting"):
                yield Match(
                    document.key("rule_files").at,
                    "alerts are defined, and this Prometheus sends them nowhere",
                    kind="no-receiver",
                    confidence=Confidence.MEDIUM,
                    fix="Name an alertmanager under `alerting`.",
                )
