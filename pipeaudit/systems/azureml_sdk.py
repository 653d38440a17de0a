"""Azure Machine Learning in Python: each component that a function under `@pipeline` calls is a stage, each command job
outside of one, too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Library
from pipeaudit.pyeval.values import NOT_KNOWN, Function, Model, Unknown, Value, carried, text_of, unknown
from pipeaudit.read.node import Node
from pipeaudit.system import Declared, Problem, PythonSource, Stage, bounded, python_system, resolve

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator

_PACKAGES: Final = ("azure.ai.ml", "mldesigner")
_EXPRESSION = re.compile(r"\$\{\{[^{}]{0,200}\}\}|\$\[\[[^\[\]]{0,400}\]\]")
_BUILT: Final = ("command", "spark", "parallel_run_function", "CommandComponent")
_AUTOML = re.compile(r"azure\.ai\.ml\.automl\.(classification|regression|forecasting|(image|text)_\w+)$")


@python_system("azureml", package=_PACKAGES)
def stages(source: PythonSource) -> Iterator[Declared]:
    library = _AzureML(source)
    evaluator, frame, problems = source.run(library, as_main=True)
    with bounded(source.path, problems):
        for function in source.uncalled(evaluator, frame, _makes_jobs):
            evaluator.call(function)
        for pipeline in list(library.pipelines):
            if not pipeline.was_built and pipeline.function.file.path == source.path:
                library.build(evaluator, pipeline)
    yield from problems
    for built in library.built:
        if built.function.file.path == source.path:
            yield from _declared(source, built)
    for component in library.components:
        if component.is_job and not component.was_called and component.at.path == source.path:
            yield _job(source, component)


def _makes_jobs(name: str) -> bool:
    return name.startswith("azure.ai.ml") and (name.endswith(".pipeline") or name.rpartition(".")[2] in _BUILT)


@dataclass(eq=False)
class _Component(Model):
    """What makes a node when it is called: a command, a file that was loaded, a decorated function."""

    name: str
    at: Location
    library: _AzureML
    runs: tuple[Program, ...] = ()
    outputs: tuple[str, ...] = ()
    note: str = ""
    is_closed: bool = False  # its outputs are all known
    is_job: bool = False  # it can be submitted as it is
    inputs: tuple[_Data, ...] = ()
    was_called: bool = False

    def call(self, call: Call) -> Value:
        if not self.library.building:
            return self
        self.was_called = True
        return self.library.node(self, call)

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return _Swept(self) if name == "sweep" else NOT_KNOWN


@dataclass(eq=False)
class _Swept(Model):
    """`node.sweep(...)`: what tries a component again and again stands in its place."""

    of: _Component | _Node

    def call(self, call: Call) -> Value:
        return self.of.replaced(call) if isinstance(self.of, _Node) else self.of


@dataclass(eq=False)
class _Node(Model):
    name: str
    key: str
    at: Location
    component: _Component
    library: _AzureML
    site: ast.AST
    before: dict[_Node, None] = field(default_factory=dict)
    reads: dict[_Output, None] = field(default_factory=dict)
    data: dict[str, None] = field(default_factory=dict)
    outputs: dict[str, ast.AST] = field(default_factory=dict)

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name == "outputs":
            return _Outputs(self)
        return _Swept(self) if name == "sweep" else NOT_KNOWN

    def call(self, call: Call) -> Value:
        """A command that is written inside a pipeline and then called with its inputs is one node, the called one."""
        return self.replaced(call)

    def replaced(self, call: Call) -> Value:
        if not self.library.building:
            return self
        for built in self.library.building:
            built.nodes = [one for one in built.nodes if one is not self]
        made = self.library.node(self.component, call)
        made.before.update(self.before)
        made.reads.update(self.reads)
        made.data.update(self.data)
        return made


@dataclass(eq=False)
class _Outputs(Model):
    node: _Node

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if hasattr(dict, name):
            return NOT_KNOWN  # a method of the mapping, no output
        site = evaluator.site
        self.node.outputs.setdefault(name, site[1] if site is not None else ast.Pass())
        return _Output(self.node, name)

    def item(self, key: Value) -> Value:
        name = text_of(key) or "output"
        self.node.outputs.setdefault(name, ast.Pass())
        return _Output(self.node, name)


@dataclass(eq=False)
class _Output(Model):
    node: _Node
    name: str

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self


@dataclass(eq=False)
class _Data(Model):
    """`Input(path=...)`."""

    path: str


@dataclass(eq=False)
class _Nested(Model):
    """A pipeline inside a pipeline, as a node of the outer one."""

    built: _Built
    result: Value

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self if name == "outputs" else self.item(name)

    def item(self, key: Value) -> Value:
        found = self.result.get(key) if isinstance(self.result, dict) else None
        return found if carried(found) else unknown(self)

    @property
    def last(self) -> list[_Node]:
        followed = {earlier for node in self.built.nodes for earlier in node.before}
        return [node for node in self.built.nodes if node not in followed]


@dataclass(eq=False)
class _Pipeline(Model):
    name: str
    function: Function
    library: _AzureML
    was_built: bool = False

    def call(self, call: Call) -> Value:
        if any(one.pipeline is self for one in self.library.building) or (self.was_built and not self.library.building):
            return Unknown()
        return self.library.build(call.evaluator, self, call)


@dataclass(eq=False)
class _Built:
    """A pipeline as it was built once; `targets` are the names that its function gives to what it calls."""

    pipeline: _Pipeline
    targets: dict[ast.AST, str]
    nodes: list[_Node] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    known: set[ast.AST] = field(default_factory=set)  # calls that were understood

    @property
    def function(self) -> Function:
        return self.pipeline.function


@dataclass(eq=False)
class _Decorator(Model):
    library: _AzureML
    options: dict[str, Value]
    is_pipeline: bool

    def call(self, call: Call) -> Value:
        return self.library.decorated(call.args[0] if call.args else None, self.options, self.is_pipeline)


class _AzureML(Library):
    packages = ("azure", "mldesigner")

    def __init__(self, source: PythonSource) -> None:
        self.source = source
        self.pipelines: list[_Pipeline] = []
        self.components: list[_Component] = []
        self.built: list[_Built] = []
        self.building: list[_Built] = []
        self.folders: set[str] = set()

    def call(self, call: Call) -> Value:
        last = call.name.rpartition(".")[2]
        if call.name.endswith(".components.get"):
            name = text_of(call.argument(0, "name", default=None)) or "component"
            return self._made(_Component(name, call.at, self, note=f"the registered component `{name}`"))
        if not call.name.startswith(_PACKAGES):
            return NOT_KNOWN
        if last in ("pipeline", "command_component"):
            function = call.args[0] if call.args else None
            if isinstance(function, Function):
                return self.decorated(function, call.keywords, last == "pipeline")
            return _Decorator(self, dict(call.keywords), last == "pipeline")
        if last == "Input":
            path = text_of(call.keywords.get("path")) or ""
            return _Data(path) if path.strip("./") and not path.startswith("{}") else NOT_KNOWN
        if last in ("load_component", "load_job"):
            return self._loaded(call)
        if last in _BUILT or _AUTOML.match(call.name):
            return self._command(call, last)
        if last == "RunFunction":
            return unknown(*call.values, text=_script(call, text_of(call.keywords.get("entry_script")) or ""))
        return NOT_KNOWN

    def decorated(self, function: Value, options: dict[str, Value], is_pipeline: bool) -> Value:
        if not isinstance(function, Function) or isinstance(function.node, ast.Lambda):
            return NOT_KNOWN
        name = text_of(options.get("name")) or function.name
        if is_pipeline:
            made = _Pipeline(name, function, self)
            self.pipelines.append(made)
            return made
        program = Program(path=function.file.path, function=function.name)
        return self._made(
            _Component(name, function.file.at(function.node), self, (program,), _annotated(function.node))
        )

    def _made(self, component: _Component) -> _Component:
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
        made = _Component(
            name,
            call.at,
            self,
            (program,) if command else (),
            tuple(key for key in outputs if isinstance(key, str)) if isinstance(outputs, dict) else (),
            "" if command else kind,
            is_closed=kind in ("command", "CommandComponent") and _is_known(outputs),
            is_job=kind != "CommandComponent",
            inputs=tuple(leaf for leaf in carried(given) if isinstance(leaf, _Data)),
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
            return self._made(_Component(name, call.at, self, note="its definition is not in the repository"))
        is_command = document.get("type").text in ("", "command") and bool(document.get("command"))
        return self._made(
            _Component(
                document.get("name").text or path.rpartition("/")[2],
                call.at,
                self,
                tuple(_programs(document, path)),
                tuple(key.raw for key, _ in document.items("outputs")),
                "" if document.get("command") else document.get("type").text,
                is_closed=is_command,
            )
        )

    def node(self, component: _Component, call: Call) -> _Node:
        """A node of the pipeline that is being built, named as the engine names it: by the variable it is given to."""
        built = self.building[-1]
        name = built.targets.get(call.node) or component.name
        built.taken[name] = built.taken.get(name, 0) + 1
        built.known.add(call.node)
        if built.taken[name] > 1:
            name = f"{name}_{built.taken[name] - 1}"
        key = "/".join([*(one.pipeline.name for one in self.building), name])
        made = _Node(name, key, call.at, component, self, call.node)
        for leaf in carried(*call.values):
            if isinstance(leaf, _Output):
                made.reads[leaf] = None
            elif isinstance(leaf, _Data):
                made.data[leaf.path] = None
            made.before.update(dict.fromkeys(_nodes(leaf)))
        made.data.update((data.path, None) for data in component.inputs)
        for outer in self.building:
            outer.nodes.append(made)
        return made

    def build(self, evaluator: Evaluator, pipeline: _Pipeline, call: Call | None = None) -> Value:
        pipeline.was_built = True
        built = _Built(pipeline, dict(_targets(pipeline.function.node)))
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
        waits = [node for leaf in carried(*(call.values if call is not None else ())) for node in _nodes(leaf)]
        inside = set(built.nodes)
        for node in built.nodes:  # as a whole it waits for what it is given
            if not any(earlier in inside for earlier in node.before):
                node.before.update(dict.fromkeys(waits))
        return _Nested(built, result)


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


def _nodes(leaf: Model) -> list[_Node]:
    if isinstance(leaf, _Node):
        return [leaf]
    if isinstance(leaf, _Output | _Outputs):
        return [leaf.node]
    if isinstance(leaf, _Nested):
        return leaf.last
    return []


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


def _declared(source: PythonSource, built: _Built) -> Iterator[Declared]:
    prefix = f"{source.path}:"
    keys = {node: prefix + node.key for node in built.nodes}
    unknown_nodes = _unknown(built)
    elsewhere = {name: f"{prefix}{built.pipeline.name}/{name}" for name in unknown_nodes}
    by_name = {node.name: key for node, key in keys.items()} | elsewhere
    for node in built.nodes:
        closed = node.component.is_closed
        for name in node.outputs if closed else ():
            if name not in node.component.outputs:
                yield Problem(node.at.path, node.at.line, f"component `{node.component.name}` has no output `{name}`")
        outputs = [*node.component.outputs, *(name for name in node.outputs if not closed)]
        yield Stage(
            name=node.name,
            system="azureml",
            at=node.at,
            key=keys[node],
            reads=tuple(
                dict.fromkeys(
                    [
                        *(_artifact(keys[o.node], o.name) for o in node.reads if o.node in keys),
                        *(_path(source, path) for path in node.data),
                    ]
                )
            ),
            writes=tuple(dict.fromkeys(_artifact(keys[node], name) for name in outputs)),
            after=(
                *(keys[earlier] for earlier in node.before if earlier in keys and earlier is not node),
                *(elsewhere[name] for name in _named(node.site, elsewhere)),
            ),
            runs=node.component.runs,
            pipeline=prefix + built.pipeline.name,
            note=node.component.note,
        )
    for name, call in unknown_nodes.items():
        yield _stage_of_unknown(built, name, call, by_name)


def _unknown(built: _Built) -> dict[str, ast.Call]:
    """Nodes of components that are made elsewhere: names given to calls whose `outputs` the function asks for.

    What a branch that is not taken would call is known, and has made no node.
    """
    function = built.function
    asked = {
        node.value.id
        for node in ast.walk(function.node)
        if isinstance(node, ast.Attribute) and node.attr == "outputs" and isinstance(node.value, ast.Name)
    }
    return {
        name: call
        for call, name in built.targets.items()
        if isinstance(call, ast.Call) and name in asked and call not in built.known
        if not isinstance(call.func, ast.Name) or not isinstance(function.frame.load(call.func.id), Model)
    }


def _stage_of_unknown(built: _Built, name: str, call: ast.Call, keys: Mapping[str, str]) -> Stage:
    return Stage(
        name=name,
        system="azureml",
        at=built.function.file.at(call),
        key=keys[name],
        after=tuple(keys[other] for other in _named(call, keys) if other != name),
        pipeline=keys[name].rpartition("/")[0],
        note="a component that is not known",
    )


def _named(node: ast.AST, names: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(part.id for part in ast.walk(node) if isinstance(part, ast.Name) and part.id in names))


def _job(source: PythonSource, component: _Component) -> Stage:
    return Stage(
        name=component.name,
        system="azureml",
        at=component.at,
        key=f"{source.path}:{component.at.line}:{component.name}",
        reads=tuple(dict.fromkeys(_path(source, data.path) for data in component.inputs)),
        runs=component.runs,
        pipeline=f"{source.path}:{component.name}",
        note=component.note,
    )


def _artifact(key: str, output: str) -> str:
    node = key.rpartition("/")[2]
    return f"azureml:{key}#{node}/{output}"


def _path(source: PythonSource, path: str) -> str:
    """Data as `Input(path=...)` names it: a path from the file's folder, a URI, or a registered asset's name."""
    if re.match(r"azureml:|\w+://", path) or "@" in path:
        return path
    return resolve(source.path.rpartition("/")[0], path)
