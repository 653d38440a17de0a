"""Kubeflow Pipelines in Python, v1 and v2, and Vertex AI Pipelines: each call of a component inside a pipeline is a
stage.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Library
from pipeaudit.pyeval.values import (
    NOT_KNOWN,
    Function,
    Model,
    Partial,
    Value,
    carried,
    strings,
    text_of,
    unknown,
)
from pipeaudit.system import Artifact, Declared, PythonSource, Sources, Stage, bounded, python_system, resolve

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
_KINDS = {
    "Dataset": ArtifactKind.DATASET,
    "Model": ArtifactKind.MODEL,
    "Metrics": ArtifactKind.METRICS,
    "ClassificationMetrics": ArtifactKind.METRICS,
    "SlicedClassificationMetrics": ArtifactKind.METRICS,
    "HTML": ArtifactKind.REPORT,
    "Markdown": ArtifactKind.REPORT,
}


@python_system("kfp", package=("kfp", "google_cloud_pipeline_components", "kfp_server_api"))
def stages(source: PythonSource) -> Iterator[Declared]:
    library = _Kubeflow(source.sources)
    evaluator, frame, problems = source.run(library, as_main=True)
    with bounded(source.path, problems):
        for function in source.uncalled(evaluator, frame, _makes_pipeline):
            evaluator.call(function)
        for pipeline in list(library.pipelines):
            if pipeline.function.file.path == source.path or not pipeline.decorated:
                library.build(evaluator, pipeline)
    yield from problems
    for built in library.built:
        if built.nested_in is None and not built.pipeline.is_part:
            yield from _declared(source, built)


def _makes_pipeline(name: str) -> bool:
    return name.startswith("kfp") and name.endswith(".pipeline")


@dataclass(eq=False)
class _Task(Model):
    name: str
    key: str
    at: Location
    library: _Kubeflow
    component: _Component
    scope: _Built
    before: dict[_Task, None] = field(default_factory=dict)
    reads: list[_Output] = field(default_factory=list)
    mapped: bool = False

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name in ("output", "pvolume", "volume", "artifact"):
            return _Output(self, "output")
        if name == "outputs":
            return _Outputs(self)
        if name == "name":
            return unknown(self, text=self.name)
        return _Chained(self, name)


@dataclass(eq=False)
class _Chained(Model):
    """A method that configures a task and gives it back; `.after(...)` is an edge."""

    task: _Task
    name: str

    def call(self, call: Call) -> Value:
        if self.name == "after":
            for leaf in carried(*call.args):
                for task in _tasks(leaf):
                    if task is not self.task:
                        self.task.before[task] = None
        else:
            self._configured_by(call)
        if self.name in ("set_display_name", "set_name") and (name := text_of(call.argument(0, "name", default=None))):
            self.task.component = _Component(self.task.component.name, self.task.component.function, name)
        elif self.name == "apply" and call.args:
            call.evaluator.call(call.args[0], [self.task], node=call.node)
        return self.task

    def _configured_by(self, call: Call) -> None:
        """A setting that another task's output gives is an input too."""
        for leaf in carried(*call.values):
            self.task.before.update(dict.fromkeys(task for task in _tasks(leaf) if task is not self.task))

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        """v1 tasks have parts such as `task.container` whose methods configure them too."""
        return _Chained(self.task, name)


@dataclass(eq=False)
class _Output(Model):
    task: _Task
    name: str

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        if operator in ("==", "!=", "<", "<=", ">", ">=", "in", "not in"):
            return _Comparison((self, other))
        return NOT_KNOWN

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self

    def item(self, key: Value) -> Value:
        return self


@dataclass(eq=False)
class _Outputs(Model):
    task: _Task

    def item(self, key: Value) -> Value:
        return _Output(self.task, text_of(key) or "output")

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return _Output(self.task, name)


@dataclass(eq=False)
class _Parameter(Model):
    """A pipeline's argument, or the item of a loop: a placeholder, which every condition on it takes for true."""

    name: str
    origin: tuple[_Output, ...] = ()

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        if operator in ("==", "!=", "<", "<=", ">", ">="):
            return _Comparison((*self.origin, other))
        return NOT_KNOWN

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return _Parameter(f"{self.name}.{name}", self.origin)

    def item(self, key: Value) -> Value:
        return self


