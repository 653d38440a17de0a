"""CI configuration of all known systems as one shape: workflows with triggers, jobs and steps."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Protocol

from pipeaudit.model.location import Location
from pipeaudit.read.node import Node


@dataclass(frozen=True, slots=True)
class Step:
    """One command or ready-made action of a job; `action` is its name without version, `name` what people call it."""

    at: Location
    command: str = ""
    action: str = ""
    name: str = ""
    inputs: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """`environment` and `manual` are what asks a person; `needs` names jobs that run before."""

    name: str
    at: Location
    steps: tuple[Step, ...]
    needs: tuple[str, ...] = ()
    environment: str = ""
    manual: bool = False


@dataclass(frozen=True, slots=True)
class Workflow:
    """`triggers`: push, pull_request, schedule, manual, called (by another workflow), event."""

    path: str
    system: str
    at: Location
    triggers: frozenset[str]
    jobs: tuple[Job, ...] = ()
    schedule: Location | None = None


class Tree(Protocol):
    """What is asked of the audited tree."""

    @property
    def paths(self) -> tuple[str, ...]: ...

    def text(self, path: str) -> str: ...

    def nodes(self, path: str) -> tuple[Node, ...]: ...


def workflows(tree: Tree) -> Iterator[Workflow]:
    """Every CI file of the tree that has at least one job with a step."""
    for path in tree.paths:
        reader = _reader(path)
        if reader is None:
            continue
        if reader is _jenkins:
            yield from _jenkins(path, tree.text(path))
            continue
        for document in tree.nodes(path):
            for workflow in reader(path, document):
                if any(job.steps for job in workflow.jobs):
                    yield replace(workflow, jobs=tuple(_with_local_actions(job, tree) for job in workflow.jobs))


def _with_local_actions(job: Job, tree: Tree) -> Job:
    """The job with the steps of actions that lie in the repository itself, each after the step that calls it."""
    steps: list[Step] = []
    for step in job.steps:
        steps.append(step)
        if not step.action.startswith("./") or step.action.endswith((".yml", ".yaml")):
            continue
        for name in ("action.yml", "action.yaml"):
            path = posixpath.normpath(posixpath.join(step.action, name))
            for document in tree.nodes(path) if path in tree.paths else ():
                steps += [replace(each, at=step.at) for each in _github_steps(document.get("runs"))]
    return replace(job, steps=tuple(steps))


_READERS: list[tuple[str, str]] = [
    (".github/workflows/*.y*ml", "github"),
    (".gitea/workflows/*.y*ml", "github"),
    (".forgejo/workflows/*.y*ml", "github"),
    (".gitlab-ci.y*ml", "gitlab"),
    (".gitlab/ci/*.y*ml", "gitlab"),
    ("gitlab-ci/*.y*ml", "gitlab"),
    ("azure-pipelines*.y*ml", "azure"),
    ("*/azure-pipelines*.y*ml", "azure"),
    ("*pipelines/*.y*ml", "azure"),
    (".azure*/*.y*ml", "azure"),
    (".devops/*.y*ml", "azure"),
    ("devops-pipelines/*.y*ml", "azure"),
    ("azdo/*.y*ml", "azure"),
    (".circleci/*.y*ml", "circle"),
    ("bitbucket-pipelines.y*ml", "bitbucket"),
    (".travis.y*ml", "travis"),
    (".drone.y*ml", "steps"),
    (".woodpecker*", "steps"),
    (".buildkite/*.y*ml", "steps"),
    ("cloudbuild*.y*ml", "cloudbuild"),
    ("*/cloudbuild*.y*ml", "cloudbuild"),
    ("*buildspec*.y*ml", "buildspec"),
    (".semaphore/*.y*ml", "semaphore"),
    ("jenkinsfile*", "jenkins"),
    ("*/jenkinsfile*", "jenkins"),
    (".tekton/*.y*ml", "tekton"),
]


def _reader(path: str):  # type: ignore[no-untyped-def] # one of the functions below, whose shapes differ
    lower = path.lower()
    for glob, name in _READERS:
        if fnmatchcase(lower, glob):
            return _BY_NAME[name]
    return None


def _github(path: str, document: Node) -> Iterator[Workflow]:
    events = [key.raw for key in document.names("on")] or [key.raw for key in document.names("true")]
    triggers = {_GITHUB_EVENTS.get(event, "event") for event in events}
    jobs = tuple(_github_job(name, body) for name, body in document.items("jobs") if body.is_mapping)
    crons = [entry.get("cron") for entry in document.list("on", "schedule")]
    yield Workflow(
        path, "GitHub Actions", document.at, frozenset(triggers), jobs, next((c.at for c in crons if c.text), None)
    )


_GITHUB_EVENTS = {
    "push": "push",
    "pull_request": "pull_request",
    "pull_request_target": "pull_request",
    "merge_group": "pull_request",
    "schedule": "schedule",
    "workflow_dispatch": "manual",
    "workflow_call": "called",
    "release": "push",
    "workflow_run": "push",
}


def _github_job(name: Node, body: Node) -> Job:
    environment = body.get("environment").text or body.get("environment", "name").text
    steps = _github_steps(body)
    called = body.get("uses")
    if called.text:
        steps.append(Step(called.at, action=called.text.partition("@")[0], name=name.raw))
    return Job(name.raw, name.at, tuple(steps), body.strings("needs"), environment)


def _github_steps(body: Node) -> list[Step]:
    return [
        Step(
            at=(step.get("run") or step.get("uses") or step).at,
            command=step.get("run").text,
            action=step.get("uses").text.partition("@")[0],
            name=step.get("name").text,
            inputs=" ".join(value.text for _, value in step.items("with")),
        )
        for step in body.list("steps")
    ]


_GITLAB_WORDS = frozenset(
    ("stages", "variables", "image", "services", "cache", "include", "workflow", "default", "before_script", "after_script", "pages")
)


def _gitlab(path: str, document: Node) -> Iterator[Workflow]:
    jobs = []
    triggers = {"push"}
    for name, body in document.entries:
        if name.raw in _GITLAB_WORDS or not body.is_mapping:
            continue
        lines = [line for key in ("before_script", "script", "after_script") for line in body.each(key)]
        steps = tuple(Step(line.at, command=line.text, name=name.raw) for line in lines if line.text)
        manual = body.get("when").text == "manual" or any(r.get("when").text == "manual" for r in body.list("rules"))
        conditions = " ".join([*body.strings("only"), *(rule.get("if").text for rule in body.list("rules"))])
        if "merge_request" in conditions:
            triggers.add("pull_request")
        if "schedule" in conditions:
            triggers.add("schedule")
        needs = tuple(node.get("job").text or node.text for node in body.list("needs"))
        environment = body.get("environment").text or body.get("environment", "name").text
        jobs.append(Job(name.raw, name.at, steps, needs, environment, manual))
    yield Workflow(path, "GitLab CI", document.at, frozenset(triggers), tuple(jobs))


def _azure(path: str, document: Node) -> Iterator[Workflow]:
    if not any(document.get(key) for key in ("stages", "jobs", "steps")):
        return
    triggers = set()
    if document.get("trigger") and document.get("trigger").text != "none":
        triggers.add("push")
    if document.get("pr") and document.get("pr").text != "none":
        triggers.add("pull_request")
    if document.list("schedules"):
        triggers.add("schedule")
    if document.get("resources", "pipelines") or document.get("resources", "containers"):
        triggers.add("push")
    if document.get("trigger").text == "none" and not triggers:
        triggers.add("manual")
    if not document.get("trigger") and not triggers:
        triggers.add("called" if document.get("parameters") else "push")
    jobs: list[Job] = []
    before: list[str] = []
    for stage in document.list("stages") or (document,):
        stage_name = stage.get("stage").text or stage.get("displayName").text
        after = tuple(node.text for node in stage.each("dependsOn")) or tuple(before[-1:])
        for job in stage.list("jobs") or (stage,):
            jobs.append(_azure_job(job, stage_name, after))
        if stage_name:
            before.append(stage_name)
    yield Workflow(path, "Azure Pipelines", document.at, frozenset(triggers), tuple(jobs))


def _azure_job(job: Node, stage: str, after: tuple[str, ...]) -> Job:
    name = stage or job.get("job").text or job.get("deployment").text or job.get("displayName").text or "job"
    environment = job.get("environment").text or job.get("environment", "name").text
    steps: list[Step] = []
    manual = False
    for node in job.walk():
        if not node.is_mapping:
            continue
        task = node.get("task").text.partition("@")[0]
        command = next((node.get(key).text for key in ("script", "bash", "pwsh", "powershell") if node.get(key).text), "")
        template = node.get("template").text
        if not (task or command or template):
            continue
        manual |= task == "ManualValidation"
        inputs = " ".join(value.text for _, value in (*node.items("inputs"), *node.items("parameters")))
        inline = node.get("inputs", "inlineScript").text or node.get("inputs", "script").text
        at = next((node.get(key).at for key in ("script", "bash", "task", "template") if node.get(key)), node.at)
        steps.append(Step(at, command or inline, task or template, node.get("displayName").text, inputs))
    return Job(name, job.at, tuple(steps), after, environment, manual)


def _circle(path: str, document: Node) -> Iterator[Workflow]:
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


def _travis(path: str, document: Node) -> Iterator[Workflow]:
    steps = [
        Step(line.at, command=line.text, name=key)
        for key in ("install", "before_script", "script", "after_success", "before_deploy", "deploy")
        for line in document.each(key)
        if line.text
    ]
    for provider in document.each("deploy"):
        if provider.get("provider").text:
            steps.append(Step(provider.at, action="deploy " + provider.get("provider").text))
    yield Workflow(
        path, "Travis CI", document.at, frozenset(("push", "pull_request")), (Job("script", document.at, tuple(steps)),)
    )


def _bitbucket(path: str, document: Node) -> Iterator[Workflow]:
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


def _steps(path: str, document: Node) -> Iterator[Workflow]:
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


def _cloudbuild(path: str, document: Node) -> Iterator[Workflow]:
    steps = []
    for step in document.list("steps"):
        arguments = " ".join(step.strings("args"))
        image = step.get("name").text.rpartition("/")[2].partition(":")[0]
        entry = step.get("entrypoint").text or image
        steps.append(Step(step.at, command=step.get("script").text or f"{entry} {arguments}", action=image))
    yield Workflow(path, "Cloud Build", document.at, frozenset({"push"}), (Job("steps", document.at, tuple(steps)),))


def _buildspec(path: str, document: Node) -> Iterator[Workflow]:
    steps = tuple(
        Step(line.at, command=line.text, name=name.raw)
        for name, phase in document.items("phases")
        for line in phase.list("commands")
        if line.text
    )
    yield Workflow(path, "CodeBuild", document.at, frozenset({"push"}), (Job("phases", document.at, steps),))


def _semaphore(path: str, document: Node) -> Iterator[Workflow]:
    steps = tuple(
        Step(line.at, command=line.text, name=job.get("name").text)
        for block in document.list("blocks")
        for job in block.list("task", "jobs")
        for line in job.list("commands")
        if line.text
    )
    yield Workflow(path, "Semaphore", document.at, frozenset({"push"}), (Job("blocks", document.at, steps),))


def _tekton(path: str, document: Node) -> Iterator[Workflow]:
    if document.get("kind").text not in ("Pipeline", "PipelineRun", "Task"):
        return
    steps = tuple(
        Step(step.at, command=step.get("script").text or " ".join((*step.strings("command"), *step.strings("args"))))
        for node in document.walk()
        if node.is_mapping
        for step in node.list("steps")
    )
    yield Workflow(path, "Tekton", document.at, frozenset({"push"}), (Job("tasks", document.at, steps),))


_JENKINS_STEP = re.compile(r"""\b(?:sh|bat|powershell)\s*\(?\s*(?:script\s*:\s*)?('''|\"\"\"|'|")(.*?)\1""", re.DOTALL)


def _jenkins(path: str, text: str) -> Iterator[Workflow]:
    steps = tuple(
        Step(Location(path, text.count("\n", 0, match.start()) + 1), command=match.group(2))
        for match in _JENKINS_STEP.finditer(text)
    )
    if steps:
        manual = re.search(r"^\s*input\b", text, re.MULTILINE) is not None
        triggers = frozenset({"push", "schedule"} if re.search(r"\bcron\s*\(", text) else {"push"})
        yield Workflow(path, "Jenkins", Location(path), triggers, (Job("stages", Location(path), steps, manual=manual),))


_BY_NAME = {
    "github": _github,
    "gitlab": _gitlab,
    "azure": _azure,
    "circle": _circle,
    "travis": _travis,
    "bitbucket": _bitbucket,
    "steps": _steps,
    "cloudbuild": _cloudbuild,
    "buildspec": _buildspec,
    "semaphore": _semaphore,
    "jenkins": _jenkins,
    "tekton": _tekton,
}
