"""Kedro: each node of the registered pipelines is a stage; dataset names join them, the catalog says where they lie."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from posixpath import dirname
from typing import TYPE_CHECKING

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Evaluator, Library
from pipeaudit.pyeval.frames import Frame
from pipeaudit.pyeval.values import (
    NOT_KNOWN,
    Class,
    External,
    Function,
    Model,
    Partial,
    Unknown,
    Value,
    carried,
    flat,
    strings,
    text_of,
)
from pipeaudit.system import (
    Artifact,
    Declared,
    Problem,
    PythonSource,
    Sources,
    Stage,
    bounded,
    repository_system,
    resolve,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_LAYERS = (
    (
        ArtifactKind.MODEL,
        re.compile(r"model|regressor|classifier|sklearn|tensorflow|torch|mlflow.*model", re.IGNORECASE),
    ),
    (ArtifactKind.METRICS, re.compile(r"metric", re.IGNORECASE)),
    (ArtifactKind.REPORT, re.compile(r"plotly|matplotlib|report|html", re.IGNORECASE)),
)


@repository_system("kedro", package="kedro")
def stages(sources: Sources, files: Sequence[PythonSource]) -> Iterator[Declared]:
    registries = [file for file in files if file.path.rpartition("/")[2] in ("pipeline_registry.py", "hooks.py")]
    registries += _registries_by_name(sources, registries)
    done: set[str] = set()
    folders: list[str] = []
    for source in registries:
        library = _Kedro(sources, dirname(source.path))
        evaluator, frame, problems = source.run(library)
        register = evaluator.global_value(frame, "register_pipelines")
        with bounded(source.path, problems):
            result = evaluator.call(register) if isinstance(register, Function) else Unknown()
            if isinstance(register, Function):
                folders.append(dirname(source.path))
                yield from _declared(source.path, _pipelines(result, library), done)
        yield from problems
    for source in files:
        if any(source.path.startswith(f"{folder}/") or not folder for folder in folders):
            continue
        yield from _alone(source, done)
    yield from _catalogs(sources)


def _registries_by_name(sources: Sources, known: list[PythonSource]) -> Iterator[PythonSource]:
    """Registries that import Kedro's classes through other modules only."""
    paths = {source.path for source in known}
    for path in sources.ending("pipeline_registry.py"):
        file = sources.python(path) if path not in paths else None
        if file is not None and "register_pipelines" in file.source:
            yield PythonSource(path, sources, file, ("kedro",))


def _alone(source: PythonSource, done: set[str]) -> Iterator[Declared]:
    """A pipeline file outside of any project: what its `create_pipeline` makes, or what stands at its top."""
    library = _Kedro(source.sources, dirname(source.path))
    evaluator, frame, problems = source.run(library)
    with bounded(source.path, problems):
        create = evaluator.global_value(frame, "create_pipeline")
        made = (
            evaluator.call(create)
            if isinstance(create, Function)
            else [v for v in frame.names.values() if isinstance(v, _Pipeline)]
        )
        yield from _declared(source.path, _pipelines(made, library), done)
    yield from problems


def _pipelines(result: Value, library: _Kedro) -> list[_Pipeline]:
    found = [leaf for leaf in flat(result) if isinstance(leaf, _Pipeline)]
    found += [
        leaf for leaf in carried(*[v for v in flat(result) if isinstance(v, Unknown)]) if isinstance(leaf, _Pipeline)
    ]
    return found


@dataclass(frozen=True)
class _Node:
    """One node. Datasets stand without transcoding; parameters are among the inputs."""

    name: str
    function: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    at: Location
    program: Program | None = None
    tags: frozenset[str] = frozenset()
    namespace: str = ""

    @property
    def full_name(self) -> str:
        own = self.name or self.function
        return f"{self.namespace}.{own}" if self.namespace else own


class _NodeModel(Model):
    def __init__(self, node: _Node) -> None:
        self.node = node

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name == "tag":
            return _Method(lambda call: _NodeModel(replace(self.node, tags=self.node.tags | set(strings(call.args)))))
        return self.node.full_name if name == "name" else NOT_KNOWN


class _Method(Model):
    def __init__(self, run: Callable[[Call], Value]) -> None:
        self.run = run

    def call(self, call: Call) -> Value:
        return self.run(call)


