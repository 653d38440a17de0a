"""Dockerfiles: each image is a stage that runs what its build, entry point and command run, and reads the data copied
in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import basename, dirname
from typing import TYPE_CHECKING

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Program
from pipeaudit.system import Artifact, ConfigSource, Declared, Stage, config_system

if TYPE_CHECKING:
    from pipeaudit.read.dockerfile import Instruction

_DATA = frozenset(
    """pkl pickle joblib pt pth ckpt h5 keras onnx safetensors bst cbm csv tsv parquet feather npy npz jsonl gguf tflite
    model""".split()
)
_FOLDERS = frozenset(("model", "models", "artifacts", "data", "weights", "checkpoints", "saved_model"))


@config_system("docker", "*[Dd]ockerfile*", "*[Cc]ontainerfile*")
def stages(source: ConfigSource) -> Iterator[Declared]:
    from pipeaudit.read import dockerfile

    data = source.sources.data(source.path) if dockerfile.is_dockerfile(source.path) else None
    parsed = None if data is None else dockerfile.parse(source.path, data)
    if parsed is None or not parsed.stages:
        return
    last = parsed.last_stage
    runs = [Program(command=i.script or i.text, folder=source.folder) for i in parsed.of("RUN")]
    if parsed.start:
        runs.append(Program(command=parsed.start, folder=source.folder))
    name = _image_name(source.path)
    yield Stage(
        name=name,
        system="docker",
        at=Location(source.path, parsed.stages[-1].line),
        key=source.path,
        reads=tuple(dict.fromkeys(path for i in last for path in _copied(source, i))),
        writes=(f"image:{source.path}",),
        runs=tuple(runs),
        pipeline=source.path,
    )
    yield Artifact(f"image:{source.path}", ArtifactKind.IMAGE)


def _image_name(path: str) -> str:
    """What to call the image of a Dockerfile: its suffix, else its folder."""
    words = re.split(r"(?:^|[.])(?:docker|container)file", basename(path), flags=re.IGNORECASE)
    return "".join(words).strip(".-_") or basename(dirname(path)) or "image"


def _copied(source: ConfigSource, instruction: Instruction) -> Iterator[str]:
    """Data and models that the image takes along from the repository."""
    if instruction.keyword not in ("COPY", "ADD") or instruction.flag("from"):
        return
    words = instruction.words if instruction.words is not None else tuple(instruction.text.split())
    for word in words[:-1]:
        plain = word.strip("/")
        last = basename(plain)
        if last.rpartition(".")[2].lower() in _DATA or last.lower() in _FOLDERS:
            yield source.resolve(plain if "*" not in plain else plain.replace("*", "{}"))
