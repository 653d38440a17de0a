"""Docker Compose: each service is a stage; `depends_on` is its order, its command or its image's is what it runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import suppress
from posixpath import join

from pipeaudit.model.pipeline import Program
from pipeaudit.read.error import ReadError
from pipeaudit.read.node import Node
from pipeaudit.system import ConfigSource, Declared, Problem, Stage, config_system, resolve


@config_system(
    "compose",
    "docker-compose*.yml",
    "docker-compose*.yaml",
    "compose.yml",
    "compose.yaml",
    "compose.*.yml",
    "compose.*.yaml",
)
def stages(source: ConfigSource) -> Iterator[Declared]:
    services = source.document.mapping("services")
    for name, body in services.items():
        waits = [node.raw for node in body.names("depends_on")]
        for other in waits:
            if other not in services:
                yield Problem(
                    source.path, body.line, f"service `{name}` depends on `{other}`, which is no service here"
                )
        yield Stage(
            name=name,
            system="compose",
            at=source.document.get("services").key(name).at,
            key=f"{source.path}:{name}",
            reads=tuple(_image(source, body)),
            after=tuple(f"{source.path}:{other}" for other in waits if other in services),
            runs=tuple(_runs(source, body)),
            pipeline=source.path,
        )


def _build(source: ConfigSource, body: Node) -> str:
    """The folder of the image's build, as a path from the root; "" where it is not built here."""
    build = body.get("build")
    context = build.text or build.get("context").text
    return resolve(source.folder, context) if context and "://" not in context else ("" if not build else source.folder)


def _image(source: ConfigSource, body: Node) -> Iterator[str]:
    if body.get("build"):
        name = body.get("build", "dockerfile").text or "Dockerfile"
        path = resolve(_build(source, body), name)
        if path in source.sources:
            yield f"image:{path}"


def _runs(source: ConfigSource, body: Node) -> Iterator[Program]:
    words: list[str] = []
    for key in ("entrypoint", "command"):
        value = body.get(key)
        words += (
            [value.text] if value.is_scalar and value.text else [shlex.join(value.strings())] if value.is_list else []
        )
    folder = _build(source, body)
    if words:
        yield Program(command=" ".join(words), folder=folder)
    elif body.get("build"):
        from pipeaudit.read import dockerfile

        path = join(folder, body.get("build", "dockerfile").text or "Dockerfile")
        data = source.sources.data(path)
        with suppress(ReadError):  # which the image's own system tells
            if data is not None and (text := dockerfile.parse(path, data).start):
                yield Program(command=text, folder=folder)
