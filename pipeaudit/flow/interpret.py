"""The abstract interpreter: statements and expressions of the statement form, over abstract values."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from pipeaudit.apis import Knowledge
from pipeaudit.flow import builtin, calls, imports, indexing
from pipeaudit.flow.events import MISSING, Event, Snapshot
from pipeaudit.flow.rows import RowTable
from pipeaudit.flow.scopes import Module, Scope
from pipeaudit.flow.values import (
    Api,
    Bound,
    ClassRef,
    Closure,
    Indexer,
    ModuleRef,
    Selection,
    Value,
    combine,
    const,
    join,
    mapping,
    sequence,
    unknown,
)
from pipeaudit.model.location import Location
from pipeaudit.read.python import Class, Expression, Function, Position, Statement

_MOST_UNROLLED = 12
_LONGEST_STRING = 4096
_BUILTINS = frozenset(dir(builtins))


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

    # ---- events -------------------------------------------------------------------------------------------------

    def place(self, at: Position, scope: Scope) -> Location:
        return Location(scope.module.path, at[0], at[1] + 1, at[2], at[3] + 1, _cell(scope))

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

    # ---- statements ---------------------------------------------------------------------------------------------

    def run(self, body: tuple[Statement, ...], scope: Scope) -> bool:
        """Runs statements; whether control certainly leaves them (return, raise, break, continue)."""
        for statement in body:
            self.steps -= 1
            if self.steps < 0:
                raise OutOfSteps
            if _STATEMENTS[statement[0]](self, statement, scope):
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

    def _expr(self, statement: Statement, scope: Scope) -> bool:
        self.position = statement[1]
        expression = statement[2]
        if expression[0] == "call":
            self.statement = expression
        self.eval(expression, scope)
        return False

    def _assign(self, statement: Statement, scope: Scope) -> bool:
        _, at, targets, expression = statement
        self.position = at
        value = self.eval(expression, scope)
        if self.loops and value.produced == len(self.events) - 1 and value.produced >= 0 and targets[0][0] == "name":
            note = self.events[-1].detail
            if isinstance(note, dict):
                note["into"] = targets[0][1]
        if value.produced == len(self.events) - 1 >= 0 and _outlives(targets[0], scope):
            note = self.events[-1].detail
            if isinstance(note, dict):
                note["kept"] = True
        for target in targets:
            self.assign(target, value, scope, at)
        return False

    def _annotate(self, statement: Statement, scope: Scope) -> bool:
        _, _, target, annotation = statement
        if target[0] == "name" and target[1] not in scope.names:
            scope.names[target[1]] = self.annotated(annotation, scope)
        return False

    def _augment(self, statement: Statement, scope: Scope) -> bool:
        _, at, target, operator, expression = statement
        self.position = at
        left = self.eval(target, scope)
        right = self.eval(expression, scope)
        if left.elements is not None and operator == "+" and left.is_a("list"):
            left.adopt(right)
            left.constant = MISSING
            for value in list((right.elements or {}).values()):  # a list may be added to itself
                left.elements[len(left.elements)] = value
            return False
        made = self.binary(operator, left, right)
        if not made.types:
            made.types = left.types
        if self.loops and (right.models or right.is_a("torch.Tensor")):
            shown = {
                "value": right.snapshot(indexing.written(expression)),
                "into": left.snapshot(indexing.written(target)),
            }
            self.emit(scope, at, ("accumulate",), operator, shown)
        elif self.loops and expression[0] == "index" and expression[2][0] == "name":
            whole = scope.lookup(expression[2][1])
            if whole is not None and whole.is_a("torch.Tensor", "tensorflow.Tensor"):
                self.emit(scope, at, ("accumulate_element",), operator, {"from": whole.snapshot(expression[2][1])})
        self.assign(target, made, scope, at)
        return False

    def _if(self, statement: Statement, scope: Scope) -> bool:
        _, at, test, body, orelse = statement
        self.position = at
        condition = self.eval(test, scope)
        if _is_main_guard(test):
            if scope.module.path != self.path:
                return self.run(orelse, scope)  # an imported module is not the program
            self.emit(scope, at, ("main",), "__main__")
            return self.run(body, scope)
        if condition.metrics or condition.models or (self.loops and condition.learned):
            self.emit(
                scope,
                at,
                ("branch",),
                "if",
                {"test": condition.snapshot()},
                detail={"keeps": _keeps(test, (*body, *orelse))},
            )
        before = scope.names
        self.branches += 1
        survivors: list[dict[str, Value]] = []
        scope.names = dict(before)
        if not self.run(body, scope):
            survivors.append(scope.names)
        scope.names = dict(before)
        if not self.run(orelse, scope):
            survivors.append(scope.names)
        self.branches -= 1
        scope.merge(before, survivors)
        return not survivors

    def _for(self, statement: Statement, scope: Scope) -> bool:
        _, at, target, iterable, body, orelse = statement
        self.position = at
        source = self.eval(iterable, scope)
        before = scope.names
        scope.names = dict(before)
        survivors = [before]
        self.next_loop += 1
        self.loops.append(self.next_loop)
        if source.produced >= 0:
            names = [indexing.written(part) for part in (target[1] if target[0] == "tuple" else (target,))]
            over = self.events[source.produced].name
            self.emit(scope, at, ("loop",), over, {"over": source.snapshot()}, detail={"targets": tuple(names)})
        for item in self.iteration(source, scope, at):
            self.assign(target, item, scope, at)
            self.run(body, scope)
        self.loops.pop()
        survivors.insert(0, scope.names)
        scope.merge(before, survivors)
        self.run(orelse, scope)
        return False

    def _while(self, statement: Statement, scope: Scope) -> bool:
        _, at, test, body, orelse = statement
        self.position = at
        before = scope.names
        self.next_loop += 1
        self.loops.append(self.next_loop)
        self.eval(test, scope)
        scope.names = dict(before)
        self.run(body, scope)
        self.loops.pop()
        scope.merge(before, [scope.names, before])
        self.run(orelse, scope)
        return False

    def iteration(self, source: Value, scope: Scope, at: Position) -> list[Value]:
        """The values that a loop variable takes: each element of a short known sequence, else one for all."""
        if source.elements is not None and 0 < len(source.elements) <= _MOST_UNROLLED and not source.is_a("str"):
            if source.is_a("dict"):
                return [const(k) if isinstance(k, str | int | float) else Value() for k in source.elements]
            return list(source.elements.values())
        if source.elements:
            joined = None
            for value in source.elements.values():
                joined = value if joined is None else join(joined, value)
            assert joined is not None
            return [joined]
        return [indexing.item(self, source, scope)]

    def _with(self, statement: Statement, scope: Scope) -> bool:
        _, at, items, body = statement
        self.position = at
        raises = False
        for context, target in items:
            value = self.eval(context, scope)
            entered = calls.enter(self, value, scope)
            if target is not None:
                self.assign(target, entered, scope, at)
            raises = raises or (context[0] == "call" and "raises" in indexing.written(context[2]).lower())
        self.guards += raises
        left = self.run(body, scope)
        self.guards -= raises
        return left and not raises

    def _try(self, statement: Statement, scope: Scope) -> bool:
        _, _, body, handlers, orelse, final = statement
        before = scope.names
        scope.names = dict(before)
        self.guards += bool(handlers)
        left = self.run(body, scope)
        self.guards -= bool(handlers)
        left = left or self.run(orelse, scope)
        survivors = [] if left else [scope.names]
        after_body = scope.names
        for at, kind, name, handler in handlers:
            scope.names = {**before, **after_body}
            if name:
                scope.names[name] = Value(("Exception",))
            self.branches += 1
            caught = self.name_of(kind, scope) if kind is not None else ""
            self.emit(scope, at, ("except",), caught, detail=_handler(handler))
            if not self.run(handler, scope):
                survivors.append(scope.names)
            self.branches -= 1
        scope.merge(before, survivors)
        if self.run(final, scope):
            return True
        return not survivors

    def _def(self, statement: Statement, scope: Scope) -> bool:
        function: Function = statement[2]
        value = Value(("function",), ref=Closure(function, scope))
        for decorator in reversed(function.decorators):
            value = calls.decorate(self, decorator, value, function, scope)
        for parameter in function.parameters:
            if parameter.default is not None and parameter.default[0] != "const":
                self.eval(parameter.default, scope)
        scope.bind(function.name, value)
        return False

    def _class(self, statement: Statement, scope: Scope) -> bool:
        definition: Class = statement[2]
        bases: list[ClassRef] = []
        api_bases: list[str] = []
        for base in definition.bases:
            value = self.eval(base, scope)
            if isinstance(value.ref, ClassRef):
                bases.append(value.ref)
            elif isinstance(value.ref, Api):
                api_bases.append(self.knowledge.canonical(value.ref.name))
        made = ClassRef(definition, scope, bases, tuple(api_bases))
        inner = Scope(scope.module, scope, _qualified(scope.function, definition.name))
        inner.cell = _cell(scope)
        inner.returns = []
        self.run(definition.body, inner)
        made.attributes = inner.names
        for value in inner.names.values():
            if isinstance(value.ref, Closure) and value.ref.owner is None:
                value.ref.owner = made
        value = Value(("type",), ref=made)
        for decorator in definition.decorators:
            self.eval(decorator, scope)
        scope.bind(definition.name, value)
        return False

    def _return(self, statement: Statement, scope: Scope) -> bool:
        self.position = statement[1]
        value = self.eval(statement[2], scope)
        if scope.returns is not None:
            scope.returns.append(value)
        return True

    def _import(self, statement: Statement, scope: Scope) -> bool:
        imports.run_import(self, statement, scope)
        return False

    def _from(self, statement: Statement, scope: Scope) -> bool:
        imports.run_from(self, statement, scope)
        return False

    def _delete(self, statement: Statement, scope: Scope) -> bool:
        for target in statement[2]:
            if target[0] == "name":
                scope.names.pop(target[1], None)
            elif target[0] == "index":
                owner = self.eval(target[2], scope)
                indexing.drop_column(owner, self.eval(target[3], scope))
        return False

    def _raise(self, statement: Statement, scope: Scope) -> bool:
        self.position = statement[1]
        self.eval(statement[2], scope)
        return True

    def _assert(self, statement: Statement, scope: Scope) -> bool:
        self.position = statement[1]
        condition = self.eval(statement[2], scope)
        if condition.is_data or condition.metrics:
            self.emit(scope, statement[1], ("test_assert",), "assert", {"test": condition.snapshot()})
        return False

    def _global(self, statement: Statement, scope: Scope) -> bool:
        if scope.parent is not None:
            scope.outer = (scope.outer or set()) | set(statement[1])
        return False

    def _jump(self, statement: Statement, scope: Scope) -> bool:
        return True

    # ---- assignment ---------------------------------------------------------------------------------------------

    def assign(self, target: Expression, value: Value, scope: Scope, at: Position) -> None:
        kind = target[0]
        if kind == "name":
            if not value.label:
                value.label = target[1]
            scope.bind(target[1], value)
        elif kind in ("tuple", "list"):
            for element, part in zip(target[1], self.unpack(value, target[1], scope), strict=True):
                self.assign(element[1] if element[0] == "star" else element, part, scope, at)
        elif kind == "attr":
            owner = self.eval(target[2], scope)
            if isinstance(owner.ref, ModuleRef) and owner.ref.module.scope is not None:
                owner.ref.module.scope.names[target[3]] = value
                return
            if "pandas.DataFrame" in owner.types and owner.attributes is None:
                indexing.store(self, owner, const(target[3]), value, scope, at)
                return
            if owner.attributes is None:
                owner.attributes = {}
            mine = owner.attributes.get(target[3])
            owner.attributes[target[3]] = join(mine, value) if mine is not None and self.branches else value
            if isinstance(owner.ref, Api):
                self.emit(scope, at, ("set_attribute",), f"{owner.ref.name}.{target[3]}", {"value": value.snapshot()})
            elif target[3] == "grad":
                self.emit(scope, at, ("zero_grad",), "grad", {"value": value.snapshot()}, owner)
        elif kind == "index":
            indexing.assign(self, target, value, scope, at)
        elif kind == "star":
            self.assign(target[1], value, scope, at)

    def unpack(self, value: Value, targets: tuple[Expression, ...], scope: Scope) -> list[Value]:
        """The parts of a value that is assigned to a tuple of names."""
        count = len(targets)
        starred = next((i for i, t in enumerate(targets) if t[0] == "star"), None)
        if value.elements is not None and not value.is_a("dict"):
            parts = list(value.elements.values())
            if starred is None and len(parts) == count:
                return parts
            if starred is not None and len(parts) >= count - 1:
                tail = count - starred - 1
                middle = sequence("list", parts[starred : len(parts) - tail])
                return [*parts[:starred], middle, *(parts[len(parts) - tail :] if tail else [])]
        return [indexing.part(self, value, i, scope) for i in range(count)]

    # ---- expressions --------------------------------------------------------------------------------------------

    def eval(self, expression: Expression, scope: Scope) -> Value:
        self.steps -= 1
        if self.steps < 0:
            raise OutOfSteps
        return _EXPRESSIONS[expression[0]](self, expression, scope)

    def _const(self, expression: Expression, scope: Scope) -> Value:
        return const(expression[1])

    def _name(self, expression: Expression, scope: Scope) -> Value:
        name = expression[1]
        found = scope.lookup(name)
        if found is None:
            if not scope.function and name not in _BUILTINS:
                self.unmade.add(name)
            return builtin.name(name)
        if isinstance(found.ref, imports.Lazy):
            found = imports.force(self, found.ref)
        return found

    def _attr(self, expression: Expression, scope: Scope) -> Value:
        _, at, inner, name = expression
        owner = self.eval(inner, scope)
        return self.attribute(owner, name, scope, at)

    def attribute(self, owner: Value, name: str, scope: Scope, at: Position) -> Value:
        """The value of `owner.name`."""
        ref = owner.ref
        if ref is not None:
            if isinstance(ref, Api):
                return self.api_attribute(owner, ref, name, scope, at)
            if isinstance(ref, ModuleRef):
                return imports.member(self, ref.module, name)
            if isinstance(ref, ClassRef):
                found = ref.find(name)
                if found is not None:
                    if isinstance(found.ref, Closure) and _is_static(found.ref.function):
                        return found
                    return found
        if owner.attributes is not None:
            found = owner.attributes.get(name)
            if found is not None:
                return found
        klass = calls.class_of(owner)
        if klass is not None:
            found = klass.find(name)
            if found is not None:
                if isinstance(found.ref, Closure):
                    if _is_static(found.ref.function):
                        return found
                    bound = Value(("method",), ref=Closure(found.ref.function, found.ref.scope, owner, found.ref.owner))
                    if _is_property(found.ref.function):
                        return calls.call(self, bound, [], {}, at, scope)
                    return bound
                return found
        return indexing.attribute(self, owner, name, scope, at)

    def api_attribute(self, owner: Value, ref: Api, name: str, scope: Scope, at: Position) -> Value:
        """`library.name`: a submodule, function, class or constant of a library."""
        full = self.knowledge.canonical(f"{ref.name}.{name}")
        known = builtin.constant(full)
        if known is not None:
            return known
        entry = self.knowledge.entry(full)
        if entry is not None and entry.kind == "attribute" and isinstance(entry.returns, str):
            return Value((entry.returns,), ref=Api(full))
        if entry is None and owner.types:
            member = self.knowledge.method(owner.types[0], name)
            if member is not None and member.kind == "attribute":
                return calls.attribute_of(self, owner, member, at, scope)
        return Value(ref=Api(full))

    def _index(self, expression: Expression, scope: Scope) -> Value:
        return indexing.subscript(self, expression, scope)

    def _slice(self, expression: Expression, scope: Scope) -> Value:
        parts = [self.eval(part, scope) for part in expression[1:]]
        made = combine(*parts)
        made.types = ("slice",)
        made.elements = dict(enumerate(parts))
        return made

    def _call(self, expression: Expression, scope: Scope) -> Value:
        return calls.evaluate(self, expression, scope)

    def _tuple(self, expression: Expression, scope: Scope) -> Value:
        return sequence(expression[0], self.elements(expression[1], scope))

    def elements(self, expressions: tuple[Expression, ...], scope: Scope) -> list[Value]:
        """Evaluated elements; a starred one that is known gives its own elements."""
        made: list[Value] = []
        for expression in expressions:
            if expression[0] == "star":
                inner = self.eval(expression[1], scope)
                if inner.elements is not None and not inner.is_a("dict"):
                    made.extend(inner.elements.values())
                else:
                    made.append(inner)
            else:
                made.append(self.eval(expression, scope))
        return made

    def _dict(self, expression: Expression, scope: Scope) -> Value:
        _, keys, values = expression
        items: list[tuple[Value | None, Value]] = []
        for key, value in zip(keys, values, strict=True):
            evaluated = self.eval(value, scope)
            if key is None:
                for inner_key, inner in (evaluated.elements or {}).items():
                    items.append((const(inner_key), inner))
                if evaluated.elements is None:
                    items.append((None, evaluated))
            else:
                items.append((self.eval(key, scope), evaluated))
        return mapping(items)

    def _binary(self, expression: Expression, scope: Scope) -> Value:
        _, at, operator, left, right = expression
        values = (self.eval(left, scope), self.eval(right, scope))
        for value in values:
            if value.produced >= 0 and self.events[value.produced].name.endswith(".tile"):
                self.emit(scope, at, ("broadcast",), self.events[value.produced].name, detail={"operator": operator})
        return self.binary(operator, *values)

    def binary(self, operator: str, left: Value, right: Value) -> Value:
        """What an arithmetic, string or path operator yields."""
        if operator == "+" and not left.is_data and not right.is_data:
            text = _text(left) + _text(right)
            if (isinstance(left.constant, str) or isinstance(right.constant, str)) and len(text) <= _LONGEST_STRING:
                joined = const(text)
                joined.label = builtin.option_of([left, right])
                return joined
        if operator == "/" and (left.is_a("pathlib.Path") or right.is_a("pathlib.Path")):
            return builtin.joined_path([left, right])
        if operator in ("+", "-", "*") and _is_number(left.constant) and _is_number(right.constant):
            return const(_arithmetic(operator, left.constant, right.constant))
        lists = left.types == right.types and left.is_a("list", "tuple")
        if operator == "+" and lists and left.elements is not None and right.elements is not None:
            return sequence(left.types[0], [*left.elements.values(), *right.elements.values()])
        made = combine(left, right)
        if left.is_data or right.is_data:
            made.types = left.types if left.rows or not right.rows else right.types
            if operator == "*" and left.is_a("list"):
                made.types = left.types
            elif made.types and made.types[0] in ("int", "float", "str", "bool", "list", "tuple"):
                made.types = right.types if left.types == made.types else left.types
            if operator in ("&", "|") and (left.mask or right.mask):
                made.mask = (f"{left.mask}{operator}{right.mask}", False)
        elif left.is_a("str") or right.is_a("str"):
            made.types = ("str",)
        return made

    def _unary(self, expression: Expression, scope: Scope) -> Value:
        _, operator, operand = expression
        value = self.eval(operand, scope)
        if operator == "-" and _is_number(value.constant):
            return const(-value.constant)  # type: ignore[operator] # _is_number says that it is one
        if operator == "not" and isinstance(value.constant, bool):
            return const(not value.constant)
        made = value.like(constant=MISSING, elements=None)
        if operator == "~" and isinstance(value.ref, Selection):
            made.ref = value.ref.others()
        elif operator == "~":
            key, negated = value.mask if value.mask else (indexing.key(operand), False)
            made.mask = (key, not negated)
        return made

    def _bool(self, expression: Expression, scope: Scope) -> Value:
        values = [self.eval(part, scope) for part in expression[2]]
        if expression[1] == "or":
            joined = values[0]
            for value in values[1:]:
                joined = join(joined, value)
            return joined
        return combine(*values)

    def _compare(self, expression: Expression, scope: Scope) -> Value:
        _, at, left, operators, rights = expression
        values = [self.eval(left, scope), *[self.eval(right, scope) for right in rights]]
        made = combine(*values)
        made.types = ("bool",)
        if operators[0] in ("in", "not in") and values[1].config is not None and isinstance(values[0].constant, str):
            indexing.config_member(self, values[1], values[0].constant, scope, at, required=False)
        if any(value.rows for value in values):
            made.types = values[0].types if values[0].rows else ("pandas.Series",)
            made.mask = (indexing.key(expression), False)
            made.columns = None
        made.output = "label" if any(v.output for v in values) else ""
        bound = values[-1].constant if values[0].output in ("proba", "score") else MISSING
        if operators[0] in ("<", "<=", ">", ">=") and isinstance(bound, int | float):
            self.emit(scope, at, ("threshold",), operators[0], detail={"value": bound, "config": values[-1].config})
        if any(_is_nan(value) for value in values):
            self.emit(
                scope,
                at,
                ("compare",),
                operators[0],
                {
                    str(i): v.snapshot(indexing.written(e))
                    for i, (v, e) in enumerate(zip(values, (left, *rights), strict=True))
                },
                detail={"nan": tuple(_nan_name(v, e) for v, e in zip(values, (left, *rights), strict=True))},
            )
        return made

    def _choice(self, expression: Expression, scope: Scope) -> Value:
        self.eval(expression[1], scope)
        return join(self.eval(expression[2], scope), self.eval(expression[3], scope))

    def _format(self, expression: Expression, scope: Scope) -> Value:
        parts = [self.eval(part, scope) for part in expression[1]]
        made = combine(*parts)
        made.types = ("str",)
        text = "".join(_text(part) for part in parts)
        if len(text) <= _LONGEST_STRING:
            made.constant = text
        made.label = builtin.option_of(parts)
        return made

    def _comprehension(self, expression: Expression, scope: Scope) -> Value:
        _, kind, elements, loops = expression
        inner = Scope(scope.module, scope, scope.function)
        inner.cell = _cell(scope)
        self.next_loop += 1
        self.loops.append(self.next_loop)
        results: list[list[Value]] = []
        self._loop(loops, 0, inner, elements, results)
        self.loops.pop()
        known = len(loops) == 1 and not loops[0][2] and kind in ("list", "dict") and self._last_known
        flat = [value for values in results for value in values]
        if kind == "dict":
            made = mapping([(v[0], v[1]) for v in results])
            if not known:
                made.constant = MISSING
            return made
        if known:
            return sequence("list", flat)
        made = combine(*flat)
        made.types = ("list" if kind in ("list", "generator") else kind,)
        if self._from_listing and kind == "list":
            made.types = ("list", "os.listing")
        if flat and (flat[0].ref is not None or flat[0].attributes is not None or flat[0].held is not None):
            made.elements = {0: flat[0]}
        return made

    _last_known = False
    _from_listing = False

    def _loop(
        self,
        loops: tuple[Any, ...],
        depth: int,
        scope: Scope,
        elements: tuple[Expression, ...],
        results: list[list[Value]],
    ) -> None:
        """The nested loops of a comprehension, innermost elements into `results`."""
        target, iterable, tests = loops[depth]
        source = self.eval(iterable, scope)
        known = source.elements is not None and 0 < len(source.elements) <= _MOST_UNROLLED
        for item in self.iteration(source, scope, self.position):
            self.assign(target, item, scope, self.position)
            for test in tests:
                self.eval(test, scope)
            if depth + 1 < len(loops):
                self._loop(loops, depth + 1, scope, elements, results)
            else:
                results.append([self.eval(element, scope) for element in elements])
        self._last_known = known
        self._from_listing = source.is_a("os.listing")

    def _lambda(self, expression: Expression, scope: Scope) -> Value:
        return Value(("function",), ref=Closure(expression[1], scope))

    def _star(self, expression: Expression, scope: Scope) -> Value:
        return self.eval(expression[1], scope)

    def _await(self, expression: Expression, scope: Scope) -> Value:
        before = len(self.events)
        value = self.eval(expression[1], scope)
        if len(self.events) > before:
            note = self.events[-1].detail
            if isinstance(note, dict):
                note["awaited"] = True
        return value

    def _walrus(self, expression: Expression, scope: Scope) -> Value:
        value = self.eval(expression[2], scope)
        scope.bind(expression[1], value)
        return value

    def _yield(self, expression: Expression, scope: Scope) -> Value:
        value = self.eval(expression[1], scope)
        owner: Scope | None = scope
        while owner is not None and owner.returns is None:
            owner = owner.parent
        if owner is not None and owner.returns is not None:
            owner.returns.append(value)
        return Value()

    def _unknown(self, expression: Expression, scope: Scope) -> Value:
        return Value()

    # ---- names and types ----------------------------------------------------------------------------------------

    def annotated(self, annotation: Expression | None, scope: Scope) -> Value:
        """An unknown value of the type that an annotation names."""
        made = Value()
        if annotation is None:
            return made
        if annotation[0] == "index":
            annotation = annotation[2]
        if annotation[0] == "binary" and annotation[2] == "|":
            annotation = annotation[3]
        if annotation[0] not in ("name", "attr"):
            return made
        named = self.eval(annotation, scope)
        if isinstance(named.ref, Api):
            made.types = (self.knowledge.canonical(named.ref.name),)
        elif isinstance(named.ref, ClassRef):
            made = calls.instance(named.ref)
        return made

    def name_of(self, expression: Expression, scope: Scope) -> str:
        """The qualified name that an expression stands for, as far as it is one."""
        if expression[0] == "tuple":
            return ",".join(self.name_of(e, scope) for e in expression[1])
        if expression[0] not in ("name", "attr"):
            return ""
        value = self.eval(expression, scope)
        return value.ref.name if isinstance(value.ref, Api) else indexing.written(expression)


def _cell(scope: Scope) -> int | None:
    return scope.cell


def _qualified(outer: str, name: str) -> str:
    return f"{outer}.{name}" if outer else name


def _text(value: Value) -> str:
    """A value in a string: its constant, or `{}` for what is not known."""
    constant = value.constant
    return str(constant) if isinstance(constant, str | int | float) else "{}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**62


def _arithmetic(operator: str, left: Any, right: Any) -> object:
    return left + right if operator == "+" else left - right if operator == "-" else left * right


def _is_nan(value: Value) -> bool:
    """Whether a value is not-a-number or pandas' NA or NaT, or a list that holds one."""
    if value.label == "nan" and value.types == ("float",):
        return True
    if isinstance(value.constant, float):
        return value.constant != value.constant
    return (
        value.elements is not None
        and not value.rows
        and any(_is_nan(v) for v in value.elements.values() if v.elements is None)
    )


