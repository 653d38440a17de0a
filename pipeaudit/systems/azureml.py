"""Azure Machine Learning: each job of a pipeline YAML is a stage; `${{parent.jobs.x.outputs.y}}` is what it reads of
another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.model.pipeline import Program
from pipeaudit.read.node import Node
from pipeaudit.system import ConfigSource, Declared, Problem, Stage, config_system, resolve

_BINDING = re.compile(r"\$\{\{\s*parent\.jobs\.([\w-]+)\.outputs\.([\w-]+)\s*\}\}")
_EXPRESSION = re.compile(r"\$\{\{[^{}]{0,200}\}\}")


@config_system("azureml", "*.yml", "*.yaml", containing=(b"azureml", b"type: pipeline"))
def stages(source: ConfigSource) -> Iterator[Declared]:
    document = source.document
    schema = document.get("$schema").text
    if document.get("type").text == "pipeline" or "pipelineJob" in schema or "pipelineComponent" in schema:
        yield from _pipeline(source, document)
    elif "commandJob" in schema or "sweepJob" in schema:
        name = document.get("experiment_name").text or document.get("name").text or source.path
        yield Stage(
            name=name,
            system="azureml",
            at=document.at,
            key=source.path,
            runs=tuple(_runs(source, document, source.folder)),
            pipeline=source.path,
        )


def _pipeline(source: ConfigSource, document: Node) -> Iterator[Declared]:
    jobs = document.mapping("jobs")
    for name, body in jobs.items():
        bound = [found for value in body.walk() if value.is_scalar for found in _BINDING.findall(value.raw)]
        for job, _ in bound:
            if job not in jobs:
                yield Problem(source.path, body.line, f"job `{name}` reads an output of `{job}`, which is no job here")
        reads = [f"azureml:{source.path}#{job}/{output}" for job, output in bound]
        yield Stage(
            name=name,
            system="azureml",
            at=document.get("jobs").key(name).at,
            key=f"{source.path}:{name}",
            reads=tuple(dict.fromkeys(reads)),
            writes=tuple(f"azureml:{source.path}#{name}/{output}" for output in _outputs(name, body, jobs)),
            after=tuple(dict.fromkeys(f"{source.path}:{job}" for job, _ in bound if job in jobs and job != name)),
            runs=tuple(_runs(source, body, source.folder)),
            pipeline=source.path,
        )


def _outputs(name: str, body: Node, jobs: dict[str, Node]) -> list[str]:
    """Outputs that the job lists, and those that others read of it."""
    used = [
        output
        for other in jobs.values()
        for value in other.walk()
        if value.is_scalar
        for job, output in _BINDING.findall(value.raw)
        if job == name
    ]
    return list(dict.fromkeys([*(key.raw for key, _ in body.items("outputs")), *used]))


def _runs(source: ConfigSource, body: Node, folder: str) -> Iterator[Program]:
    """The command of a job, of its trial, or of the component file that it names."""
    command = body.get("command").text
    if command:
        code = body.get("code").text
        where = resolve(folder, code) if code and ":" not in code else folder
        yield Program(command=_EXPRESSION.sub("{}", command), folder=where)
    component = body.get("component") or body.get("trial")
    if component.is_mapping:
        yield from _runs(source, component, folder)
        return
    path = component.text.removeprefix("file:")
    if path and not path.startswith("azureml:"):
        path = resolve(folder, path)
        document = source.sources.document(path) if path in source.sources else None
        if document is not None and document.get("command"):
            yield from _runs(source, document, path.rpartition("/")[0])
