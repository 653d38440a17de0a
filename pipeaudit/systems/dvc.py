"""DVC: each entry under `stages` of a dvc.yaml is a stage, each .dvc file brings data in; named as `dvc dag` names
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice, product
from math import prod
from typing import Any, Final

from pipeaudit.limits import DEFAULT
from pipeaudit.model.pipeline import ArtifactKind, Program, StageKind
from pipeaudit.read.node import MERGED, Node
from pipeaudit.system import Artifact, ConfigSource, Declared, Problem, Stage, config_system, resolve

_PARAMS: Final = "params.yaml"
_HOLE: Final = "{}"
_REFERENCE = re.compile(r"(?<!\\)\$\{([^{}]{1,200})\}")


class _Unset(Exception):
    """A template names a variable that nothing defines."""


@config_system("dvc", "dvc.yaml", "dvc.yml", "*.dvc", "Dvcfile")
def stages(source: ConfigSource) -> Iterator[Declared]:
    document = source.document
    if source.path.endswith(".dvc"):
        yield from _data(source, document)
        return
    variables = _variables(source, source.folder, document.get("vars"), default=True)
    for key, body in document.items("stages"):
        yield from _entries(source, key, body, variables)
    for listed, kind in (("metrics", ArtifactKind.METRICS), ("plots", ArtifactKind.REPORT)):
        for name in document.names(listed):
            if "/" in name.raw or "." in name.raw:
                yield Artifact(source.resolve(name.raw), kind)
    for _, body in document.items("artifacts"):
        if path := body.get("path").text:
            kind = ArtifactKind.MODEL if body.get("type").text == "model" else ArtifactKind.OTHER
            yield Artifact(source.resolve(path), kind)


def _data(source: ConfigSource, document: Node) -> Iterator[Declared]:
    """A .dvc file: data that somebody added by hand, or that an import fetches from its `deps`."""
    outs = [out.get("path").text for out in document.list("outs")]
    if not any(outs):
        return
    folder = resolve(source.folder, document.get("wdir").text or ".")
    yield Stage(
        name=source.path,
        system="dvc",
        at=document.at,
        reads=tuple(_external(dep, folder) for dep in document.list("deps")),
        writes=tuple(resolve(folder, out) for out in outs if out),
        kind=StageKind.COLLECTION,
        note="data",
    )


def _external(dep: Node, folder: str) -> str:
    path = dep.get("path").text
    origin = dep.get("repo", "url").text
    return f"{origin}#{path}" if origin else resolve(folder, path)


def _entries(source: ConfigSource, key: Node, body: Node, variables: dict[str, Any]) -> Iterator[Declared]:
    """The stages that one entry means: itself, or one for each item of `foreach` and each combination of `matrix`."""
    if body.get("foreach"):
        listed, inner = body.get("foreach"), body.get("do")
    elif body.get("matrix"):
        listed, inner = body.get("matrix"), body
    else:
        yield from _stage(source, key, key.raw, body, variables)
        return
    if not inner.is_mapping:
        yield Problem(source.path, key.line, f"stage `{key.raw}` has `foreach` without `do`")
        return
    try:
        items = _foreach(_filled(listed.plain(), variables)) if body.get("foreach") else _matrix(listed, variables)
    except _Unset as unset:
        items = {name: {} for name in _locked(source, key.raw)}
        if not items:
            yield Problem(
                source.path, key.line, f"the instances of stage `{key.raw}` are unknown: `{unset}` is not defined"
            )
            yield from _one_for_all(source, key, inner, variables, f"instances unknown: `{unset}` is not defined")
            return
    if len(items) > DEFAULT.stage_instances or not items:
        count = _matrix_size(listed, variables) if body.get("matrix") else len(items)
        if count:
            yield from _one_for_all(source, key, inner, variables, f"expanded, {count} instances")
        return
    for name, item in items.items():
        yield from _stage(source, key, f"{key.raw}@{name}", inner, {**variables, **item})


def _one_for_all(
    source: ConfigSource, key: Node, body: Node, variables: dict[str, Any], note: str
) -> Iterator[Declared]:
    yield from _stage(source, key, key.raw, body, variables, note)


def _foreach(items: Any) -> dict[str, dict[str, Any]]:
    if isinstance(items, Mapping):
        return {_text(key): {"key": key, "item": value} for key, value in items.items()}
    if not isinstance(items, list):
        return {}
    if any(isinstance(item, Mapping | list) for item in items):
        return {str(index): {"item": value} for index, value in enumerate(items)}
    return {_text(value): {"item": value} for value in items}


def _axes(listed: Node, variables: dict[str, Any]) -> dict[str, list[Any]]:
    axes = _filled(listed.plain(), variables)
    if not isinstance(axes, Mapping):
        return {}
    # The engine's YAML loader puts merged keys before a mapping's own, and the axes' order makes the names.
    merged = [key.raw for key, _ in listed.entries if key.tag == MERGED]
    axes = {**{name: axes[name] for name in merged if name in axes}, **axes}
    return {str(name): values if isinstance(values, list) else [values] for name, values in axes.items()}


def _matrix_size(listed: Node, variables: dict[str, Any]) -> int:
    return prod(len(values) for values in _axes(listed, variables).values())


def _matrix(listed: Node, variables: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Combinations by their names: values joined with `-`, an axis of mappings or lists by its name and number."""
    axes = _axes(listed, variables)
    found: dict[str, dict[str, Any]] = {}
    for row in islice(product(*(enumerate(values) for values in axes.values())), DEFAULT.stage_instances + 1):
        parts = [
            f"{axis}{index}" if isinstance(value, Mapping | list) else _text(value)
            for axis, (index, value) in zip(axes, row, strict=True)
        ]
        item = {axis: value for axis, (_, value) in zip(axes, row, strict=True)}
        found["-".join(parts)] = {"item": item, "key": "-".join(parts)}
    return found if axes else {}


