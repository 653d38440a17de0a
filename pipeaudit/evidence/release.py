"""Releases: schedules, triggers, ways back, traffic, thresholds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.calls import short
from pipeaudit.evidence.ci import done, performs
from pipeaudit.evidence.conditions import conditions
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.programs import train_events, training_nodes
from pipeaudit.evidence.signal import signal
from pipeaudit.flow.events import MISSING
from pipeaudit.model.control import Evidence, Strength

_TRAINS = re.compile(r"train|fit_model|model_build|build_model|build_pipeline|\bml\b|mlops|kedro run|dvc repro")


def schedules(facts: Facts) -> tuple[tuple[Evidence, str], ...]:
    """Everything that runs on a schedule, with the words that tell what it runs."""
    found: list[tuple[Evidence, str]] = []
    for workflow in facts.workflows:
        if "schedule" in workflow.triggers:
            words = " ".join(f"{job.name} {step.command} {step.name}" for job in workflow.jobs for step in job.steps)
            at = workflow.schedule or workflow.at
            kind = "train " if any(performs(facts, s, "pipeline") for j in workflow.jobs for s in j.steps) else ""
            name = workflow.path.rpartition("/")[2]
            found.append((Evidence(at, f"{workflow.system} runs on a schedule"), f"{kind}{name} {words}".lower()))
    for each in facts.evidence("scheduled-manifest"):
        text = facts.text(each.at.path)[:20_000].lower()
        found.append((each, f"{each.at.path} {text}".lower()))
    for signal_id in ("schedule-call", "schedule-command"):
        for each in facts.evidence(signal_id):
            events = facts.calls.by_path.get(each.at.path, ())
            found.append((each, f"{each.at.path} {' '.join(e.function for e in events)}".lower()))
    for event in facts.calls.named(
        "airflow.DAG",
        "airflow.models.DAG",
        "airflow.decorators.dag",
        "airflow.sdk.DAG",
        "airflow.sdk.dag",
        "airflow.models.dag.DAG",
    ):
        for name in ("schedule", "schedule_interval", "timetable"):
            value = event.argument(name)
            if value is not None and value.constant is not None:
                tasks = " ".join(stage.name for stage in facts.graph.stages() if stage.at.path == event.at.path)
                dag = event.constant("dag_id", event.constant("0", ""))
                words = f"{event.at.path} {dag} {event.detail.get('decorates', '')} {tasks}"
                found.append((Evidence(event.at, f"the DAG runs on `{_shown(value.constant)}`"), words.lower()))
    found += [
        (
            Evidence(event.at, f"`{short(event.name)}` sets a schedule"),
            f"{event.at.path} {event.constant('name', '')}".lower(),
        )
        for event in facts.calls.named("prefect.*.serve", "prefect.serve", "prefect.*.deploy", "prefect.deployments.*")
        if any(event.argument(name) is not None for name in ("cron", "interval", "schedule", "schedules", "rrule"))
    ]
    return tuple(found)


def _shown(constant: object) -> str:
    return "a schedule" if constant is MISSING else str(constant)[:40]


@signal("training-scheduled")
def training_scheduled(facts: Facts) -> Iterator[Evidence]:
    """Schedules whose words, file or pipeline train."""
    training = {node.at.path for node in facts.once(training_nodes)} | {e.at.path for e in facts.once(train_events)}
    scripts = {path.rpartition("/")[2].lower() for path in training if path.endswith(".py")}
    for each, words in facts.once(schedules):
        if _TRAINS.search(words) or each.at.path in training or any(script in words for script in scripts):
            strength = Strength.WEAK if re.search(r"stale|dependabot|codeql|link-?check", words) else Strength.STRONG
            yield Evidence(each.at, f"{each.what}: training is run", strength)


@signal("training-triggered")
def training_triggered(facts: Facts) -> Iterator[Evidence]:
    """Events, other than a code change, that start the training pipeline."""
    for each in facts.evidence("trigger-call"):
        if _TRAINS.search(f"{each.at.path} {each.what}".lower()) or facts.once(training_nodes):
            yield each
    for workflow in facts.workflows:
        if "event" in workflow.triggers and any(performs(facts, s, "pipeline") for j in workflow.jobs for s in j.steps):
            yield Evidence(workflow.at, f"{workflow.system}: an event starts the pipeline")


@signal("retraining-threshold")
def retraining_threshold(facts: Facts) -> Iterator[Evidence]:
    """A branch on drift or quality in a program that triggers or schedules training."""
    starts = {e.at.path for signal_id in ("trigger-call", "schedule-call") for e in facts.evidence(signal_id)}
    starts |= {e.at.path for e in facts.evidence("drift-check")}
    for condition in facts.once(conditions):
        if condition.at.path in starts:
            yield Evidence(condition.at, f"a condition on drift or quality decides: `{condition.test[:80]}`")
    for event in facts.calls.named(
        "airflow.operators.python.BranchPythonOperator",
        "airflow.operators.python.ShortCircuitOperator",
        "airflow.decorators.task.branch",
        "airflow.decorators.task.short_circuit",
    ):
        said = (event.constant("task_id", ""), event.constant("python_callable", ""), event.detail.get("decorates", ""))
        words = " ".join(map(str, said))
        if re.search(r"drift|quality|perform|retrain|metric|thresh", words, re.IGNORECASE):
            yield Evidence(event.at, "a condition on drift or quality decides")


@signal("rollback-automatic")
def rollback_automatic(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("rollback-automatic-manifest")
    yield from facts.evidence("rollback-call")
    for found in done(facts, "rolls-back"):
        yield Evidence(found.step.at, f"CI can roll back: `{found.what}`")
    for workflow in facts.workflows:
        for job in workflow.jobs:
            if re.search(r"roll-?_?back", job.name, re.IGNORECASE) and job.steps:
                yield Evidence(job.at, f"job `{job.name}` rolls back")
            for step in job.steps:
                if re.search(r"roll-?_?back", f"{step.name} {step.action} {step.inputs}", re.IGNORECASE):
                    yield Evidence(step.at, f"step `{step.name or step.action}` rolls back")


@signal("weighted-traffic")
def weighted_traffic(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("weighted-traffic-manifest")
    yield from facts.evidence("weighted-call")
    for found in done(facts, "shifts-traffic"):
        yield Evidence(found.step.at, f"CI shifts traffic: `{found.what}`")
    for workflow in facts.workflows:
        for job in workflow.jobs:
            for step in job.steps:
                words = f"{step.name} {step.inputs} {step.command}"
                if re.search(r"\bweight(?:_|-|\.|s|=|\b)", words, re.IGNORECASE) and re.search(
                    r"canary|blue|green|traffic|istio|a/?b", f"{words} {job.name} {workflow.path}", re.IGNORECASE
                ):
                    yield Evidence(step.at, f"step `{step.name or job.name}` weighs the traffic")


@signal("shadow-traffic")
def shadow_traffic(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("shadow-traffic-manifest")
    for event in facts.calls.of("rollout"):
        yield Evidence(event.at, f"`{short(event.name)}` rolls out in steps")
    for event in facts.calls.named("sagemaker.*"):
        if event.argument("shadow_production_variants") is not None:
            yield Evidence(event.at, "a shadow variant gets the traffic too")


@signal("review-template")
def review_template(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("review-template-file")
