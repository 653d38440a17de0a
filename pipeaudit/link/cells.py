"""What each cell of a notebook is for, statement by statement.

Looking counts where it is a statement of its own: a table, a figure or a number that is shown. What is computed on
the way
to a figure is part of looking; what is kept is preparation. Definitions count for the cells that call them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from pipeaudit.flow.events import Event, Events
from pipeaudit.model.audit import CellKinds
from pipeaudit.model.pipeline import StageKind
from pipeaudit.model.roles import KIND_OF_ROLE, SPECIFIC
from pipeaudit.read.python import Expression, PythonFacts, Statement

_SHOWING = frozenset(("print", "display", "pprint"))
_ASKING = frozenset(
    """len list sorted type dir help set dict tuple sum min max round zip enumerate Counter listdir glob isinstance id
    getsizeof abs""".split()
)
_FIGURES = frozenset(
    """plot hist boxplot imshow scatter bar barh pie barplot countplot distplot histplot heatmap pairplot lineplot
    scatterplot plot_surface contour contourf violinplot jointplot iplot""".split()
)
_SIZES = frozenset(("shape", "size", "n", "ndim", "nrows"))
_NUMBERS = frozenset(("len", "int", "float", "round", "str", "max", "min", "sum", "range", "abs"))
_PREPARING = frozenset(
    ("fit_transformer", "apply_transformer", "encode", "scale", "split", "resample", "tokenize", "augment")
)
_LIGHT = frozenset(("transform", "filter", "join", "reduce", "select_features", "generate"))
_WORK = (
    StageKind.TRAINING, StageKind.EVALUATION, StageKind.DEPLOYMENT, StageKind.MONITORING, StageKind.COLLECTION,
)  # fmt: skip
_DELIVERY = ("submi", "predict", "output", "result", "answer", "solution")


class NotebookCells(Sequence[CellKinds]):
    """The kinds of each code cell of each notebook, most specific first; `other` where a cell does none of it.

    They are worked out when somebody asks, notebook by notebook: most calls ask for few.
    """

    def __init__(self, events: Mapping[str, Events], facts: Mapping[str, PythonFacts]) -> None:
        self._paths = [path for path in sorted(events) if events[path].is_notebook and path in facts]
        self._events = events
        self._facts = facts
        self._found: dict[str, tuple[CellKinds, ...]] = {}

    def of(self, path: str) -> tuple[CellKinds, ...]:
        """Those of one notebook."""
        if path not in self._found:
            known = path in self._facts and path in self._events and self._events[path].is_notebook
            self._found[path] = tuple(self._worked_out(path)) if known else ()
        return self._found[path]

    def _worked_out(self, path: str) -> Iterator[CellKinds]:
        for cell, kinds in _Notebook(self._events[path], self._facts[path]).kinds():
            listed = [kind.value for kind in SPECIFIC if kind in kinds] or [StageKind.OTHER.value]
            yield CellKinds(path, cell, tuple(listed))

    def __iter__(self) -> Iterator[CellKinds]:
        return (cell for path in self._paths for cell in self.of(path))

    def __len__(self) -> int:
        return sum(len(self.of(path)) for path in self._paths)

    @overload
    def __getitem__(self, index: int) -> CellKinds: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[CellKinds]: ...
    def __getitem__(self, index: int | slice) -> CellKinds | Sequence[CellKinds]:
        return tuple(self)[index]


@dataclass(slots=True)
class _Step:
    """A statement that is no block, or the head of one, with what happens in it."""

    statement: Statement
    events: list[Event] = field(default_factory=list)
    is_last: bool = False
    kinds: set[StageKind] = field(default_factory=set)

    _roles: set[str] | None = None
    _reads: set[str] | None = None

    @property
    def form(self) -> str:
        return str(self.statement[0])

    @property
    def roles(self) -> set[str]:
        """What its events are, which are all there by now."""
        if self._roles is None:
            self._roles = {
                role
                for event in self.events
                for role in event.roles
                if not (role == "generate" and _is_draw(event.name))
            }
        return self._roles

    @property
    def reads(self) -> set[str]:
        """Names that it reads; of a block, its head."""
        if self._reads is None:
            self._reads = _loads((self.statement,), inner=False)
        return self._reads


class _Notebook:
    """Walks the cells in document order and remembers which names hold data, predictions and scores."""

    def __init__(self, known: Events, facts: PythonFacts) -> None:
        self.facts = facts
        self.data: set[str] = set()
        self.predictions: set[str] = set()
        self.scores: set[str] = set()
        self.by_cell: dict[int, list[Event]] = {}
        for event in known.ran():
            at = event.caller or event.at
            if at.cell is not None and at.path == known.path:
                self.by_cell.setdefault(at.cell, []).append(event)
        self.defined: dict[int, set[str]] = {}
        for event in known:
            if event.function and event.at.cell is not None and event.at.path == known.path:
                self.defined.setdefault(event.at.cell, set()).update(event.roles)
        self.needs: dict[int, tuple[set[str], set[str]]] = {}

    def kinds(self) -> Iterator[tuple[int, set[StageKind]]]:
        for number, block in enumerate(self.facts.blocks):
            if block.cell is None:
                continue
            steps = [_Step(statement) for statement in _flat(block.body)]
            if steps and block.body and steps[-1].statement is block.body[-1]:
                steps[-1].is_last = True
            _share(steps, self.by_cell.get(block.cell, ()))
            for step in steps:
                step.kinds = self._of(step)
                self._remember(step)
            self._tidy(steps, number)
            found = {kind for step in steps for kind in step.kinds}
            if not found and any(statement[0] in ("def", "class") for statement in block.body):
                found = self._of_definitions(block.cell)
            yield block.cell, found

    def _of_definitions(self, cell: int) -> set[StageKind]:
        """What a cell that only defines functions and classes is for: the work that their bodies do, surest first."""
        kinds = {KIND_OF_ROLE[role] for role in self.defined.get(cell, ()) if role in KIND_OF_ROLE}
        for kind in (StageKind.TRAINING, StageKind.EVALUATION, StageKind.PREPROCESSING, StageKind.EXPLORATION):
            if kind in kinds:
                return {kind}
        return set()

    def _of(self, step: _Step) -> set[StageKind]:
        kinds = {KIND_OF_ROLE[role] for role in step.roles if role in KIND_OF_ROLE}
        work = kinds & set(_WORK)
        if work and StageKind.PREPROCESSING in kinds and not work <= {StageKind.COLLECTION}:
            prepared = {role for role in step.roles if KIND_OF_ROLE.get(role) is StageKind.PREPROCESSING}
            if prepared <= _LIGHT:
                kinds.discard(StageKind.PREPROCESSING)
        if step.form == "expr":
            return self._shown(step, kinds, work)
        if "plot" in step.roles and not work:
            return {StageKind.EXPLORATION}
        kinds.discard(StageKind.EXPLORATION)
        if "generate" in step.roles and self._mentions(step, self.data):
            kinds.discard(StageKind.COLLECTION)
            work.discard(StageKind.COLLECTION)
        if step.form in ("assign", "augment") and not work and self._derives(step):
            kinds.add(StageKind.PREPROCESSING)
        return kinds

    def _derives(self, step: _Step) -> bool:
        """Whether a statement keeps something made from data: sizes and counts are none."""
        value = step.statement[3] if step.form == "assign" else step.statement[4]
        return self._stores_into_data(step) or (self._mentions(step, self.data) and not _is_number(value))

    def _shown(self, step: _Step, kinds: set[StageKind], work: set[StageKind]) -> set[StageKind]:
        """An expression that stands alone: work that is done, a change in place, or something to look at."""
        expression = step.statement[2]
        if work or "write_data" in step.roles:
            return kinds if "plot" in step.roles else kinds - {StageKind.EXPLORATION}
        name = _called(expression)
        if name in _SHOWING:
            return self._printed(step, expression)
        if "plot" in step.roles:
            return {StageKind.EXPLORATION}
        if _changes_in_place(expression):
            return {StageKind.PREPROCESSING}
        if step.roles & _PREPARING or (StageKind.PREPROCESSING in kinds and not step.is_last):
            return {StageKind.PREPROCESSING}
        if StageKind.EXPLORATION in kinds:
            return {StageKind.EXPLORATION}
        if step.is_last and (expression[0] != "call" or name in _ASKING or self._mentions(step, self.data)):
            return {StageKind.EXPLORATION} if expression[0] != "const" else set()
        return kinds - {StageKind.PREPROCESSING}

    def _printed(self, step: _Step, expression: Expression) -> set[StageKind]:
        if self._mentions(step, self.scores | self.predictions):
            return {StageKind.EVALUATION}
        shows = any(argument[0] != "const" for argument in expression[3])
        return {StageKind.EXPLORATION} if shows else set()

    def _remember(self, step: _Step) -> None:
        if step.form not in ("assign", "augment", "for", "with"):
            return
        names = set(_bound(step.statement))
        roles = step.roles
        if roles & {"predict"}:
            self.predictions |= names
        if roles & {"evaluate", "metric"}:
            self.scores |= names
        if "plot" in roles or (step.form == "assign" and _is_number(step.statement[3])):
            self.data -= names
        elif step.kinds & {StageKind.COLLECTION, StageKind.PREPROCESSING} or self._mentions(step, self.data):
            self.data |= names
        else:
            self.data -= names
        if self._mentions(step, self.predictions):
            self.predictions |= names

    def _tidy(self, steps: list[_Step], number: int) -> None:
        """What is computed only for a figure of the same cell, or only to hand predictions in, is no preparation."""
        is_figure = any("plot" in step.roles for step in steps)
        delivers = [step for step in steps if "write_data" in step.roles and self._delivers(step)]
        for step in delivers:
            step.kinds = (step.kinds - {StageKind.PREPROCESSING}) | {StageKind.DEPLOYMENT}
        for step in steps:
            if step.form != "assign" or StageKind.PREPROCESSING not in step.kinds:
                continue
            names = set(_bound(step.statement))
            if (is_figure and not self._stores_into_data(step) and not self._is_needed(names, number)) or (
                delivers and self._mentions(step, self.predictions)
            ):
                step.kinds.discard(StageKind.PREPROCESSING)

    def _delivers(self, step: _Step) -> bool:
        if self._mentions(step, self.predictions):
            return True
        path = next(
            (str(event.detail.get("path", "")).lower() for event in step.events if "write_data" in event.roles), ""
        )
        return any(word in path for word in _DELIVERY)

    def _is_needed(self, names: set[str], number: int) -> bool:
        """Whether a later cell reads one of these before it is bound anew."""
        open_names = set(names)
        for later in range(number + 1, len(self.facts.blocks)):
            if later not in self.needs:
                self.needs[later] = _needs(self.facts.blocks[later].body)
            reads, binds = self.needs[later]
            if open_names & reads:
                return True
            open_names -= binds
            if not open_names:
                return False
        return False

    def _stores_into_data(self, step: _Step) -> bool:
        return step.form == "assign" and any(
            self.data & _loads((("expr", None, t),)) for t in _stored_into(step.statement)
        )

    def _mentions(self, step: _Step, names: set[str]) -> bool:
        return bool(names and names & step.reads)


def _flat(body: Iterable[Statement]) -> Iterator[Statement]:
    """Statements in order, blocks opened; definitions stay closed."""
    for statement in body:
        yield statement
        form = statement[0]
        if form in ("if", "while"):
            yield from _flat(statement[3])
            yield from _flat(statement[4])
        elif form == "for":
            yield from _flat(statement[4])
            yield from _flat(statement[5])
        elif form == "with":
            yield from _flat(statement[3])
        elif form == "try":
            for part in statement[2:]:
                yield from _flat(_bodies(part))


def _bodies(part: Any) -> Iterator[Statement]:
    """Statements inside the parts of a try: bodies are tuples of statements, handlers tuples that end in one."""
    for item in part if isinstance(part, tuple) else ():
        if isinstance(item, tuple) and item and isinstance(item[0], str) and item[0] in _FORMS:
            yield item
        elif isinstance(item, tuple):
            yield from _bodies(item)


_FORMS = frozenset(
    """expr assign augment if for while with try def class return import from delete raise assert global jump""".split()
)
_BLOCKS = frozenset(("if", "for", "while", "with", "try", "def", "class"))


def _share(steps: list[_Step], events: Iterable[Event]) -> None:
    """Each event to the innermost statement around its place."""
    for event in events:
        at = event.caller or event.at
        place = (at.line, at.column - 1)
        best: _Step | None = None
        for step in steps:
            position = step.statement[1]
            if not isinstance(position, tuple):
                continue
            if (position[0], position[1]) <= place < (position[2], position[3]) and (
                best is None or (position[0], position[1]) >= tuple(best.statement[1][:2])
            ):
                best = step
        if best is not None and best.form not in ("def", "class", "import", "from"):
            best.events.append(event)


def _loads(body: Iterable[Statement], inner: bool = True) -> set[str]:
    """Names that statements read; of blocks, without `inner`, only their heads."""
    found: set[str] = set()
    waiting: list[Any] = []
    for statement in body:
        form = statement[0]
        if form == "assign":
            waiting += [statement[3], *_stored_into(statement)]
        elif form in _BLOCKS and not inner:
            waiting += [statement[2]] if form in ("if", "while") else [statement[3]] if form == "for" else []
        else:
            waiting.append(statement[2:])
    while waiting:
        part = waiting.pop()
        if isinstance(part, tuple):
            if len(part) == 2 and part[0] == "name" and isinstance(part[1], str):
                found.add(part[1])
            elif part and part[0] != "const":
                waiting.extend(part)
    return found


def _stored_into(statement: Statement) -> list[Any]:
    """Targets of an assignment that are part of something: `x[...]`, `x.y`."""
    found: list[Any] = []
    waiting = list(statement[2])
    while waiting:
        target = waiting.pop()
        if target[0] in ("tuple", "list"):
            waiting += target[1]
        elif target[0] in ("index", "attr"):
            found.append(target)
    return found


def _needs(body: Iterable[Statement]) -> tuple[set[str], set[str]]:
    """Names that a cell reads before it binds them, and names that it binds."""
    reads: set[str] = set()
    binds: set[str] = set()
    for statement in body:
        reads |= _loads((statement,)) - binds
        binds.update(_bound(statement))
    return reads, binds


def _is_number(value: Expression) -> bool:
    """A size, a count or arithmetic on them."""
    form = value[0]
    if form == "const":
        return True
    if form == "call":
        return _called(value) in _NUMBERS and value[2][0] == "name"
    if form == "attr":
        return value[3] in _SIZES
    if form == "index":
        return _is_number(value[2]) and value[2][0] != "const"
    if form == "binary":
        return _is_number(value[3]) and _is_number(value[4])
    return form == "unary" and _is_number(value[2])


def _is_draw(name: str) -> bool:
    """Random numbers are no data set."""
    return name.startswith(("numpy.random.", "random.", "torch.rand"))


def _bound(statement: Statement) -> Iterator[str]:
    form = statement[0]
    targets: list[Any] = []
    if form == "assign":
        targets = list(statement[2])
    elif form in ("augment", "for"):
        targets = [statement[2]]
    while targets:
        target = targets.pop()
        if not isinstance(target, tuple) or not target:
            continue
        if target[0] == "name":
            yield target[1]
        elif target[0] in ("tuple", "list"):
            targets += target[1]
        elif target[0] == "star":
            targets.append(target[1])


def _draws(statement: Statement) -> bool:
    """Whether a method that draws is called: `frame.plot.barh()`, whatever the frame is."""
    waiting: list[Any] = [statement[2:]]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, tuple) or not part or part[0] == "const":
            continue
        if part[0] == "call" and isinstance(part[2], tuple) and part[2][0] == "attr" and part[2][3] in _FIGURES:
            return True
        waiting.extend(part)
    return False


def _called(expression: Expression) -> str:
    """The last part of the name of the call that an expression is; "" where it is none."""
    if expression[0] != "call":
        return ""
    function = expression[2]
    return str(function[1]) if function[0] == "name" else str(function[3]) if function[0] == "attr" else ""


def _changes_in_place(expression: Expression) -> bool:
    if expression[0] != "call":
        return False
    return any(name == "inplace" and value == ("const", True) for name, value in expression[4])
