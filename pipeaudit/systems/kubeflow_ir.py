"""Compiled Kubeflow pipelines (the v2 format): each task of the root and of the groups inside it is a stage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeaudit.model.pipeline import Program
from pipeaudit.nesting import Item, in_order
from pipeaudit.read.node import Node
from pipeaudit.system import ConfigSource, Declared, Problem, Stage, config_system

_NAMED = re.compile(r"inputs\.(?:parameter_values|parameters|artifacts)\['([^']{1,300})'\]")
MAX_DEPTH = 20


@config_system("kfp", "*.yaml", "*.yml", "*.json", containing=(b"deploymentSpec",))
def stages(source: ConfigSource) -> Iterator[Declared]:
    for document in source.documents:
        spec = document.get("pipelineSpec") if document.get("pipelineSpec") else document
        if spec.get("root", "dag") and spec.get("deploymentSpec"):
            yield from _Pipeline(source, spec).stages()


@dataclass(eq=False)
class _Task:
    """A task of one DAG. A group's own tasks are `inside`; `inputs` holds the tasks behind each of its inputs."""

    name: str
    key: str
    node: Node
    component: str
    inputs: dict[str, list[_Task]] = field(default_factory=dict)
    before: dict[_Task, None] = field(default_factory=dict)
    inside: list[_Task] = field(default_factory=list)

    def leaves(self) -> list[_Task]:
        """What has run when the task is done: itself, or the last tasks of a group."""
        if not self.inside:
            return [self]
        followed = {earlier for task in self.inside for earlier in task.before}
        return [leaf for task in self.inside if task not in followed for leaf in task.leaves()]

    def work(self) -> Iterator[_Task]:
        if not self.inside:
            yield self
        for task in self.inside:
            yield from task.work()


class _Pipeline:
    def __init__(self, source: ConfigSource, spec: Node) -> None:
        self.source = source
        self.spec = spec
        self.title = spec.get("pipelineInfo", "name").text or source.path
        self.problems: list[Problem] = []

    def stages(self) -> Iterator[Declared]:
        tasks = self._dag(self.spec.get("root"), {}, self.title, 0)
        for task in (leaf for top in tasks for leaf in top.work()):
            after = dict.fromkeys(leaf.key for earlier in task.before for leaf in earlier.leaves())
            yield Stage(
                name=task.name,
                system="kfp",
                at=task.node.at,
                key=task.key,
                after=tuple(after),
                runs=self._runs(task.component),
                pipeline=self.title,
                note=task.node.get("taskInfo", "name").text
                if task.node.get("taskInfo", "name").text != task.name
                else "",
            )
        yield from self.problems

    def _dag(self, component: Node, inputs: dict[str, list[_Task]], path: str, depth: int) -> list[_Task]:
        nodes = component.mapping("dag", "tasks")
        tasks = {
            name: _Task(name, f"{self.source.path}:{path}/{name}", node, node.get("componentRef", "name").text)
            for name, node in nodes.items()
        }
        for name, task in self._in_order(tasks):
            self._wire(task, tasks, inputs)
            inner = self.spec.get("components", task.component)
            if inner.get("dag") and depth < MAX_DEPTH:
                task.inside = self._dag(inner, task.inputs, f"{path}/{name}", depth + 1)
                self._hold_back(task)
        return list(tasks.values())

    @staticmethod
    def _in_order(tasks: dict[str, _Task]) -> list[tuple[str, _Task]]:
        """Tasks after those that they wait for, so that a group is known before its outputs are asked for."""
        items = [Item(name, task.node.strings("dependentTasks"), None, task) for name, task in tasks.items()]
        return [(item.name, item.data) for item in in_order(items)]

    def _wire(self, task: _Task, tasks: dict[str, _Task], inputs: dict[str, list[_Task]]) -> None:
        """What a task reads and waits for; an input of the group around it means the task outside that makes it."""
        for listed in ("parameters", "artifacts"):
            for name, value in task.node.items("inputs", listed):
                found: list[_Task] = []
                for part in value.walk():
                    producer = tasks.get(part.get("producerTask").text)
                    if producer is not None:
                        key = part.get("outputParameterKey").text or part.get("outputArtifactKey").text
                        found += self._makers(producer, key)
                for key in ("componentInputParameter", "componentInputArtifact"):
                    found += inputs.get(value.get(key).text, ())
                task.inputs[name.raw] = found
                task.before.update(dict.fromkeys(found))
        for earlier in task.node.strings("dependentTasks"):
            if earlier in tasks:
                if not self._only_reads(task, tasks[earlier]):
                    task.before[tasks[earlier]] = None
            else:
                place = task.node.get("dependentTasks")
                why = f"task `{task.name}` waits for `{earlier}`, which is no task"
                self.problems.append(Problem(self.source.path, place.line, why))

    def _makers(self, task: _Task, output: str) -> list[_Task]:
        """The tasks behind an output: of a group, those inside that it hands on."""
        found: list[_Task] = []
        outputs = self.spec.get("components", task.component, "dag", "outputs")
        inside = {inner.name: inner for inner in task.inside}
        for listed in ("parameters", "artifacts"):
            for part in outputs.get(listed, output).walk():
                inner = inside.get(part.get("producerSubtask").text)
                key = part.get("outputParameterKey").text or part.get("outputArtifactKey").text
                found += self._makers(inner, key) if inner is not None else []
        return found or [task]

    def _only_reads(self, task: _Task, earlier: _Task) -> bool:
        """Groups wait, and are waited for, as a whole where it is a task inside that reads or is read: that task is
        drawn.
        """
        read = {maker for found in task.inputs.values() for maker in found}
        if earlier.inside:
            return any(inner in read for inner in earlier.work())
        return earlier in read and bool(self.spec.get("components", task.component, "dag"))

    def _hold_back(self, group: _Task) -> None:
        """What the group's condition or loop depends on, and what it waits for without reading, comes before its first
        tasks.
        """
        policy = group.node.get("triggerPolicy", "condition").text
        steered = set(_NAMED.findall(policy))
        for iterator in ("parameterIterator", "artifactIterator"):
            steered.add(group.node.get(iterator, "items", "inputParameter").text)
            steered.add(group.node.get(iterator, "items", "inputArtifact").text)
        read = {task for found in group.inputs.values() for task in found}
        wanted = [task for name in steered for task in group.inputs.get(name, ())]
        wanted += [task for task in group.before if task not in read]
        inside = set(group.inside)
        for task in group.inside:
            if not any(earlier in inside for earlier in task.before):
                self._before(task, wanted)

    def _before(self, task: _Task, earlier: list[_Task]) -> None:
        task.before.update(dict.fromkeys(one for one in earlier if one is not task))
        inside = set(task.inside)
        for inner in task.inside:
            if not any(one in inside for one in inner.before):
                self._before(inner, earlier)

    def _runs(self, component: str) -> tuple[Program, ...]:
        label = self.spec.get("components", component, "executorLabel").text
        container = self.spec.get("deploymentSpec", "executors", label, "container")
        words = [*container.strings("command"), *container.strings("args")]
        if not words or any("\n" in word for word in words):
            return ()  # a function's own source, which has no file of its own
        return (Program(command=" ".join(words)),)
