"""MLflow Recipes: the steps that the template of a recipe.yaml has, in its order; profiles fill what it leaves open."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeaudit.model.pipeline import ArtifactKind, Program, StageKind
from pipeaudit.read.error import ReadError
from pipeaudit.read.node import ABSENT, Node
from pipeaudit.system import Artifact, ConfigSource, Declared, Problem, Stage, config_system

_TEMPLATE = re.compile(r"(regression|classification)/v\d{1,4}")
_HOLE = re.compile(r"\{\{\s*([A-Za-z_]\w{0,99})\s*(\|[^{}]{0,400})?\}\}")
_MARK: Final = "$"  # around the name of a hole, so that the text of a template is YAML


@dataclass(frozen=True, slots=True)
class _Step:
    """What a step of the template makes of what, and which settings name functions of its file in `steps`."""

    kind: StageKind
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    methods: tuple[tuple[str, str], ...] = ()  # a setting, and what it is where it is not set
    optional: bool = False


_STEPS: Final = {
    "ingest": _Step(StageKind.COLLECTION, (), ("ingested_data",), (("loader_method", ""),)),
    "split": _Step(
        StageKind.PREPROCESSING,
        ("ingested_data",),
        ("training_data", "validation_data", "test_data"),
        (("split_method", ""), ("post_split_method", ""), ("post_split_filter_method", "")),
    ),
    "transform": _Step(
        StageKind.PREPROCESSING,
        ("training_data", "validation_data"),
        ("transformed_training_data", "transformed_validation_data", "transformer"),
        (("transformer_method", "transformer_fn"),),
    ),
    "train": _Step(
        StageKind.TRAINING,
        ("transformed_training_data", "transformed_validation_data", "transformer"),
        ("model",),
        (("estimator_method", "estimator_fn"),),
    ),
    "evaluate": _Step(StageKind.EVALUATION, ("model", "validation_data", "test_data"), ("evaluation",)),
    "register": _Step(StageKind.DEPLOYMENT, ("model",), ("registered_model",)),
    "ingest_scoring": _Step(
        StageKind.COLLECTION, (), ("ingested_scoring_data",), (("loader_method", ""),), optional=True
    ),
    "predict": _Step(
        StageKind.DEPLOYMENT, ("ingested_scoring_data", "registered_model"), ("scored_data",), optional=True
    ),
}
_ORDER: Final = (("ingest", "split", "transform", "train", "evaluate", "register"), ("ingest_scoring", "predict"))
_FILES: Final = {"ingest_scoring": "ingest"}
_KINDS: Final = {
    "model": ArtifactKind.MODEL,
    "registered_model": ArtifactKind.MODEL,
    "transformed_training_data": ArtifactKind.FEATURES,
    "transformed_validation_data": ArtifactKind.FEATURES,
    "scored_data": ArtifactKind.DATASET,
}
_OF_TABLES: Final = ("table", "delta", "spark_sql")


@config_system("mlflow-recipes", "recipe.yaml", "pipeline.yaml", containing=(b"regression/v", b"classification/v"))
def stages(source: ConfigSource) -> Iterator[Declared]:
    try:
        recipe = _parsed(source, source.path)
    except ReadError as error:
        yield Problem(error.path, error.line, error.why)
        return
    if not _TEMPLATE.fullmatch(recipe.get("recipe").text or recipe.get("template").text):
        return
    profiles: list[Node] = []
    folder = f"{source.folder}/profiles/".lstrip("/")
    for path in source.sources.paths:
        if path.startswith(folder) and "/" not in path[len(folder) :] and path.endswith((".yaml", ".yml")):
            try:
                profiles.append(_parsed(source, path))
            except ReadError as error:
                yield Problem(error.path, error.line, error.why)
    yield from _undefined(source, profiles)
    for name, step in _STEPS.items():
        if not step.optional or recipe.get("steps", name):
            yield from _stage(source, recipe, profiles, name, step)


def _parsed(source: ConfigSource, path: str) -> Node:
    from pipeaudit.read import yaml

    text = _HOLE.sub(lambda found: f"{_MARK}{found[1]}{_MARK}", source.sources.text(path))
    documents = yaml.parse(path, text.encode("utf-8", "replace"))
    return documents[0] if documents else Node(path, ABSENT, 1, 1)


def _undefined(source: ConfigSource, profiles: list[Node]) -> Iterator[Problem]:
    """Holes without a default that a profile leaves open: under it the recipe can't be read at all."""
    for number, line in enumerate(source.text.split("\n"), 1):
        for name, instead in _HOLE.findall(line.partition("#")[0]):
            for profile in profiles:
                if not instead and not profile.get(name):
                    where = profile.path.rpartition("/")[2]
                    yield Problem(source.path, number, f"`{name}` is not defined in profile {where}")


