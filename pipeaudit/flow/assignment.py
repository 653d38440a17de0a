"""Where an assigned value goes: names, parts of tuples, attributes, subscripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeaudit.flow import indexing
from pipeaudit.flow.scopes import Scope
from pipeaudit.flow.values import (
    Api,
    ModuleRef,
    Value,
    const,
    join,
    sequence,
)
from pipeaudit.read.python import Expression, Position

if TYPE_CHECKING:
    from pipeaudit.flow.interpret import Interpreter


def assign(machine: Interpreter, target: Expression, value: Value, scope: Scope, at: Position) -> None:
    kind = target[0]
    if kind == "name":
        if not value.label:
            value.label = target[1]
        scope.bind(target[1], value)
    elif kind in ("tuple", "list"):
        for element, part in zip(target[1], unpack(machine, value, target[1], scope), strict=True):
            machine.assign(element[1] if element[0] == "star" else element, part, scope, at)
    elif kind == "attr":
        owner = machine.eval(target[2], scope)
        if isinstance(owner.ref, ModuleRef) and owner.ref.module.scope is not None:
            owner.ref.module.scope.names[target[3]] = value
            return
        if "pandas.DataFrame" in owner.types and owner.attributes is None:
            indexing.store(machine, owner, const(target[3]), value, scope, at)
            return
        if owner.attributes is None:
            owner.attributes = {}
        mine = owner.attributes.get(target[3])
        owner.attributes[target[3]] = join(mine, value) if mine is not None and machine.branches else value
        if isinstance(owner.ref, Api):
            machine.emit(scope, at, ("set_attribute",), f"{owner.ref.name}.{target[3]}", {"value": value.snapshot()})
        elif target[3] == "grad":
            machine.emit(scope, at, ("zero_grad",), "grad", {"value": value.snapshot()}, owner)
    elif kind == "index":
        indexing.assign(machine, target, value, scope, at)
    elif kind == "star":
        machine.assign(target[1], value, scope, at)


def unpack(machine: Interpreter, value: Value, targets: tuple[Expression, ...], scope: Scope) -> list[Value]:
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
    return [indexing.part(machine, value, i, scope) for i in range(count)]