@dataclass(eq=False)
class _Comparison(Model):
    parts: tuple[Value, ...]

    def truth(self) -> bool | None:
        return True


@dataclass(eq=False)
class _Group(Model):
    """`dsl.Condition`, `dsl.ParallelFor`, `dsl.ExitHandler`: what is in it waits for what it depends on, as a whole."""

    library: _Kubeflow
    kind: str
    producers: list[_Task]
    item: Value = None
    exit_tasks: list[_Task] = field(default_factory=list)
    members: list[_Task] = field(default_factory=list)
    depth: int = 0

    def enter(self) -> Value:
        self.library.groups.append(self)
        self.depth = len(self.library.groups)
        return self.item if self.kind == "ParallelFor" else self

    def leave(self) -> None:
        self.library.groups.pop()


@dataclass(eq=False)
class _Nested(Model):
    """A pipeline that was called inside another: its result, and what waits for it waits for its last tasks."""

    built: _Built
    result: Value

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name == "output":
            return self.result
        return self if name == "outputs" else _ChainedNested(self, name)

    def item(self, key: Value) -> Value:
        return self.result


@dataclass(eq=False)
class _ChainedNested(Model):
    nested: _Nested
    name: str

    def call(self, call: Call) -> Value:
        if self.name == "after":
            earlier = [task for leaf in carried(*call.args) for task in _tasks(leaf)]
            for task in _roots(self.nested.built.tasks):
                task.before.update(dict.fromkeys(earlier))
        return self.nested


@dataclass(eq=False)
class _Component(Model):
    """What makes a task when it is called inside a pipeline."""

    name: str
    function: Function | None = None
    title: str = ""
    library: _Kubeflow | None = None
    command: str = ""

    def call(self, call: Call) -> Value:
        return NOT_KNOWN if self.library is None else self.library.task(call, self)

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self.function if name == "python_func" and self.function is not None else NOT_KNOWN


@dataclass(eq=False)
class _Pipeline(Model):
    """A pipeline function; called inside another pipeline it is a part of that."""

    name: str
    function: Function
    library: _Kubeflow
    decorated: bool = True
    is_part: bool = False

    def call(self, call: Call) -> Value:
        if not self.library.building:
            return NOT_KNOWN
        self.is_part = True
        return self.library.build(call.evaluator, self, call)


@dataclass(eq=False)
class _Built:
    """A pipeline as it was built once."""

    pipeline: _Pipeline
    name: str
    nested_in: _Built | None = None
    tasks: list[_Task] = field(default_factory=list)
    groups: list[_Group] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)