def _nan_name(value: Value, expression: Expression) -> str:
    """The name of the not-a-number that an operand is, where the operand itself names one; else ""."""
    if not _is_nan(value):
        return ""
    if value.elements is not None:
        return "list"
    if expression[0] == "call":
        return "float"
    name = expression[3] if expression[0] == "attr" else expression[1] if expression[0] == "name" else ""
    return value.ref.name if isinstance(value.ref, Api) and str(name).lower() in ("nan", "na", "nat") else ""


def _outlives(target: Expression, scope: Scope) -> bool:
    """Whether what is assigned may be there on the function's next call: a global, an attribute, part of a dict."""
    if target[0] in ("attr", "index"):
        return scope.parent is not None
    return target[0] == "name" and scope.outer is not None and target[1] in scope.outer


_ORDERED = frozenset({"<", "<=", ">", ">="})


def _keeps(test: Expression, branches: tuple[Statement, ...]) -> bool:
    """Whether the better of two is kept: what is compared with gets a new value (`if score > best: best = score`)."""
    sides: set[str] = set()
    waiting = [test]
    while waiting:
        part = waiting.pop()
        if part[0] == "bool":
            waiting.extend(part[2])
        elif part[0] == "unary":
            waiting.append(part[2])
        elif part[0] == "compare" and _ORDERED.issuperset(part[3]):
            compared = (part[2], *part[4])
            if all(side[0] != "const" for side in compared):
                sides.update(indexing.written(side) for side in compared)
    assigned = [target for statement in branches if statement[0] == "assign" for target in statement[2]]
    names = [name for target in assigned for name in (target[1] if target[0] in ("tuple", "list") else (target,))]
    return any(indexing.written(name) in sides for name in names)


