"""Argo Workflows: each task of a DAG and each step is a stage; templates that hold others are flattened."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from pipeaudit.model.pipeline import Program
from pipeaudit.nesting import Item, flatten
from pipeaudit.read.node import Node
from pipeaudit.system import ConfigSource, Declared, Problem, Stage, config_system

_KINDS = ("Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow")
_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.(?:Succeeded|Failed|Errored|Skipped|Omitted|Daemoned|AnySucceeded|AllFailed))?")
MAX_DEPTH = 20


@config_system("argo", "*.yaml", "*.yml", "*.json", containing=(b"argoproj.io",))
def stages(source: ConfigSource) -> Iterator[Declared]:
    for number, document in enumerate(source.documents):
        if document.get("kind").text not in _KINDS or not document.get("apiVersion").text.startswith("argoproj.io/"):
            continue
        spec = (
            document.get("spec", "workflowSpec")
            if document.get("kind").text == "CronWorkflow"
            else document.get("spec")
        )
        yield from _workflow(source, _title(document, number), spec)


def _title(document: Node, number: int) -> str:
    metadata = document.get("metadata")
    return metadata.get("name").text or metadata.get("generateName").text.rstrip("-") or f"workflow {number + 1}"


def _workflow(source: ConfigSource, title: str, spec: Node) -> Iterator[Declared]:
    templates = {template.get("name").text: template for template in spec.list("templates")}
    start = spec.get("entrypoint").text
    if start and start not in templates and templates:
        yield Problem(
            source.path, spec.get("entrypoint").line, f"the entrypoint `{start}` is no template of this workflow"
        )
    starts = [start] if start in templates else [name for name, body in templates.items() if _is_group(body)]
    for name in starts or list(templates):
        yield from _entry(source, title, templates, templates[name], spec.get("onExit").text)


def _entry(
    source: ConfigSource, title: str, templates: dict[str, Node], start: Node, on_exit: str
) -> Iterator[Declared]:
    yield from _unknown_tasks(source, templates)
    if _is_group(start):
        items = _items(start, templates, 0)
    else:
        items = [Item(start.get("name").text, data=(start, start))]
    if on_exit in templates and on_exit != start.get("name").text:
        items.append(Item(on_exit, data=(templates[on_exit], templates[on_exit])))
    leaves = flatten(items)
    keys = [f"{source.path}:{title}:{'/'.join((*leaf.path, leaf.name))}" for leaf in leaves]
    for key, leaf in zip(keys, leaves, strict=True):
        task, template = leaf.data
        yield Stage(
            name=leaf.name,
            system="argo",
            at=(task or template).at,
            key=key,
            after=tuple(keys[earlier] for earlier in leaf.after),
            runs=_runs(template),
            pipeline=title,
            note="one of many" if task.get("withItems") or task.get("withParam") or task.get("withSequence") else "",
        )


def _is_group(template: Node) -> bool:
    return bool(template.get("dag") or template.get("steps"))


def _items(template: Node, templates: dict[str, Node], depth: int) -> list[Item]:
    found: list[Item] = []
    for task in template.list("dag", "tasks"):
        after = dict.fromkeys(task.strings("dependencies"))
        after.update(dict.fromkeys(word.partition(".")[0] for word in _NAME.findall(task.get("depends").text)))
        found.append(_item(task, tuple(after), templates, depth))
    previous: tuple[str, ...] = ()
    for group in template.list("steps"):
        steps = group.elements if group.is_list else (group,)
        made = [_item(step, previous, templates, depth) for step in steps]
        found += made
        previous = tuple(item.name for item in made) or previous
    return found


def _item(task: Node, after: tuple[str, ...], templates: dict[str, Node], depth: int) -> Item:
    name = task.get("name").text or task.get("template").text
    inner = task.get("inline") or templates.get(task.get("template").text, Node(task.path, 3, task.line, task.column))
    if _is_group(inner) and depth < MAX_DEPTH:
        return Item(name, after, _items(inner, templates, depth + 1))
    return Item(name, after, None, (task, inner))


def _unknown_tasks(source: ConfigSource, templates: dict[str, Node]) -> Iterator[Problem]:
    for template in templates.values():
        tasks = template.list("dag", "tasks")
        names = {task.get("name").text for task in tasks}
        for task in tasks:
            for name in task.strings("dependencies"):
                if name not in names:
                    yield Problem(
                        source.path, task.line, f"task `{task.get('name').text}` waits for `{name}`, which is no task"
                    )


def _runs(template: Node) -> tuple[Program, ...]:
    """What a container or script template runs; the text of an inline script counts as commands where a shell reads
    it.
    """
    container = template.get("container") or template.get("script")
    words = [*container.strings("command"), *container.strings("args")]
    inline = template.get("script", "source").text
    if inline and words and words[0].rpartition("/")[2] in ("sh", "bash"):
        return (Program(command=inline),)
    if len(words) >= 3 and words[0].rpartition("/")[2] in ("sh", "bash") and words[1].startswith("-"):
        return (Program(command="\n".join(words[2:])),)
    return (Program(command=shlex.join(words)),) if words else ()
