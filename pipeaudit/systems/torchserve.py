"""TorchServe: what a shell script packs into a model archive is a stage, and so is each server that is configured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from posixpath import basename, join

from pipeaudit.flow.events import is_test
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, StageKind
from pipeaudit.read.transfers import transfers
from pipeaudit.system import Artifact, ConfigSource, Declared, Stage, config_system

_KEYS = frozenset(("inference_address", "model_store", "load_models", "model_snapshot", "default_workers_per_model"))
_ALL = frozenset(("all", "ALL"))


@config_system("torchserve", "*.sh", "*.bash", containing=(b"torch-model-archiver", b"torchserve"))
def scripts(source: ConfigSource) -> Iterator[Declared]:
    """Archives are named by their model, servers by the script that starts them."""
    if is_test(source.path):
        return
    for transfer in transfers(source.text):
        if transfer.tool not in ("torch-model-archiver", "torchserve"):
            continue
        is_archive = transfer.tool == "torch-model-archiver"
        folder = _folder(source, transfer.reads)
        name = transfer.name if is_archive and "$" not in transfer.name else basename(source.path)
        written = tuple(source.resolve(path, folder) for path in transfer.writes)
        yield Stage(
            name=name,
            system="torchserve",
            at=Location(source.path, transfer.line),
            key=f"{source.path}:{transfer.line}",
            reads=tuple(source.resolve(path, folder) for path in transfer.reads),
            writes=written,
            kind=StageKind.DEPLOYMENT,
            pipeline=source.path,
        )
        for path in written:
            yield Artifact(path, ArtifactKind.MODEL)


def _folder(source: ConfigSource, reads: tuple[str, ...]) -> str:
    """Where the script is meant to be run: beside what it packs, where that is there."""
    beside = any(source.resolve(path) in source.sources for path in reads)
    return source.folder if beside and not any(path in source.sources for path in reads) else ""


@config_system("torchserve", "config*.properties", containing=(b"model_store", b"load_models", b"inference_address"))
def servers(source: ConfigSource) -> Iterator[Declared]:
    if is_test(source.path):
        return
    said = dict(_properties(source.text))
    if not _KEYS & said.keys():
        return
    store = said.get("model_store", ("", 1))[0].strip()
    models = _loaded(said.get("load_models", ("", 1))[0]) or _snapshot(said.get("model_snapshot", ("", 1))[0])
    reads = [store if file in _ALL else join(store, file) for file in models]
    yield Stage(
        name=basename(source.folder) or "torchserve",
        system="torchserve",
        at=Location(source.path, min(line for _, line in said.values())),
        key=source.path,
        reads=tuple(source.resolve(path, source.folder) for path in dict.fromkeys(reads) if path),
        kind=StageKind.DEPLOYMENT,
        pipeline=source.path,
    )


def _properties(text: str) -> Iterator[tuple[str, tuple[str, int]]]:
    """Key, value and line; a line that ends in a backslash goes on."""
    parts: list[str] = []
    for number, raw in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        line = raw.strip()
        if not parts and (not line or line[0] in "#!"):
            continue
        parts.append(line.removesuffix("\\"))
        if line.endswith("\\"):
            continue
        key, equals, value = "".join(parts).partition("=")
        if equals:
            yield key.strip(), (value.strip(), number)
        parts = []


def _loaded(value: str) -> list[str]:
    """`a.mar,b=c.mar`: the files."""
    return [part.strip().partition("=")[2] or part.strip() for part in value.split(",") if part.strip()]


def _snapshot(value: str) -> list[str]:
    """The archives of a snapshot: JSON with a `marName` for each version of each model."""
    try:
        models = json.loads(value)["models"] if value else {}
        return [version["marName"] for model in models.values() for version in model.values()]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []  # a snapshot of another form names nothing that is known here