class _Kubeflow(Library):
    packages = ("kfp", "google_cloud_pipeline_components")

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.pipelines: list[_Pipeline] = []
        self.built: list[_Built] = []
        self.building: list[_Built] = []
        self.groups: list[_Group] = []
        self.branch: list[_Task] = []

    def call(self, call: Call) -> Value:
        last = call.name.rpartition(".")[2]
        if call.name.startswith("kfp"):
            known = self._of_kfp(call, last)
            if known is not NOT_KNOWN:
                return known
        if last in _WRAPPING:
            wrapped = call.argument(0, "component_spec", "component", default=None)
            return wrapped if isinstance(wrapped, _Component) else NOT_KNOWN
        if last in _LOADING:
            return self._loaded(call, last)
        if self.building and (
            call.name.startswith("google_cloud_pipeline_components.") or re.search(r"(Op|_op)$", last)
        ):
            return self.task(call, _Component(_ready_made(last), library=self))
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
            return self.task(call, _Component(name, library=self, command=_command(call)))
        if last == "importer":
            return self.task(call, _Component("importer", library=self))
        if last in ("CreatePVC", "DeletePVC"):
            return self.task(call, _Component(last.lower(), library=self))
        if last in _BRANCHES:
            return self._branch(call, last)
        if last in ("ParallelFor", "SubGraph"):
            return self._loop(call)
        if last == "ExitHandler":
            exits = call.argument(0, "exit_task", "exit_op", default=None)
            first = (
                _roots(exits.built.tasks)
                if isinstance(exits, _Nested)
                else [t for leaf in carried(exits) for t in _tasks(leaf)]
            )
            return self._grouped(_Group(self, last, [], exit_tasks=first))
        if last in ("OneOf", "Collected"):
            return unknown(*call.values)
        task = call.argument(0, "task", default=None)
        if isinstance(task, _Task):  # kfp.kubernetes configures a task by functions
            return _Chained(task, last).call(call)
        return NOT_KNOWN

    def component(self, function: Value, call: Call) -> Value:
        if isinstance(function, Partial):
            function = function.function
        if not isinstance(function, Function):
            return NOT_KNOWN
        return _Component(function.name, function, library=self)

    def pipeline(self, function: Function, options: dict[str, Value], decorated: bool = True) -> _Pipeline:
        made = _Pipeline(text_of(options.get("name")) or function.name, function, self, decorated)
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
            return _Component(document.get("name").text or "component", library=self, command=command)
        parts = [part for part in re.split(r"[/\\]", text) if part not in ("component.yaml", "component.yml")]
        name = re.sub(r"\.(yaml|yml|json)$", "", parts[-1]) if parts else ""
        return _Component(name.replace("{}", "").strip("_- ") or "component", library=self)

    def _branch(self, call: Call, kind: str) -> _Group:
        producers = [task for leaf in carried(*call.values) for task in _tasks(leaf)]
        if kind in ("Elif", "Else"):
            producers = [*self.branch, *producers]
        self.branch = producers
        return self._grouped(_Group(self, "Condition", producers))

    def _loop(self, call: Call) -> _Group:
        items = call.argument(0, "items", "loop_args", default=[])
        outputs = [leaf for leaf in carried(items) if isinstance(leaf, _Output)]
        origin = [o for leaf in carried(items) if isinstance(leaf, _Parameter) for o in leaf.origin]
        made = _Group(self, "ParallelFor", [output.task for output in (*outputs, *origin)])
        made.item = _Parameter("item", (*outputs, *origin))
        return self._grouped(made)

    def _grouped(self, group: _Group) -> _Group:
        if self.building:
            self.building[-1].groups.append(group)
        return group

    def task(self, call: Call, component: _Component) -> Value:
        """A task of the pipeline that is being built; outside of one the call says nothing."""
        if not self.building:
            return NOT_KNOWN
        scope = self.building[-1]
        name = _sanitized(component.name)
        scope.taken[name] = scope.taken.get(name, 0) + 1
        if scope.taken[name] > 1:
            name = f"{name}-{scope.taken[name]}"
        made = _Task(name, f"{scope.name}/{name}", call.at, self, component, scope)
        for leaf in carried(*call.values):
            for output in leaf.origin if isinstance(leaf, _Parameter) else (leaf,):
                made.before.update(dict.fromkeys(_tasks(output)))
                if isinstance(output, _Output):
                    made.reads.append(output)
        for outer in self.building:
            outer.tasks.append(made)
        for group in self.groups:
            group.members.append(made)
            made.mapped |= group.kind == "ParallelFor"
        return made

    def build(self, evaluator: Evaluator, pipeline: _Pipeline, call: Call | None = None) -> Value:
        """Runs a pipeline's function with placeholders, or with what another pipeline hands to it."""
        outer = self.building[-1] if self.building else None
        if any(one.pipeline is pipeline for one in self.building):
            return NOT_KNOWN
        built = _Built(pipeline, pipeline.name if outer is None else f"{outer.name}/{pipeline.name}", outer)
        self.built.append(built)
        self.building.append(built)
        parameters: dict[str, Value] = {name: _Parameter(name) for name in pipeline.function.parameters}
        if call is not None:
            parameters.update(zip(pipeline.function.parameters, call.args, strict=False))
            parameters.update(call.keywords)
        groups, self.groups = (self.groups, []) if outer is None else (self.groups, self.groups)
        result = evaluator.call(pipeline.function, [], parameters)
        self.groups = groups
        self.building.pop()
        _wait_for_groups(built)
        return _Nested(built, result)


