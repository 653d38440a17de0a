"""What CI does here: tests, lints, builds, runs the pipeline, deploys, reports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import normpath

from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.phrases import first
from pipeaudit.evidence.signal import signal
from pipeaudit.evidence.workflow import Job, Step, Workflow
from pipeaudit.model.control import Evidence, Strength

_OF_ITS_OWN = frozenset(("push", "pull_request", "schedule", "called", "event"))


@dataclass(frozen=True, slots=True)
class Done:
    """A step with what it does."""

    workflow: Workflow
    job: Job
    step: Step
    what: str


def done(facts: Facts, *kinds: str) -> Iterator[Done]:
    """Steps of these kinds, in order."""
    for workflow in facts.workflows:
        for job in workflow.jobs:
            for step in job.steps:
                for kind in kinds:
                    what = performs(facts, step, kind)
                    if what:
                        yield Done(workflow, job, step, what)


# lines that name a tool and do not run it
_ONLY_NAMES = ("#", "echo ", "pip install", "pip3 install", "python -m pip install", "uv pip install", "conda install")


def performs(facts: Facts, step: Step, kind: str) -> str:
    """The words that show that a step does this, "" where it does not."""
    wanted = facts.declared["steps"][kind]
    text = _expanded(facts, step.command)
    refused = wanted.get("unless", ())
    while text and (match := first(text, wanted["commands"])) is not None:
        start = text.rfind("\n", 0, match.start()) + 1
        end = text.find("\n", match.end())
        end = end if end >= 0 else len(text)
        line = " ".join(text[start:end].split())
        if not any(word in line.lower() for word in refused) and not line.startswith(_ONLY_NAMES):
            return line[:80]
        text = text[end:]
    action = step.action.lower()
    if action and any(fnmatchcase(action, glob.lower()) for glob in wanted["actions"]):
        words = f"{action} {step.name} {step.inputs}".lower()
        return "" if any(word in words for word in refused) else step.action
    return ""


_SCRIPT = re.compile(r"(?:^|[\s;&|])(?:bash|sh|source|\.)?\s*((?:\./)?[\w./-]+\.sh)\b")
_MAKE = re.compile(r"\bmake\s+(?:-\S+\s+)*([\w.-]+)")


def _expanded(facts: Facts, command: str) -> str:
    """The command with the scripts and Makefile targets that it runs."""
    parts = [command]
    for match in _SCRIPT.finditer(command):
        path = normpath(match.group(1))
        if path in facts.known:
            parts.append("\n".join(line for line in facts.text(path).split("\n") if not line.lstrip().startswith("#")))
    for match in _MAKE.finditer(command):
        parts += [each.text for each in _recipes(facts) if each.target == match.group(1)]
    return "\n".join(parts)


def _recipes(facts: Facts):  # type: ignore[no-untyped-def] # commands of Makefiles
    from pipeaudit.evidence.commands import from_files

    makefiles = tuple(path for path in facts.paths if path.rpartition("/")[2].lower() in ("makefile", "gnumakefile"))
    return tuple(from_files(makefiles, facts)) if makefiles else ()


def _starts_by_itself(workflow: Workflow) -> bool:
    return bool(workflow.triggers & _OF_ITS_OWN) or not workflow.triggers


def _evidence(found: Done, verb: str) -> Evidence:
    manual = not _starts_by_itself(found.workflow)
    how = " (started by hand)" if manual else ""
    return Evidence(
        found.step.at,
        f"{found.workflow.system} {verb}{how}: `{found.what}`",
        Strength.WEAK if manual else Strength.STRONG,
    )


@signal("ci-tests")
def tests(facts: Facts) -> Iterator[Evidence]:
    yield from (_evidence(found, "runs tests") for found in done(facts, "tests"))


@signal("ci-runs-pipeline")
def runs_pipeline(facts: Facts) -> Iterator[Evidence]:
    yield from (_evidence(found, "runs the pipeline") for found in done(facts, "pipeline"))


@signal("ci-builds")
def builds(facts: Facts) -> Iterator[Evidence]:
    yield from (_evidence(found, "builds") for found in done(facts, "builds"))


@signal("ci-deploys")
def deploys(facts: Facts) -> Iterator[Evidence]:
    yield from (_evidence(found, "deploys") for found in done(facts, "deploys"))


@signal("ci-lints")
def lints(facts: Facts) -> Iterator[Evidence]:
    for found in done(facts, "lints"):
        yield Evidence(found.step.at, f"{found.workflow.system} lints: `{found.what}`", Strength.SUPPORTING)


@signal("ci-manual")
def manual(facts: Facts) -> Iterator[Evidence]:
    """CI that no push starts."""
    for workflow in facts.workflows:
        if not _starts_by_itself(workflow) and any(
            performs(facts, s, k) for j in workflow.jobs for s in j.steps for k in _USEFUL
        ):
            yield Evidence(workflow.at, f"{workflow.system} workflow that is started by hand", Strength.WEAK)


_USEFUL = ("tests", "pipeline", "builds", "deploys")


@signal("ci-on-pull-request")
def on_pull_request(facts: Facts) -> Iterator[Evidence]:
    for workflow in facts.workflows:
        if "pull_request" in workflow.triggers and any(
            performs(facts, step, kind)
            for job in workflow.jobs
            for step in job.steps
            for kind in (*_USEFUL, "lints", "reports")
        ):
            yield Evidence(workflow.at, f"{workflow.system} checks pull requests", Strength.STRONG)


@signal("ci-reports-metrics")
def reports_metrics(facts: Facts) -> Iterator[Evidence]:
    """A report on the pull request by a workflow that trains or evaluates."""
    for found in done(facts, "reports"):
        words = f"{found.step.command} {found.step.inputs} {found.step.name} {found.job.name}".lower()
        trains = any(
            performs(facts, step, "pipeline") or performs(facts, step, "compares")
            for j in found.workflow.jobs
            for step in j.steps
        )
        if trains or any(word in words for word in ("metric", "result", "report", "eval", "accuracy")):
            yield Evidence(found.step.at, f"results are posted for review: `{found.what}`", Strength.SUPPORTING)


@signal("ci-compares-metrics")
def compares_metrics(facts: Facts) -> Iterator[Evidence]:
    for found in done(facts, "compares"):
        yield Evidence(found.step.at, f"versions are compared: `{found.what}`", Strength.SUPPORTING)


@signal("approval-gate")
def approval_gate(facts: Facts) -> Iterator[Evidence]:
    """A job that a person has to let through; an environment's name alone shows nobody who approves."""
    for workflow in facts.workflows:
        for job in workflow.jobs:
            if job.manual:
                yield Evidence(job.at, f"job `{job.name}` waits for a person", Strength.STRONG)


