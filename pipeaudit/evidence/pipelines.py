"""CI configuration of all known systems: which file is read by which reader, and the large three."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from pipeaudit.evidence import ci_files
from pipeaudit.evidence.workflow import Job, Step, Tree, Workflow
from pipeaudit.read.node import Node


def workflows(tree: Tree) -> Iterator[Workflow]:
    """Every CI file of the tree that has at least one job with a step."""
    for path in tree.paths:
        reader = _reader(path)
        if reader is None:
            continue
        if reader is ci_files.jenkins:
            yield from ci_files.jenkins(path, tree.text(path))
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
    (
        "stages",
        "variables",
        "image",
        "services",
        "cache",
        "include",
        "workflow",
        "default",
        "before_script",
        "after_script",
        "pages",
    )
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
        jobs += [_azure_job(job, stage_name, after) for job in stage.list("jobs") or (stage,)]
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
        command = next(
            (node.get(key).text for key in ("script", "bash", "pwsh", "powershell") if node.get(key).text), ""
        )
        template = node.get("template").text
        if not (task or command or template):
            continue
        manual |= task == "ManualValidation"
        inputs = " ".join(value.text for _, value in (*node.items("inputs"), *node.items("parameters")))
        inline = node.get("inputs", "inlineScript").text or node.get("inputs", "script").text
        at = next((node.get(key).at for key in ("script", "bash", "task", "template") if node.get(key)), node.at)
        steps.append(Step(at, command or inline, task or template, node.get("displayName").text, inputs))
    return Job(name, job.at, tuple(steps), after, environment, manual)


_BY_NAME = {
    "github": _github,
    "gitlab": _gitlab,
    "azure": _azure,
    "circle": ci_files.circle,
    "travis": ci_files.travis,
    "bitbucket": ci_files.bitbucket,
    "steps": ci_files.steps,
    "cloudbuild": ci_files.cloudbuild,
    "buildspec": ci_files.buildspec,
    "semaphore": ci_files.semaphore,
    "jenkins": ci_files.jenkins,
    "tekton": ci_files.tekton,
}
