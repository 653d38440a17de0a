"""Image files: what they are built on, what they copy, what they run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import dirname, join, normpath
from typing import Protocol

from pipeaudit.model.location import Location
from pipeaudit.read.dockerfile import Dockerfile, is_dockerfile
from pipeaudit.read.node import Node


@dataclass(frozen=True, slots=True)
class Image:
    """`context` is the folder that its copies are relative to, "" for the root."""

    path: str
    context: str
    bases: tuple[tuple[str, Location], ...]
    copies: tuple[tuple[str, Location], ...]
    commands: tuple[tuple[str, Location], ...]


class Tree(Protocol):
    @property
    def known(self) -> frozenset[str]: ...

    def nodes(self, path: str) -> tuple[Node, ...]: ...

    def dockerfile(self, path: str) -> Dockerfile | None: ...


def images(paths: tuple[str, ...], tree: Tree) -> Iterator[Image]:
    """Every image file, by its name or because a compose file builds it."""
    contexts = dict(_built(paths, tree))
    for path in paths:
        if is_dockerfile(path) or path in contexts:
            parsed = tree.dockerfile(path)
            if parsed is not None:
                yield _image(parsed, contexts.get(path, dirname(path)))


def is_compose_file(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return name.startswith(("docker-compose", "compose")) and name.endswith((".yml", ".yaml"))


def _built(paths: tuple[str, ...], tree: Tree) -> Iterator[tuple[str, str]]:
    for path in paths:
        if not is_compose_file(path):
            continue
        for document in tree.nodes(path):
            for _, service in document.items("services"):
                build = service.get("build")
                context = normpath(join(dirname(path), build.text or build.get("context").text or "."))
                context = "" if context == "." else context
                file = normpath(join(context, build.get("dockerfile").text or "Dockerfile"))
                if build and file in tree.known:
                    yield file, context


def _image(parsed: Dockerfile, context: str) -> Image:
    bases = tuple((stage.image, Location(parsed.path, stage.line)) for stage in parsed.stages if stage.base is None)
    copies = tuple(
        (word, Location(parsed.path, instruction.line))
        for instruction in parsed.of("COPY", "ADD")
        if not instruction.flag("from")
        for word in (instruction.words or tuple(instruction.text.split()))[:-1]
    )
    commands = tuple(
        (
            " ".join(instruction.words) if instruction.words else instruction.text,
            Location(parsed.path, instruction.line),
        )
        for instruction in parsed.of("CMD", "ENTRYPOINT", "RUN")
    )
    return Image(parsed.path, context, bases, copies, commands)
