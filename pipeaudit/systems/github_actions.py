"""GitHub Actions: each job is a stage, `needs` its order, uploaded and downloaded artifacts its data."""

from __future__ import annotations

from collections.abc import Iterator

from pipeaudit.model.pipeline import Program
from pipeaudit.read.node import Node
from pipeaudit.system import ConfigSource, Declared, Problem, Stage, config_system, resolve


@config_system("github-actions", "/.github/workflows/*.yml", "/.github/workflows/*.yaml")
def stages(source: ConfigSource) -> Iterator[Declared]:
    document = source.document
    jobs = document.mapping("jobs")
    workflow = document.get("name").text or source.path
    default_folder = document.get("defaults", "run", "working-directory").text
    for name, body in jobs.items():
        needs = body.strings("needs")
        for need in needs:
            if need not in jobs:
                yield Problem(source.path, body.get("needs").line, f"job `{name}` needs `{need}`, which is no job here")
        folder = body.get("defaults", "run", "working-directory").text or default_folder
        steps = body.list("steps")
        yield Stage(
            name=name,
            system="github-actions",
            at=document.get("jobs").key(name).at,
            key=f"{source.path}:{name}",
            reads=tuple(_artifacts(steps, "actions/download-artifact", source.path)),
            writes=tuple(_artifacts(steps, "actions/upload-artifact", source.path)),
            after=tuple(f"{source.path}:{need}" for need in needs),
            runs=tuple(_runs(steps, folder)),
            pipeline=workflow,
            note=f"calls {body.get('uses').text}" if body.get("uses").text else "",
        )


def _runs(steps: tuple[Node, ...], folder: str) -> Iterator[Program]:
    for step in steps:
        if command := step.get("run").text:
            yield Program(command=command, folder=resolve("", step.get("working-directory").text or folder or "."))


def _artifacts(steps: tuple[Node, ...], action: str, path: str) -> Iterator[str]:
    for step in steps:
        if step.get("uses").text.partition("@")[0] == action:
            name = step.get("with", "name").text or "artifact"
            yield f"github:{path}#{name}" if "${{" not in name else f"github:{path}#{{}}"