class _Pipeline(Model):
    def __init__(self, nodes: Iterable[_Node]) -> None:
        self.nodes = tuple(dict.fromkeys(nodes))

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        others = _nodes(other)
        if operator in ("+", "|"):
            return _Pipeline((*others, *self.nodes) if reflected else (*self.nodes, *others))
        if operator == "-" and not reflected:
            return _Pipeline(node for node in self.nodes if node not in others)
        if operator == "&":
            return _Pipeline(node for node in self.nodes if node in others)
        return NOT_KNOWN

    def truth(self) -> bool | None:
        return bool(self.nodes)

    def elements(self) -> list[Value] | None:
        return [_NodeModel(node) for node in self.nodes]

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name == "nodes":
            return self.elements()
        if name in ("inputs", "outputs", "all_inputs", "all_outputs", "datasets", "data_sets"):
            return _Method(lambda call: self._names(name))
        select = _SELECTIONS.get(name)
        if select is not None:
            return _Method(lambda call: select(self, [name for value in call.values for name in strings(value)]))
        if name == "filter":
            return _Method(self._filter)
        if name == "tag":
            return _Method(
                lambda call: _Pipeline(replace(n, tags=n.tags | set(strings(call.values))) for n in self.nodes)
            )
        return NOT_KNOWN

    def _names(self, name: str) -> Value:
        read = {dataset for node in self.nodes for dataset in node.inputs}
        written = {dataset for node in self.nodes for dataset in node.outputs}
        wanted = {
            "inputs": read - written,
            "outputs": written - read,
            "all_inputs": read,
            "all_outputs": written,
        }.get(name, read | written)
        return set(wanted)

    def _filter(self, call: Call) -> Value:
        made: _Pipeline = self
        for keyword, method in (
            ("tags", "only_nodes_with_tags"), ("from_nodes", "from_nodes"), ("to_nodes", "to_nodes"),
            ("node_names", "only_nodes"), ("from_inputs", "from_inputs"), ("to_outputs", "to_outputs"),
            ("node_namespace", "only_nodes_with_namespace"),
        ):  # fmt: skip
            if keyword in call.keywords:
                made = _SELECTIONS[method](made, strings(call.keywords[keyword]))
        return made


def _only(keep: Callable[[_Node, set[str]], bool]) -> Callable[[_Pipeline, list[str]], _Pipeline]:
    return lambda pipeline, names: _Pipeline(node for node in pipeline.nodes if keep(node, set(names)))


def _with_followers(
    start: Callable[[_Node, set[str]], bool], forward: bool
) -> Callable[[_Pipeline, list[str]], _Pipeline]:
    """The nodes that fit, and all after (or before) them."""

    def select(pipeline: _Pipeline, names: list[str]) -> _Pipeline:
        wanted = set(names)
        kept = {node for node in pipeline.nodes if start(node, wanted)}
        grown = True
        while grown:
            ends = {dataset for node in kept for dataset in (node.outputs if forward else node.inputs)}
            more = {n for n in pipeline.nodes if n not in kept and ends & set(n.inputs if forward else n.outputs)}
            kept |= more
            grown = bool(more)
        return _Pipeline(node for node in pipeline.nodes if node in kept)

    return select


_SELECTIONS: dict[str, Callable[[_Pipeline, list[str]], _Pipeline]] = {
    "only_nodes_with_tags": _only(lambda node, names: bool(node.tags & names)),
    "only_nodes": _only(lambda node, names: node.full_name in names or node.name in names),
    "only_nodes_with_inputs": _only(lambda node, names: bool(set(node.inputs) & names)),
    "only_nodes_with_outputs": _only(lambda node, names: bool(set(node.outputs) & names)),
    "only_nodes_with_namespace": _only(
        lambda node, names: any(node.namespace == n or node.namespace.startswith(f"{n}.") for n in names)
    ),
    "from_nodes": _with_followers(lambda node, names: node.full_name in names or node.name in names, True),
    "to_nodes": _with_followers(lambda node, names: node.full_name in names or node.name in names, False),
    "from_inputs": _with_followers(lambda node, names: bool(set(node.inputs) & names), True),
    "to_outputs": _with_followers(lambda node, names: bool(set(node.outputs) & names), False),
}


class _Kedro(Library):
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
            return _Pipeline(_nodes(call.argument(0, "training", default=[])))
        return NOT_KNOWN

    def _node(self, call: Call) -> Value:
        function = call.argument(0, "func", default=None)
        node = _Node(
            text_of(call.argument(3, "name", default=None)) or "",
            _function_name(function),
            tuple(_dataset(name) for name in strings(call.argument(1, "inputs", default=None))),
            tuple(_dataset(name) for name in strings(call.argument(2, "outputs", default=None))),
            call.at,
            _program(function),
            frozenset(strings(call.keywords.get("tags"))),
            text_of(call.keywords.get("namespace")) or "",
        )
        return _NodeModel(node)

    def _pipeline(self, call: Call) -> Value:
        nodes = _nodes(call.argument(0, "pipe", "nodes", default=[]))
        namespace = text_of(call.keywords.get("namespace")) or ""
        mapping: dict[str, str] = {}
        for keyword in ("inputs", "outputs", "parameters"):
            mapping.update(_mapping(call.keywords.get(keyword)))
        tags = frozenset(strings(call.keywords.get("tags")))
        if namespace and namespace.count(".") > 20:
            return NOT_KNOWN
        return _Pipeline(_placed(node, namespace, mapping, tags) for node in nodes)

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
        found["__default__"] = _Pipeline(node for value in list(found.values()) for node in _nodes(value))
        return found


