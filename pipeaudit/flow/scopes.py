"""Names to values: modules, functions, classes, and the joining of branches."""

from __future__ import annotations

from dataclasses import dataclass

from pipeaudit.flow.values import Value, join
from pipeaudit.read.python import PythonFacts


class Scope:
    """The names of a module, a function or a comprehension; `parent` is what encloses it."""

    __slots__ = ("cell", "function", "module", "names", "outer", "parent", "returns")

    def __init__(self, module: Module, parent: Scope | None = None, function: str = "") -> None:
        self.module = module
        self.parent = parent
        self.function = function
        self.names: dict[str, Value] = {}
        self.outer: set[str] | None = None
        self.returns: list[Value] | None = None
        self.cell: int | None = None

    def lookup(self, name: str) -> Value | None:
        scope: Scope | None = self
        while scope is not None:
            found = scope.names.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def bind(self, name: str, value: Value) -> None:
        """Assigns a name, in the enclosing scope where it was declared global or nonlocal."""
        if self.outer is not None and name in self.outer:
            scope: Scope | None = self.parent
            while scope is not None:
                if name in scope.names or scope.parent is None:
                    scope.names[name] = value
                    return
                scope = scope.parent
        self.names[name] = value

    def merge(self, before: dict[str, Value], branches: list[dict[str, Value]]) -> None:
        """What names mean after branches that started from `before` meet; with no branch nothing changes."""
        if not branches:
            self.names = before
            return
        merged = branches[0]
        for branch in branches[1:]:
            if branch is merged:
                continue
            for name, value in branch.items():
                mine = merged.get(name)
                if mine is None:
                    merged[name] = value
                elif mine is not value:
                    merged[name] = join(mine, value)
        self.names = merged


@dataclass(eq=False)
class Module:
    """A module of the repository while a program runs: its facts, and its names once they are needed."""

    path: str
    facts: PythonFacts
    scope: Scope | None = None