def _stage(source: ConfigSource, recipe: Node, profiles: list[Node], name: str, step: _Step) -> Iterator[Declared]:
    body = recipe.get("steps", name)
    settings = _filled(body, profiles)
    prefix = f"recipes:{source.path}#"
    order = next(order for order in _ORDER if name in order)
    runs: list[Program] = []
    path = source.resolve(f"steps/{_FILES.get(name, name)}.py")
    for setting, default in step.methods:
        for one in settings:
            method = one.get(setting).text or (default if one.get("using").text in ("", "custom") else "")
            function = method.rpartition(".")[2]
            if not function or _MARK in function or path not in source.sources:
                continue
            runs.append(Program(path=path, function=function))
            if one.get(setting) and function not in _functions(source, path):
                at = one.get(setting)
                yield Problem(at.path, at.line, f"step `{name}` uses `{function}`, which {path} does not define")
    reads = [f"{prefix}{read}" for read in step.reads if read != "registered_model" or not _has_model(settings)]
    writes = [f"{prefix}{written}" for written in step.writes]
    if name == "evaluate":
        runs += _metrics(source, recipe)
    if name.startswith("ingest"):
        reads += _locations(source, settings)
    if name == "predict":
        writes += _locations(source, [part for one in settings for part in _filled(one.get("output"), profiles)])
    yield Stage(
        name=name,
        system="mlflow-recipes",
        at=(recipe.get("steps").key(name) or recipe.get("steps") or recipe).at,
        key=f"{source.path}:{name}",
        reads=tuple(dict.fromkeys(reads)),
        writes=tuple(dict.fromkeys(writes)),
        after=tuple(f"{source.path}:{earlier}" for earlier in order[: order.index(name)][-1:]),
        runs=tuple(dict.fromkeys(runs)),
        kind=step.kind,
        pipeline=source.path,
        note="" if body else "not configured",
    )
    yield from (Artifact(f"{prefix}{written}", _KINDS[written]) for written in step.writes if written in _KINDS)


def _filled(body: Node, profiles: list[Node]) -> list[Node]:
    """A setting, or what each profile puts in its place."""
    name = body.text.removeprefix(_MARK).removesuffix(_MARK)
    if not body.is_scalar or body.text != f"{_MARK}{name}{_MARK}":
        return [body]
    return [profile.get(name) for profile in profiles if profile.get(name)]


def _locations(source: ConfigSource, settings: list[Node]) -> list[str]:
    """Files and tables that a step's settings name."""
    return [
        f"table:{location}" if "/" not in location and one.get("using").text in _OF_TABLES else source.resolve(location)
        for one in settings
        for location in one.strings("location")
        if location and _MARK not in location
    ]


def _has_model(settings: list[Node]) -> bool:
    return any(one.get("model_uri").text for one in settings)


def _metrics(source: ConfigSource, recipe: Node) -> Iterator[Program]:
    path = source.resolve("steps/custom_metrics.py")
    for metric in (*recipe.list("custom_metrics"), *recipe.list("metrics", "custom")):
        function = metric.get("function").text.rpartition(".")[2]
        if function and path in source.sources:
            yield Program(path=path, function=function)


def _functions(source: ConfigSource, path: str) -> set[str]:
    file = source.sources.python(path)
    names: set[str] = set()
    for node in () if file is None else file.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return names
