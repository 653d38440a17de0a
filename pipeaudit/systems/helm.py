"""Helm: each chart is a stage; of its values what is plain is read, its templates with expressions are counted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from posixpath import join

from pipeaudit.model.pipeline import Program, StageKind
from pipeaudit.read.node import Node
from pipeaudit.system import ConfigSource, Declared, Problem, Stage, config_system, resolve

_KIND = re.compile(rb"^kind:[ \t]*[\"']?([A-Za-z]{1,60})[\"']?[ \t]*\r?$", re.MULTILINE)
_SERVERS = frozenset((b"InferenceService", b"LLMInferenceService", b"SeldonDeployment", b"BentoDeployment"))
_WATCHERS = frozenset((b"PrometheusRule", b"ServiceMonitor", b"PodMonitor"))
_MODELS = frozenset(("storageUri", "modelUri"))
_SHOWN = 6


@config_system("helm", "Chart.yaml")
def stages(source: ConfigSource) -> Iterator[Declared]:
    document = source.document
    name = document.get("name").text or source.folder.rpartition("/")[2] or "chart"
    kinds, unread = _templates(source)
    values = source.sources.document(path) if (path := join(source.folder, "values.yaml")) in source.sources else None
    after = []
    for dependency in document.list("dependencies"):
        repository = dependency.get("repository").text
        if repository.startswith("file://"):
            folder = resolve(source.folder, repository.removeprefix("file://"))
            after.append(folder)
            if join(folder, "Chart.yaml") not in source.sources:
                yield Problem(
                    source.path,
                    dependency.get("repository").line,
                    f"chart `{name}` depends on the chart in `{folder}`, and there is none",
                )
    yield Stage(
        name=name,
        system="helm",
        at=(document.get("name") or document).at,
        key=source.folder or ".",
        reads=tuple(_models(values)) if values is not None else (),
        after=tuple(folder or "." for folder in after),
        runs=tuple(_runs(values)) if values is not None else (),
        kind=_stage_kind(kinds),
        pipeline=source.folder or ".",
        note="; ".join(_notes(document, kinds, unread)),
    )


def _templates(source: ConfigSource) -> tuple[set[bytes], int]:
    """Kinds of the objects that the templates make, as far as they are written out, and how many are no YAML yet."""
    folder = join(source.folder, "templates/")
    kinds: set[bytes] = set()
    unread = 0
    for path in source.sources.paths:
        if path.startswith(folder) and path.endswith((".yaml", ".yml")):
            data = source.sources.data(path) or b""
            kinds.update(_KIND.findall(data))
            unread += b"{{" in data
    return kinds, unread


def _stage_kind(kinds: set[bytes]) -> StageKind | None:
    """A chart that brings a model server deploys it; one that brings nothing but watchers watches."""
    if kinds & _SERVERS:
        return StageKind.DEPLOYMENT
    return StageKind.MONITORING if kinds and kinds <= _WATCHERS else None


def _models(values: Node) -> Iterator[str]:
    found = [value.text for key, value in values.pairs() if key.raw in _MODELS and "://" in value.text]
    yield from dict.fromkeys(found)


def _runs(values: Node) -> Iterator[Program]:
    for node in values.walk():
        if node.get("command").is_list:
            words = [*node.strings("command"), *node.strings("args")]
            if words:
                yield Program(command=words[-1] if len(words) == 3 and words[1] == "-c" else shlex.join(words))


def _notes(document: Node, kinds: set[bytes], unread: int) -> Iterator[str]:
    if unread:
        yield f"templates that hold expressions and are not read: {unread}"
    if kinds:
        names = sorted(kind.decode() for kind in kinds)
        more = f" and {len(names) - _SHOWN} more kinds" if len(names) > _SHOWN else ""
        yield f"makes {', '.join(names[:_SHOWN])}{more}"
    remote = [each.get("name").text for each in document.list("dependencies") if each.get("repository").text]
    others = [name for name in remote if name]
    if others:
        yield f"depends on {', '.join(others[:_SHOWN])}"
