"""What a system file is written with: which files a pipeline system claims, and what it is given of them.

A system is a generator of stages. It is given one of its files (`config_system`), one Python file that imports its
package (`python_system`), or all sources at once where its pipelines lie across files (`repository_system`). It may
also yield artifacts, to say what kind they are or where a name of its own lies, and problems: a definition that is
wrong for its own engine.
"""

from __future__ import annotations

import ast
import hashlib
import json
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import import_module
from pathlib import Path
from posixpath import dirname, join, normpath
from types import ModuleType
from typing import Any, TypeAlias

from pipeaudit.flow.events import Events
from pipeaudit.model.finding import Problem
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Artifact, Stage
from pipeaudit.pyeval.evaluator import Evaluator, Exhausted, Library
from pipeaudit.pyeval.files import PythonFile
from pipeaudit.pyeval.frames import Frame
from pipeaudit.pyeval.values import NOT_KNOWN, Bound, Class, Function, Instance, Value
from pipeaudit.read.error import ReadError
from pipeaudit.read.node import ABSENT, Node
from pipeaudit.resources import Compiled
from pipeaudit.sources import Sources

__all__ = [
    "Artifact",
    "ConfigSource",
    "Declared",
    "Location",
    "Node",
    "Problem",
    "PythonSource",
    "Sources",
    "Stage",
    "System",
    "config_system",
    "order_faults",
    "program_system",
    "python_system",
    "repository_system",
]

Declared: TypeAlias = Stage | Artifact | Problem


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """One file that a config system claims. `documents` are empty for formats that are not YAML, JSON or TOML."""

    path: str
    sources: Sources

    @property
    def documents(self) -> tuple[Node, ...]:
        if self.path.endswith((".json", ".toml")):
            document = self.sources.document(self.path)
            return () if document is None else (document,)
        return self.sources.yaml(self.path)

    @property
    def document(self) -> Node:
        documents = self.documents
        return documents[0] if documents else Node(self.path, ABSENT, 1, 1)

    @property
    def text(self) -> str:
        return self.sources.text(self.path)

    @property
    def folder(self) -> str:
        return dirname(self.path)

    def resolve(self, path: str, folder: str | None = None) -> str:
        """A path as written in this file, relative to the root; one that leaves the root keeps its `..`."""
        return resolve(self.folder if folder is None else folder, path)


def resolve(folder: str, path: str) -> str:
    """A path written in a folder as a path from the root; URIs and absolute paths stay."""
    if "://" in path or path.startswith(("/", "~")):
        return path
    joined = normpath(join(folder, path))
    return joined if joined != "." else ""


@dataclass(slots=True)
class PythonSource:
    """One Python file (or notebook) that imports the system's package."""

    path: str
    sources: Sources
    file: PythonFile
    package: tuple[str, ...]
    _names: dict[str, str] | None = field(default=None, repr=False)

    @property
    def tree(self) -> ast.Module:
        return self.file.tree

    def at(self, node: ast.AST) -> Location:
        return self.file.at(node)

    def run(self, library: Library, as_main: bool = False) -> tuple[Evaluator, Frame, list[Problem]]:
        """The file evaluated with what the system knows of its package."""
        evaluator = Evaluator(self.sources.modules, library, self.path if as_main else "")
        problems: list[Problem] = []
        with bounded(self.path, problems):
            frame = evaluator.run_file(self.file)
        return evaluator, evaluator.loaded[self.path] if problems else frame, problems

    def qualified(self, node: ast.expr) -> str:
        """The dotted library name that an expression stands for, through imports and aliases; "" where it is none."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        start = self._imports().get(node.id, "")
        return ".".join([start, *reversed(parts)]) if start else ""

    def functions(self, decorated: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Functions at the top of the file under a decorator of that qualified name, called or not."""
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
                self.qualified(d.func if isinstance(d, ast.Call) else d) == decorated for d in node.decorator_list
            ):
                yield node

    def constant(self, node: ast.expr | None) -> object:
        """A literal's value; None for anything else."""
        if isinstance(node, ast.List | ast.Tuple):
            return [self.constant(part) for part in node.elts]
        return node.value if isinstance(node, ast.Constant) else None

    def uncalled(self, evaluator: Evaluator, frame: Frame, wanted: Callable[[str], bool]) -> list[Value]:
        """Functions and methods of the file that build pipelines but were not run: values to call with unknown
        arguments.

        `wanted` tells the library names whose call, or use as a decorator, makes a function one of these.
        """
        found: list[Value] = []
        for node in self.tree.body:
            value = frame.names.get(getattr(node, "name", ""), NOT_KNOWN)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if isinstance(value, Function) and self._builds(node, wanted) and node not in evaluator.entered:
                    found.append(value)
            elif isinstance(node, ast.ClassDef) and isinstance(value, Class):
                for method in node.body:
                    if not isinstance(method, ast.FunctionDef) or method in evaluator.entered:
                        continue
                    made = value.attributes.get(method.name, NOT_KNOWN)
                    if isinstance(made, Function) and self._builds(method, wanted):
                        found.append(Bound(made, Instance(value)))
        return found

    def _builds(self, function: ast.AST, wanted: Callable[[str], bool]) -> bool:
        return any(wanted(self.qualified(use)) for node in ast.walk(function) for use in self._uses(node, function))

    @staticmethod
    def _uses(node: ast.AST, function: ast.AST) -> list[ast.expr]:
        if isinstance(node, ast.Call):
            return [node.func]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node is not function:
            return node.decorator_list
        return []

    def module(self, dotted: str) -> PythonFile | None:
        """Another module of the repository, as this file would import it."""
        path = self.sources.modules.find(dotted, self.path)
        return self.sources.python(path) if path is not None and path.endswith(".py") else None

    def _imports(self) -> dict[str, str]:
        if self._names is None:
            self._names = {}
            for node in ast.walk(self.tree):
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        top = alias.name.partition(".")[0]
                        self._names[alias.asname or top] = alias.name if alias.asname else top
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    for alias in node.names:
                        self._names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return self._names


