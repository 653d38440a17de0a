"""Triton model repositories: each model is a deployment; the steps of an ensemble come after those that fill their
tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from posixpath import basename, dirname, join

from pipeaudit.model.pipeline import ArtifactKind, Program, StageKind
from pipeaudit.read import pbtxt
from pipeaudit.read.error import ReadError
from pipeaudit.read.node import Node
from pipeaudit.system import Artifact, Declared, Problem, Sources, Stage, repository_system

_CONFIG = "config.pbtxt"
# What a version's folder holds where the configuration names nothing else, by backend or by platform.
_FILES = {
    "onnxruntime": "model.onnx",
    "onnxruntime_onnx": "model.onnx",
    "tensorrt": "model.plan",
    "tensorrt_plan": "model.plan",
    "pytorch": "model.pt",
    "pytorch_libtorch": "model.pt",
    "tensorflow": "model.savedmodel",
    "tensorflow_savedmodel": "model.savedmodel",
    "tensorflow_graphdef": "model.graphdef",
    "openvino": "model.xml",
    "fil": "xgboost.model",
    "dali": "model.dali",
    "python": "model.py",
    "vllm": "model.json",
}
_CLASS = "TritonPythonModel"


@repository_system("triton", _CONFIG)
def stages(sources: Sources) -> Iterator[Declared]:
    models: list[_Served] = []
    for path in sources.matching(_CONFIG):
        data = sources.data(path)
        if data is None:
            continue
        try:
            document = pbtxt.parse(path, data)
        except ReadError as error:
            yield Problem(error.path, error.line, error.why)
            continue
        if any(
            document.get(name) for name in ("platform", "backend", "input", "max_batch_size", "ensemble_scheduling")
        ):
            folder = dirname(path)
            models.append(_Served(dirname(folder) if basename(folder).isdigit() else folder, document))
    by_key = {model.key: model for model in models}
    for model in models:
        for step in model.steps:
            step.after(by_key)
    for model in models:
        yield from _stage(model, by_key, sources)


@dataclass(eq=False)
class _Served:
    folder: str
    document: Node
    before: dict[str, None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.document.get("name").text or basename(self.folder)

    @property
    def repository(self) -> str:
        return dirname(self.folder)

    @property
    def key(self) -> str:
        return f"{self.repository}#{self.name}"

    @property
    def steps(self) -> list[_Step]:
        """The ensemble's steps, each with those whose tensors it takes."""
        filled: dict[str, str] = {}
        found: list[_Step] = []
        listed = self.document.get("ensemble_scheduling").each("step")
        for step in listed:
            for _, tensor in _pairs(step, "output_map"):
                filled[tensor] = f"{self.repository}#{step.get('model_name').text}"
        for step in listed:
            takes = [filled[tensor] for _, tensor in _pairs(step, "input_map") if tensor in filled]
            found.append(_Step(f"{self.repository}#{step.get('model_name').text}", takes))
        return found

    @property
    def versions(self) -> tuple[str, ...]:
        return tuple(number.text for number in self.document.get("version_policy", "specific").each("versions"))


@dataclass(eq=False)
class _Step:
    model: str
    takes: list[str]

    def after(self, models: dict[str, _Served]) -> None:
        if self.model in models:
            models[self.model].before.update(dict.fromkeys(key for key in self.takes if key != self.model))


def _pairs(step: Node, name: str) -> Iterator[tuple[str, str]]:
    for entry in step.each(name):
        yield entry.get("key").text, entry.get("value").text


def _stage(model: _Served, models: dict[str, _Served], sources: Sources) -> Iterator[Declared]:
    is_ensemble = bool(model.steps)
    steps = [step for step in model.steps if step.model in models]
    taken = {key for step in steps for key in step.takes}
    last = [step.model for step in steps if step.model not in taken]
    reads: list[str] = []
    runs: list[Program] = []
    for path in _files(model, sources) if not is_ensemble else ():
        if path.endswith(".py"):
            runs.append(Program(path=path, function=_CLASS))
        else:
            reads.append(path)
            yield Artifact(path, ArtifactKind.MODEL)
    yield Stage(
        name=model.name,
        system="triton",
        at=(model.document.get("name") or model.document).at,
        key=model.key,
        reads=tuple(reads),
        after=tuple(key for key in dict.fromkeys((*model.before, *last)) if key in models),
        runs=tuple(runs[-1:]),
        kind=StageKind.DEPLOYMENT,
        pipeline=model.repository or "triton",
        note="an ensemble" if is_ensemble else "",
    )


def _files(model: _Served, sources: Sources) -> list[str]:
    """The model's file in each version that is there or named; the first version's where neither tells."""
    backend = model.document.get("backend").text or model.document.get("platform").text
    name = model.document.get("default_model_filename").text or _FILES.get(backend, "")
    if not name:
        return []
    inside = {
        path.removeprefix(f"{model.folder}/").partition("/")[0] for path in sources.paths if _lies_in(path, model)
    }
    versions = sorted((part for part in inside if part.isdigit()), key=int) or list(model.versions) or ["1"]
    paths = [join(model.folder, version, name) for version in versions]
    return [path for path in paths if not path.endswith(".py") or path in sources]


def _lies_in(path: str, model: _Served) -> bool:
    return path.startswith(f"{model.folder}/")
