"""Docker Compose: each service is a stage; `depends_on` is its order, its command or its image's is what it runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from posixpath import join

from pipeaudit.model.pipeline import Program
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
        if data is not None:
            last = dockerfile.parse(path, data).last_stage
            started = [i for keyword in ("ENTRYPOINT", "CMD") for i in last if i.keyword == keyword]
            text = " ".join(shlex.join(i.words) if i.words is not None else i.text for i in started)
            if text:
                yield Program(command=text, folder=folder)
