"""The abstract interpreter: what a program has come to, and the events of getting there."""

from __future__ import annotations

from collections.abc import Callable

from pipeaudit.apis import Knowledge
from pipeaudit.flow import assignment, expressions, statements
from pipeaudit.flow.events import Event, Snapshot
from pipeaudit.flow.expressions import EXPRESSIONS
from pipeaudit.flow.rows import RowTable
from pipeaudit.flow.scopes import Module, Scope
from pipeaudit.flow.statements import STATEMENTS
from pipeaudit.flow.values import (
    Value,
    const,
    mapping,
    sequence,
)
from pipeaudit.model.location import Location
from pipeaudit.read.python import Expression, Function, Position, Statement


class OutOfSteps(Exception):
    """The program's budget of interpreted statements and calls is used up."""


class Interpreter:
    """Runs the program at `path`. `events` and `rows` hold what happened; `steps` counts down the work that is left."""

    def __init__(
        self, path: str, knowledge: Knowledge, find_module: Callable[[str], Module | None], steps: int
    ) -> None:
        self.path = path
        self.knowledge = knowledge
        self.find_module = find_module
        self.steps = steps
        self.events: list[Event] = []
        self.rows = RowTable()
        self.entered: dict[Function, int] = {}
        self.stack: list[Function] = []
        self.callers: list[Location] = []
        self.loops: list[int] = []
        self.branches = 0
        self.guards = 0
        self.chosen: set[int] = set()
        self.runs: list[tuple[str, int, int, bool]] = []
        self.started = 0
        self.statement: Expression | None = None
        self.next_split = 0
        self.next_loop = 0
        self.position: Position = (1, 0, 1, 0)
        self.load_config: Callable[[str], object | None] = lambda path: None
        self.external: set[str] = set()
        self.subsets: dict[tuple[frozenset[int], str], int] = {}
        self.origins: dict[str, int] = {}
        self.split_events: dict[int, int] = {}
        self.saved: dict[str, Value] = {}
        self.deepest = 12
        self.current: Scope | None = None
        self.last_results: dict[Function, Value] = {}
        self.module: Module | None = None
        self.unmade: set[str] = set()
        self.modules: dict[str, Module] = {}

    def forget(self) -> None:
        """Lets go of all names once the events are told: scopes and functions hold each other, and would stay."""
        for module in self.modules.values():
            if module.scope is not None:
                module.scope.names.clear()
        self.last_results.clear()
        self.saved.clear()
        self.current = None

    def place(self, at: Position, scope: Scope) -> Location:
        return Location(scope.module.path, at[0], at[1] + 1, at[2], at[3] + 1, scope.cell)

    def emit(
        self,
        scope: Scope,
        at: Position,
        roles: tuple[str, ...],
        name: str,
        arguments: dict[str, Snapshot] | None = None,
        receiver: Value | None = None,
        result: Value | None = None,
        detail: dict[str, object] | None = None,
        strong: bool = True,
        statement: bool = False,
        receiver_name: str = "",
    ) -> Event:
        """Records an event; its result, if any, remembers that it was made here."""
        identifier = len(self.events)
        if result is not None and result.produced < 0:
            result.produced = identifier
        event = Event(
            identifier,
            roles,
            name,
            self.place(at, scope),
            arguments or {},
            None if receiver is None else receiver.snapshot(receiver_name),
            None if result is None else result.snapshot(),
            scope.function,
            tuple(self.loops),
            statement,
            self.branches > 0,
            strong,
            detail or {},
            self.callers[-1] if self.callers else None,
            self.guards > 0,
        )
        self.events.append(event)
        return event

    def new_split(self) -> int:
        """A number for a split that the coming event makes."""
        self.next_split += 1
        self.split_events[self.next_split] = len(self.events)
        return self.next_split

    def is_splitter(self, type_name: str) -> bool:
        entry = self.knowledge.entry(type_name)
        return entry is not None and entry.protocol == "splitter"

    def plain_value(self, plain: object, depth: int = 0) -> Value:
        """A value of plain Python data, as a configuration file holds it."""
        if isinstance(plain, dict) and depth < 8:
            return mapping([(const(k), self.plain_value(v, depth + 1)) for k, v in plain.items()])
        if isinstance(plain, list) and depth < 8:
            return sequence("list", [self.plain_value(v, depth + 1) for v in plain])
        return const(plain) if isinstance(plain, str | int | float | bool) or plain is None else Value()

    def run(self, body: tuple[Statement, ...], scope: Scope) -> bool:
        """Runs statements; whether control certainly leaves them (return, raise, break, continue)."""
        for statement in body:
            self.steps -= 1
            if self.steps < 0:
                raise OutOfSteps
            if STATEMENTS[statement[0]](self, statement, scope):
                return True
        return False

    def run_cell(self, body: tuple[Statement, ...], scope: Scope) -> None:
        """A notebook cell: its last expression is shown, not dropped."""
        self.run(body[:-1], scope)
        if not body:
            return
        if body[-1][0] == "expr":
            self.position = body[-1][1]
            self.eval(body[-1][2], scope)
        else:
            self.run(body[-1:], scope)

    def eval(self, expression: Expression, scope: Scope) -> Value:
        self.steps -= 1
        if self.steps < 0:
            raise OutOfSteps
        return EXPRESSIONS[expression[0]](self, expression, scope)

    assign = assignment.assign
    iteration = statements.iteration
    attribute = expressions.attribute
    elements = expressions.elements
    annotated = expressions.annotated
