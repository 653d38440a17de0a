"""What expressions may be: a function for each form gives the abstract value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pipeaudit.flow import builtin, calls, imports, indexing
from pipeaudit.flow.events import MISSING
from pipeaudit.flow.scopes import Scope
from pipeaudit.flow.values import (
    Api,
    ClassRef,
    Closure,
    ModuleRef,
    Selection,
    Value,
    combine,
    const,
    join,
    mapping,
    sequence,
)
from pipeaudit.read.python import Expression, Function, Position

if TYPE_CHECKING:
    from pipeaudit.flow.interpret import Interpreter

MOST_UNROLLED = 12
_LONGEST_STRING = 4096


def _const(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    return const(expression[1])


def _name(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    name = expression[1]
    found = scope.lookup(name)
    if found is None:
        if not scope.function:
            machine.unmade.add(name)
        return builtin.name(name)
    if isinstance(found.ref, imports.Lazy):
        found = imports.force(machine, found.ref)
    return found


def _attr(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    _, at, inner, name = expression
    owner = machine.eval(inner, scope)
    return machine.attribute(owner, name, scope, at)


def attribute(machine: Interpreter, owner: Value, name: str, scope: Scope, at: Position) -> Value:
    """The value of `owner.name`."""
    ref = owner.ref
    if ref is not None:
        if isinstance(ref, Api):
            return api_attribute(machine, owner, ref, name, scope, at)
        if isinstance(ref, ModuleRef):
            return imports.member(machine, ref.module, name)
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
                    return calls.call(machine, bound, [], {}, at, scope)
                return bound
            return found
    return indexing.attribute(machine, owner, name, scope, at)


def api_attribute(machine: Interpreter, owner: Value, ref: Api, name: str, scope: Scope, at: Position) -> Value:
    """`library.name`: a submodule, function, class or constant of a library."""
    full = machine.knowledge.canonical(f"{ref.name}.{name}")
    known = builtin.constant(full)
    if known is not None:
        return known
    entry = machine.knowledge.entry(full)
    if entry is not None and entry.kind == "attribute" and isinstance(entry.returns, str):
        return Value((entry.returns,), ref=Api(full))
    if entry is None and owner.types:
        member = machine.knowledge.method(owner.types[0], name)
        if member is not None and member.kind == "attribute":
            return calls.attribute_of(machine, owner, member, at, scope)
    return Value(ref=Api(full))


def _index(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    return indexing.subscript(machine, expression, scope)


def _slice(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    parts = [machine.eval(part, scope) for part in expression[1:]]
    made = combine(*parts)
    made.types = ("slice",)
    made.elements = dict(enumerate(parts))
    return made


def _call(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    return calls.evaluate(machine, expression, scope)


def _tuple(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    return sequence(expression[0], machine.elements(expression[1], scope))


def elements(machine: Interpreter, expressions: tuple[Expression, ...], scope: Scope) -> list[Value]:
    """Evaluated elements; a starred one that is known gives its own elements."""
    made: list[Value] = []
    for expression in expressions:
        if expression[0] == "star":
            inner = machine.eval(expression[1], scope)
            if inner.elements is not None and not inner.is_a("dict"):
                made.extend(inner.elements.values())
            else:
                made.append(inner)
        else:
            made.append(machine.eval(expression, scope))
    return made


def _dict(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    _, keys, values = expression
    items: list[tuple[Value | None, Value]] = []
    for key, value in zip(keys, values, strict=True):
        evaluated = machine.eval(value, scope)
        if key is None:
            for inner_key, inner in (evaluated.elements or {}).items():
                items.append((const(inner_key), inner))
            if evaluated.elements is None:
                items.append((None, evaluated))
        else:
            items.append((machine.eval(key, scope), evaluated))
    return mapping(items)


def _binary(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    _, at, operator, left, right = expression
    values = (machine.eval(left, scope), machine.eval(right, scope))
    for value in values:
        if value.produced >= 0 and machine.events[value.produced].name.endswith(".tile"):
            machine.emit(scope, at, ("broadcast",), machine.events[value.produced].name, detail={"operator": operator})
    return binary(machine, operator, *values)


def binary(machine: Interpreter, operator: str, left: Value, right: Value) -> Value:
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


def _unary(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    _, operator, operand = expression
    value = machine.eval(operand, scope)
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


def _bool(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    values = [machine.eval(part, scope) for part in expression[2]]
    if expression[1] == "or":
        joined = values[0]
        for value in values[1:]:
            joined = join(joined, value)
        return joined
    return combine(*values)


def _compare(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    _, at, left, operators, rights = expression
    values = [machine.eval(left, scope), *[machine.eval(right, scope) for right in rights]]
    made = combine(*values)
    made.types = ("bool",)
    if operators[0] in ("in", "not in") and values[1].config is not None and isinstance(values[0].constant, str):
        indexing.config_member(machine, values[1], values[0].constant, scope, at, required=False)
    if any(value.rows for value in values):
        made.types = values[0].types if values[0].rows else ("pandas.Series",)
        made.mask = (indexing.key(expression), False)
        made.columns = None
    made.output = "label" if any(v.output for v in values) else ""
    bound = values[-1].constant if values[0].output in ("proba", "score") else MISSING
    if operators[0] in ("<", "<=", ">", ">=") and isinstance(bound, int | float):
        machine.emit(scope, at, ("threshold",), operators[0], detail={"value": bound, "config": values[-1].config})
    if any(_is_nan(value) for value in values):
        machine.emit(
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


def _choice(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    machine.eval(expression[1], scope)
    return join(machine.eval(expression[2], scope), machine.eval(expression[3], scope))


def _format(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    parts = [machine.eval(part, scope) for part in expression[1]]
    made = combine(*parts)
    made.types = ("str",)
    text = "".join(_text(part) for part in parts)
    if len(text) <= _LONGEST_STRING:
        made.constant = text
    made.label = builtin.option_of(parts)
    return made


def _comprehension(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    _, kind, elements, loops = expression
    inner = Scope(scope.module, scope, scope.function)
    inner.cell = scope.cell
    machine.next_loop += 1
    machine.loops.append(machine.next_loop)
    results: list[list[Value]] = []
    is_short, lists_files = _loop(machine, loops, 0, inner, elements, results)
    machine.loops.pop()
    known = len(loops) == 1 and not loops[0][2] and kind in ("list", "dict") and is_short
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
    if lists_files and kind == "list":
        made.types = ("list", "os.listing")
    if flat and (flat[0].ref is not None or flat[0].attributes is not None or flat[0].held is not None):
        made.elements = {0: flat[0]}
    return made


def _loop(
    machine: Interpreter,
    loops: tuple[Any, ...],
    depth: int,
    scope: Scope,
    elements: tuple[Expression, ...],
    results: list[list[Value]],
) -> tuple[bool, bool]:
    """The nested loops of a comprehension, innermost elements into `results`.

    Tells of what the outermost goes over whether it is short and known, and whether it is a listing of files.
    """
    target, iterable, tests = loops[depth]
    source = machine.eval(iterable, scope)
    is_short = source.elements is not None and 0 < len(source.elements) <= MOST_UNROLLED
    for item in machine.iteration(source, scope, machine.position):
        machine.assign(target, item, scope, machine.position)
        for test in tests:
            machine.eval(test, scope)
        if depth + 1 < len(loops):
            _loop(machine, loops, depth + 1, scope, elements, results)
        else:
            results.append([machine.eval(element, scope) for element in elements])
    return is_short, source.is_a("os.listing")


def _lambda(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    return Value(("function",), ref=Closure(expression[1], scope))


def _star(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    return machine.eval(expression[1], scope)


def _await(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    before = len(machine.events)
    value = machine.eval(expression[1], scope)
    if len(machine.events) > before:
        note = machine.events[-1].detail
        if isinstance(note, dict):
            note["awaited"] = True
    return value


def _walrus(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    value = machine.eval(expression[2], scope)
    scope.bind(expression[1], value)
    return value


def _yield(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    value = machine.eval(expression[1], scope)
    owner: Scope | None = scope
    while owner is not None and owner.returns is None:
        owner = owner.parent
    if owner is not None and owner.returns is not None:
        owner.returns.append(value)
    return Value()


def _unknown(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    return Value()


def annotated(machine: Interpreter, annotation: Expression | None, scope: Scope) -> Value:
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
    named = machine.eval(annotation, scope)
    if isinstance(named.ref, Api):
        made.types = (machine.knowledge.canonical(named.ref.name),)
    elif isinstance(named.ref, ClassRef):
        made = calls.instance(named.ref)
    return made


def name_of(machine: Interpreter, expression: Expression, scope: Scope) -> str:
    """The qualified name that an expression stands for, as far as it is one."""
    if expression[0] == "tuple":
        return ",".join(name_of(machine, e, scope) for e in expression[1])
    if expression[0] not in ("name", "attr"):
        return ""
    value = machine.eval(expression, scope)
    return value.ref.name if isinstance(value.ref, Api) else indexing.written(expression)


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


def _is_static(function: Function) -> bool:
    return ("name", "staticmethod") in function.decorators


def _is_property(function: Function) -> bool:
    return any(
        decorator == ("name", "property")
        or (decorator[0] == "attr" and decorator[3] == "cached_property")
        or decorator == ("name", "cached_property")
        for decorator in function.decorators
    )


EXPRESSIONS: dict[str, Callable[[Interpreter, Expression, Scope], Value]] = {
    "const": _const,
    "name": _name,
    "attr": _attr,
    "call": _call,
    "index": _index,
    "slice": _slice,
    "tuple": _tuple,
    "list": _tuple,
    "set": _tuple,
    "dict": _dict,
    "binary": _binary,
    "unary": _unary,
    "bool": _bool,
    "compare": _compare,
    "choice": _choice,
    "format": _format,
    "comprehension": _comprehension,
    "lambda": _lambda,
    "star": _star,
    "await": _await,
    "walrus": _walrus,
    "yield": _yield,
    "unknown": _unknown,
}
