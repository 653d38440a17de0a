"""Ray: each job and service that a file of Anyscale, Ray Serve or KubeRay describes is a stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from posixpath import join, normpath
from typing import Final

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program, StageKind
from pipeaudit.read.error import ReadError
from pipeaudit.read.node import Node
from pipeaudit.system import ConfigSource, Declared, Problem, Stage, config_system, resolve

_JOBS: Final = ("compute_config", "cluster_env", "image_uri", "containerfile", "runtime_env", "build_id", "cloud")


@config_system(
    "ray", "*.yaml", "*.yml", containing=(b"\nentrypoint:", b"import_path:", b"serveConfigV2", b"kind: RayJob")
)
def stages(source: ConfigSource) -> Iterator[Declared]:
    for document in source.documents:
        kind, spec = document.get("kind").text, document.get("spec")
        if document.get("apiVersion").text.startswith("ray.io/"):
            name = document.get("metadata", "name").text
            if kind == "RayJob" and spec.get("entrypoint").text:
                yield _job(source, document, spec.get("entrypoint"), name)
            elif kind == "RayService":
                yield from _served(source, name, spec.get("serveConfigV2"))
        elif document.get("entrypoint").text and any(document.get(key) for key in _JOBS):
            yield _job(source, document, document.get("entrypoint"), document.get("name").text)
        else:
            listed = document.get("ray_serve_config") or document
            applications = [one for one in (listed, *listed.list("applications")) if one.get("import_path").text]
            for application in applications:
                yield _service(source, document, application, document.get("name").text)


def _job(source: ConfigSource, document: Node, entrypoint: Node, name: str) -> Stage:
    command = entrypoint.text
    folder = _folder(source, document, [word for word in command.split() if "." in word])
    name = name or source.path
    return Stage(
        name=name,
        system="ray",
        at=entrypoint.at,
        key=f"{source.path}:{name}",
        runs=(Program(command=command, folder=folder),),
        pipeline=f"{source.path}:{name}",
    )


def _service(source: ConfigSource, document: Node, application: Node, name: str) -> Stage:
    module, _, _ = application.get("import_path").text.partition(":")
    folder = _folder(source, document, [f"{module.replace('.', '/')}.py"])
    path = source.sources.modules.find(module, join(folder, "x.py")) if module else None
    is_ours = path is not None and path.endswith(".py")
    own = application.get("name").text or name or module
    return Stage(
        name=own,
        system="ray-serve",
        at=application.get("import_path").at,
        key=f"{source.path}:{own}",
        runs=(Program(path=path),) if path is not None and is_ours else (),
        kind=StageKind.DEPLOYMENT,
        pipeline=f"{source.path}:{name}",
        note="" if is_ours else f"serves {module}",
    )


def _served(source: ConfigSource, name: str, config: Node) -> Iterator[Declared]:
    """The applications of a RayService, which stand in a text of their own."""
    from pipeaudit.read import yaml

    try:
        documents = yaml.parse(source.path, config.text.encode("utf-8", "replace"))
    except ReadError as error:
        yield Problem(source.path, config.text_line + error.line - 1, error.why)
        return
    for document in documents:
        for application in document.list("applications"):
            made = _service(source, document, application, name)
            yield replace(made, at=Location(source.path, config.text_line + made.at.line - 1, made.at.column))


def _folder(source: ConfigSource, document: Node, wanted: list[str]) -> str:
    """The folder that is sent to the cluster: it is named from where the job is submitted, the file's folder or one
    above it, where what is wanted of it lies.
    """
    named = document.get("working_dir") or document.get("runtime_env", "working_dir")
    below = "" if "://" in named.text or named.text.startswith(("/", "$")) else named.text or "."
    folder = source.folder
    while True:
        here = resolve(folder, below or ".")
        if any(normpath(join(here, one)) in source.sources for one in wanted):
            return here
        if not folder:
            return resolve(source.folder, below or ".")
        folder = folder.rpartition("/")[0]
