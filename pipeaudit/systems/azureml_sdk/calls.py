"""What calls of Azure ML's names make: components, jobs, pipelines and their inputs."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Library
from pipeaudit.pyeval.values import NOT_KNOWN, Function, Model, Value, carried, text_of, unknown
from pipeaudit.read.node import Node
from pipeaudit.system import PythonSource, resolve
from pipeaudit.systems.azureml_sdk.nodes import Built, Component, Data, JobNode, Nested, Output, Pipeline, nodes_in

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator

PACKAGES: Final = ("azure.ai.ml", "mldesigner")
_EXPRESSION = re.compile(r"\$\{\{[^{}]{0,200}\}\}|\$\[\[[^\[\]]{0,400}\]\]")
JOB_MAKERS: Final = ("command", "spark", "parallel_run_function", "CommandComponent")
_AUTOML = re.compile(r"azure\.ai\.ml\.automl\.(classification|regression|forecasting|(image|text)_\w+)$")


@dataclass(eq=False)
class _Decorator(Model):
    library: AzureML
    options: dict[str, Value]
    is_pipeline: bool

    def call(self, call: Call) -> Value:
        return self.library.decorated(call.args[0] if call.args else None, self.options, self.is_pipeline)


class AzureML(Library):
    packages = ("azure", "mldesigner")

    def __init__(self, source: PythonSource) -> None:
        self.source = source
        self.pipelines: list[Pipeline] = []
        self.components: list[Component] = []
        self.built: list[Built] = []
        self.building: list[Built] = []
        self.folders: set[str] = set()

    def call(self, call: Call) -> Value:
        last = call.name.rpartition(".")[2]
        if call.name.endswith(".components.get"):
            name = text_of(call.argument(0, "name", default=None)) or "component"
            return self._made(Component(name, call.at, self, note=f"the registered component `{name}`"))
        if not call.name.startswith(PACKAGES):
            return NOT_KNOWN
        if last in ("pipeline", "command_component"):
            function = call.args[0] if call.args else None
            if isinstance(function, Function):
                return self.decorated(function, call.keywords, last == "pipeline")
            return _Decorator(self, dict(call.keywords), last == "pipeline")
        if last == "Input":
            path = text_of(call.keywords.get("path")) or ""
            return Data(path) if path.strip("./") and not path.startswith("{}") else NOT_KNOWN
        if last in ("load_component", "load_job"):
            return self._loaded(call)
        if last in JOB_MAKERS or _AUTOML.match(call.name):
            return self._command(call, last)
        if last == "RunFunction":
            return unknown(*call.values, text=_script(call, text_of(call.keywords.get("entry_script")) or ""))
        return NOT_KNOWN

    def decorated(self, function: Value, options: dict[str, Value], is_pipeline: bool) -> Value:
        if not isinstance(function, Function) or isinstance(function.node, ast.Lambda):
            return NOT_KNOWN
        name = text_of(options.get("name")) or function.name
        if is_pipeline:
            made = Pipeline(name, function, self)
            self.pipelines.append(made)
            return made
        program = Program(path=function.file.path, function=function.name)
        return self._made(Component(name, function.file.at(function.node), self, (program,), _annotated(function.node)))

    def _made(self, component: Component) -> Component:
        self.components.append(component)
        return component

    def _command(self, call: Call, kind: str) -> Value:
        """A command, a Spark job or a parallel run that is written where it is used."""
        name = text_of(call.keywords.get("name")) or text_of(call.keywords.get("display_name")) or kind
        outputs = call.keywords.get("outputs")
        given = call.keywords.get("inputs")
        command = _EXPRESSION.sub("{}", text_of(call.keywords.get("command")) or "")
        entry = call.keywords.get("entry")
        if isinstance(entry, dict):  # a Spark job's
            command = _script(call, text_of(entry.get("file")) or "")
        if kind == "parallel_run_function":
            command = text_of(call.keywords.get("task")) or ""
        program = Program(command=command, folder=self._folder(call, text_of(call.keywords.get("code")) or ""))
        made = Component(
            name,
            call.at,
            self,
            (program,) if command else (),
            tuple(key for key in outputs if isinstance(key, str)) if isinstance(outputs, dict) else (),
            "" if command else kind,
            is_closed=kind in ("command", "CommandComponent") and _is_known(outputs),
            is_job=kind != "CommandComponent",
            inputs=tuple(leaf for leaf in carried(given) if isinstance(leaf, Data)),
        )
        if self.building and made.is_job:
            made.was_called = True
            return self.node(made, call)
        return self._made(made)

    def _folder(self, call: Call, code: str) -> str:
        """Where a command runs: in the folder of its code."""
        folder = call.file.path.rpartition("/")[0]
        if not code or ":" in code or "{}" in code.removeprefix("{}/"):
            return folder
        return _upward(folder, code, self._has) or resolve(folder, code.removeprefix("{}/"))

    def _has(self, folder: str) -> bool:
        if not self.folders:
            for path in self.source.sources.paths:
                while path := path.rpartition("/")[0]:
                    if path in self.folders:
                        break
                    self.folders.add(path)
        return folder in self.folders

    def _loaded(self, call: Call) -> Value:
        text = text_of(call.argument(0, "source", "path", default=None)) or ""
        folder = call.file.path.rpartition("/")[0]
        sources = self.source.sources
        path = _upward(folder, text, sources.__contains__)
        document = None if path is None else sources.document(path)
        if path is None or document is None:
            name = re.sub(r"\.ya?ml$", "", text.rpartition("/")[2]).replace("{}", "") or "component"
            return self._made(Component(name, call.at, self, note="its definition is not in the repository"))
        is_command = document.get("type").text in ("", "command") and bool(document.get("command"))
        return self._made(
            Component(
                document.get("name").text or path.rpartition("/")[2],
                call.at,
                self,
                tuple(_programs(document, path)),
                tuple(key.raw for key, _ in document.items("outputs")),
                "" if document.get("command") else document.get("type").text,
                is_closed=is_command,
            )
        )

    def node(self, component: Component, call: Call) -> JobNode:
        """A node of the pipeline that is being built, named as the engine names it: by the variable it is given to."""
        built = self.building[-1]
        name = built.targets.get(call.node) or component.name
        built.taken[name] = built.taken.get(name, 0) + 1
        built.known.add(call.node)
        if built.taken[name] > 1:
            name = f"{name}_{built.taken[name] - 1}"
        key = "/".join([*(one.pipeline.name for one in self.building), name])
        made = JobNode(name, key, call.at, component, self, call.node)
        for leaf in carried(*call.values):
            if isinstance(leaf, Output):
                made.reads[leaf] = None
            elif isinstance(leaf, Data):
                made.data[leaf.path] = None
            made.before.update(dict.fromkeys(nodes_in(leaf)))
        made.data.update((data.path, None) for data in component.inputs)
        for outer in self.building:
            outer.nodes.append(made)
        return made

    def build(self, evaluator: Evaluator, pipeline: Pipeline, call: Call | None = None) -> Value:
        pipeline.was_built = True
        built = Built(pipeline, dict(_targets(pipeline.function.node)))
        is_outermost = not self.building
        if call is not None and not is_outermost:
            self.building[-1].known.add(call.node)
        self.building.append(built)
        try:
            args, keywords = (call.args, call.keywords) if call is not None else ([], {})
            result = evaluator.call(pipeline.function, args, keywords)
        finally:
            self.building.pop()
        if is_outermost:
            self.built.append(built)
        else:
            self.built = [one for one in self.built if one.pipeline is not pipeline]
        waits = [node for leaf in carried(*(call.values if call is not None else ())) for node in nodes_in(leaf)]
        inside = set(built.nodes)
        for node in built.nodes:  # as a whole it waits for what it is given
            if not any(earlier in inside for earlier in node.before):
                node.before.update(dict.fromkeys(waits))
        return Nested(built, result)


def _is_known(outputs: Value) -> bool:
    return isinstance(outputs, dict) and all(isinstance(name, str) for name in outputs)


def _upward(folder: str, path: str, exists: Callable[[str], bool]) -> str | None:
    """Where a path leads that is meant from the working folder: the file's own, or one above it."""
    path = path.removeprefix("{}/")  # the working folder, where code asks for it
    while True:
        if exists(found := resolve(folder, path)):
            return found
        if not folder:
            return None
        folder = folder.rpartition("/")[0]


def _targets(function: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            yield node.value, node.targets[0].id


def _annotated(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[str, ...]:
    """Outputs that the signature of a component function says: `model: Output(type="uri_folder")`."""
    return tuple(
        argument.arg
        for argument in (*node.args.args, *node.args.kwonlyargs)
        if argument.annotation is not None and re.match(r"(\w+\.)*Output\b", ast.unparse(argument.annotation))
    )


def _script(call: Call, script: str) -> str:
    code = text_of(call.keywords.get("code")) or ""
    return f"python {resolve(code, script)}" if script else ""


def _programs(document: Node, path: str) -> Iterator[Program]:
    """What a component's file says is run."""
    folder = path.rpartition("/")[0]
    task = document.get("task")
    code = document.get("code").text or task.get("code").text
    where = resolve(folder, code) if code and ":" not in code else folder
    if command := document.get("command").text:
        yield Program(command=_EXPRESSION.sub("{}", command), folder=where)
    for script in (task.get("entry_script").text, document.get("entry", "file").text):
        if script:
            yield Program(command=f"python {script}", folder=where)
