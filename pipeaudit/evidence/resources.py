"""Manifests of clusters and clouds, parsed: a kind, and a value that stands under it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pipeaudit.evidence.facts import Facts
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.read.node import Node


@dataclass(frozen=True, slots=True)
class Resource:
    """What a manifest must be: every field that is set must hold."""

    kind: str = ""
    group: str = ""
    schema: str = ""
    type: str = ""
    where: tuple[str, ...] = ()
    between: tuple[float, float] | None = None
    many: int = 1
    file: str = ""

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> Resource:
        between = entry.get("between")
        return cls(
            kind=entry.get("kind", ""),
            group=entry.get("group", ""),
            schema=entry.get("schema", ""),
            type=entry.get("type", ""),
            where=tuple(entry["where"].split(".")) if "where" in entry else (),
            between=(float(between[0]), float(between[1])) if between else None,
            many=entry.get("many", 1),
            file=entry.get("file", ""),
        )


def resources(says: str, wanted: Sequence[Resource], facts: Facts) -> Iterator[Evidence]:
    for document in facts.manifests:
        for resource in wanted:
            found = _found(resource, document)
            if found is not None:
                name = document.get("metadata", "name").text or document.get("name").text or document.path
                yield Evidence(found.at, says.replace("{name}", name), Strength.STRONG)
                break


def _found(resource: Resource, document: Node) -> Node | None:
    """The place that shows it: the value asked for, or the manifest's kind."""
    if resource.file and not fnmatchcase(document.path.lower(), resource.file):
        return None
    if resource.kind and document.get("kind").text != resource.kind:
        return None
    if resource.group and not document.get("apiVersion").text.startswith(resource.group):
        return None
    if resource.schema and resource.schema.lower() not in document.get("$schema").text.rpartition("/")[2].lower():
        return None
    if resource.type:
        return _cloud_resource(resource, document)
    if not resource.where:
        shown = document.get("kind") or document.get("$schema")
        return shown if shown else None
    return _value(resource, document)


def _cloud_resource(resource: Resource, document: Node) -> Node | None:
    for _, body in document.items("Resources"):
        if body.get("Type").text == resource.type:
            found = _value(resource, body) if resource.where else body.get("Type")
            if found is not None:
                return found
    return None


def _value(resource: Resource, document: Node) -> Node | None:
    found = [node for node in at(document, resource.where) if _in_range(node, resource)]
    return found[0] if len(found) >= resource.many else None


def _in_range(node: Node, resource: Resource) -> bool:
    if resource.between is None:
        return True
    number = node.number
    return number is not None and resource.between[0] <= number <= resource.between[1]


def at(node: Node, path: Sequence[str]) -> Iterator[Node]:
    """All values at a path; `*` stands for any key and any element. A key may itself hold dots."""
    if not path:
        if node:
            yield node
        return
    if path[0] == "*":
        for child in (*node.elements, *(value for _, value in node.entries)):
            yield from at(child, path[1:])
        return
    for length in range(len(path), 0, -1):
        child = node.get(".".join(path[:length]))
        if child:
            yield from at(child, path[length:])
            return
