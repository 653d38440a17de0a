"""CI configuration of the smaller systems."""

from __future__ import annotations

from collections.abc import Iterator

from pipeaudit.evidence.workflow import Job, Step, Workflow
from pipeaudit.model.location import Location
from pipeaudit.read import jenkinsfile
from pipeaudit.read.error import ReadError
from pipeaudit.read.jenkinsfile import Block
from pipeaudit.read.node import Node


def circle(path: str, document: Node) -> Iterator[Workflow]:
    jobs = []
    needs: dict[str, tuple[str, ...]] = {}
    manual = set()
    for _, workflow in document.items("workflows"):
        for entry in workflow.list("jobs"):
            for key, body in entry.entries:
                needs[key.raw] = body.strings("requires")
                if body.get("type").text == "approval":
                    manual.add(key.raw)
    for name, body in document.items("jobs"):
        steps = []
        for step in body.list("steps"):
            run = step.get("run")
            command = run.get("command").text or run.text
            at = (run.get("command") or run or step).at
            orb = "" if command else step.text or next((key.raw for key, _ in step.entries), "")
            steps.append(Step(at, command, orb, run.get("name").text))
        jobs.append(Job(name.raw, name.at, tuple(steps), needs.get(name.raw, ()), manual=name.raw in manual))
    schedule = any(workflow.get("triggers") for _, workflow in document.items("workflows"))
    triggers = frozenset({"push", "pull_request"} | ({"schedule"} if schedule else set()))
    yield Workflow(path, "CircleCI", document.at, triggers, tuple(jobs))


def travis(path: str, document: Node) -> Iterator[Workflow]:
    steps = [
        Step(line.at, command=line.text, name=key)
        for key in ("install", "before_script", "script", "after_success", "before_deploy", "deploy")
        for line in document.each(key)
        if line.text
    ]
    steps += [
        Step(provider.at, action="deploy " + provider.get("provider").text)
        for provider in document.each("deploy")
        if provider.get("provider").text
    ]
    yield Workflow(
        path, "Travis CI", document.at, frozenset(("push", "pull_request")), (Job("script", document.at, tuple(steps)),)
    )


def bitbucket(path: str, document: Node) -> Iterator[Workflow]:
    jobs = []
    triggers = set()
    for key, body in document.items("pipelines"):
        triggers.add({"pull-requests": "pull_request", "custom": "manual"}.get(key.raw, "push"))
        for node in body.walk():
            step = node.get("step") if node.is_mapping else node
            if not step.is_mapping:
                continue
            lines = tuple(Step(line.at, command=line.text or line.get("pipe").text) for line in step.list("script"))
            manual = step.get("trigger").text == "manual"
            jobs.append(Job(step.get("name").text, step.at, lines, (), step.get("deployment").text, manual))
    yield Workflow(path, "Bitbucket Pipelines", document.at, frozenset(triggers), tuple(jobs))


def steps(path: str, document: Node) -> Iterator[Workflow]:
    """Drone, Woodpecker and Buildkite: a list (or map) of steps with commands."""
    bodies = [*document.list("steps"), *(body for _, body in document.items("steps"))]
    steps = tuple(
        Step(line.at, command=line.text, name=step.get("name").text or step.get("label").text)
        for step in bodies
        for line in (*step.each("commands"), *step.each("command"))
        if line.text
    )
    manual = any(step.get("block") for step in bodies)
    yield Workflow(
        path,
        "CI steps",
        document.at,
        frozenset(("push", "pull_request")),
        (Job(document.get("name").text or "steps", document.at, steps, manual=manual),),
    )


def cloudbuild(path: str, document: Node) -> Iterator[Workflow]:
    steps = []
    for step in document.list("steps"):
        arguments = " ".join(step.strings("args"))
        image = step.get("name").text.rpartition("/")[2].partition(":")[0]
        entry = step.get("entrypoint").text or image
        steps.append(Step(step.at, command=step.get("script").text or f"{entry} {arguments}", action=image))
    yield Workflow(path, "Cloud Build", document.at, frozenset({"push"}), (Job("steps", document.at, tuple(steps)),))


def buildspec(path: str, document: Node) -> Iterator[Workflow]:
    steps = tuple(
        Step(line.at, command=line.text, name=name.raw)
        for name, phase in document.items("phases")
        for line in phase.list("commands")
        if line.text
    )
    yield Workflow(path, "CodeBuild", document.at, frozenset({"push"}), (Job("phases", document.at, steps),))


def semaphore(path: str, document: Node) -> Iterator[Workflow]:
    steps = tuple(
        Step(line.at, command=line.text, name=job.get("name").text)
        for block in document.list("blocks")
        for job in block.list("task", "jobs")
        for line in job.list("commands")
        if line.text
    )
    yield Workflow(path, "Semaphore", document.at, frozenset({"push"}), (Job("blocks", document.at, steps),))


def tekton(path: str, document: Node) -> Iterator[Workflow]:
    if document.get("kind").text not in ("Pipeline", "PipelineRun", "Task"):
        return
    steps = tuple(
        Step(step.at, command=step.get("script").text or " ".join((*step.strings("command"), *step.strings("args"))))
        for node in document.walk()
        if node.is_mapping
        for step in node.list("steps")
    )
    yield Workflow(path, "Tekton", document.at, frozenset({"push"}), (Job("tasks", document.at, steps),))


def jenkins(path: str, text: str) -> Iterator[Workflow]:
    """The stages of a Jenkinsfile in order, each a job after the one before it."""
    try:
        root = jenkinsfile.parse(path, text.encode("utf-8", "surrogatepass"))
    except ReadError:
        return  # which the graph tells
    jobs: list[Job] = []
    _jenkins_jobs(root, path, jobs)
    if not jobs:
        jobs.append(_jenkins_job(root, "stages", path, ()))
    if any(job.steps for job in jobs):
        timed = any(call.name == "cron" for block in _inside(root) for call in block.calls)
        triggers = frozenset({"push", "schedule"} if timed else {"push"})
        yield Workflow(path, "Jenkins", Location(path), triggers, tuple(jobs))


def _jenkins_jobs(block: Block, path: str, jobs: list[Job]) -> None:
    for child in block.blocks:
        if child.name == "stage":
            needs = tuple(job.name for job in jobs[-1:])
            jobs.append(_jenkins_job(child, child.label, path, needs))
        _jenkins_jobs(child, path, jobs)


def _jenkins_job(stage: Block, name: str, path: str, needs: tuple[str, ...]) -> Job:
    calls = [call for block in _inside(stage) for call in block.calls]
    steps = tuple(
        Step(Location(path, call.line), command=call.command)
        for call in sorted(calls, key=lambda call: call.line)
        if call.command
    )
    manual = any(call.name == "input" for call in calls) or any(block.name == "input" for block in stage.blocks)
    return Job(name, Location(path, stage.line), steps, needs, manual=manual)


def _inside(stage: Block) -> Iterator[Block]:
    """A block and those in it that belong to no other stage."""
    yield stage
    for child in stage.blocks:
        if child.name != "stage":
            yield from _inside(child)
