"""The interpreter that also notes what the values on one line are, each time it comes by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipeaudit.apis import Knowledge
from pipeaudit.flow.events import Snapshot
from pipeaudit.flow.imports import Lazy
from pipeaudit.flow.interpret import Interpreter
from pipeaudit.flow.scopes import Module, Scope
from pipeaudit.flow.values import Api, ClassRef, ModuleRef, Value
from pipeaudit.model.location import Location
from pipeaudit.read.python import Expression, PythonFacts, Statement

_MOST_SIGHTINGS = 2_000


class Target(NamedTuple):
    """A statement to watch: the names of it, looked up when it has run, or `before` that."""

    statement: Statement
    names: tuple[str, ...]
    before: bool = False


@dataclass(frozen=True, slots=True)
class Sighting:
    """A value that was there when a program came by; `caller` is where the function around it was called."""

    program: str
    name: str
    value: Snapshot
    caller: Location | None = None


class Watching(Interpreter):
    """Runs a program as any interpreter does, and puts what it sees at the targets in a file or cell into `seen`."""

    def __init__(
        self,
        watched: tuple[str, int | None],
        targets: tuple[Target, ...],
        seen: list[Sighting],
        path: str,
        knowledge: Knowledge,
        find_module: Callable[[str], Module | None],
        steps: int,
    ) -> None:
        super().__init__(path, knowledge, find_module, steps)
        self.watched = watched
        self.targets = {id(target.statement): target for target in targets}
        self.seen = seen

    def run(self, body: tuple[Statement, ...], scope: Scope) -> bool:
        if (scope.module.path, scope.cell) != self.watched:
            return super().run(body, scope)
        for statement in body:
            target = self.targets.get(id(statement))
            if target is not None and target.before:
                self._note(target, scope)
            leaves = super().run((statement,), scope)
            if target is not None and not target.before:
                self._note(target, scope)
            if leaves:
                return True
        return False

    def run_cell(self, body: tuple[Statement, ...], scope: Scope) -> None:
        super().run_cell(body, scope)
        target = self.targets.get(id(body[-1])) if body and body[-1][0] == "expr" else None
        if target is not None and (scope.module.path, scope.cell) == self.watched:
            self._note(target, scope)

    def _note(self, target: Target, scope: Scope) -> None:
        for name in target.names:
            value = _found(name, scope)
            if value is not None and len(self.seen) < _MOST_SIGHTINGS:
                caller = self.callers[-1] if self.callers else None
                self.seen.append(Sighting(self.path, name, value.snapshot(), caller))


def _found(dotted: str, scope: Scope) -> Value | None:
    """The value of a name, or of an object's attribute; None for what holds no data: modules, classes, functions."""
    name, *attributes = dotted.split(".")
    value = scope.lookup(name)
    for attribute in attributes:
        value = None if value is None else (value.attributes or {}).get(attribute)
    if value is None or value.is_a("function", "method"):
        return None
    return value if value.is_data or not isinstance(value.ref, Api | ModuleRef | ClassRef | Lazy) else None


def targets(facts: PythonFacts, line: int, cell: int | None, asked: str = "") -> tuple[Target, ...]:
    """What stands on a line; `asked` is looked up there whether it is named on the line or not."""
    made = [target for statement in _statements(facts, cell) for target in _targets(statement, line)]
    return tuple(target._replace(names=(asked,)) for target in made) if asked else tuple(made)


def lines(facts: PythonFacts, cell: int | None) -> list[int]:
    """The lines on which statements begin."""
    return sorted({statement[1][0] for statement in _statements(facts, cell)})


def _targets(statement: Statement, line: int) -> Iterator[Target]:
    """The statement, if the line is one of its own; of a block, if it is one of its head."""
    form, first, last = statement[0], statement[1][0], statement[1][2]
    body = next(iter(_bodies(statement)), ())
    if not body:
        if first <= line <= last:
            yield Target(statement, _names(statement[2:]))
    elif first <= line < max(_begin(body), first + 1):
        if form == "def":
            yield Target(body[0], tuple(parameter.name for parameter in statement[2].parameters), before=True)
        elif form in ("for", "with"):  # what the head binds is there when the body begins
            yield Target(body[0], _names(statement[2:4] if form == "for" else statement[2]), before=True)
        elif form in ("if", "while"):
            yield Target(statement, _names(statement[2]), before=True)


def _begin(body: tuple[Statement, ...]) -> int:
    return next((int(statement[1][0]) for statement in body if isinstance(statement[1], tuple)), 0)


def _statements(facts: PythonFacts, cell: int | None) -> Iterator[Statement]:
    """All statements that have a place, however deep."""
    waiting = [block.body for block in facts.blocks if cell is None or block.cell == cell]
    while waiting:
        for statement in waiting.pop():
            if statement[0] not in ("global", "jump"):
                yield statement
                waiting += _bodies(statement)


def _bodies(statement: Statement) -> list[tuple[Statement, ...]]:
    form = statement[0]
    if form in ("def", "class"):
        return [statement[2].body]
    if form == "try":
        return [statement[2], *(handler[3] for handler in statement[3]), statement[4], statement[5]]
    return list(statement[_BODIES[form] :]) if form in _BODIES else []


_BODIES = {"if": 3, "while": 3, "for": 4, "with": 3}


def _names(part: Any) -> tuple[str, ...]:
    """Names in the order of the text, with the attributes that are taken of them: `x`, `self.model`."""
    found: dict[str, None] = {}
    waiting = [part]
    while waiting:
        inner = waiting.pop()
        if not isinstance(inner, tuple) or not inner or inner[0] == "const":
            continue
        if inner[0] == "name" and len(inner) == 2 and isinstance(inner[1], str):
            found[inner[1]] = None
            continue
        if inner[0] == "attr" and len(inner) == 4 and (dotted := _dotted(inner)):
            found[dotted] = None
        waiting += reversed(inner)
    return tuple(found)


def _dotted(expression: Expression) -> str:
    names: list[str] = []
    while expression[0] == "attr":
        names.append(str(expression[3]))
        expression = expression[2]
    return ".".join([str(expression[1]), *reversed(names)]) if expression[0] == "name" else ""
