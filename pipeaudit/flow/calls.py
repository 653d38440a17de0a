"""What a call does: the repository's own functions and classes by stepping in, a library's by its entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeaudit.apis import Entry
from pipeaudit.flow import builtin, containers, effects, imports, indexing
from pipeaudit.flow.events import MISSING, Snapshot
from pipeaudit.flow.scopes import Scope
from pipeaudit.flow.text import argument, written
from pipeaudit.flow.values import (
    Api,
    Bound,
    ClassRef,
    Closure,
    Instance,
    Partial,
    Selection,
    Value,
    combine,
    const,
    join,
    mapping,
    sequence,
    unknown,
)

if TYPE_CHECKING:
    from pipeaudit.flow.interpret import Interpreter
    from pipeaudit.read.python import Expression, Function, Position

_ORDINALS = tuple("0123456789")
_MOST_RUNS_WITH_DATA = 16
_MOST_RUNS_WITH_OBJECTS = 6
_MOST_RUNS = 3

Arguments = list[Value]
Keywords = dict[str, Value]


class Site:
    """The place of a call: where, in which scope, how its parts are written, and whether its result is dropped."""

    __slots__ = ("at", "names", "receiver", "scope", "statement")

    def __init__(
        self,
        at: Position,
        scope: Scope,
        names: dict[str, str] | None = None,
        receiver: str = "",
        statement: bool = False,
    ) -> None:
        self.at = at
        self.scope = scope
        self.names = names or {}
        self.receiver = receiver
        self.statement = statement


def evaluate(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    """A call expression."""
    _, at, function, argument_expressions, keyword_expressions = expression
    is_statement = machine.statement is expression
    machine.statement = None
    callee = machine.eval(function, scope)
    arguments = machine.elements(argument_expressions, scope)
    names = {_ORDINALS[i] if i < 10 else str(i): argument(e) for i, e in enumerate(argument_expressions)}
    keywords: Keywords = {}
    for name, value in keyword_expressions:
        evaluated = machine.eval(value, scope)
        if name is None:
            for key, inner in (evaluated.elements or {}).items():
                if isinstance(key, str):
                    keywords[key] = inner
            if evaluated.elements is None:
                keywords["**"] = evaluated
        else:
            keywords[name] = evaluated
            names[name] = argument(value)
    receiver = argument(function[2]) if function[0] == "attr" else ""
    site = Site(at, scope, names, receiver, is_statement)
    if (
        function[0] == "attr"
        and function[3] == "forward"
        and isinstance(callee.ref, Closure)
        and callee.ref.receiver is not None
    ):
        bound = callee.ref.receiver
        is_module = any(machine.knowledge.method(t, "forward") is not None for t in bound.types)
        machine.emit(
            scope, at, ("call",), "forward", receiver=bound, detail={"module": is_module}, receiver_name=receiver
        )
    if function[0] == "attr" and function[2][0] == "index" and keywords:
        _report_inplace_on_slice(machine, function, keywords, site)
    return run(machine, callee, arguments, keywords, site)


def _report_inplace_on_slice(machine: Interpreter, function: Expression, keywords: Keywords, site: Site) -> None:
    """`frame[mask]["c"].fillna(0, inplace=True)`: a change of a copy."""
    inplace = keywords.get("inplace")
    if inplace is None or inplace.constant is not True:
        return
    inner = function[2]
    if inner[2][0] == "index":
        base = inner[2][2]
        root = machine.eval(base[2] if base[0] == "attr" and base[3] in ("loc", "iloc") else base, site.scope)
        if "pandas.DataFrame" in root.types:
            machine.emit(
                site.scope,
                site.at,
                ("chained-assignment",),
                "pandas.DataFrame",
                {"frame": root.snapshot(written(base))},
                detail={"first": "inplace", "text": written(inner), "method": function[3], "loc": False},
            )


def call(
    machine: Interpreter, callee: Value, arguments: Arguments, keywords: Keywords, at: Position, scope: Scope | None
) -> Value:
    """A call that no expression of its own stands for (a callback, a decorator, a property)."""
    where = scope or machine.current
    if where is None:
        return unknown(callee, *arguments)
    return run(machine, callee, arguments, keywords, Site(at, where))


def run(machine: Interpreter, callee: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    machine.current = site.scope
    ref = callee.ref
    if isinstance(ref, imports.Lazy):
        return run(machine, imports.force(machine, ref), arguments, keywords, site)
    if isinstance(ref, Closure):
        if ref.receiver is not None:
            arguments = [ref.receiver, *arguments]
        return step_in(machine, ref, arguments, keywords, site)
    if isinstance(ref, Api):
        return _api(machine, callee, ref.name, arguments, keywords, site)
    if isinstance(ref, Bound):
        return _method(machine, ref.receiver, ref.name, arguments, keywords, site)
    if isinstance(ref, ClassRef):
        return construct(machine, ref, arguments, keywords, site)
    if isinstance(ref, Partial):
        return run(machine, ref.function, [*ref.arguments, *arguments], {**ref.keywords, **keywords}, site)
    if isinstance(ref, Instance):
        for name in ("__call__", "forward", "call"):
            method = ref.klass.find(name)
            if method is not None and isinstance(method.ref, Closure):
                made = step_in(machine, method.ref, [callee, *arguments], keywords, site)
                return _module_output(machine, callee, made, arguments, keywords, site)
    for type_name in callee.types:
        entry = machine.knowledge.method(type_name, "__call__")
        if entry is not None:
            return invoke(machine, entry, type_name, callee, arguments, keywords, site)
    return (
        unknown(callee, *arguments, *keywords.values()) if callee.is_data else unknown(*arguments, *keywords.values())
    )


def _module_output(
    machine: Interpreter, callee: Value, made: Value, arguments: Arguments, keywords: Keywords, site: Site
) -> Value:
    """Calling a model of the repository's own predicts, whatever its `forward` computes."""
    for type_name in callee.types:
        entry = machine.knowledge.method(type_name, "__call__")
        if entry is not None:
            result = invoke(machine, entry, type_name, callee, arguments, keywords, site)
            output = made.output
            made = made.like() if made.is_data else result
            made.output = output or made.output
            made.models = result.models
            made.rows = made.rows or result.rows
            made.output = made.output or result.output
            return made
    return made


