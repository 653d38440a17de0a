"""The repository's files as systems read them: each parsed at most once, each failure noted once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from itertools import accumulate
from typing import Protocol, TypeVar

from pipeaudit.model.finding import Problem
from pipeaudit.pyeval.files import ModuleIndex, PythonFile
from pipeaudit.read.error import ReadError
from pipeaudit.read.node import Node

Parsed = TypeVar("Parsed")
_NAME = re.compile(r"[^*?\[/]+")  # patterns that need no matcher
_ENDING = re.compile(r"\*\.[^*?\[/]+")
_GOES_ON = re.compile(rb"\\\r?\n")


class Files(Protocol):
    """What is asked of the repository: its paths, POSIX and relative to the root, and their bytes."""

    @property
    def paths(self) -> Sequence[str]: ...

    def data(self, path: str) -> bytes:
        """Raises ReadError where the file can't be read."""
        ...


class Sources:
    """Parsed files by path. What can't be read answers None; why stands once in `problems`."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.paths = tuple(sorted(files.paths))
        self._known = frozenset(self.paths)
        self._data: dict[str, bytes | None] = {}
        self._parsed: dict[tuple[str, str], object] = {}
        self._by_name: dict[str, list[str]] = {}
        self._imports: dict[str, bytes] = {}
        self.problems: list[Problem] = []
        self.modules = ModuleIndex(self.paths, self.python)

    def __contains__(self, path: str) -> bool:
        return path in self._known

    def matching(self, *patterns: str) -> list[str]:
        """Paths that fit a pattern: by file name where it has no slash, from the root where it has one."""
        names = [pattern for pattern in patterns if _NAME.fullmatch(pattern)]
        endings = tuple(pattern[1:] for pattern in patterns if _ENDING.fullmatch(pattern))
        others = [pattern for pattern in patterns if pattern not in names and pattern[1:] not in endings]
        found = {path for name in names for path in self.ending(name)}
        if endings or others:
            found.update(p for p in self.paths if p.endswith(endings) or any(_fits(p, other) for other in others))
        return sorted(found)

    def ending(self, name: str) -> list[str]:
        """Paths of all files with this name."""
        if not self._by_name:
            for path in self.paths:
                self._by_name.setdefault(path.rpartition("/")[2], []).append(path)
        return self._by_name.get(name, [])

    def data(self, path: str) -> bytes | None:
        if path not in self._known:
            return None
        if path not in self._data:
            self._data[path] = self._noted(lambda: self._files.data(path))
        return self._data[path]

    def text(self, path: str) -> str:
        data = self.data(path)
        return "" if data is None else data.decode("utf-8-sig", "replace")

    def yaml(self, path: str) -> tuple[Node, ...]:
        """The documents of a YAML file; none where it can't be read."""
        from pipeaudit.read import yaml

        return self._once("yaml", path, lambda data: tuple(yaml.parse(path, data))) or ()

    def json(self, path: str) -> Node | None:
        from pipeaudit.read import json

        return self._once("json", path, lambda data: json.parse(path, data))

    def toml(self, path: str) -> Node | None:
        from pipeaudit.read import toml

        return self._once("toml", path, lambda data: toml.parse(path, data))

    def document(self, path: str) -> Node | None:
        """The one document of a YAML, JSON or TOML file, by its extension."""
        if path.endswith(".json"):
            return self.json(path)
        if path.endswith(".toml"):
            return self.toml(path)
        documents = self.yaml(path)
        return documents[0] if documents else None

    def python(self, path: str) -> PythonFile | None:
        """A Python file, or a notebook with its code cells joined."""
        if path.endswith(".ipynb"):
            return self._once("python", path, lambda data: _notebook(path, data))
        return self._once("python", path, lambda data: _python(path, data))

    def imports(self, path: str) -> bytes:
        """The lines of a Python file or notebook that import something, and perhaps some more."""
        if path not in self._imports:
            data = self.data(path) or b""
            code = _code(path, data) if path.endswith(".ipynb") else data
            self._imports[path] = _lines_with(b"import", _GOES_ON.sub(b" ", code) if b"\\" in code else code)
        return self._imports[path]

    def _once(self, kind: str, path: str, parse: Callable[[bytes], Parsed]) -> Parsed | None:
        key = (kind, path)
        if key not in self._parsed:
            data = self.data(path)
            self._parsed[key] = None if data is None else self._noted(lambda: parse(data))
        return self._parsed[key]  # type: ignore[return-value] # the key says which type it is

    def _noted(self, read: Callable[[], Parsed]) -> Parsed | None:
        try:
            return read()
        except ReadError as error:
            problem = Problem(error.path, error.line, error.why)
            if problem not in self.problems:
                self.problems.append(problem)
            return None


def _code(path: str, data: bytes) -> bytes:
    """The code of a notebook, as it is written; none where it can't be read, which whoever reads its events tells."""
    from pipeaudit.read import notebook

    try:
        cells = notebook.parse(path, data).code_cells
    except ReadError:
        return b""
    return "\n".join(cell.source for cell in cells).encode("utf-8", "surrogatepass")


def _lines_with(word: bytes, text: bytes) -> bytes:
    lines = []
    at = text.find(word)
    while at >= 0:
        end = text.find(b"\n", at)
        end = len(text) if end < 0 else end
        lines.append(text[text.rfind(b"\n", 0, at) + 1 : end])
        at = text.find(word, end)
    return b"\n".join(lines)


def _fits(path: str, pattern: str) -> bool:
    if "/" in pattern:
        return fnmatchcase(path, pattern.lstrip("/"))
    return fnmatchcase(path.rpartition("/")[2], pattern)


def _python(path: str, data: bytes) -> PythonFile:
    from pipeaudit.read.python import parse

    return PythonFile(path, parse(path, data), data.decode("utf-8-sig", "replace").replace("\r\n", "\n"))


def _notebook(path: str, data: bytes) -> PythonFile:
    """Code cells one after the other; a cell that does not parse does not keep the others from being read."""
    from pipeaudit.read import magics, notebook

    found = notebook.parse(path, data).code_cells
    plain = [magics.clean(cell.source).code for cell in found]
    numbers = [cell.index for cell in found]
    try:
        return _joined(path, plain, numbers)
    except ReadError:
        return _joined(path, [code if _parses(path, code) else "" for code in plain], numbers)


def _joined(path: str, codes: Sequence[str], numbers: Sequence[int]) -> PythonFile:
    from pipeaudit.read.python import parse

    lines = accumulate((code.count("\n") + 1 for code in codes), initial=1)
    source = "".join(f"{code}\n" for code in codes)
    tree = parse(path, source.encode("utf-8", "surrogatepass"))
    return PythonFile(path, tree, source, tuple(zip(numbers, lines, strict=False)))


def _parses(path: str, code: str) -> bool:
    from pipeaudit.read.python import parse

    try:
        parse(path, code.encode("utf-8", "surrogatepass"))
    except ReadError:
        return False
    return True