def order_faults(path: str, what: str, waits: Iterable[tuple[Node, Sequence[Node]]]) -> Iterator[Problem]:
    """What an engine refuses in a list of jobs, each given by its name and the names it waits for: a name that two
    share, and one that nobody has. Jobs that wait for each other are edges of the graph, and found there.
    """
    listed = [(name, awaited) for name, awaited in waits if name.text]
    lines: dict[str, int] = {}
    for name, _ in listed:
        if name.text in lines:
            yield Problem(path, name.line, f"{what} `{name.text}` is declared at line {lines[name.text]}, too")
        lines.setdefault(name.text, name.line)
    for name, awaited in listed:
        for other in awaited:
            if other.text == name.text:
                yield Problem(path, other.line, f"{what} `{name.text}` waits for itself")
            elif other.text not in lines:
                yield Problem(
                    path, other.line, f"{what} `{name.text}` waits for `{other.text}`, which is no {what} here"
                )


class bounded:  # noqa: N801 # reads as a word: `with bounded(...)`
    """Inside it, a spent budget or a stack too deep ends the evaluation with a note instead of an exception."""

    def __init__(self, path: str, problems: list[Problem]) -> None:
        self._path = path
        self._problems = problems

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exhausted):
            self._problems.append(
                Problem(self._path, 1, "too much code to evaluate: the rest of this pipeline is unknown")
            )
            return True
        if isinstance(error, RecursionError):
            self._problems.append(Problem(self._path, 1, "nested too deeply: the rest of this pipeline is unknown"))
            return True
        return False


@dataclass(frozen=True, slots=True)
class System:
    """A registered system, by the module and the name of its function: what it claims is known without importing it.

    Config systems have patterns, Python systems packages; those of a whole repository may have both or neither.
    """

    name: str
    module: str
    function: str
    patterns: tuple[str, ...] = ()
    containing: tuple[bytes, ...] = ()
    package: tuple[str, ...] = ()
    of_repository: bool = False
    of_programs: bool = False

    @property
    def read(self) -> Callable[..., Iterator[Declared]]:
        read: Callable[..., Iterator[Declared]] = getattr(import_module(self.module), self.function)
        return read


Generator: TypeAlias = Callable[..., Iterator[Declared]]


def config_system(name: str, *patterns: str, containing: tuple[bytes, ...] = ()) -> Callable[[Generator], Generator]:
    """Claims files by pattern; `containing`: only those whose text holds one of these."""
    return _marked(name, patterns=patterns, containing=containing)


def python_system(
    name: str, *, package: str | tuple[str, ...], containing: tuple[bytes, ...] = ()
) -> Callable[[Generator], Generator]:
    """Claims Python files and notebooks that import the package, or one of several; of these those with one of the
    marks.

    Pipelines in folders of tests are no pipelines of the repository.
    """
    packages = (package,) if isinstance(package, str) else package
    return _marked(name, package=packages, containing=containing)