# ---- the repository's own code --------------------------------------------------------------------------------------


def step_in(machine: Interpreter, closure: Closure, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    """Interprets a function of the repository on these arguments."""
    function = closure.function
    runs = machine.entered.get(function, 0)
    given = [*arguments, *keywords.values()]
    limit = _MOST_RUNS
    if any(v.is_data for v in given):
        limit = _MOST_RUNS_WITH_DATA
    elif any(v.held or v.attributes for v in given):
        limit = _MOST_RUNS_WITH_OBJECTS
    if function in machine.stack or len(machine.stack) >= machine.deepest:
        return unknown(*given)
    if runs >= limit:
        last = machine.last_results.get(function)
        made = unknown(*given)
        if last is not None:
            made.types = last.types
        return made
    machine.entered[function] = runs + 1
    inner = Scope(closure.scope.module, closure.scope, _qualified(closure, function))
    inner.cell = closure.cell
    inner.returns = []
    bind(machine, function, inner, closure.scope, arguments, keywords)
    machine.stack.append(function)
    machine.callers.append(machine.place(site.at, site.scope))
    try:
        left = machine.run(function.body, inner)
    finally:
        machine.stack.pop()
        machine.callers.pop()
    result = _returned(inner.returns, left)
    machine.last_results[function] = result
    machine.current = site.scope
    return result


def _qualified(closure: Closure, function: Function) -> str:
    if closure.owner is not None:
        return f"{closure.owner.definition.name}.{function.name}"
    outer = closure.scope.function
    return f"{outer}.{function.name}" if outer else function.name


def _returned(returns: list[Value], left: bool) -> Value:
    if not returns:
        return const(None)
    result = returns[0]
    for value in returns[1:]:
        if value.constant is None and not value.is_data:
            continue
        result = join(result, value) if not (result.constant is None and not result.is_data) else value
    return result


def bind(
    machine: Interpreter, function: Function, inner: Scope, outer: Scope, arguments: Arguments, keywords: Keywords
) -> None:
    """Arguments to parameters; a default is evaluated where the function was defined."""
    rest = list(arguments)
    used: set[str] = set()
    for parameter in function.parameters:
        name = parameter.name
        if parameter.kind == "*":
            inner.names[name] = sequence("tuple", rest)
            rest = []
        elif parameter.kind == "**":
            extra: list[tuple[Value | None, Value]] = [
                (const(k), v) for k, v in keywords.items() if k not in used and k != "**"
            ]
            inner.names[name] = mapping(extra)
        elif not parameter.keyword_only and rest:
            inner.names[name] = rest.pop(0)
        elif name in keywords:
            inner.names[name] = keywords[name]
            used.add(name)
        elif "**" in keywords:
            inner.names[name] = unknown(keywords["**"])
        elif parameter.default is not None:
            inner.names[name] = machine.eval(parameter.default, outer)
        else:
            inner.names[name] = machine.annotated(parameter.annotation, outer)


def instance(klass: ClassRef) -> Value:
    made = Value(klass.all_api_bases(), ref=Instance(klass))
    made.attributes = {}
    return made


def class_of(value: Value) -> ClassRef | None:
    """The class of the repository that a value is an instance of."""
    return value.ref.klass if isinstance(value.ref, Instance) else None


def construct(machine: Interpreter, klass: ClassRef, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    """An instance of a class of the repository; dataclass fields become attributes."""
    made = instance(klass)
    assert made.attributes is not None
    initial = klass.find("__init__")
    if initial is not None and isinstance(initial.ref, Closure):
        step_in(machine, initial.ref, [made, *arguments], keywords, site)
    elif not klass.api_bases:
        fields = [n for n, v in klass.attributes.items() if not isinstance(v.ref, Closure)]
        for name, value in [*zip(fields, arguments, strict=False), *keywords.items()]:
            made.attributes[name] = value
    if klass.find("__getitem__") is not None or klass.find("__iter__") is not None:
        for value in list(made.attributes.values()):
            if value.is_data:
                made.adopt(value)
    for name in klass.api_bases:
        entry = machine.knowledge.entry(name)
        if entry is not None:
            roles = tuple(r for r in entry.roles if r == "construct_model")
            machine.emit(site.scope, site.at, roles or ("call",), name, result=made, statement=site.statement)
            break
    return made


def enter(machine: Interpreter, value: Value, scope: Scope) -> Value:
    """What `with value as x` binds."""
    klass = class_of(value)
    method = klass.find("__enter__") if klass is not None else None
    if method is not None and isinstance(method.ref, Closure):
        return step_in(machine, method.ref, [value], {}, Site(machine.position, scope))
    return value


def decorate(machine: Interpreter, decorator: Expression, value: Value, function: Function, scope: Scope) -> Value:
    """A decorated function stays itself; a catalogued decorator is an event, a repository's own is stepped into."""
    expression = decorator[2] if decorator[0] == "call" else decorator
    if expression[0] == "name" and expression[1] in ("property", "staticmethod", "classmethod", "dataclass"):
        return value
    named = machine.eval(expression, scope)
    if isinstance(named.ref, imports.Lazy):
        named = imports.force(machine, named.ref)
    arguments: dict[str, Snapshot] = {}
    if decorator[0] == "call":
        for index, argument in enumerate(decorator[3]):
            arguments[str(index)] = machine.eval(argument, scope).snapshot(written(argument))
        for name, argument in decorator[4]:
            arguments[name or "**"] = machine.eval(argument, scope).snapshot(written(argument))
    full = ""
    if isinstance(named.ref, Api):
        full = named.ref.name
    elif isinstance(named.ref, Bound) and named.ref.receiver.types:
        full = f"{named.ref.receiver.types[0]}.{named.ref.name}"
    if full:
        entry = machine.knowledge.entry(full) or _typed(machine, named)
        roles = entry.roles if entry is not None else ()
        name = entry.name if entry is not None else machine.knowledge.canonical(full)
        machine.emit(
            scope,
            function.at,
            roles or ("decorator",),
            name,
            arguments,
            detail={
                "decorates": function.name,
                "async": function.is_async,
                "parameters": tuple(p.name for p in function.parameters),
            },
        )
    return value


def _typed(machine: Interpreter, named: Value) -> Entry | None:
    if isinstance(named.ref, Bound):
        for type_name in named.ref.receiver.types:
            found = machine.knowledge.method(type_name, named.ref.name)
            if found is not None:
                return found
    return None


# ---- libraries ------------------------------------------------------------------------------------------------------


def _api(machine: Interpreter, callee: Value, full: str, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    special = builtin.call(machine, full, arguments, keywords)
    if special is not None:
        if full == "builtins.open" and special.attributes is not None:
            shown = {k: v.snapshot(site.names.get(str(i), "")) for i, (k, v) in enumerate(special.attributes.items())}
            machine.emit(site.scope, site.at, ("open",), "open", shown, result=special)
        return special
    entry = machine.knowledge.entry(full)
    if entry is not None and entry.kind == "class":
        return _construct_api(machine, entry, arguments, keywords, site)
    if entry is not None and entry.kind != "attribute":
        return invoke(machine, entry, "", None, arguments, keywords, site)
    if callee.types and "." in full:
        return _method(machine, callee, "__call__", arguments, keywords, site)
    owner, _, method = full.rpartition(".")
    parent = machine.knowledge.entry(owner)
    if parent is not None and parent.kind == "class" and arguments:
        found = machine.knowledge.method(owner, method)
        if found is not None:
            return invoke(machine, found, owner, arguments[0], arguments[1:], keywords, site)
    made = unknown(*arguments, *keywords.values())
    name = full.rpartition(".")[2]
    if name[:1].isupper():
        made.types = (full,)
        made.attributes = None
        made.held = [v for v in arguments if v.types] or None
    if full.startswith("builtins."):
        full = full.removeprefix("builtins.")
    shown = {str(i): v.snapshot(site.names.get(str(i), "")) for i, v in enumerate(arguments)}
    shown |= {k: v.snapshot(site.names.get(k, "")) for k, v in keywords.items()}
    machine.emit(site.scope, site.at, ("call",), full, shown, result=made, strong=False, statement=site.statement)
    return made


def bound_ports(
    entry: Entry, arguments: Arguments, keywords: Keywords, names: dict[str, str]
) -> tuple[effects.Ports, dict[str, str]]:
    """Arguments by the names of the entry's parameters, and how each is written."""
    ports: effects.Ports = {}
    shown: dict[str, str] = {}
    position = 0
    for parameter in entry.parameters:
        if parameter.rest:
            ports[parameter.name] = sequence("tuple", arguments[position:])
            shown[parameter.name] = ", ".join(names.get(str(i), "") for i in range(position, len(arguments)))
            position = len(arguments)
        elif not parameter.keyword_only and position < len(arguments):
            ports[parameter.name] = arguments[position]
            shown[parameter.name] = names.get(str(position), "")
            position += 1
    for index in range(position, len(arguments)):
        ports[str(index)] = arguments[index]
        shown[str(index)] = names.get(str(index), "")
    for name, value in keywords.items():
        ports[name] = value
        shown[name] = names.get(name, "")
    return ports, shown


def invoke(
    machine: Interpreter,
    entry: Entry,
    owner_name: str,
    receiver: Value | None,
    arguments: Arguments,
    keywords: Keywords,
    site: Site,
    strong: bool = True,
) -> Value:
    """A call that an entry describes: effects on values, and an event."""
    ports, names = bound_ports(entry, arguments, keywords, site.names)
    chosen = _variant(entry, ports)
    if "search" in chosen.roles:
        _ask(machine, ports, site)
    owner = machine.knowledge.entry(owner_name) if owner_name else None
    result = _result(machine, chosen.returns, ports, receiver)
    operation = effects.Call(machine, chosen, owner, ports, receiver, result)
    shown = {k: v.snapshot(names.get(k, "")) for k, v in ports.items()}
    if chosen.effects:
        effects.carry_out(operation, chosen.effects)
    elif receiver is not None and result is not receiver and receiver.is_data and chosen.returns not in (None, "none"):
        result.strong = receiver.strong
    result = operation.result
    _note(machine, operation, chosen, owner)
    if chosen.mutates:
        result = _mutated(machine, chosen, operation, receiver, result)
    if not strong:
        result.strong = False
    if not chosen.effects and not chosen.returns:
        flowed = unknown(*([receiver] if receiver is not None else []), *ports.values())
        result.adopt(flowed)
    if site.statement:
        operation.detail["in_place"] = _in_place(chosen, ports)
        operation.detail["may_change"] = bool(chosen.mutates)
    event_strong = (
        strong and all(v.strong for v in ports.values() if v.is_data) and (receiver is None or receiver.strong)
    )
    machine.emit(
        site.scope,
        site.at,
        chosen.roles or ("call",),
        entry.name,
        shown,
        receiver,
        result,
        operation.detail,
        event_strong,
        site.statement,
        site.receiver,
    )
    if chosen.returns == "none" and not chosen.mutates:
        return const(None)
    return result


def _ask(machine: Interpreter, ports: effects.Ports, site: Site) -> None:
    """A search calls the objective that it is given; one that is no function of the module is run nowhere else."""
    for value in list(ports.values()):
        closure = value.ref
        if isinstance(closure, Closure) and closure.scope.parent is not None and not closure.receiver:
            step_in(machine, closure, [], {}, site)


def _variant(entry: Entry, ports: effects.Ports) -> Entry:
    for number, variant in enumerate(entry.variants):
        if effects.holds(variant.get("when"), ports, entry):
            return entry.variant(number)
    return entry


def described(machine: Interpreter, entry: Entry, ports: effects.Ports, receiver: Value | None) -> Value:
    """A fresh value of the type that an entry says it returns for these arguments."""
    return _result(machine, _variant(entry, ports).returns, ports, receiver)


def _result(machine: Interpreter, returns: object, ports: effects.Ports, receiver: Value | None) -> Value:
    """A value of the type that an entry says it returns."""
    if returns == "self" and receiver is not None:
        return receiver
    if isinstance(returns, str):
        if returns == "none":
            return Value()
        if returns.startswith("arg:"):
            name = returns[4:]
            source = receiver if name == "self" else ports.get(name)
            return Value(() if source is None else source.types)
        return Value((returns,))
    if isinstance(returns, list | tuple):
        made = Value(("tuple",))
        made.elements = {i: _result(machine, inner, ports, receiver) for i, inner in enumerate(returns)}
        return made
    return Value()


def _mutated(
    machine: Interpreter, entry: Entry, operation: effects.Call, receiver: Value | None, result: Value
) -> Value:
    """A call that changes its receiver in place does to it what it else would return."""
    if receiver is None:
        return result
    if entry.mutates != "always":
        flag = operation.ports.get(entry.mutates)
        if flag is None or flag.constant is False or flag.constant is None:
            return result
        if flag.constant is MISSING:
            receiver.learned |= result.learned
            return result
    if result is receiver:
        return receiver
    if receiver.column_of is not None:
        indexing.overlay(
            receiver.column_of[0], (receiver.column_of[1],), result.all_learned, replace=not machine.branches
        )
    if result.rows:
        receiver.rows = result.rows if not machine.branches else receiver.rows | result.rows
    receiver.learned |= result.learned
    if result.overlay is not None or receiver.overlay is not None:
        receiver.overlay = result.overlay
        receiver.learned = result.learned
    if result.columns is not None:
        receiver.columns = result.columns
    if receiver.lost is not None and result.types == receiver.types:
        receiver.lost = result.lost
    return result if entry.mutates == "always" else const(None)


def _in_place(entry: Entry, ports: effects.Ports) -> bool | None:
    """Whether a call changes its object instead of giving back a new one; None where an argument decides it and is
    unknown.
    """
    if entry.mutates == "always" or str(entry.mutates).startswith("arg:"):
        return True
    flag = ports.get(str(entry.mutates or "inplace")) or ports.get("out") or ports.get("dst")
    if flag is None or flag.constant is False or (flag.constant is None and "out" not in ports):
        return None if "**" in ports else False
    return True if flag.constant is not MISSING or "out" in ports else None


def _note(machine: Interpreter, operation: effects.Call, entry: Entry, owner: Entry | None) -> None:
    """Facts of the entry that rules ask for: seeds, unsafe loading, sensitivity to scale."""
    detail = operation.detail
    if entry.draws:
        detail["draws"] = _draws(machine, entry, operation.ports)
        detail["draws_global"] = tuple(d for d, parameter in entry.draws.items() if parameter is None and d != "when")
    if entry.covers_seed:
        detail["covers"] = entry.covers_seed
    if entry.unsafe is not None:
        detail["unsafe"] = True if entry.unsafe is True else effects.holds(entry.unsafe, operation.ports, entry)
    for described in (entry, owner):
        if described is not None and described.scale_sensitive:
            detail["scale_sensitive"] = described.scale_sensitive
        if described is not None and described.hard_labels:
            detail["hard_labels"] = described.hard_labels
    if entry.waits and entry.waits not in operation.ports and "**" not in operation.ports:
        detail["waits"] = entry.waits
    if entry.pins and not any(name in operation.ports for name in (*entry.pins, "**")):
        detail["unpinned"] = True
    if entry.tunes:
        detail["tunes"] = entry.tunes
    if entry.cost:
        detail["cost"] = entry.cost


def _draws(machine: Interpreter, entry: Entry, ports: effects.Ports) -> dict[str, str]:
    """Random domains that a call draws from, each with whether it is seeded here."""
    condition = entry.draws.get("when")
    applies = effects.holds(condition, ports, entry)
    if applies is False:
        return {}
    seeds: dict[str, str] = {}
    for domain, parameter in entry.draws.items():
        if domain == "when":
            continue
        value = ports.get(parameter) if parameter else None
        if "**" in ports:
            state = "unknown"
        elif value is None or value.constant is None:
            state = "unseeded"
        else:
            state = "seeded"
        seeds[domain] = state if applies else ("unknown" if state == "unseeded" else state)
    return seeds


def _construct_api(machine: Interpreter, entry: Entry, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    """An instance of a library's class; it remembers the arguments it was made with."""
    ports, names = bound_ports(entry, arguments, keywords, site.names)
    made = _result(machine, entry.returns, ports, None) if entry.returns else Value((entry.name,))
    if not entry.returns:
        made.attributes = {}
    operation = effects.Call(machine, entry, entry, ports, None, made)
    shown = {k: v.snapshot(names.get(k, "")) for k, v in ports.items()}
    if entry.effects:
        effects.carry_out(operation, entry.effects)
    made = operation.result
    if made.attributes is not None:
        made.attributes.update({k: v for k, v in ports.items() if k not in made.attributes})
    _note(machine, operation, entry, entry)
    machine.emit(
        site.scope,
        site.at,
        entry.roles or ("call",),
        entry.name,
        shown,
        None,
        made,
        operation.detail,
        True,
        site.statement,
    )
    return made


def attribute_of(machine: Interpreter, owner: Value, entry: Entry, at: Position, scope: Scope) -> Value:
    """A catalogued attribute of a value."""
    result = _result(machine, entry.returns, {}, owner)
    if result is owner:
        return owner
    operation = effects.Call(machine, entry, None, {}, owner, result)
    if entry.effects:
        effects.carry_out(operation, entry.effects)
    elif entry.returns == "arg:self" or (
        owner.rows and result.is_a("pandas.Series", "numpy.ndarray", "pandas.DataFrame")
    ):
        operation.result.rows = owner.rows
        operation.result.learned = owner.all_learned
        operation.result.strong = owner.strong
    operation.result.models = operation.result.models or owner.models
    if entry.roles:
        machine.emit(scope, at, entry.roles, entry.name, receiver=owner, result=operation.result)
    if (
        owner.rows
        and entry.returns
        and not operation.result.rows
        and not operation.result.learned
        and not entry.effects
    ):
        return operation.result
    return operation.result


def _method(
    machine: Interpreter, receiver: Value, name: str, arguments: Arguments, keywords: Keywords, site: Site
) -> Value:
    """A method call on a value that is no instance of the repository's own classes."""
    if isinstance(receiver.ref, Bound) and not receiver.types and not receiver.is_data:
        return unknown(receiver, *arguments, *keywords.values())
    if name == "isin" and arguments and isinstance(arguments[0].ref, Selection):
        return Value(("pandas.Series",), ref=arguments[0].ref).like(mask=_mask_of(arguments[0].ref))
    if receiver.types and receiver.types[0] in containers.OWN:
        handled = containers.method(machine, receiver, name, arguments, keywords, site)
        if handled is not None:
            return handled
    for type_name in receiver.types:
        entry = machine.knowledge.method(type_name, name)
        if entry is not None:
            return invoke(machine, entry, type_name, receiver, arguments, keywords, site)
    handled = containers.method(machine, receiver, name, arguments, keywords, site)
    if handled is not None:
        return handled
    inherited = _inherited(machine, receiver, name, arguments, keywords, site)
    if inherited is not None:
        return inherited
    duck = machine.knowledge.duck(name) if not receiver.types or receiver.is_a("super") else None
    if duck is not None:
        return invoke(machine, duck, "", receiver, arguments, keywords, site, strong=False)
    made = (
        combine(receiver)
        if receiver.is_a("pandas.DataFrame", "pandas.Series")
        else unknown(receiver, *arguments, *keywords.values())
    )
    if receiver.is_a("pandas.DataFrame", "pandas.Series"):
        made.strong = False
    full = f"{receiver.types[0]}.{name}" if receiver.types else f"?.{name}"
    shown = {str(i): v.snapshot(site.names.get(str(i), "")) for i, v in enumerate(arguments)}
    shown |= {k: v.snapshot(site.names.get(k, "")) for k, v in keywords.items()}
    machine.emit(
        site.scope,
        site.at,
        ("call",),
        full,
        shown,
        receiver,
        made,
        strong=False,
        statement=site.statement,
        receiver_name=site.receiver,
    )
    return made


def _mask_of(selection: Selection) -> tuple[str, bool] | None:
    """A filter that lets through the rows of a frame, by their index."""
    return (f"isin|{selection.token}", False) if selection.split < 0 and selection.token >= 0 else None


def _inherited(
    machine: Interpreter, receiver: Value, name: str, arguments: Arguments, keywords: Keywords, site: Site
) -> Value | None:
    """`fit_transform` of a transformer of the repository's own, which has only `fit` and `transform`."""
    klass = class_of(receiver)
    if klass is None or name != "fit_transform":
        return None
    fit, transform = klass.find("fit"), klass.find("transform")
    if fit is None or transform is None or not isinstance(fit.ref, Closure) or not isinstance(transform.ref, Closure):
        return None
    step_in(machine, fit.ref, [receiver, *arguments], keywords, site)
    return step_in(machine, transform.ref, [receiver, *arguments[:1]], {}, site)


__all__ = [
    "Selection",
    "Site",
    "call",
    "class_of",
    "construct",
    "decorate",
    "enter",
    "evaluate",
    "instance",
    "run",
    "step_in",
]