def _locked(source: ConfigSource, name: str) -> list[str]:
    """Instances that the lock file remembers of a stage."""
    lock = source.sources.yaml(source.resolve("dvc.lock"))
    return [
        key.raw.partition("@")[2]
        for document in lock
        for key, _ in document.items("stages")
        if key.raw.startswith(f"{name}@")
    ][: DEFAULT.stage_instances]


def _stage(
    source: ConfigSource, key: Node, name: str, body: Node, variables: dict[str, Any], note: str = ""
) -> Iterator[Declared]:
    def fill(text: str) -> str:
        try:
            return _text(_filled(text, variables))
        except _Unset:
            return _REFERENCE.sub(_HOLE, text)

    folder = resolve(source.folder, fill(body.get("wdir").text or "."))
    if body.get("vars"):
        variables = {**variables, **_variables(source, folder, body.get("vars"), default=False)}
    metrics = _paths(body, "metrics", fill, folder)
    plots = _paths(body, "plots", fill, folder)
    params_files, params = _params(body.get("params"), fill, folder)
    commands = body.get("cmd")
    yield Stage(
        name=name if source.path in ("dvc.yaml", "dvc.yml") else f"{source.path}:{name}",
        system="dvc",
        at=key.at,
        key=f"{source.path}:{name}",
        reads=(*_paths(body, "deps", fill, folder), *params_files),
        writes=(*_paths(body, "outs", fill, folder), *metrics, *plots),
        runs=tuple(Program(command=fill(command), folder=folder) for command in commands.strings()),
        params=params,
        metrics=metrics,
        reports=plots,
        pipeline=source.path,
        note=note,
    )
    yield from (Artifact(path, ArtifactKind.METRICS) for path in metrics)
    yield from (Artifact(path, ArtifactKind.REPORT) for path in plots)
    yield from (Artifact(path, ArtifactKind.PARAMS) for path in params_files)


def _paths(body: Node, listed: str, fill: Any, folder: str) -> tuple[str, ...]:
    return tuple(resolve(folder, fill(name.raw)) for name in body.names(listed))


def _params(listed: Node, fill: Any, folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files that parameters come from, and the parameters as `file:key`."""
    files: dict[str, None] = {}
    names: list[str] = []
    for item in listed.each():
        if item.is_scalar:
            path = resolve(folder, _PARAMS)
            files[path] = None
            names.append(f"{path}:{fill(item.raw)}")
        for file, keys in item.entries:
            path = resolve(folder, fill(file.raw))
            files[path] = None
            names += [f"{path}:{fill(key.raw)}" for key in keys.each() if key.is_scalar]
    return tuple(files), tuple(names)


def _variables(source: ConfigSource, folder: str, listed: Node, default: bool) -> dict[str, Any]:
    """What templates may name: the default parameter file, and the files and mappings under `vars`."""
    found: dict[str, Any] = {}
    if default:
        found.update(_loaded(source, resolve(folder, _PARAMS), []))
    for item in listed.each():
        if item.is_mapping:
            own = item.plain()
            found = _merged(found, own if isinstance(own, dict) else {})
        else:
            path, _, keys = item.text.partition(":")
            found = _merged(found, _loaded(source, resolve(folder, path), keys.split(",") if keys else []))
    return found


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    joined = dict(one)
    for key, value in other.items():
        mine = joined.get(key)
        joined[key] = _merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return joined


def _loaded(source: ConfigSource, path: str, keys: list[str]) -> dict[str, Any]:
    document = source.sources.document(path) if path in source.sources else None
    plain = None if document is None else document.plain()
    if not isinstance(plain, dict):
        return {}
    return {key: plain[key] for key in keys if key in plain} if keys else plain


def _filled(value: Any, variables: dict[str, Any], depth: int = 0) -> Any:
    """A value with its `${...}` replaced; raises _Unset for a name that nothing defines."""
    if depth > 20:
        raise _Unset("a template that refers to itself")
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        if whole:
            return _looked_up(whole.group(1), variables)
        return _REFERENCE.sub(lambda found: _argument(_looked_up(found.group(1), variables)), value).replace(
            "\\${", "${"
        )
    if isinstance(value, Mapping):
        return {_text(_filled(k, variables, depth + 1)): _filled(v, variables, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(item, variables, depth + 1) for item in value]
    return value


def _looked_up(reference: str, variables: dict[str, Any]) -> Any:
    value: Any = variables
    for part in re.findall(r"[^.\[\]]+", reference.strip()):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and re.fullmatch(r"\d{1,6}", part) and int(part) < len(value):
            value = value[int(part)]
        else:
            raise _Unset(reference.strip())
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _argument(value: Any) -> str:
    """A value inside a command: a mapping becomes options."""
    if isinstance(value, Mapping):
        return " ".join(f"--{key} {_text(part)}" for key, part in value.items() if not isinstance(part, Mapping | list))
    return _text(value)
