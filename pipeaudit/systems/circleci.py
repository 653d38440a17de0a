"""CircleCI: each job of a workflow is a stage, `requires` its order; what orbs bring along is not read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeaudit.model.pipeline import Program
from pipeaudit.read.node import Node
from pipeaudit.system import ConfigSource, Declared, Problem, Stage, config_system, resolve

_PARAMETER = re.compile(r"<< {0,4}parameters\.([\w-]{1,100}) {0,4}>>")
_PROJECT = re.compile(r"(?:~|\$HOME|/home/circleci|/root)/(?:project|repo|code|workspace)/?")
_MAX_DEPTH = 10


@config_system("circleci", "/.circleci/*.y*ml")
def stages(source: ConfigSource) -> Iterator[Declared]:
    document = source.document
    seen: set[tuple[str, tuple[str, ...]]] = set()
    workflows = [(key.text, body) for key, body in document.items("workflows") if body.is_mapping]
    for workflow, body in workflows:
        entries = list(_entries(body))
        names = _names(entries)
        yield from _faults(source, document, workflow, entries, names)
        for key, entry in entries:
            name = _name(key, entry)
            requires = tuple(node.text for node in entry.names("requires"))
            if (name, requires) in seen:
                continue  # another workflow runs the same job, no later and no earlier
            seen.add((name, requires))
            yield Stage(
                name=key.text if "<<" in name else name,
                system="circleci",
                at=key.at,
                key=f"{source.path}:{workflow}/{name}",
                after=tuple(
                    f"{source.path}:{workflow}/{earlier}" for wanted in requires if (earlier := names.meant(wanted))
                ),
                runs=tuple(_job_runs(document, key.text, entry)),
                pipeline=f"{source.path}:{workflow}",
                note=_note(document, key.text, entry, body),
            )
    if not workflows:  # without workflows, the job of this name is what runs
        for lone, job in document.items("jobs"):
            if lone.text == "build":
                runs = tuple(_runs(document, job, {}))
                yield Stage("build", "circleci", lone.at, f"{source.path}:build", runs=runs, pipeline=source.path)


def _entries(workflow: Node) -> Iterator[tuple[Node, Node]]:
    """The jobs of a workflow, each with its settings there."""
    for item in workflow.list("jobs"):
        if item.is_scalar:
            yield item, item
        yield from item.entries


def _name(key: Node, entry: Node) -> str:
    return entry.get("name").text or key.text


def _is_many(entry: Node) -> bool:
    return bool(entry.get("matrix"))


@dataclass(frozen=True, slots=True)
class _Names:
    """What the jobs of a workflow are called; `many` are those of a matrix, which makes names that begin so."""

    known: Mapping[str, str]
    many: tuple[tuple[str, str], ...]

    def meant(self, wanted: str) -> str:
        """The name of the job that is required; those that a matrix makes are one. "" for none."""
        return self.known.get(wanted) or next((name for start, name in self.many if wanted.startswith(start)), "")


def _names(entries: list[tuple[Node, Node]]) -> _Names:
    known = {_name(key, entry): _name(key, entry) for key, entry in entries}
    known |= {alias: _name(key, entry) for key, entry in entries if (alias := entry.get("matrix", "alias").text)}
    many = [_name(key, entry) for key, entry in entries if _is_many(entry)]
    return _Names(known, tuple((name.partition("<<")[0].rstrip("-"), name) for name in many))


def _faults(
    source: ConfigSource, document: Node, workflow: str, entries: list[tuple[Node, Node]], names: _Names
) -> Iterator[Problem]:
    jobs = document.mapping("jobs")
    orbs = document.mapping("orbs")
    for key, entry in entries:
        prefix, slash, _ = key.text.partition("/")
        made_up = "<<" in key.text
        is_known = key.text in jobs or (slash and prefix in orbs) or entry.get("type").text == "approval"
        if not (is_known or made_up):
            yield Problem(source.path, key.line, f"workflow `{workflow}` runs `{key.text}`, which is no job here")
        for required in entry.names("requires"):
            if not names.meant(required.text) and "<<" not in required.text:
                yield Problem(
                    source.path,
                    required.line,
                    f"job `{_name(key, entry)}` requires `{required.text}`, which is no job of workflow `{workflow}`",
                )


def _note(document: Node, job: str, entry: Node, workflow: Node) -> str:
    said = []
    if entry.get("type").text == "approval":
        said.append("waits for a person")
    elif "/" in job:
        said.append(f"a job of the orb `{job.partition('/')[0]}`, which is not read")
    if _is_many(entry):
        said.append("one of many")
    crons = [trigger.get("schedule", "cron").text for trigger in workflow.list("triggers")]
    said += [f"on the schedule {cron}" for cron in crons if cron]
    orbs = document.mapping("orbs")
    steps = [name for step in document.list("jobs", job, "steps") for name in (step.text, *_keys(step))]
    used = dict.fromkeys(name for name in steps if name.partition("/")[0] in orbs and "/" in name)
    said += [f"`{name}` comes from an orb" for name in used]
    return "; ".join(said)


def _keys(step: Node) -> list[str]:
    return [key.text for key, _ in step.entries]


def _job_runs(document: Node, job: str, entry: Node) -> Iterator[Program]:
    body = document.get("jobs", job)
    given = _parameters(body, entry)
    for steps in (entry.get("pre-steps"), body.get("steps"), entry.get("post-steps")):
        yield from _steps(document, steps, given, body.get("working_directory").text, 0)


def _runs(document: Node, job: Node, given: Mapping[str, str]) -> Iterator[Program]:
    yield from _steps(document, job.get("steps"), given, job.get("working_directory").text, 0)


def _steps(document: Node, steps: Node, given: Mapping[str, str], folder: str, depth: int) -> Iterator[Program]:
    """What steps run, the document's own commands opened."""
    if depth > _MAX_DEPTH:
        return
    for step in steps.elements:
        run = step.get("run")
        if command := run.text or run.get("command").text:
            where = _filled(run.get("working_directory").text or folder, given)
            yield Program(command=_filled(command, given), folder=resolve("", _PROJECT.sub("", where) or "."))
        for condition in ("when", "unless"):
            yield from _steps(document, step.get(condition, "steps"), given, folder, depth + 1)
        for name, arguments in ((step.text, step), *((key.text, body) for key, body in step.entries)):
            command_body = document.get("commands", name)
            if command_body:
                inner = _parameters(command_body, arguments, given)
                yield from _steps(document, command_body.get("steps"), inner, folder, depth + 1)


def _parameters(declared: Node, given: Node, outer: Mapping[str, str] | None = None) -> dict[str, str]:
    known = {key.text: body.get("default").text for key, body in declared.items("parameters") if body.get("default")}
    return known | {key.text: _filled(value.text, outer or {}) for key, value in given.entries if value.is_scalar}


def _filled(text: str, given: Mapping[str, str]) -> str:
    return _PARAMETER.sub(lambda match: given.get(match[1], match[0]), text) if "<<" in text else text