def _is_main_guard(test: Expression) -> bool:
    return bool(test[0] == "compare" and test[2] == ("name", "__name__") and test[4][0] == ("const", "__main__"))


def _is_static(function: Function) -> bool:
    return ("name", "staticmethod") in function.decorators


def _is_property(function: Function) -> bool:
    return any(
        decorator == ("name", "property")
        or (decorator[0] == "attr" and decorator[3] == "cached_property")
        or decorator == ("name", "cached_property")
        for decorator in function.decorators
    )


def _handler(body: tuple[Statement, ...]) -> dict[str, object]:
    """What an exception handler does, in words that rules can ask for."""
    kinds = [statement[0] for statement in body]
    returned = body[-1][2] if kinds and kinds[-1] == "return" else None
    return {
        "empty": not kinds or set(kinds) <= {"jump"},
        "reraises": "raise" in kinds,
        "returns": returned is not None,
        "returns_constant": bool(returned is not None and returned[0] in ("const", "list", "dict", "tuple")),
        "calls": any(kind == "expr" for kind in kinds),
    }


_STATEMENTS: dict[str, Callable[[Interpreter, Statement, Scope], bool]] = {
    "expr": Interpreter._expr,
    "assign": Interpreter._assign,
    "annotate": Interpreter._annotate,
    "augment": Interpreter._augment,
    "if": Interpreter._if,
    "for": Interpreter._for,
    "while": Interpreter._while,
    "with": Interpreter._with,
    "try": Interpreter._try,
    "def": Interpreter._def,
    "class": Interpreter._class,
    "return": Interpreter._return,
    "import": Interpreter._import,
    "from": Interpreter._from,
    "delete": Interpreter._delete,
    "raise": Interpreter._raise,
    "assert": Interpreter._assert,
    "global": Interpreter._global,
    "jump": Interpreter._jump,
}

_EXPRESSIONS: dict[str, Callable[[Interpreter, Expression, Scope], Value]] = {
    "const": Interpreter._const,
    "name": Interpreter._name,
    "attr": Interpreter._attr,
    "call": Interpreter._call,
    "index": Interpreter._index,
    "slice": Interpreter._slice,
    "tuple": Interpreter._tuple,
    "list": Interpreter._tuple,
    "set": Interpreter._tuple,
    "dict": Interpreter._dict,
    "binary": Interpreter._binary,
    "unary": Interpreter._unary,
    "bool": Interpreter._bool,
    "compare": Interpreter._compare,
    "choice": Interpreter._choice,
    "format": Interpreter._format,
    "comprehension": Interpreter._comprehension,
    "lambda": Interpreter._lambda,
    "star": Interpreter._star,
    "await": Interpreter._await,
    "walrus": Interpreter._walrus,
    "yield": Interpreter._yield,
    "unknown": Interpreter._unknown,
}

__all__ = ["Bound", "Indexer", "Interpreter", "OutOfSteps", "unknown"]
