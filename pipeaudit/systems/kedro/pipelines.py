"""Nodes and pipelines of Kedro: joined, filtered, and placed in a namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Evaluator
from pipeaudit.pyeval.values import NOT_KNOWN, Model, Unknown, Value, flat, strings


@dataclass(frozen=True)
class Node:
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


class NodeModel(Model):
    def __init__(self, node: Node) -> None:
        self.node = node

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name == "tag":
            return _Method(lambda call: NodeModel(replace(self.node, tags=self.node.tags | set(strings(call.args)))))
        return self.node.full_name if name == "name" else NOT_KNOWN


class _Method(Model):
    def __init__(self, run: Callable[[Call], Value]) -> None:
        self.run = run

    def call(self, call: Call) -> Value:
        return self.run(call)


class Pipeline(Model):
    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = tuple(dict.fromkeys(nodes))

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        others = nodes_in(other)
        if operator in ("+", "|"):
            return Pipeline((*others, *self.nodes) if reflected else (*self.nodes, *others))
        if operator == "-" and not reflected:
            return Pipeline(node for node in self.nodes if node not in others)
        if operator == "&":
            return Pipeline(node for node in self.nodes if node in others)
        return NOT_KNOWN

    def truth(self) -> bool | None:
        return bool(self.nodes)

    def elements(self) -> list[Value] | None:
        return [NodeModel(node) for node in self.nodes]

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
                lambda call: Pipeline(replace(n, tags=n.tags | set(strings(call.values))) for n in self.nodes)
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
        made: Pipeline = self
        for keyword, method in (
            ("tags", "only_nodes_with_tags"), ("from_nodes", "from_nodes"), ("to_nodes", "to_nodes"),
            ("node_names", "only_nodes"), ("from_inputs", "from_inputs"), ("to_outputs", "to_outputs"),
            ("node_namespace", "only_nodes_with_namespace"),
        ):  # fmt: skip
            if keyword in call.keywords:
                made = _SELECTIONS[method](made, strings(call.keywords[keyword]))
        return made


def _only(keep: Callable[[Node, set[str]], bool]) -> Callable[[Pipeline, list[str]], Pipeline]:
    return lambda pipeline, names: Pipeline(node for node in pipeline.nodes if keep(node, set(names)))


def _with_followers(
    start: Callable[[Node, set[str]], bool], forward: bool
) -> Callable[[Pipeline, list[str]], Pipeline]:
    """The nodes that fit, and all after (or before) them."""

    def select(pipeline: Pipeline, names: list[str]) -> Pipeline:
        wanted = set(names)
        kept = {node for node in pipeline.nodes if start(node, wanted)}
        grown = True
        while grown:
            ends = {dataset for node in kept for dataset in (node.outputs if forward else node.inputs)}
            more = {n for n in pipeline.nodes if n not in kept and ends & set(n.inputs if forward else n.outputs)}
            kept |= more
            grown = bool(more)
        return Pipeline(node for node in pipeline.nodes if node in kept)

    return select


_SELECTIONS: dict[str, Callable[[Pipeline, list[str]], Pipeline]] = {
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


def nodes_in(value: Value) -> list[Node]:
    found: list[Node] = []
    for leaf in flat(value):
        if isinstance(leaf, Pipeline):
            found += leaf.nodes
        elif isinstance(leaf, NodeModel):
            found.append(leaf.node)
        elif isinstance(leaf, Unknown):
            found += [node for part in leaf.carried if isinstance(part, Pipeline) for node in part.nodes]
    return found


def placed(node: Node, namespace: str, mapping: dict[str, str], tags: frozenset[str]) -> Node:
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