def _nodes(value: Value) -> list[_Node]:
    found: list[_Node] = []
    for leaf in flat(value):
        if isinstance(leaf, _Pipeline):
            found += leaf.nodes
        elif isinstance(leaf, _NodeModel):
            found.append(leaf.node)
        elif isinstance(leaf, Unknown):
            found += [node for part in leaf.carried if isinstance(part, _Pipeline) for node in part.nodes]
    return found


def _placed(node: _Node, namespace: str, mapping: dict[str, str], tags: frozenset[str]) -> _Node:
    """A node inside a modular pipeline: names are mapped, else they get the namespace."""
    if not namespace and not mapping:
        return replace(node, tags=node.tags | tags) if tags else node

    def name(dataset: str) -> str:
        plain = dataset.removeprefix("params:")
        if dataset in mapping or plain in mapping:
            return mapping.get(dataset, mapping.get(plain, dataset))
        if dataset == "parameters" or not namespace:
            return dataset
        return f"params:{namespace}.{plain}" if plain != dataset else f"{namespace}.{dataset}"

    own = ".".join(part for part in (namespace, node.namespace) if part)
    return replace(
        node,
        inputs=tuple(name(dataset) for dataset in node.inputs),
        outputs=tuple(name(dataset) for dataset in node.outputs),
        namespace=own,
        tags=node.tags | tags,
    )


def _mapping(value: Value) -> dict[str, str]:
    if isinstance(value, dict):
        return {
            _dataset(one): _dataset(other)
            for key, part in value.items()
            if (one := text_of(key)) is not None and (other := text_of(part)) is not None
        }
    return {_dataset(name): _dataset(name) for name in strings(value)}


def _dataset(name: str) -> str:
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


def _declared(registry: str, pipelines: list[_Pipeline], done: set[str]) -> Iterator[Declared]:
    nodes = dict.fromkeys(node for pipeline in pipelines for node in pipeline.nodes)
    for node in nodes:
        whole = f"{registry}:{node.full_name}({','.join(node.inputs)})->{','.join(node.outputs)}"
        if whole in done:
            continue  # to the engine, nodes that say the same are one, wherever they are written
        key = f"{registry}:{node.full_name}"
        key = whole if key in done else key
        done.update((key, whole))
        written = {output for other in nodes if other is node for output in other.outputs}
        if written & set(node.inputs):
            yield Problem(
                node.at.path, node.at.line, f"node `{node.full_name}` reads what it writes: Kedro refuses that"
            )
        yield Stage(
            name=node.full_name,
            system="kedro",
            at=node.at,
            key=key,
            reads=tuple(f"kedro:{name}" for name in node.inputs if not _is_parameter(name)),
            writes=tuple(f"kedro:{name}" for name in node.outputs),
            runs=(node.program,) if node.program is not None else (),
            params=tuple(name for name in node.inputs if _is_parameter(name)),
            pipeline=registry,
            note="one of many" if "{}" in node.full_name else "",
        )


def _is_parameter(name: str) -> bool:
    return name.startswith("params:") or name == "parameters"


def _catalogs(sources: Sources) -> Iterator[Artifact]:
    """Where datasets lie, as far as plain entries of the base and local catalogs say."""
    for path in sources.paths:
        _folder, _, name = path.rpartition("/")
        if not re.fullmatch(r"catalog.*\.ya?ml", name) and "/catalog/" not in path:
            continue
        if not re.search(r"(^|/)conf/", path) or not path.endswith((".yml", ".yaml")):
            continue
        root = path.partition("conf/")[0].rstrip("/")
        for document in sources.yaml(path):
            for key, entry in document.entries:
                file = entry.get("filepath").text
                if not file or "{" in key.raw or "${" in file or key.raw.startswith("_"):
                    continue
                kind = entry.get("type").text
                layer = entry.get("layer").text or entry.get("metadata", "kedro-viz", "layer").text
                words = f"{kind} {layer} {file}"
                told = next((found for found, pattern in _LAYERS if pattern.search(words)), ArtifactKind.OTHER)
                yield Artifact(f"kedro:{_dataset(key.raw)}", told, resolve(root, file) if "{" not in file else "")