def repository_system(
    name: str, *patterns: str, package: str | tuple[str, ...] = (), containing: tuple[bytes, ...] = ()
) -> Callable[[Generator], Generator]:
    """Is given all sources at once; with `package`, the Python files that import it as well.

    With patterns or a package it is asked only where a file fits one (and holds one of the marks) or imports it.
    """
    packages = (package,) if isinstance(package, str) else package
    return _marked(name, patterns=patterns, package=packages, containing=containing, of_repository=True)


def program_system(name: str) -> Callable[[Generator], Generator]:
    """Is given the sources and the events of every Python program and notebook, by path."""
    return _marked(name, of_programs=True)


def _marked(name: str, **claims: Any) -> Callable[[Generator], Generator]:
    def mark(read: Generator) -> Generator:
        read.__system__ = System(name, read.__module__, read.__name__, **claims)  # type: ignore[attr-defined] # functions take attributes, their type does not say so
        return read

    return mark


def systems() -> tuple[System, ...]:
    """All systems of the package, by the names of their modules; what they claim is compiled once."""
    from pipeaudit import systems as package

    folder = Path(package.__path__[0])
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    key = f"systems-{digest.hexdigest()}"
    store = Compiled(folder)
    known = store.get(key)
    if known is not None:
        return tuple(_from_plain(record) for record in json.loads(known))
    found = tuple(_declared_systems(package))
    store.put(key, json.dumps([_plain(system) for system in found]).encode())
    return found


def _declared_systems(package: ModuleType) -> Iterator[System]:
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        module = import_module(f"{package.__name__}.{info.name}")
        declared = [getattr(value, "__system__", None) for value in vars(module).values()]
        yield from (system for system in declared if isinstance(system, System))


def _plain(system: System) -> list[object]:
    """A system as JSON has it: what it claims, field by field."""
    values = [getattr(system, item.name) for item in fields(system)]
    return [[part.decode("latin-1") for part in v] if v and v is system.containing else v for v in values]


def _from_plain(record: list[Any]) -> System:
    name, module, function, patterns, containing, package, *of = record
    marks = tuple(mark.encode("latin-1") for mark in containing)
    return System(name, module, function, tuple(patterns), marks, tuple(package), *of)


def declarations(sources: Sources, events: Mapping[str, Events]) -> list[Declared]:
    """What all systems say of a repository, system by system, file by file."""
    said: list[Declared] = []
    for system in systems():
        said.extend(system.read(sources, events) if system.of_programs else _declared(system, sources))
    return said


def _declared(system: System, sources: Sources) -> Iterator[Declared]:
    if system.of_repository:
        files = python_sources(sources, system.package) if system.package else []
        if files or not (system.package or system.patterns) or any(_claimed(system, sources)):
            yield from system.read(sources, files) if system.package else system.read(sources)
        return
    for path in _claimed(system, sources):
        yield from _read(system, ConfigSource(path, sources))
    if system.package:
        for source in python_sources(sources, system.package, system.containing):
            problems: list[Problem] = []
            with bounded(source.path, problems):
                yield from system.read(source)
            yield from problems


def _claimed(system: System, sources: Sources) -> Iterator[str]:
    """The files that fit a pattern and hold one of the marks, if there are any."""
    for path in sources.matching(*system.patterns):
        data = sources.data(path)
        if data is not None and (not system.containing or any(mark in data for mark in system.containing)):
            yield path


def _read(system: System, source: ConfigSource) -> Iterator[Declared]:
    """What a system says of one file; one that its reader refuses costs itself only."""
    try:
        yield from system.read(source)
    except ReadError as error:
        yield Problem(error.path, error.line, error.why)


_TESTS = frozenset(("test", "tests", "testing"))


def python_sources(
    sources: Sources, package: tuple[str, ...], containing: tuple[bytes, ...] = ()
) -> list[PythonSource]:
    """Python files and notebooks that import one of these packages, by path."""
    named = re.compile(rf"\b(?:{'|'.join(re.escape(name) for name in package)})\b".encode())
    found: list[PythonSource] = []
    for path in sources.paths:
        if not path.endswith((".py", ".ipynb")) or not _TESTS.isdisjoint(path.split("/")[:-1]):
            continue
        if named.search(sources.imports(path)) and _holds(sources, path, containing):
            file = sources.python(path)
            if file is not None and _imports(file.tree, package):
                found.append(PythonSource(path, sources, file, package))
    return found


def _holds(sources: Sources, path: str, marks: tuple[bytes, ...]) -> bool:
    data = sources.data(path)
    return data is not None and (not marks or any(mark in data for mark in marks))


def _imports(tree: ast.Module, package: tuple[str, ...]) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        if any(name == wanted or name.startswith(f"{wanted}.") for name in names for wanted in package):
            return True
    return False
