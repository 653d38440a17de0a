"""Feast: each feature view is a stage that reads its sources and other views; each feature service gathers views."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Program, StageKind
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Library
from pipeaudit.pyeval.values import NOT_KNOWN, Bound, Function, Model, Value, carried, text_of
from pipeaudit.system import Artifact, Declared, PythonSource, Sources, Stage, repository_system

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator

_REPOSITORY = "feature_store.yaml"
_VIEWS = frozenset(("FeatureView", "BatchFeatureView", "StreamFeatureView", "OnDemandFeatureView", "LabelView"))
_DECORATORS = frozenset(("on_demand_feature_view", "batch_feature_view", "stream_feature_view"))
_SAME = frozenset(("with_name", "with_projection", "with_join_key_map", "projection"))


@repository_system("feast", package="feast")
def stages(sources: Sources, files: Sequence[PythonSource]) -> Iterator[Declared]:
    scopes = sorted(dirname(path) for path in sources.matching(_REPOSITORY))
    told: set[str] = set()
    for source in files:
        library = _Feast()
        _, _, problems = source.run(library)
        yield from problems
        scope = _scope(source.path, scopes)
        for view in library.views:
            if view.at.path == source.path and view.name:
                yield from _view(view, scope, sources, told)


def _scope(path: str, scopes: Sequence[str]) -> str:
    """The feature repository that a file belongs to: the nearest folder around it that configures one, else its own."""
    around = [scope for scope in scopes if not scope or path.startswith(f"{scope}/")]
    return max(around, key=len, default=dirname(path))


@dataclass(eq=False)
class _Source(Model):
    """Where rows come from: a file or a table, else the batch source that stands behind a stream of them."""

    name: str
    path: str
    table: str
    behind: tuple[_Source, ...] = ()
    is_pushed: bool = False


@dataclass(eq=False)
class _View(Model):
    """A feature view or a feature service."""

    name: str
    at: Location
    reads: tuple[Model, ...]
    function: Function | None = None
    is_service: bool = False

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self if name == "projection" else Bound(_Itself(self), self) if name in _SAME else NOT_KNOWN

    def item(self, key: Value) -> Value:
        return self


@dataclass(eq=False)
class _Itself(Model):
    view: _View

    def call(self, call: Call) -> Value:
        return self.view


@dataclass(eq=False)
class _Decorator(Model):
    library: _Feast
    options: dict[str, Value]

    def call(self, call: Call) -> Value:
        function = call.args[0] if call.args else None
        name = text_of(self.options.get("name")) or (function.name if isinstance(function, Function) else "")
        at = function.file.at(function.node) if isinstance(function, Function) else call.at
        return self.library.view(name, at, self.options, function if isinstance(function, Function) else None)


@dataclass(eq=False)
class _Feast(Library):
    packages = ("feast",)
    views: list[_View] = field(default_factory=list)

    def call(self, call: Call) -> Value:
        if not call.name.startswith("feast."):
            return NOT_KNOWN
        last = call.name.rpartition(".")[2]
        if last in _DECORATORS:
            return _Decorator(self, dict(call.keywords))
        if last in _VIEWS:
            return self.view(text_of(call.argument(0, "name")) or "", call.at, call.keywords)
        if last == "FeatureService":
            reads = carried(call.argument(1, "features", default=None))
            return self._made(_View(text_of(call.argument(0, "name")) or "", call.at, reads, is_service=True))
        if last.endswith("Source") and last != "RequestSource":
            return _source(call)
        return NOT_KNOWN

    def view(self, name: str, at: Location, options: dict[str, Value], function: Function | None = None) -> _View:
        given = [options.get(key) for key in ("source", "sources", "batch_source", "stream_source", "input", "inputs")]
        return self._made(_View(name, at, carried(given), function))

    def _made(self, view: _View) -> _View:
        self.views.append(view)
        return view


def _source(call: Call) -> _Source:
    words = {key: text_of(value) or "" for key, value in call.keywords.items()}
    path = words.get("path") or words.get("file_url") or ""
    if not path and call.name.rpartition(".")[2] == "FileSource":
        path = text_of(call.argument(0, default=None)) or ""
    table = words.get("table") or words.get("table_ref") or ""
    parts = [words.get("database", ""), words.get("schema", ""), table]
    behind = tuple(one for one in carried(call.keywords.get("batch_source")) if isinstance(one, _Source))
    named = ".".join(part for part in parts if part) if table else ""
    pushed = call.name.rpartition(".")[2] == "PushSource"
    return _Source(
        words.get("name") or table or text_of(call.argument(0, default=None)) or "", path, named, behind, pushed
    )


def _view(view: _View, scope: str, sources: Sources, told: set[str]) -> Iterator[Declared]:
    reads: dict[str, None] = {}
    for one in view.reads:
        if isinstance(one, _View):
            reads[f"feast:{scope}#{one.name}"] = None
        elif isinstance(one, _Source):
            for source in (*one.behind, one) if one.is_pushed else one.behind or (one,):
                if name := _named(source, scope, sources):
                    reads[name] = None
                    if name.startswith("feast:") and name not in told:
                        told.add(name)
                        yield Artifact(name, ArtifactKind.DATASET)
    written = f"feast:{scope}#{view.name}"
    function = view.function
    yield Stage(
        name=view.name,
        system="feast",
        at=view.at,
        key=f"{view.at.path}:{view.name}",
        reads=tuple(reads),
        writes=(written,),
        runs=(Program(path=function.file.path, function=function.name),) if function is not None else (),
        kind=StageKind.PREPROCESSING,
        pipeline=scope or "feast",
        note="a feature service" if view.is_service else "",
    )
    yield Artifact(written, ArtifactKind.FEATURES)


def _named(source: _Source, scope: str, sources: Sources) -> str:
    """A file as a path from the root: commands of Feast are run in the folder of the feature repository."""
    path = source.path
    if path.replace("{}", "").strip("./"):
        if "://" in path or path.startswith(("/", "~", "{}")):
            return path
        inside = normpath(join(scope, path))
        is_rooted = inside not in sources and (path in sources or path.startswith(f"{scope}/"))
        return normpath(path) if is_rooted else inside
    name = source.table or source.name
    return f"feast:{scope}#source:{name}" if name else ""
