"""Dagster: each asset is a stage that reads the assets its parameters and `deps` name; each op in a job is a stage
too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import dirname
from typing import TYPE_CHECKING

from pipeaudit.callgraph import FlowLibrary, flow_stages_of
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.values import NOT_KNOWN, Function, Model, Unknown, Value, carried, flat, text_of
from pipeaudit.system import Declared, PythonSource, Sources, Stage, repository_system

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator

_ASSETS = frozenset(
    (
        "asset",
        "multi_asset",
        "graph_asset",
        "graph_multi_asset",
        "dbt_assets",
        "dlt_assets",
        "sling_assets",
        "asset_with_resources",
    )
)
_LOCATIONS = frozenset(("Definitions", "definitions", "repository", "load_from_defs_folder", "components"))


@repository_system("dagster", package="dagster")
def stages(sources: Sources, files: Sequence[PythonSource]) -> Iterator[Declared]:
    scopes = sorted(
        {
            dirname(s.path)
            for s in files
            if any(f".{n}" in s.file.source or f"{n}(" in s.file.source for n in _LOCATIONS)
        }
    )
    for source in files:
        library = _Dagster()
        evaluator, _, problems = source.run(library)
        yield from problems
        scope = _scope(source.path, scopes)
        for asset in library.assets:
            if asset.at.path == source.path:
                yield from _asset(asset, scope)
        yield from flow_stages_of(source, library, evaluator)


def _scope(path: str, scopes: list[str]) -> str:
    """The code location that a file belongs to: the nearest folder around it that defines one."""
    around = [scope for scope in scopes if not scope or path.startswith(f"{scope}/")]
    return max(around, key=len, default="")


@dataclass(eq=False)
class _Key(Model):
    """An asset key, an asset specification, or a dependency on one."""

    key: str
    deps: tuple[str, ...] = ()

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self if name in ("key", "asset_key") else NOT_KNOWN


@dataclass(eq=False)
class _Asset(Model):
    """One function that makes one asset or several: by key, each with the keys it depends on."""

    keys: dict[str, tuple[str, ...]]
    function: Value
    at: Location
    name: str

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name in ("key", "asset_key", "keys"):
            return _Key(next(iter(self.keys), ""))
        return NOT_KNOWN


@dataclass(eq=False)
class _Decorator(Model):
    library: _Dagster
    options: dict[str, Value]

    def call(self, call: Call) -> Value:
        return self.library.asset(call, call.args[0] if call.args else Unknown(), self.options)


class _Dagster(FlowLibrary):
    system = "dagster"
    packages = ("dagster", "dagster_dbt", "dagster_dlt")
    repeat = "{name}_{number}"

    def __init__(self) -> None:
        super().__init__()
        self.assets: list[_Asset] = []

    def kind_of(self, name: str) -> str:
        if not name.startswith("dagster."):
            return ""
        return {"op": "task", "job": "flow", "graph": "flow", "solid": "task", "pipeline": "flow"}.get(
            name.rpartition(".")[2], ""
        )

    def other_call(self, call: Call) -> Value:
        if not call.name.startswith("dagster"):
            return NOT_KNOWN
        last = call.name.rpartition(".")[2]
        if last in _ASSETS:
            function = call.args[0] if call.args else call.keywords.get("compute_fn")
            if isinstance(function, Function):
                return self.asset(call, function, call.keywords)
            return _Decorator(self, dict(call.keywords))
        if last in ("AssetKey", "AssetSpec", "AssetDep", "SourceAsset", "AssetIn", "AssetOut"):
            return self._key(call)
        return NOT_KNOWN

    def _key(self, call: Call) -> Value:
        value = call.argument(0, "key", "path", "asset", "asset_key", default=None)
        prefix = _path(call.keywords.get("key_prefix"))
        own = _path(value)
        return _Key("/".join(part for part in (prefix, own) if part), _deps(call.keywords.get("deps")))

    def asset(self, call: Call, function: Value, options: dict[str, Value]) -> Value:
        if not isinstance(function, Function):
            return NOT_KNOWN
        prefix = _path(options.get("key_prefix"))
        name = _path(options.get("key")) or text_of(options.get("name")) or function.name
        deps = [*_deps(options.get("deps")), *_deps(options.get("non_argument_deps"))]
        renamed = options.get("ins")
        inputs = renamed if isinstance(renamed, dict) else {}
        for parameter in function.parameters:
            if parameter in ("context", "_context", "self", "config"):
                continue
            own = inputs.get(parameter)
            deps.append((own.key or parameter) if isinstance(own, _Key) else parameter)
        outs = options.get("outs")
        specs = [leaf for leaf in carried(options.get("specs")) if isinstance(leaf, _Key)]
        keys: dict[str, tuple[str, ...]] = {}
        if isinstance(outs, dict):
            for key, out in outs.items():
                title = out.key if isinstance(out, _Key) and out.key.rpartition("/")[2] else ""
                keys[title or "/".join(part for part in (prefix, text_of(key) or "") if part)] = tuple(deps)
        elif specs:
            keys = {spec.key: (*spec.deps, *deps) for spec in specs}
        else:
            keys["/".join(part for part in (prefix, name) if part)] = tuple(dict.fromkeys(deps))
        made = _Asset(keys, function, function.file.at(function.node), function.name)
        self.assets.append(made)
        return made


def _deps(value: Value) -> tuple[str, ...]:
    found: list[str] = []
    for leaf in flat(value):
        if isinstance(leaf, _Key):
            found.append(leaf.key)
        elif isinstance(leaf, _Asset):
            found += leaf.keys
        elif (text := text_of(leaf)) is not None:
            found.append(text)
        elif isinstance(leaf, Unknown) and leaf.name:
            found.append(leaf.name.rpartition(".")[2])
    return tuple(found)


def _path(value: Value) -> str:
    if isinstance(value, _Key):
        return value.key
    if isinstance(value, _Asset):
        return next(iter(value.keys), "")
    return "/".join(text for leaf in flat(value) if (text := text_of(leaf)))


def _asset(asset: _Asset, scope: str) -> Iterator[Declared]:
    function = asset.function
    runs = (Program(path=function.file.path, function=function.name),) if isinstance(function, Function) else ()
    for key, deps in asset.keys.items():
        yield Stage(
            name=key,
            system="dagster",
            at=asset.at,
            key=f"{asset.at.path}:{key}",
            reads=tuple(dict.fromkeys(f"dagster:{scope}#{dep}" for dep in deps if dep != key)),
            writes=(f"dagster:{scope}#{key}",),
            runs=runs,
            pipeline=scope or "dagster",
            note="one of many" if "{}" in key else "",
        )
