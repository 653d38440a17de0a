"""The repository's Python as programs: every file and notebook to statements, and these to the events of running it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from pipeaudit.apis import Knowledge
from pipeaudit.flow.events import Events
from pipeaudit.flow.interpret import Interpreter
from pipeaudit.flow.program import Runner, Unreadable, analyse
from pipeaudit.model.finding import Problem
from pipeaudit.read import magics, notebook, python
from pipeaudit.read.error import ReadError
from pipeaudit.sources import Sources
from pipeaudit.tree import Tree

Watch = Callable[[Mapping[str, python.PythonFacts]], Callable[..., Interpreter]]


@dataclass(frozen=True, slots=True)
class Programs:
    """The events and the statements of programs, by path. One that can't be read costs itself only."""

    events: dict[str, Events]
    facts: dict[str, python.PythonFacts]
    problems: tuple[Problem, ...]


def every(tree: Tree, sources: Sources, knowledge: Knowledge, watching: Watch | None = None) -> Programs:
    """All programs of the tree. `watching` gives the interpreter, where more than events is asked for."""
    statements = _Statements(tree)
    facts = {path: statements[path] for path in statements if statements.read(path)}
    machine = watching(facts) if watching is not None else Interpreter
    events, unfollowed = analyse(facts, knowledge, _loader(sources), tree.limits.file_steps, machine)
    return Programs(events, facts, (*statements.problems, *unfollowed))


def some(tree: Tree, sources: Sources, knowledge: Knowledge, named: Collection[str]) -> Programs:
    """Some programs, as if nobody else used what they define; of the other files those are read that they import."""
    statements = _Statements(tree)
    wanted = sorted(path for path in statements if path in named and statements.read(path))
    while True:
        runner = Runner(statements, knowledge, _loader(sources), tree.limits.file_steps)
        try:
            machines = [runner.top(path) for path in wanted]
            for machine in machines:
                runner.uncalled(machine)
        except Unreadable:
            continue  # names that meant it mean another file now
        events = {path: runner.events(machine) for path, machine in zip(wanted, machines, strict=True)}
        return Programs(events, statements.known, (*statements.problems, *runner.problems))


class _Statements(Mapping[str, python.PythonFacts]):
    """The statements of Python files and notebooks, read when they are first asked for.

    A file is there until reading it fails.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._paths = dict.fromkeys(path for path in tree.paths if path.endswith((".py", ".ipynb")))
        self._cells: dict[str, tuple[python.Statement, ...]] = {}
        self.known: dict[str, python.PythonFacts] = {}
        self.problems: list[Problem] = []

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._paths))

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    def __getitem__(self, path: str) -> python.PythonFacts:
        if not self.read(path):
            raise Unreadable(path)
        return self.known[path]

    def read(self, path: str) -> bool:
        """Whether the file can be read."""
        if path in self.known or path not in self._paths:
            return path in self.known
        try:
            data = self._tree.data(path)
            self.known[path] = self._notebook(path, data) if path.endswith(".ipynb") else python.read(path, data)
        except ReadError as error:
            if not self._tree.is_unread(path):  # the tree tells of those itself
                self.problems.append(Problem(error.path, error.line, error.why))
            del self._paths[path]
            return False
        return True

    def _notebook(self, path: str, data: bytes) -> python.PythonFacts:
        """The code cells of a notebook in document order, as one program; a cell that does not parse costs that cell.

        Statements of cells are kept by their source: notebooks of one repository have many in common. Those that
        define functions are not among them, as it counts for each notebook whether it calls them.
        """
        document = notebook.parse(path, data, self._tree.limits)
        self.problems += document.problems
        if not document.is_python:
            self.problems.append(Problem(path, 1, f"is a notebook in {document.language}; its code is not read"))
            return python.PythonFacts(path, (), is_notebook=True)
        blocks = []
        for cell in document.code_cells:
            statements = self._cells.get(cell.source)
            if statements is None:
                cleaned = magics.clean(cell.source)
                if cleaned.language != "python":
                    continue
                try:
                    statements = python.block(python.parse(path, cleaned.code.encode("utf-8", "replace")).body)
                except ReadError as error:
                    self.problems.append(Problem(path, 1, f"cell {cell.index + 1}, line {error.line}: {error.why}"))
                    continue
                if not any(word in cell.source for word in ("def ", "lambda", "class ")):
                    self._cells[cell.source] = statements
            blocks.append(python.Block(statements, cell.index))
        return python.PythonFacts(path, tuple(blocks), is_notebook=True)


def _loader(sources: Sources) -> Callable[[str], object | None]:
    """The plain content of a configuration file of the tree, as code that loads it would have it."""

    def load(path: str) -> object | None:
        document = sources.document(path) if path in sources else None
        return None if document is None else document.plain()

    return load
