"""Hydra: each program with an entry point under `@hydra.main` is a stage; the files that its configuration is composed
of are what it reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from posixpath import basename, dirname, join, normpath
from typing import Final

from pipeaudit.model.pipeline import ArtifactKind, Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Library
from pipeaudit.pyeval.values import NOT_KNOWN, Model, Value, text_of
from pipeaudit.read.node import Node
from pipeaudit.system import Artifact, Declared, Problem, PythonSource, Sources, Stage, repository_system, resolve

_MOST_FILES: Final = 200
_ENDINGS: Final = (".yaml", ".yml")
_WORDS = re.compile(r"^(?:(override|optional)\s+)?(/?[^@\s]+)(?:@\S*)?$")


@repository_system("hydra", package="hydra")
def stages(sources: Sources, files: list[PythonSource]) -> Iterator[Declared]:
    tree = _Tree(sources)
    for source in files:
        yield from _entries(source, tree)


def _entries(source: PythonSource, tree: _Tree) -> Iterator[Declared]:
    functions = list(source.functions(decorated="hydra.main"))
    if not functions:
        return
    library = _Hydra()
    _, _, problems = source.run(library, as_main=True)
    yield from problems
    for function in functions:
        entry = next((library.entries[d.lineno] for d in function.decorator_list if d.lineno in library.entries), None)
        alone = len(functions) == 1
        read = _Composition(tree) if entry is None else _composed(source, tree, entry)
        yield from read.problems
        yield Stage(
            name=basename(source.path).removesuffix(".py").removesuffix(".ipynb") if alone else function.name,
            system="hydra",
            at=source.at(function),
            key=source.path if alone else f"{source.path}:{function.name}",
            reads=tuple(read.files),
            runs=(Program(path=source.path, function="" if alone else function.name),),
            pipeline=source.path,
            note=read.note,
        )
        yield from (Artifact(path, ArtifactKind.PARAMS) for path in read.files)


class _Tree:
    """What the files of a repository tell of where its configurations are."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources

    def file(self, path: str) -> str | None:
        if path.endswith(_ENDINGS):
            return path if path in self.sources else None
        return next((path + ending for ending in _ENDINGS if path + ending in self.sources), None)

    @cached_property
    def folders(self) -> frozenset[str]:
        """Folders with configurations, at any depth."""
        found: set[str] = set()
        for path in self.sources.paths:
            if path.endswith(_ENDINGS):
                while (path := dirname(path)) and path not in found:
                    found.add(path)
        return frozenset(found)

    @cached_property
    def is_open(self) -> bool:
        """Whether configurations come from elsewhere, too: classes in a store, other packages on the search path."""
        marks = (b"ConfigStore", b"SearchPathPlugin", b"searchpath")
        return any(
            path.endswith((".py", *_ENDINGS)) and any(mark in (self.sources.data(path) or b"") for mark in marks)
            for path in self.sources.paths
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    """The arguments of `@hydra.main`: None where there is none, "" where it is not known."""

    line: int
    path: str | None
    name: str | None


class _Decorator(Model):
    def call(self, call: Call) -> Value:
        return call.args[0] if call.args else NOT_KNOWN


class _Hydra(Library):
    packages = ("hydra",)

    def __init__(self) -> None:
        self.entries: dict[int, _Entry] = {}

    def call(self, call: Call) -> Value:
        if call.name != "hydra.main":
            return NOT_KNOWN
        path, name = call.argument(0, "config_path", default=None), call.argument(1, "config_name", default=None)
        line = getattr(call.node, "lineno", 1)
        self.entries[line] = _Entry(
            line, None if path is None else text_of(path) or "", None if name is None else text_of(name) or ""
        )
        return _Decorator()


@dataclass(slots=True)
class _Composition:
    """The files that a primary configuration and its lists of defaults name, in the order in which they are met."""

    tree: _Tree
    root: str = ""
    files: dict[str, None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    note: str = ""
    by_group: dict[str, str] = field(default_factory=dict)
    overridden: set[str] = field(default_factory=set)

    def read(self, path: str) -> None:
        waiting = [path]
        while waiting and len(self.files) < _MOST_FILES:
            current = waiting.pop(0)
            if current in self.files:
                continue
            self.files[current] = None
            document = self.tree.sources.document(current)
            for item in document.list("defaults") if document is not None else ():
                waiting += self._named(current, item)
        for path in self.overridden:
            self.files.pop(path, None)

    def _named(self, path: str, item: Node) -> list[str]:
        """The files that one entry of a list of defaults names."""
        if item.is_scalar:
            alone = _WORDS.match(item.text)
            if alone is None or item.text == "_self_":
                return []
            return self._found(path, item, "", alone[2], alone[1] == "optional")
        named: list[str] = []
        for key, value in item.entries:
            words = _WORDS.match(key.raw)
            for option in value.strings():
                if words is not None and option != "???":
                    named += (found := self._found(path, key, words[2], option, words[1] == "optional"))
                    for one in found:
                        before = self.by_group.get(dirname(one))
                        if words[1] == "override" and before is not None and before != one:
                            self.overridden.add(before)
                        self.by_group[dirname(one)] = one
        return named

    def _found(self, path: str, at: Node, group: str, option: str, optional: bool) -> list[str]:
        if "${" in option:
            self.note = "a part of its configuration is chosen at run time"
            return []
        folder = dirname(path)
        if group.startswith("/") or option.startswith("/"):
            folder, group, option = self.root, group.lstrip("/"), option.lstrip("/")
        wanted = normpath(join(folder, group, option))
        # An `override` names its group from the root wherever it stands; older versions took every group so.
        found = self.tree.file(wanted) or self.tree.file(normpath(join(self.root, group, option)))
        if found is not None:
            return [found]
        beside = dirname(wanted)
        is_meant = not optional and group.split("/")[0] != "hydra" and beside != dirname(path)
        if is_meant and beside in self.tree.folders and not self.tree.is_open:
            self.problems.append(
                Problem(path, at.line, f"the defaults name `{option}` of `{group}`, but there is no {wanted}.yaml")
            )
        return []


def _composed(source: PythonSource, tree: _Tree, entry: _Entry) -> _Composition:
    made = _Composition(tree)
    if entry.name is None and entry.path is not None and entry.path.endswith(_ENDINGS):  # as older versions had it
        folder, _, name = entry.path.rpartition("/")
        entry = _Entry(entry.line, folder or ".", name)
    if entry.path is None or entry.name is None:
        return made
    if not entry.path or not entry.name or "{}" in entry.path + entry.name or "://" in entry.path:
        made.note = "its configuration is named at run time"
        return made
    plain = normpath(entry.path)
    roots = [resolve(dirname(source.path), entry.path), "" if plain == "." else plain]
    for root in roots:
        found = tree.file(join(root, entry.name))
        if found is not None:
            made.root = root
            made.read(found)
            return made
    where = next((root for root in roots if root in tree.folders), None)
    if where is not None and not tree.is_open:
        made.problems.append(Problem(source.path, entry.line, f"there is no configuration `{entry.name}` in {where}"))
    return made
