"""AWS CodeBuild: each phase of a buildspec is a stage, one after the other; so are the builds of a batch's graph."""

from __future__ import annotations

from collections.abc import Iterator

from pipeaudit.model.pipeline import Program
from pipeaudit.read.node import Node
from pipeaudit.system import ConfigSource, Declared, Problem, Stage, config_system, order_faults

_PHASES = ("install", "pre_build", "build", "post_build")


@config_system("codebuild", "*buildspec*.y*ml")
def stages(source: ConfigSource) -> Iterator[Declared]:
    document = source.document
    yield from _batch(source, document)
    phases = document.mapping("phases")
    for name in phases:
        if name not in _PHASES:
            yield Problem(
                source.path,
                document.get("phases").key(name).line,
                f"`{name}` is no phase of a build: {', '.join(_PHASES)} are",
            )
    before: tuple[str, ...] = ()
    for name in _PHASES:
        if name not in phases:
            continue
        key = f"{source.path}:{name}"
        yield Stage(
            name=name,
            system="codebuild",
            at=document.get("phases").key(name).at,
            key=key,
            after=before,
            runs=tuple(_runs(phases[name])),
            pipeline=source.path,
        )
        before = (key,)


def _runs(phase: Node) -> Iterator[Program]:
    """All commands of a phase share one shell, so that a `cd` lasts."""
    for key in ("commands", "finally"):
        if lines := phase.strings(key):
            yield Program(command="\n".join(lines))


def _batch(source: ConfigSource, document: Node) -> Iterator[Declared]:
    """Builds of `batch: build-graph`, each with a buildspec of its own."""
    builds = document.list("batch", "build-graph")
    yield from order_faults(
        source.path, "build", [(build.get("identifier"), build.each("depend-on")) for build in builds]
    )
    for number, build in enumerate(builds, 1):
        name = build.get("identifier").text or f"build {number}"
        spec = build.get("buildspec").text
        yield Stage(
            name=name,
            system="codebuild",
            at=build.at,
            key=f"{source.path}:batch/{name}",
            after=tuple(f"{source.path}:batch/{earlier}" for earlier in build.strings("depend-on")),
            pipeline=source.path,
            note=f"runs {spec}" if spec else "",
        )
