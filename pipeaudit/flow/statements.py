"""What statements do to names, loops and branches: a function for each form; true where control certainly leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeaudit.flow import calls, imports, indexing
from pipeaudit.flow.events import MISSING
from pipeaudit.flow.expressions import MOST_UNROLLED, binary, name_of
from pipeaudit.flow.scopes import Scope
from pipeaudit.flow.values import (
    Api,
    ClassRef,
    Closure,
    Value,
    const,
    join,
)
from pipeaudit.read.python import Class, Expression, Function, Position, Statement

if TYPE_CHECKING:
    from pipeaudit.flow.interpret import Interpreter


def _expr(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    machine.position = statement[1]
    expression = statement[2]
    if expression[0] == "call":
        machine.statement = expression
    machine.eval(expression, scope)
    return False


def _assign(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    _, at, targets, expression = statement
    machine.position = at
    value = machine.eval(expression, scope)
    if machine.loops and value.produced == len(machine.events) - 1 and value.produced >= 0 and targets[0][0] == "name":
        note = machine.events[-1].detail
        if isinstance(note, dict):
            note["into"] = targets[0][1]
    if value.produced == len(machine.events) - 1 >= 0 and _outlives(targets[0], scope):
        note = machine.events[-1].detail
        if isinstance(note, dict):
            note["kept"] = True
    for target in targets:
        machine.assign(target, value, scope, at)
    return False


def _annotate(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    _, _, target, annotation = statement
    if target[0] == "name" and target[1] not in scope.names:
        scope.names[target[1]] = machine.annotated(annotation, scope)
    return False


def _augment(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    _, at, target, operator, expression = statement
    machine.position = at
    left = machine.eval(target, scope)
    right = machine.eval(expression, scope)
    if left.elements is not None and operator == "+" and left.is_a("list"):
        left.adopt(right)
        left.constant = MISSING
        for value in list((right.elements or {}).values()):  # a list may be added to itself
            left.elements[len(left.elements)] = value
        return False
    made = binary(machine, operator, left, right)
    if not made.types:
        made.types = left.types
    if machine.loops and (right.models or right.is_a("torch.Tensor")):
        shown = {
            "value": right.snapshot(indexing.written(expression)),
            "into": left.snapshot(indexing.written(target)),
        }
        machine.emit(scope, at, ("accumulate",), operator, shown)
    elif machine.loops and expression[0] == "index" and expression[2][0] == "name":
        whole = scope.lookup(expression[2][1])
        if whole is not None and whole.is_a("torch.Tensor", "tensorflow.Tensor"):
            machine.emit(scope, at, ("accumulate_element",), operator, {"from": whole.snapshot(expression[2][1])})
    machine.assign(target, made, scope, at)
    return False


def _if(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    _, at, test, body, orelse = statement
    machine.position = at
    condition = machine.eval(test, scope)
    if _is_main_guard(test):
        if scope.module.path != machine.path:
            return machine.run(orelse, scope)  # an imported module is not the program
        machine.emit(scope, at, ("main",), "__main__")
        return machine.run(body, scope)
    if condition.metrics or condition.models or (machine.loops and condition.learned):
        machine.emit(
            scope,
            at,
            ("branch",),
            "if",
            {"test": condition.snapshot()},
            detail={"keeps": _keeps(test, (*body, *orelse))},
        )
    before = scope.names
    machine.branches += 1
    survivors: list[dict[str, Value]] = []
    scope.names = dict(before)
    if not machine.run(body, scope):
        survivors.append(scope.names)
    scope.names = dict(before)
    if not machine.run(orelse, scope):
        survivors.append(scope.names)
    machine.branches -= 1
    scope.merge(before, survivors)
    return not survivors


def _for(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    _, at, target, iterable, body, orelse = statement
    machine.position = at
    source = machine.eval(iterable, scope)
    before = scope.names
    scope.names = dict(before)
    survivors = [before]
    machine.next_loop += 1
    machine.loops.append(machine.next_loop)
    if source.produced >= 0:
        names = [indexing.written(part) for part in (target[1] if target[0] == "tuple" else (target,))]
        over = machine.events[source.produced].name
        machine.emit(scope, at, ("loop",), over, {"over": source.snapshot()}, detail={"targets": tuple(names)})
    for item in machine.iteration(source, scope, at):
        machine.assign(target, item, scope, at)
        machine.run(body, scope)
    machine.loops.pop()
    survivors.insert(0, scope.names)
    scope.merge(before, survivors)
    machine.run(orelse, scope)
    return False


def _while(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    _, at, test, body, orelse = statement
    machine.position = at
    before = scope.names
    machine.next_loop += 1
    machine.loops.append(machine.next_loop)
    machine.eval(test, scope)
    scope.names = dict(before)
    machine.run(body, scope)
    machine.loops.pop()
    scope.merge(before, [scope.names, before])
    machine.run(orelse, scope)
    return False


def iteration(machine: Interpreter, source: Value, scope: Scope, at: Position) -> list[Value]:
    """The values that a loop variable takes: each element of a short known sequence, else one for all."""
    if source.elements is not None and 0 < len(source.elements) <= MOST_UNROLLED and not source.is_a("str"):
        if source.is_a("dict"):
            return [const(k) if isinstance(k, str | int | float) else Value() for k in source.elements]
        return list(source.elements.values())
    if source.elements:
        joined = None
        for value in source.elements.values():
            joined = value if joined is None else join(joined, value)
        assert joined is not None
        return [joined]
    return [indexing.item(machine, source, scope)]


def _with(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    _, at, items, body = statement
    machine.position = at
    raises = False
    for context, target in items:
        value = machine.eval(context, scope)
        entered = calls.enter(machine, value, scope)
        if target is not None:
            machine.assign(target, entered, scope, at)
        raises = raises or (context[0] == "call" and "raises" in indexing.written(context[2]).lower())
    machine.guards += raises
    left = machine.run(body, scope)
    machine.guards -= raises
    return left and not raises


def _try(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    _, _, body, handlers, orelse, final = statement
    before = scope.names
    scope.names = dict(before)
    machine.guards += bool(handlers)
    left = machine.run(body, scope)
    machine.guards -= bool(handlers)
    left = left or machine.run(orelse, scope)
    survivors = [] if left else [scope.names]
    after_body = scope.names
    for at, kind, name, handler in handlers:
        scope.names = {**before, **after_body}
        if name:
            scope.names[name] = Value(("Exception",))
        machine.branches += 1
        caught = name_of(machine, kind, scope) if kind is not None else ""
        machine.emit(scope, at, ("except",), caught, detail=_handler(handler))
        if not machine.run(handler, scope):
            survivors.append(scope.names)
        machine.branches -= 1
    scope.merge(before, survivors)
    if machine.run(final, scope):
        return True
    return not survivors


def _def(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    function: Function = statement[2]
    value = Value(("function",), ref=Closure(function, scope))
    for decorator in reversed(function.decorators):
        value = calls.decorate(machine, decorator, value, function, scope)
    for parameter in function.parameters:
        if parameter.default is not None and parameter.default[0] != "const":
            machine.eval(parameter.default, scope)
    scope.bind(function.name, value)
    return False


def _class(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    definition: Class = statement[2]
    bases: list[ClassRef] = []
    api_bases: list[str] = []
    for base in definition.bases:
        value = machine.eval(base, scope)
        if isinstance(value.ref, ClassRef):
            bases.append(value.ref)
        elif isinstance(value.ref, Api):
            api_bases.append(machine.knowledge.canonical(value.ref.name))
    made = ClassRef(definition, scope, bases, tuple(api_bases))
    inner = Scope(scope.module, scope, _qualified(scope.function, definition.name))
    inner.cell = scope.cell
    inner.returns = []
    machine.run(definition.body, inner)
    made.attributes = inner.names
    for value in inner.names.values():
        if isinstance(value.ref, Closure) and value.ref.owner is None:
            value.ref.owner = made
    value = Value(("type",), ref=made)
    for decorator in definition.decorators:
        machine.eval(decorator, scope)
    scope.bind(definition.name, value)
    return False


def _return(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    machine.position = statement[1]
    value = machine.eval(statement[2], scope)
    if scope.returns is not None:
        scope.returns.append(value)
    return True


def _import(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    imports.run_import(machine, statement, scope)
    return False


def _from(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    imports.run_from(machine, statement, scope)
    return False


def _delete(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    for target in statement[2]:
        if target[0] == "name":
            scope.names.pop(target[1], None)
        elif target[0] == "index":
            owner = machine.eval(target[2], scope)
            indexing.drop_column(owner, machine.eval(target[3], scope))
    return False


def _raise(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    machine.position = statement[1]
    machine.eval(statement[2], scope)
    return True


def _assert(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    machine.position = statement[1]
    condition = machine.eval(statement[2], scope)
    if condition.is_data or condition.metrics:
        machine.emit(scope, statement[1], ("test_assert",), "assert", {"test": condition.snapshot()})
    return False


def _global(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    if scope.parent is not None:
        scope.outer = (scope.outer or set()) | set(statement[1])
    return False


def _jump(machine: Interpreter, statement: Statement, scope: Scope) -> bool:
    return True


def _outlives(target: Expression, scope: Scope) -> bool:
    """Whether what is assigned may be there on the function's next call: a global, an attribute, part of a dict."""
    if target[0] in ("attr", "index"):
        return scope.parent is not None
    return target[0] == "name" and scope.outer is not None and target[1] in scope.outer


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


def _qualified(outer: str, name: str) -> str:
    return f"{outer}.{name}" if outer else name


_ORDERED = frozenset({"<", "<=", ">", ">="})
STATEMENTS: dict[str, Callable[[Interpreter, Statement, Scope], bool]] = {
    "expr": _expr,
    "assign": _assign,
    "annotate": _annotate,
    "augment": _augment,
    "if": _if,
    "for": _for,
    "while": _while,
    "with": _with,
    "try": _try,
    "def": _def,
    "class": _class,
    "return": _return,
    "import": _import,
    "from": _from,
    "delete": _delete,
    "raise": _raise,
    "assert": _assert,
    "global": _global,
    "jump": _jump,
}
