"""Monitoring: drift and quality, who runs the check, metrics of the service, alerts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_test
from pipeaudit.evidence.programs import services
from pipeaudit.evidence.release import schedules
from pipeaudit.evidence.signal import signal
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import CODE_SYSTEMS, Node, StageKind

_ON_DRIFT = re.compile(r"drift|psi(?:_|\b)|shift|reference|baseline|current|production|monitor", re.IGNORECASE)


@signal("drift-check")
def drift_check(facts: Facts) -> Iterator[Evidence]:
    """Calls that look for drift. A statistical test is one where names around it say so: it also judges classifiers."""
    others = {
        event.at
        for event in facts.calls.of("drift")
        if event.name.startswith("scipy.")
        and not _ON_DRIFT.search(" ".join((event.at.path, event.function, *(v.name for v in event.arguments.values()))))
    }
    for each in facts.evidence("drift-call"):
        if each.at not in others:
            yield each


@signal("drift-monitor-resource")
def drift_monitor_resource(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("drift-monitor-manifest")
    yield from facts.evidence("drift-monitor-call")


@signal("quality-monitor")
def quality_monitor(facts: Facts) -> Iterator[Evidence]:
    """A stage or scheduled program for the quality of predictions in production."""
    for node in facts.graph.stages(StageKind.MONITORING):
        if not re.search(r"monitor|drift|quality|observ|track", node.name, re.IGNORECASE):
            continue
        if _watches_models(node):
            yield Evidence(node.at, f"stage `{node.name}` monitors", Strength.SUPPORTING)


def _watches_models(node: Node) -> bool:
    """Whether a pipeline, a job or a cloud runs it: a cluster's collectors and alert rules run nothing of their own."""
    systems = {said.system for said in node.declarations if said.runs or said.system not in ("kubernetes", "helm")}
    return bool(systems - CODE_SYSTEMS - {"docker", "compose"})


@signal("monitoring-scheduled")
def monitoring_scheduled(facts: Facts) -> Iterator[Evidence]:
    paths = {each.at.path for each in facts.evidence("drift-check")}
    for each, words in facts.once(schedules):
        if re.search(r"monitor|drift|evidently|observ", words) or each.at.path in paths:
            yield Evidence(each.at, f"{each.what}: monitoring is run")
    for node in facts.graph.stages(StageKind.MONITORING):
        if _watches_models(node) and any(each.at.path == node.at.path for each, _ in facts.once(schedules)):
            yield Evidence(node.at, f"stage `{node.name}` runs on its pipeline's schedule")


@signal("monitor-in-service")
def monitor_in_service(facts: Facts) -> Iterator[Evidence]:
    """Drift is checked in a service, or in a program of its own that runs on and on."""
    serving = {service.path for service in facts.once(services)}
    for each in facts.evidence("drift-check"):
        if each.at.path in serving:
            yield each


@signal("monitoring-stub")
def monitoring_stub(facts: Facts) -> Iterator[Evidence]:
    """A function for drift or monitoring whose body does nothing of the kind."""
    if facts.shows("drift-check", "drift-monitor-resource"):
        return
    for path, events in sorted(facts.project.programs.items()):
        if is_test(path):
            continue
        for name, at in events.functions:
            if re.search(r"drift|monitor_model|model_monitor|monitor_data", name.rpartition(".")[2], re.IGNORECASE):
                yield Evidence(at, f"`{name.rpartition('.')[2]}` is a stub of a check", Strength.WEAK)


@signal("metrics-resource")
def metrics_resource(facts: Facts) -> Iterator[Evidence]:
    """Collectors that look at a service."""
    yield from facts.evidence("metrics-manifest")


@signal("dashboards")
def dashboards(facts: Facts) -> Iterator[Evidence]:
    for path in facts.paths:
        lower = path.lower()
        if lower.endswith(".json") and ("grafana" in lower or "dashboard" in lower):
            for document in facts.nodes(path):
                if document.get("panels") or document.get("dashboard", "panels"):
                    yield Evidence(Location(path), "a dashboard shows the metrics", Strength.STRONG)


@signal("telemetry-on")
def telemetry_on(facts: Facts) -> Iterator[Evidence]:
    for each in facts.evidence("telemetry-manifest"):
        yield Evidence(each.at, each.what, Strength.SUPPORTING)
    for event in facts.calls.named("azureml.*.deploy_configuration", "azureml.core.webservice.*"):
        if event.constant("enable_app_insights") is True:
            yield Evidence(event.at, "telemetry is switched on", Strength.SUPPORTING)


@signal("alert-rule")
def alert_rule(facts: Facts) -> Iterator[Evidence]:
    """Alert rules with an expression."""
    yield from facts.evidence("alert-rule-manifest")


@signal("alert-resource")
def alert_resource(facts: Facts) -> Iterator[Evidence]:
    for event in facts.calls.named(
        "boto3.client.put_metric_alarm",
        "aws_cdk.aws_cloudwatch.*Alarm",
        "google.cloud.monitoring_v3.*AlertPolicy*",
        "*.put_metric_alarm",
    ):
        yield Evidence(event.at, "an alarm is set on a metric")
    for event in facts.calls.named(
        "google.cloud.aiplatform.model_monitoring.EmailAlertConfig", "azure.ai.ml.entities.AlertNotification"
    ):
        yield Evidence(event.at, "the monitor sends alerts")
    for path in facts.paths:
        if path.endswith(".tf"):
            for number, line in enumerate(facts.text(path).split("\n"), 1):
                if re.match(
                    r'\s*resource\s+"(?:aws_cloudwatch_metric_alarm|google_monitoring_alert_policy|azurerm_monitor_metric_alert|datadog_monitor)"',
                    line,
                ):
                    yield Evidence(Location(path, number), "an alarm is declared")


@signal("monitor-alert")
def monitor_alert(facts: Facts) -> Iterator[Evidence]:
    """A message to people from a program that checks drift or quality."""
    checked = {
        each.at.path for signal_id in ("drift-check", "drift-monitor-resource") for each in facts.evidence(signal_id)
    }
    for each in facts.evidence("alert-call"):
        if each.at.path in checked:
            yield each


@signal("alert-without-threshold", "failure-notification")
def failure_notification(facts: Facts) -> Iterator[Evidence]:
    """Messages when a run fails, and alerts of which no threshold is seen."""
    for each in facts.evidence("alert-call"):
        yield Evidence(each.at, each.what, Strength.SUPPORTING)
    for event in facts.calls.named("airflow.*"):
        for name in ("on_failure_callback", "email_on_failure", "sla_miss_callback", "sla"):
            value = event.argument(name)
            if value is not None and value.constant not in (None, False):
                yield Evidence(event.at, f"`{name}` tells people of failures", Strength.SUPPORTING)
