"""What calls of Kedro's names make: nodes, pipelines, and what `find_pipelines` finds."""

from __future__ import annotations

from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Evaluator, Library
from pipeaudit.pyeval.frames import Frame
from pipeaudit.pyeval.values import NOT_KNOWN, Class, External, Function, Partial, Unknown, Value, strings, text_of
from pipeaudit.system import Sources
from pipeaudit.systems.kedro.pipelines import Node, NodeModel, Pipeline, nodes_in, placed


class Kedro(Library):
    packages = ("kedro", "kedro_mlflow")

    def __init__(self, sources: Sources, folder: str) -> None:
        self.sources = sources
        self.folder = folder

    def call(self, call: Call) -> Value:
        last = call.name.rpartition(".")[2]
        if not call.name.startswith("kedro"):
            return NOT_KNOWN
        if last in ("node", "Node"):
            return self._node(call)
        if last in ("pipeline", "Pipeline"):
            return self._pipeline(call)
        if last == "find_pipelines":
            return self._found(call.evaluator)
        if last in ("pipeline_ml_factory", "pipeline_ml"):
            return Pipeline(nodes_in(call.argument(0, "training", default=[])))
        return NOT_KNOWN

    def _node(self, call: Call) -> Value:
        function = call.argument(0, "func", default=None)
        node = Node(
            text_of(call.argument(3, "name", default=None)) or "",
            _function_name(function),
            tuple(without_transcoding(name) for name in strings(call.argument(1, "inputs", default=None))),
            tuple(without_transcoding(name) for name in strings(call.argument(2, "outputs", default=None))),
            call.at,
            _program(function),
            frozenset(strings(call.keywords.get("tags"))),
            text_of(call.keywords.get("namespace")) or "",
        )
        return NodeModel(node)

    def _pipeline(self, call: Call) -> Value:
        nodes = nodes_in(call.argument(0, "pipe", "nodes", default=[]))
        namespace = text_of(call.keywords.get("namespace")) or ""
        mapping: dict[str, str] = {}
        for keyword in ("inputs", "outputs", "parameters"):
            mapping.update(_mapping(call.keywords.get(keyword)))
        tags = frozenset(strings(call.keywords.get("tags")))
        if namespace and namespace.count(".") > 20:
            return NOT_KNOWN
        return Pipeline(placed(node, namespace, mapping, tags) for node in nodes)

    def _found(self, evaluator: Evaluator) -> Value:
        """What `find_pipelines` imports: `create_pipeline` of each package under `pipelines`."""
        prefix = f"{self.folder}/pipelines/" if self.folder else "pipelines/"
        names = sorted(
            {
                path[len(prefix) :].partition("/")[0].removesuffix(".py")
                for path in self.sources.paths
                if path.startswith(prefix)
            }
        )
        found: dict[Value, Value] = {}
        for name in names:
            for path in (f"{prefix}{name}/__init__.py", f"{prefix}{name}.py", f"{prefix}{name}/pipeline.py"):
                frame: Frame | None = evaluator.run(path) if path in self.sources else None
                create = evaluator.global_value(frame, "create_pipeline") if frame is not None else None
                if isinstance(create, Function):
                    found[name] = evaluator.call(create)
                    break
        found["__default__"] = Pipeline(node for value in list(found.values()) for node in nodes_in(value))
        return found


def _mapping(value: Value) -> dict[str, str]:
    if isinstance(value, dict):
        return {
            without_transcoding(one): without_transcoding(other)
            for key, part in value.items()
            if (one := text_of(key)) is not None and (other := text_of(part)) is not None
        }
    return {without_transcoding(name): without_transcoding(name) for name in strings(value)}


def without_transcoding(name: str) -> str:
    """A dataset without its transcoding (`table@spark`)."""
    return name.partition("@")[0]


def _function_name(function: Value) -> str:
    if isinstance(function, Function):
        return function.name
    if isinstance(function, Partial):
        return "<partial>"
    if isinstance(function, Class):
        return function.name
    return function.name.rpartition(".")[2] if isinstance(function, External | Unknown) and function.name else "node"


def _program(function: Value) -> Program | None:
    if isinstance(function, Partial):
        function = function.function
    return Program(path=function.file.path, function=function.name) if isinstance(function, Function) else None
