"""dbt: each model and snapshot of a project is a stage; `ref` and `source` are what it reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from posixpath import basename
from typing import Final

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Program, StageKind
from pipeaudit.system import Artifact, ConfigSource, Declared, Problem, Stage, config_system

_WORD = r"""['"]([^'"\n]{1,200})['"]"""
_TOKEN = re.compile(
    rf"(?P<opens>\{{[{{%]-?)|(?P<closes>-?[}}%]\}})|\b(?P<call>ref|source)\s{{0,20}}\(\s{{0,50}}"
    rf"(?:{_WORD}\s{{0,50}}(?:,\s{{0,50}}{_WORD})?[^()]{{0,80}}\)|(?=[^'\"\s)]))"
)
_SNAPSHOT = re.compile(r"\{%-?\s{0,20}snapshot\s{1,20}(\w{1,200})")
_DISABLED = re.compile(r"config\s*\([^)]{0,2000}?\benabled\s*=\s*[Ff]alse")
_MAX_TEXT: Final = 200_000
_MOST_FOLDERS: Final = 64
_NOT_READ: Final = ("dbt_packages/", "dbt_modules/", "target/")


@config_system("dbt", "dbt_project.yml", "dbt_project.yaml")
def stages(source: ConfigSource) -> Iterator[Declared]:
    yield from _Project(source).read()


@dataclass(slots=True)
class _Model:
    """A model, or a snapshot: `calls` are its `ref` and `source` calls with their lines, as they are written."""

    name: str
    at: Location
    calls: list[tuple[int, str, tuple[str, ...]]]
    is_snapshot: bool = False


@dataclass(slots=True)
class _Project:
    source: ConfigSource
    models: dict[str, _Model] = field(default_factory=dict)
    seeds: dict[str, str] = field(default_factory=dict)
    tables: set[str] = field(default_factory=set)
    versioned: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.source.document.get("name").text or self.source.path

    def read(self) -> Iterator[Declared]:
        for path in self._files(("seed-paths", "data-paths"), ("seeds", "data"), ".csv"):
            self.seeds.setdefault(_stem(path), path)
        folders = (("model-paths", "source-paths"), ("models",))
        for path in self._files(*folders, ".yml", ".yaml"):
            self._described(path)
        found = [m for path in self._files(*folders, ".sql", ".py") if (m := self._model(path)) is not None]
        for path in self._files(("snapshot-paths",), ("snapshots",), ".sql"):
            found += self._snapshots(path)
        for model in found:
            first = self.models.setdefault(model.name, model)
            if first is not model and not self._is_open:
                yield Problem(model.at.path, 1, f"model `{model.name}` is defined in {first.at.path}, too")
        yield from (Artifact(self._table(name), ArtifactKind.DATASET) for name in sorted(self.tables))
        for name, path in self.seeds.items():
            yield Artifact(self._table(name), ArtifactKind.DATASET, path)
        for model in self.models.values():
            yield from self._stage(model)

    def _files(self, settings: tuple[str, ...], otherwise: tuple[str, ...], *endings: str) -> list[str]:
        """Files of these kinds in the folders that the project names, or that are usual."""
        listed = [path for setting in settings for path in self.source.document.strings(setting)]
        folders = [self.source.resolve(path) for path in (listed or otherwise)[:_MOST_FOLDERS]]
        here = f"{self.source.folder}/".lstrip("/")
        return [
            path
            for path in self.source.sources.paths
            if path.endswith(endings)
            and any(path.startswith(f"{folder}/") for folder in folders)
            and not path[len(here) :].startswith(_NOT_READ)
        ]

    def _described(self, path: str) -> None:
        """Sources, versions and seeds that a file of properties names."""
        for document in self.source.sources.yaml(path):
            for group in document.list("sources"):
                for table in group.list("tables"):
                    self.tables.add(f"{group.get('name').text}.{table.get('name').text}")
            for model in document.list("models"):
                if model.get("versions"):
                    self.versioned.add(model.get("name").text)

    def _model(self, path: str) -> _Model | None:
        name = _stem(path)
        if path.endswith(".py"):
            file = self.source.sources.python(path)
            calls = list(_calls_of_python(file.tree)) if file is not None else []
            return _Model(name, Location(path), calls)
        text = self._text(path)
        return None if _DISABLED.search(text) else _Model(name, Location(path), _calls(text))

    def _snapshots(self, path: str) -> Iterator[_Model]:
        text = self._text(path)
        found = list(_SNAPSHOT.finditer(text))
        ends = [*(one.start() for one in found[1:]), len(text)]
        for one, end in zip(found, ends, strict=False):
            line = text.count("\n", 0, one.start())
            calls = [(line + at, kind, words) for at, kind, words in _calls(text[one.start() : end])]
            yield _Model(one[1], Location(path, line + 1), calls, is_snapshot=True)

    def _text(self, path: str) -> str:
        """A template without its comments, line for line."""
        text = self.source.sources.text(path)[:_MAX_TEXT]
        kept: list[str] = []
        at = 0
        while (start := text.find("{#", at)) >= 0:
            end = text.find("#}", start)
            kept += [text[at:start], "\n" * text.count("\n", start, end if end >= 0 else len(text))]
            at = end + 2 if end >= 0 else len(text)
        return "".join([*kept, text[at:]])

    @property
    def _is_open(self) -> bool:
        """Whether models come from elsewhere, or may be switched off: then a name that is not found says nothing."""
        names = ("packages.yml", "dependencies.yml")
        return b"enabled" in (self.source.sources.data(self.source.path) or b"") or any(
            self.source.resolve(name) in self.source.sources for name in names
        )

    def _stage(self, model: _Model) -> Iterator[Declared]:
        reads: list[str] = []
        after: list[str] = []
        note = ""
        for line, kind, words in model.calls:
            if not words:
                note = "a part of what it reads is chosen at run time"
            elif kind == "source" and len(words) == 2:
                reads.append(self._table(".".join(words)))
                if ".".join(words) not in self.tables and not self._is_open:
                    yield Problem(model.at.path, line, f"there is no source `{'.'.join(words)}` in this project")
            elif kind == "ref":
                meant = self._meant(words[-1])
                reads += [self._table(name) for name in meant]
                after += [self._key(name) for name in meant if name in self.models and name != model.name]
                is_own = len(words) == 1 or words[0] == self.name
                if is_own and not self._is_open and not any(m in self.models or m in self.seeds for m in meant):
                    yield Problem(model.at.path, line, f"there is no model or seed `{words[-1]}` in this project")
        is_python = model.at.path.endswith(".py")
        yield Stage(
            name=model.name,
            system="dbt",
            at=model.at,
            key=self._key(model.name),
            reads=tuple(dict.fromkeys(reads)),
            writes=(self._table(model.name),),
            after=tuple(dict.fromkeys(after)),
            runs=(Program(path=model.at.path, function="model"),) if is_python else (),
            kind=StageKind.PREPROCESSING,
            pipeline=self.source.path,
            note="snapshot" if model.is_snapshot else note,
        )
        yield Artifact(self._table(model.name), ArtifactKind.DATASET)

    def _meant(self, name: str) -> list[str]:
        """What a name stands for: itself, or the versions of a model."""
        if name in self.models or name in self.seeds or name not in self.versioned:
            return [name]
        version = re.compile(rf"{re.escape(name)}[._]v\d{{1,6}}")
        return [other for other in self.models if version.fullmatch(other)] or [name]

    def _key(self, name: str) -> str:
        return f"{self.source.path}:{name}"

    def _table(self, name: str) -> str:
        return f"dbt:{self.source.path}#{name}"


def _stem(path: str) -> str:
    return basename(path).rpartition(".")[0]


def _calls(text: str) -> list[tuple[int, str, tuple[str, ...]]]:
    """The `ref` and `source` calls inside the template's own brackets, by line; no words where they are computed."""
    found = []
    line, seen, is_inside = 1, 0, False
    for token in _TOKEN.finditer(text):
        if token["call"] is None:
            is_inside = token["opens"] is not None
        elif is_inside:
            line += text.count("\n", seen, token.start())
            seen = token.start()
            found.append((line, token["call"], tuple(word for word in token.groups()[3:] if word)))
    return found


def _calls_of_python(tree: ast.Module) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """`dbt.ref("orders")` and `dbt.source("shop", "orders")`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("ref", "source"):
            values = [part.value for part in node.args if isinstance(part, ast.Constant)]
            yield node.lineno, node.func.attr, tuple(value for value in values if isinstance(value, str))
