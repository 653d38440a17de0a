"""What calls of Kubeflow's names make: components, pipelines, tasks, conditions and loops."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Library
from pipeaudit.pyeval.values import NOT_KNOWN, Function, Model, Partial, Value, carried, strings, text_of, unknown
from pipeaudit.system import Sources, resolve
from pipeaudit.systems.kubeflow.tasks import (
    Built,
    Chained,
    Component,
    Group,
    Nested,
    Output,
    Parameter,
    Pipeline,
    Task,
    roots,
    tasks_in,
    wait_for_groups,
)

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator

_COMPONENT = frozenset(("component", "container_component", "notebook_component", "python_component"))
_FROM_FUNCTION = frozenset(
    ("create_component_from_func", "func_to_container_op", "create_component_from_func_v2", "build_python_component")
)
_WRAPPING = frozenset(
    (
        "create_custom_training_job_from_component",
        "create_custom_training_job_op_from_component",
        "run_as_aiplatform_custom_job",
    )
)
_LOADING = frozenset(
    ("load_component_from_file", "load_component_from_url", "load_component_from_text", "load_component")
)
_OPS = frozenset(("ContainerOp", "ResourceOp", "VolumeOp", "VolumeSnapshotOp", "DaskOp"))
_BRANCHES = frozenset(("Condition", "If", "Elif", "Else"))


class Kubeflow(Library):
    packages = ("kfp", "google_cloud_pipeline_components")

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.pipelines: list[Pipeline] = []
        self.built: list[Built] = []
        self.building: list[Built] = []
        self.groups: list[Group] = []
        self.branch: list[Task] = []

    def call(self, call: Call) -> Value:
        last = call.name.rpartition(".")[2]
        if call.name.startswith("kfp"):
            known = self._of_kfp(call, last)
            if known is not NOT_KNOWN:
                return known
        if last in _WRAPPING:
            wrapped = call.argument(0, "component_spec", "component", default=None)
            return wrapped if isinstance(wrapped, Component) else NOT_KNOWN
        if last in _LOADING:
            return self._loaded(call, last)
        if self.building and (
            call.name.startswith("google_cloud_pipeline_components.") or re.search(r"(Op|_op)$", last)
        ):
            return self.task(call, Component(_ready_made(last), library=self))
        return NOT_KNOWN

    def _of_kfp(self, call: Call, last: str) -> Value:
        function = call.args[0] if call.args else call.keywords.get("func")
        if last in _COMPONENT or last in _FROM_FUNCTION or last == "graph_component":
            if isinstance(function, Function | Partial):
                return self.component(function, call)
            return _Decorator(self, dict(call.keywords)) if last in _COMPONENT else NOT_KNOWN
        if last == "pipeline":
            if isinstance(function, Function):
                return self.pipeline(function, call.keywords)
            name = call.args[0] if call.args else call.keywords.get("name")
            return _Decorator(self, {**call.keywords, "name": name}, is_pipeline=True)
        if last in ("compile", "create_run_from_pipeline_func", "create_run_from_pipeline_func_on_cluster"):
            self._compiled(call)
            return None
        if last in _OPS:
            name = text_of(call.argument(0, "name", default=None)) or last
            return self.task(call, Component(name, library=self, command=_command(call)))
        if last == "importer":
            return self.task(call, Component("importer", library=self))
        if last in ("CreatePVC", "DeletePVC"):
            return self.task(call, Component(last.lower(), library=self))
        if last in _BRANCHES:
            return self._branch(call, last)
        if last in ("ParallelFor", "SubGraph"):
            return self._loop(call)
        if last == "ExitHandler":
            exits = call.argument(0, "exit_task", "exit_op", default=None)
            first = (
                roots(exits.built.tasks)
                if isinstance(exits, Nested)
                else [t for leaf in carried(exits) for t in tasks_in(leaf)]
            )
            return self._grouped(Group(self, last, [], exit_tasks=first))
        if last in ("OneOf", "Collected"):
            return unknown(*call.values)
        task = call.argument(0, "task", default=None)
        if isinstance(task, Task):  # kfp.kubernetes configures a task by functions
            return Chained(task, last).call(call)
        return NOT_KNOWN

    def component(self, function: Value, call: Call) -> Value:
        if isinstance(function, Partial):
            function = function.function
        if not isinstance(function, Function):
            return NOT_KNOWN
        return Component(function.name, function, library=self)

    def pipeline(self, function: Function, options: dict[str, Value], decorated: bool = True) -> Pipeline:
        made = Pipeline(text_of(options.get("name")) or function.name, function, self, decorated)
        self.pipelines.append(made)
        return made

    def _compiled(self, call: Call) -> None:
        function = call.argument(0, "pipeline_func", default=None)
        if isinstance(function, Function) and not any(known.function is function for known in self.pipelines):
            self.pipeline(function, {}, decorated=False)

    def _loaded(self, call: Call, how: str) -> Value:
        origin = call.args[0] if call.args else next(iter(call.keywords.values()), None)
        text = text_of(origin) or ""
        document = None
        if how == "load_component_from_file" or call.keywords.get("filename"):
            for path in (resolve(call.file.path.rpartition("/")[0], text), text):
                document = document or (self.sources.document(path) if path in self.sources else None)
        elif how == "load_component_from_text":
            from pipeaudit.read import yaml
            from pipeaudit.read.error import ReadError

            try:
                documents = yaml.parse(call.file.path, text.encode("utf-8", "replace"))
            except ReadError:
                documents = []
            document = documents[0] if documents else None
        if document is not None:
            container = document.get("implementation", "container")
            command = " ".join([*container.strings("command"), *container.strings("args")])
            return Component(document.get("name").text or "component", library=self, command=command)
        parts = [part for part in re.split(r"[/\\]", text) if part not in ("component.yaml", "component.yml")]
        name = re.sub(r"\.(yaml|yml|json)$", "", parts[-1]) if parts else ""
        return Component(name.replace("{}", "").strip("_- ") or "component", library=self)

    def _branch(self, call: Call, kind: str) -> Group:
        producers = [task for leaf in carried(*call.values) for task in tasks_in(leaf)]
        if kind in ("Elif", "Else"):
            producers = [*self.branch, *producers]
        self.branch = producers
        return self._grouped(Group(self, "Condition", producers))

    def _loop(self, call: Call) -> Group:
        items = call.argument(0, "items", "loop_args", default=[])
        outputs = [leaf for leaf in carried(items) if isinstance(leaf, Output)]
        origin = [o for leaf in carried(items) if isinstance(leaf, Parameter) for o in leaf.origin]
        made = Group(self, "ParallelFor", [output.task for output in (*outputs, *origin)])
        made.item = Parameter("item", (*outputs, *origin))
        return self._grouped(made)

    def _grouped(self, group: Group) -> Group:
        if self.building:
            self.building[-1].groups.append(group)
        return group

    def task(self, call: Call, component: Component) -> Value:
        """A task of the pipeline that is being built; outside of one the call says nothing."""
        if not self.building:
            return NOT_KNOWN
        scope = self.building[-1]
        name = _sanitized(component.name)
        scope.taken[name] = scope.taken.get(name, 0) + 1
        if scope.taken[name] > 1:
            name = f"{name}-{scope.taken[name]}"
        made = Task(name, f"{scope.name}/{name}", call.at, self, component, scope)
        for leaf in carried(*call.values):
            for output in leaf.origin if isinstance(leaf, Parameter) else (leaf,):
                made.before.update(dict.fromkeys(tasks_in(output)))
                if isinstance(output, Output):
                    made.reads.append(output)
        for outer in self.building:
            outer.tasks.append(made)
        for group in self.groups:
            group.members.append(made)
            made.mapped |= group.kind == "ParallelFor"
        return made

    def build(self, evaluator: Evaluator, pipeline: Pipeline, call: Call | None = None) -> Value:
        """Runs a pipeline's function with placeholders, or with what another pipeline hands to it."""
        outer = self.building[-1] if self.building else None
        if any(one.pipeline is pipeline for one in self.building):
            return NOT_KNOWN
        built = Built(pipeline, pipeline.name if outer is None else f"{outer.name}/{pipeline.name}", outer)
        self.built.append(built)
        self.building.append(built)
        parameters: dict[str, Value] = {name: Parameter(name) for name in pipeline.function.parameters}
        if call is not None:
            parameters.update(zip(pipeline.function.parameters, call.args, strict=False))
            parameters.update(call.keywords)
        groups, self.groups = (self.groups, []) if outer is None else (self.groups, self.groups)
        result = evaluator.call(pipeline.function, [], parameters)
        self.groups = groups
        self.building.pop()
        wait_for_groups(built)
        return Nested(built, result)


@dataclass(eq=False)
class _Decorator(Model):
    """`@component(...)` and `@pipeline(...)` with options, before they meet the function."""

    library: Kubeflow
    options: dict[str, Value]
    is_pipeline: bool = False

    def call(self, call: Call) -> Value:
        function = call.args[0] if call.args else None
        if self.is_pipeline and isinstance(function, Function):
            return self.library.pipeline(function, self.options)
        return self.library.component(function, call)


def _sanitized(name: str) -> str:
    """The engine's spelling of a task: lower case, words joined by hyphens."""
    return re.sub(r"-+", "-", re.sub(r"[^-0-9a-z]+", "-", name.lower().replace("{}", "x"))).strip("-") or "task"


def _ready_made(name: str) -> str:
    """`ModelUploadOp` is the component `model-upload`."""
    plain = re.sub(r"(Run)?(Op|_op)$", "", name).replace("AutoML", "Automl").replace("BigQuery", "Bigquery")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", plain)


def _command(call: Call) -> str:
    words = [*strings(call.keywords.get("command")), *strings(call.keywords.get("arguments"))]
    return " ".join(words)