@dataclass(eq=False)
class _Decorator(Model):
    """`@component(...)` and `@pipeline(...)` with options, before they meet the function."""

    library: _Kubeflow
    options: dict[str, Value]
    is_pipeline: bool = False

    def call(self, call: Call) -> Value:
        function = call.args[0] if call.args else None
        if self.is_pipeline and isinstance(function, Function):
            return self.library.pipeline(function, self.options)
        return self.library.component(function, call)


def _tasks(leaf: Model) -> list[_Task]:
    if isinstance(leaf, _Task):
        return [leaf]
    if isinstance(leaf, _Output | _Outputs | _Chained):
        return [leaf.task]
    if isinstance(leaf, _Parameter):
        return [output.task for output in leaf.origin]
    if isinstance(leaf, _Comparison):
        return [task for part in carried(*leaf.parts) for task in _tasks(part)]
    if isinstance(leaf, _Nested):
        return _leaves(leaf.built.tasks)
    return []


def _roots(tasks: list[_Task]) -> list[_Task]:
    known = set(tasks)
    return [task for task in tasks if not any(earlier in known for earlier in task.before)]


def _leaves(tasks: list[_Task]) -> list[_Task]:
    followed = {earlier for task in tasks for earlier in task.before}
    return [task for task in tasks if task not in followed]


def _wait_for_groups(built: _Built) -> None:
    """What a condition or loop depends on comes before its first tasks, what an exit handler holds before its exit
    task.
    """
    for group in sorted(built.groups, key=lambda group: -group.depth):
        producers = [task for task in group.producers if task not in group.members]
        for task in _roots(group.members):
            task.before.update(dict.fromkeys(producers))
        for task in group.exit_tasks:
            task.before.update(dict.fromkeys(_leaves(group.members)))


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


def _outputs_of(task: _Task) -> list[tuple[str, ArtifactKind]]:
    """Artifacts that the component's signature says it writes."""
    function = task.component.function
    if function is None or isinstance(function.node, ast.Lambda):
        return []
    found = []
    for argument in (*function.node.args.args, *function.node.args.kwonlyargs):
        annotation = argument.annotation
        if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).rpartition(".")[2] == "Output":
            found.append(
                (argument.arg, _KINDS.get(ast.unparse(annotation.slice).rpartition(".")[2], ArtifactKind.OTHER))
            )
        elif annotation is not None and "OutputPath" in ast.unparse(annotation):
            name = re.sub(r"_(file_)?path$|_file$", "", argument.arg)
            found.append((name, ArtifactKind.OTHER))
    return found


def _declared(source: PythonSource, built: _Built) -> Iterator[Declared]:
    keys = {task: f"{source.path}:{task.key}" for task in built.tasks}
    for task in built.tasks:
        prefix = f"kfp:{keys[task]}#{task.name}"
        function = task.component.function
        runs: tuple[Program, ...] = ()
        if function is not None:
            runs = (Program(path=function.file.path, function=function.name),)
        elif task.component.command:
            runs = (Program(command=task.component.command),)
        yield Stage(
            name=task.name,
            system="kfp",
            at=task.at,
            key=keys[task],
            reads=tuple(
                dict.fromkeys(
                    f"kfp:{keys[o.task]}#{o.task.name}.{o.name}"
                    for o in task.reads
                    if o.task in keys and any(o.name == name for name, _ in _outputs_of(o.task))
                )
            ),
            writes=tuple(f"{prefix}.{name}" for name, _ in _outputs_of(task)),
            after=tuple(keys[earlier] for earlier in task.before if earlier in keys and earlier is not task),
            runs=runs,
            pipeline=built.name,
            note="one of many" if task.mapped else task.component.title,
        )
        for name, kind in _outputs_of(task):
            yield Artifact(f"{prefix}.{name}", kind)