@signal("completion-notification")
def completion_notification(facts: Facts) -> Iterator[Evidence]:
    for found in done(facts, "notifies"):
        yield Evidence(found.step.at, f"people are told when it is done: `{found.what}`", Strength.WEAK)


@signal("training-in-ci")
def training_in_ci(facts: Facts) -> Iterator[Evidence]:
    for found in done(facts, "pipeline"):
        if _starts_by_itself(found.workflow):
            yield Evidence(found.step.at, f"a code change runs the pipeline: `{found.what}`", Strength.SUPPORTING)


@signal("redeploy-on-push")
def redeploy_on_push(facts: Facts) -> Iterator[Evidence]:
    """A new release on every push of a repository that documents continual training, or trains in CI."""
    if not (facts.shows("retraining-documented") or facts.shows("training-in-ci")):
        return
    for found in done(facts, "deploys"):
        if "push" in found.workflow.triggers:
            yield Evidence(found.step.at, f"a push releases anew: `{found.what}`", Strength.WEAK)


@signal("deploy-gated")
def deploy_gated(facts: Facts) -> Iterator[Evidence]:
    """Tests, stages or an approval before the deployment."""
    for found in done(facts, "deploys"):
        gate = _gate(facts, found)
        if gate:
            yield Evidence(found.step.at, f"deployment is held by {gate}", Strength.STRONG)


@signal("deploy-ungated")
def deploy_ungated(facts: Facts) -> Iterator[Evidence]:
    """Every deployment of CI goes out untested, unapproved and in one stage, and nothing rolls it back."""
    deployments = list(done(facts, "deploys"))
    if any(_gate(facts, found) for found in deployments) or facts.shows(
        "rollback-automatic", "rollback-command", "weighted-traffic"
    ):
        return
    for found in deployments:
        if "push" in found.workflow.triggers:
            yield Evidence(found.step.at, f"goes straight to production: `{found.what}`", Strength.STRONG)


def _gate(facts: Facts, found: Done) -> str:
    """What holds a deployment back: in its own workflow, or on the pull requests that lead to it."""
    if found.job.manual:
        return "an approval"
    earlier = [job for job in found.workflow.jobs if job is not found.job]
    if any(job.manual for job in earlier):
        return "an approval"
    for job in (*earlier, found.job):
        if any(performs(facts, step, "tests") for step in job.steps):
            return f"the tests of job `{job.name}`"
        if any(performs(facts, step, "pipeline") for step in job.steps) and job is not found.job:
            return f"the run of job `{job.name}`"
    stages = {job.name for job in found.workflow.jobs if any(performs(facts, step, "deploys") for step in job.steps)}
    if len(stages) > 1 and found.job.needs:
        return f"the stage `{found.job.needs[0]}`"
    earlier_stage = _stage_before_production(facts, found)
    if earlier_stage:
        return earlier_stage
    for workflow in facts.workflows:
        if "pull_request" in workflow.triggers and workflow.path != found.workflow.path:
            for job in workflow.jobs:
                if any(performs(facts, step, kind) for step in job.steps for kind in ("tests", "pipeline")):
                    return f"the checks of pull requests in `{workflow.path}`"
    return ""


_PRODUCTION = re.compile(r"prod|live|main", re.IGNORECASE)
_BEFORE_PRODUCTION = re.compile(r"dev|stag|test|qa|uat|pre-?prod", re.IGNORECASE)


def _stage_before_production(facts: Facts, found: Done) -> str:
    """Another deployment, to where the release is tried first."""
    if not _PRODUCTION.search(_target(found)):
        return ""
    for other in done(facts, "deploys"):
        if _BEFORE_PRODUCTION.search(_target(other)) and not _PRODUCTION.search(_target(other)):
            return f"the stage `{_target(other)}`"
    return ""


def _target(found: Done) -> str:
    """What a workflow and its job say of where they deploy to."""
    return (
        f"{found.workflow.path.rpartition('/')[2].partition('.')[0]} {found.job.name} {found.job.environment}".strip()
    )


@signal("gitops")
def gitops(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("gitops-manifest")
