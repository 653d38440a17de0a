"""The repository's files as rules and controls ask for them: parsed at most once, and each failure noted once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from pipeaudit.ignore import Patterns
from pipeaudit.limits import DEFAULT, Limits
from pipeaudit.model.finding import Problem
from pipeaudit.read.error import ReadError

if TYPE_CHECKING:
    from pipeaudit.read.dockerfile import Dockerfile
    from pipeaudit.read.document import Document
    from pipeaudit.read.makefile import Makefile
    from pipeaudit.read.node import Node
    from pipeaudit.read.notebook import Notebook
    from pipeaudit.read.requirements import Environment

Parsed = TypeVar("Parsed")


class Files(Protocol):
    """What is asked of the tree: its paths, POSIX and relative to the root, and their bytes."""

    @property
    def paths(self) -> Sequence[str]: ...

    def data(self, path: str) -> bytes:
        """Raises ReadError where the file can't be read."""
        ...


class Repository:
    """What can't be read answers with nothing; why stands once in `problems`.

    `left_out` are paths that are there and not looked at; those of folders end in a slash. `prefix` is the path from
    the top of the git work tree to the root: where there is one, what serves the whole lies above.
    """

    def __init__(
        self,
        files: Files,
        limits: Limits = DEFAULT,
        tracked: Mapping[str, bool | None] | None = None,
        sizes: Mapping[str, int] | None = None,
        left_out: Iterable[str] = (),
        prefix: str = "",
    ) -> None:
        self._files = files
        self._limits = limits
        self._tracked = tracked or {}
        self._sizes = sizes or {}
        self.left_out: tuple[str, ...] = tuple(sorted(left_out))
        self.prefix = prefix
        self._folders: frozenset[str] | None = None
        self._lfs: list[tuple[str, Patterns]] | None = None
        self._ignoring: dict[str, Patterns] = {}
        self.paths: tuple[str, ...] = tuple(sorted(files.paths))
        self._known = frozenset(self.paths)
        self._parsed: dict[tuple[str, str], object] = {}
        self.problems: list[Problem] = []

    @staticmethod
    def of(files: Mapping[str, bytes], tracked: Mapping[str, bool | None] | None = None) -> Repository:
        """A repository that lies in memory."""
        return Repository(_InMemory(files), tracked=tracked)

    def __contains__(self, path: object) -> bool:
        return path in self._known

    def tracked(self, path: str) -> bool | None:
        """Whether git tracks the file; None where no git history tells."""
        return self._tracked.get(path)

    @property
    def in_git(self) -> bool:
        """Whether git's history tells which files it tracks."""
        return any(tracked is not None for tracked in self._tracked.values())

    def size(self, path: str) -> int:
        """A file's size in bytes; 0 where it is not known."""
        return self._sizes.get(path, 0)

    def is_lfs(self, path: str) -> bool:
        """Whether Git LFS keeps the file's content, by the .gitattributes of the tree."""
        if self._lfs is None:
            self._lfs = []
            for file in self.glob(".gitattributes"):
                lines = [line.split() for line in self.text(file).split("\n") if "filter=lfs" in line]
                self._lfs.append((file.removesuffix(".gitattributes"), Patterns(words[0] for words in lines if words)))
        return any(path.startswith(folder) and rules.match(path[len(folder) :]) for folder, rules in self._lfs)

    def exists(self, path: str) -> bool:
        """Whether a file or folder is there, looked at or not."""
        if self._folders is None:
            self._folders = frozenset(folder for each in (*self.paths, *self.left_out) for folder in _folders(each))
        if path in self._known or path in self._folders or not path:
            return True
        return any(path == left.rstrip("/") or (left.endswith("/") and path.startswith(left)) for left in self.left_out)

    def is_ignored(self, path: str) -> bool:
        """Whether a .gitignore of the tree covers a file or folder of that path, be it there or not."""
        for folder in ("", *_folders(path)):
            file = f"{folder}/.gitignore".lstrip("/")
            if file in self._known:
                if file not in self._ignoring:
                    self._ignoring[file] = Patterns(self.text(file).split("\n"))
                inner = path[len(folder) :].lstrip("/")
                if self._ignoring[file].match(inner) or self._ignoring[file].match(f"{inner}/-"):
                    return True
        return False

    def glob(self, *patterns: str) -> tuple[str, ...]:
        """Paths that fit a pattern as a .gitignore has them: a name at any depth, `/a/*.yaml` from the root."""
        wanted = Patterns(patterns)
        return tuple(path for path in self.paths if wanted.match(path))

    def data(self, path: str) -> bytes | None:
        return self._noted(lambda: self._files.data(path)) if path in self._known else None

    def text(self, path: str) -> str:
        data = self.data(path)
        return "" if data is None else data.decode("utf-8-sig", "replace")

    def is_empty(self, path: str) -> bool:
        """Whether a file holds nothing but white space; a file that can't be read is not known to be empty."""
        data = self.data(path)
        return data is not None and not data.strip()

    def nodes(self, path: str) -> tuple[Node, ...]:
        """The documents of a YAML, JSON or TOML file."""
        return self._once("nodes", path, lambda data: _nodes(path, data, self._limits)) or ()

    def environments(self) -> tuple[Environment, ...]:
        """What every file asks to have installed: requirements, manifests and lock files of all package managers."""
        from pipeaudit.read import environment

        found = (self.environment(path) for path in self.paths if environment.is_environment(path))
        return tuple(item for item in found if item is not None)

    def environment(self, path: str) -> Environment | None:
        from pipeaudit.read import environment

        return self._once("environment", path, lambda data: environment.parse(path, data, self._limits))

    def makefile(self, path: str) -> Makefile | None:
        from pipeaudit.read import makefile

        return self._once("makefile", path, lambda data: makefile.parse(path, data))

    def dockerfiles(self) -> tuple[str, ...]:
        """Paths of the image files, told by their names."""
        from pipeaudit.read.dockerfile import is_dockerfile

        return tuple(path for path in self.paths if "erfile" in path.lower() and is_dockerfile(path))

    def dockerfile(self, path: str) -> Dockerfile | None:
        from pipeaudit.read import dockerfile

        return self._once("dockerfile", path, lambda data: dockerfile.parse(path, data))

    def document(self, path: str) -> Document | None:
        """Markdown or reStructuredText as sections."""
        from pipeaudit.read import markdown, rst

        read = rst.parse if path.endswith(".rst") else markdown.parse
        return self._once("document", path, lambda data: read(path, data))

    def notebook(self, path: str) -> Notebook | None:
        from pipeaudit.read import notebook

        return self._once("notebook", path, lambda data: notebook.parse(path, data, self._limits))

    def code_cells(self, path: str) -> Iterator[tuple[int, str]]:
        """Index and source of a notebook's code cells."""
        found = self.notebook(path)
        yield from ((cell.index, cell.source) for cell in found.cells if cell.kind == "code") if found else ()

    def execution_counts(self, path: str) -> Iterator[tuple[int, int]]:
        """Index and number of the code cells of a notebook that have been run."""
        found = self.notebook(path)
        for cell in found.code_cells if found else ():
            if cell.execution_count is not None:
                yield cell.index, cell.execution_count

    def markdown_cells(self, path: str) -> Iterator[Document]:
        from pipeaudit.read import markdown

        found = self.notebook(path)
        for cell in found.cells if found else ():
            if cell.kind == "markdown":
                yield markdown.parse_text(path, cell.source, cell.index)

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


def _folders(path: str) -> Iterator[str]:
    """The folders around a path, the outermost first."""
    at = path.find("/")
    while at > 0:
        yield path[:at]
        at = path.find("/", at + 1)


class _InMemory:
    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self.paths = tuple(files)

    def data(self, path: str) -> bytes:
        return self._files[path]


def _nodes(path: str, data: bytes, limits: Limits) -> tuple[Node, ...]:
    from pipeaudit.read import json, toml, yaml

    if path.endswith((".json", ".ipynb")):
        return (json.parse(path, data, limits),)
    if path.endswith((".toml", "Pipfile", ".lock")) and not path.endswith(("dvc.lock", "conda-lock.yml")):
        return (toml.parse(path, data, limits),)
    return tuple(yaml.parse(path, data, limits))
