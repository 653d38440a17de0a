"""What each cell of a notebook is for, statement by statement.

Looking counts where it is a statement of its own: a table, a figure or a number that is shown. What is computed on the
way to a figure is part of looking; what is kept is preparation. Definitions count for the cells that call them; a cell
of nothing else is for what they do. Lists of columns choose features.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from pipeaudit.flow.events import Event, Events
from pipeaudit.link import cell_forms as forms
from pipeaudit.model.audit import CellKinds
from pipeaudit.model.pipeline import StageKind
from pipeaudit.model.roles import KIND_OF_ROLE, SPECIFIC
from pipeaudit.read.python import Block, Expression, PythonFacts, Statement

_SHOWING = frozenset(("print", "display", "pprint"))
_ASKING = frozenset(
    """len list sorted type dir help set dict tuple sum min max round zip enumerate Counter listdir glob isinstance id
    getsizeof abs""".split()
)
_SCORES = frozenset(("cv_results_", "best_score_", "oob_score_"))  # what a fitted search says of how well it did
_SHRINKING = frozenset(("remove", "pop", "discard"))
_PREPARING = frozenset(
    ("fit_transformer", "apply_transformer", "encode", "scale", "split", "resample", "tokenize", "augment")
)
_LIGHT = frozenset(("transform", "filter", "join", "reduce", "select_features", "generate"))
_WORK = (
    StageKind.TRAINING, StageKind.EVALUATION, StageKind.DEPLOYMENT, StageKind.MONITORING, StageKind.COLLECTION,
)  # fmt: skip
_MAIN_WORK = frozenset((StageKind.TRAINING, StageKind.EVALUATION))
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
    _calls: frozenset[str] | None = None

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
                if not (role == "generate" and forms.is_draw(event.name))
            }
            if not self._roles & KIND_OF_ROLE.keys() and self.form not in forms.BLOCKS and forms.draws(self.statement):
                self._roles.add("plot")
        return self._roles

    @property
    def reads(self) -> set[str]:
        """Names that it reads; of a block, its head."""
        if self._reads is None:
            self._reads = forms.loads((self.statement,), inner=False)
        return self._reads

    @property
    def calls(self) -> frozenset[str]:
        """Functions that it calls by their plain names; none of a block."""
        if self._calls is None:
            self._calls = frozenset() if self.form in forms.BLOCKS else forms.called_in(self.statement)
        return self._calls


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
        self.chosen = forms.indexes(block.body for block in facts.blocks)
        self.own = {
            statement[2].name: kind
            for block in facts.blocks
            for statement in block.body
            if statement[0] == "def" and (kind := forms.work_of(statement)) is not None
        }
        self.needs: dict[int, tuple[set[str], set[str]]] = {}

    def kinds(self) -> Iterator[tuple[int, set[StageKind]]]:
        for number, block in enumerate(self.facts.blocks):
            if block.cell is None:
                continue
            steps = [_Step(statement) for statement in forms.flat(block.body)]
            if steps and block.body and steps[-1].statement is block.body[-1]:
                steps[-1].is_last = True
            _share(steps, self.by_cell.get(block.cell, ()))
            for step in steps:
                step.kinds = self._of(step)
                self._remember(step)
            self._tidy(steps, number)
            found = {kind for step in steps for kind in step.kinds}
            if not found and any(statement[0] in ("def", "class") for statement in block.body):
                found = self._of_definitions(block)
            if any(statement[0] in ("for", "while") and forms.descends((statement,)) for statement in block.body):
                found = (found - {StageKind.PREPROCESSING}) | {StageKind.TRAINING}
            if not found and any(
                statement[0] in ("for", "while") and forms.builds(statement) for statement in block.body
            ):
                found = {StageKind.PREPROCESSING}
            yield block.cell, found

    def _of_definitions(self, block: Block) -> set[StageKind]:
        """What a cell that only defines functions and classes is for: the work that their bodies do, surest first."""
        defined = [statement for statement in block.body if statement[0] in ("def", "class")]
        roles = self.defined.get(block.cell or 0, set())
        kinds = {KIND_OF_ROLE[role] for role in roles if role in KIND_OF_ROLE}
        kinds |= {kind for statement in defined for kind in forms.of_bases(statement)}
        kinds |= {kind for statement in defined if (kind := forms.work_of(statement)) is not None}
        if not kinds & {StageKind.TRAINING, StageKind.EVALUATION} and (
            "plot" in roles or any(forms.draws(statement) for statement in defined)
        ):
            return {StageKind.EXPLORATION}
        for kind in (StageKind.TRAINING, StageKind.EVALUATION, StageKind.PREPROCESSING, StageKind.EXPLORATION):
            if kind in kinds:
                return {kind}
        return {StageKind.PREPROCESSING} if any(forms.makes(statement) for statement in defined) else set()

    def _of(self, step: _Step) -> set[StageKind]:
        kinds = {KIND_OF_ROLE[role] for role in step.roles if role in KIND_OF_ROLE}
        if forms.takes(step.statement, _SCORES):
            kinds.add(StageKind.EVALUATION)
        kinds |= {self.own[name] for name in step.calls if name in self.own}
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
        if step.form in ("assign", "augment") and not work and (self._derives(step) or self._chooses(step)):
            kinds.add(StageKind.PREPROCESSING)
        return kinds

    def _chooses(self, step: _Step) -> bool:
        """Whether a statement lists columns by their names."""
        return (
            step.form == "assign"
            and forms.is_list_of_names(step.statement[3])
            and bool(self.chosen & {*forms.bound(step.statement)})
        )

    def _derives(self, step: _Step) -> bool:
        """Whether a statement keeps something made from data: sizes and counts are none."""
        value = step.statement[3] if step.form == "assign" else step.statement[4]
        if self._stores_into_data(step):
            return True
        return self._mentions(step, self.data) and not self._mentions(step, self.scores) and not forms.is_number(value)

    def _shown(self, step: _Step, kinds: set[StageKind], work: set[StageKind]) -> set[StageKind]:
        """An expression that stands alone: work that is done, a change in place, or something to look at."""
        expression = step.statement[2]
        if work or "write_data" in step.roles:
            return kinds if "plot" in step.roles else kinds - {StageKind.EXPLORATION}
        name = forms.called(expression)
        if name in _SHOWING:
            return self._printed(step, expression)
        if "plot" in step.roles:
            is_of_scores = self._mentions(step, self.scores)
            return {StageKind.EXPLORATION, StageKind.EVALUATION} if is_of_scores else {StageKind.EXPLORATION}
        if forms.changes_in_place(expression) or self._changes_choice(expression):
            return {StageKind.PREPROCESSING}
        if self._mentions(step, self.scores) and (step.is_last or StageKind.EXPLORATION in kinds):
            return {StageKind.EVALUATION}
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

    def _changes_choice(self, expression: Expression) -> bool:
        """Whether a name is put on a list of columns or taken off it."""
        return forms.grown(expression, forms.GROWING | _SHRINKING) in self.chosen

    def _remember(self, step: _Step) -> None:
        if step.form == "expr":
            grown = forms.grown(step.statement[2], forms.GROWING)
            for known in (self.scores, self.predictions, self.data) if grown else ():
                if self._mentions(step, known):
                    known.add(grown)
                    return
            return
        if step.form not in ("assign", "augment", "for", "with"):
            return
        names = set(forms.bound(step.statement))
        roles = step.roles
        if roles & {"predict"}:
            self.predictions |= names
        judged = any(self.own.get(name) is StageKind.EVALUATION for name in step.calls)
        if judged or roles & {"evaluate", "metric"} or forms.takes(step.statement, _SCORES):
            self.scores |= names
        if "plot" in roles or (step.form == "assign" and forms.is_number(step.statement[3])):
            self.data -= names
        elif step.kinds & {StageKind.COLLECTION, StageKind.PREPROCESSING} or self._mentions(step, self.data):
            self.data |= names
        else:
            self.data -= names
        if self._mentions(step, self.predictions):
            self.predictions |= names

    def _tidy(self, steps: list[_Step], number: int) -> None:
        """What is no preparation: what is computed for a figure of the same cell or to hand predictions in, columns
        that are picked for the model beside it, and what happens to a batch while a loop trains.
        """
        figures = [step for step in steps if "plot" in step.roles]
        delivers = [step for step in steps if "write_data" in step.roles and self._delivers(step)]
        for step in delivers:
            step.kinds = (step.kinds - {StageKind.PREPROCESSING}) | {StageKind.DEPLOYMENT}
        looked_at = _feeding(figures, steps)
        works = any(step.kinds & _MAIN_WORK for step in steps)
        for step in steps:
            if step.form != "assign" or StageKind.PREPROCESSING not in step.kinds:
                continue
            names = set(forms.bound(step.statement))
            serves = not self._stores_into_data(step) and (
                ((figures or delivers) and not self._is_needed(names, number))
                or (names & looked_at and not names & step.reads)
                or (works and names and forms.is_choice(step.statement[3]) and not names & step.reads)
            )
            if serves or (delivers and self._mentions(step, self.predictions)):
                step.kinds.discard(StageKind.PREPROCESSING)
        for loop in (step for step in steps if step.form in ("for", "while")):
            inner = [step for step in steps if step is not loop and _is_inside(step, loop)]
            if any(step.kinds & _MAIN_WORK for step in inner):
                for step in inner:
                    if not step.roles & _PREPARING:
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
                self.needs[later] = forms.needs(self.facts.blocks[later].body)
            reads, binds = self.needs[later]
            if open_names & reads:
                return True
            open_names -= binds
            if not open_names:
                return False
        return False

    def _stores_into_data(self, step: _Step) -> bool:
        return step.form == "assign" and any(
            self.data & forms.loads((("expr", None, t),)) for t in forms.stored_into(step.statement)
        )

    def _mentions(self, step: _Step, names: set[str]) -> bool:
        return bool(names and names & step.reads)


def _feeding(last: Iterable[_Step], steps: Sequence[_Step]) -> set[str]:
    """Names that go into some statements, directly or through others of the cell."""
    found = {name for step in last for name in step.reads}
    for step in reversed(steps):
        if step.form in ("assign", "augment", "for") and found & set(forms.bound(step.statement)):
            found |= step.reads
    return found


def _is_inside(step: _Step, block: _Step) -> bool:
    here, around = step.statement[1], block.statement[1]
    return (
        isinstance(here, tuple)
        and (around[0], around[1]) <= (here[0], here[1])
        and (here[2], here[3]) <= (around[2], around[3])
    )


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
