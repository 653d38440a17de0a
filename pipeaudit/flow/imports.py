"""Imports: a library's name, or a module of the repository that runs when a name of it is first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeaudit.flow.scopes import Module, Scope
from pipeaudit.flow.values import Api, ModuleRef, Value

if TYPE_CHECKING:
    from pipeaudit.flow.interpret import Interpreter
    from pipeaudit.read.python import Statement


_DEEPEST_ON_IMPORT = 2  # calls that a module makes while it is imported set it up; they are rarely the pipeline


class Lazy:
    """A name imported from a module of the repository, not yet looked up."""

    __slots__ = ("module", "name")

    def __init__(self, module: Module, name: str) -> None:
        self.module = module
        self.name = name


def run_import(machine: Interpreter, statement: Statement, scope: Scope) -> None:
    """`import a.b [as c]`."""
    for dotted, alias in statement[2]:
        module = machine.find_module(f"{scope.module.path}:{dotted}")
        top = dotted.partition(".")[0]
        if module is not None and alias:
            scope.bind(alias, Value(("module",), ref=ModuleRef(module)))
        elif module is not None:
            package = machine.find_module(f"{scope.module.path}:{top}")
            scope.bind(top, Value(("module",), ref=ModuleRef(package or module)))
        else:
            machine.external.add(dotted)
            machine.emit(scope, statement[1], ("import",), dotted, detail={"alias": alias or ""})
            scope.bind(alias or top, Value(("module",), ref=Api(dotted if alias else top)))


def run_from(machine: Interpreter, statement: Statement, scope: Scope) -> None:
    """`from a.b import c [as d]`, relative ones and stars included."""
    _, _, level, dotted, names = statement
    module = machine.find_module(f"{scope.module.path}:{'.' * level}{dotted}")
    if module is None and level == 0:
        machine.external.add(dotted)
    for name, alias in names:
        if module is not None:
            if name == "*":
                scope.names.update({k: v for k, v in names_of(machine, module).items() if not k.startswith("_")})
            else:
                scope.bind(alias, Value(ref=Lazy(module, name)))
        elif level:
            scope.bind(alias, Value())
        elif name == "*":
            for known in star(machine, dotted):
                scope.bind(known.rpartition(".")[2], Value(ref=Api(known)))
        else:
            full = machine.knowledge.canonical(f"{dotted}.{name}")
            from pipeaudit.flow import builtin

            scope.bind(alias, builtin.constant(full) or _named(machine, full))


def _named(machine: Interpreter, full: str) -> Value:
    """A name of a library; an object that it exports has its type."""
    entry = machine.knowledge.entry(full)
    if entry is not None and entry.kind == "attribute" and isinstance(entry.returns, str):
        return Value((entry.returns,), ref=Api(full))
    return Value(ref=Api(full))


def star(machine: Interpreter, dotted: str) -> list[str]:
    """What `from library import *` brings, as far as entries tell."""
    return machine.knowledge.members(dotted)


def names_of(machine: Interpreter, module: Module) -> dict[str, Value]:
    """The names of a module, which runs first if it has not yet."""
    if module.scope is None:
        module.scope = Scope(module)
        callers, machine.callers = machine.callers, []
        loops, machine.loops = machine.loops, []
        branches, machine.branches = machine.branches, 0
        deepest, machine.deepest = machine.deepest, min(machine.deepest, len(machine.stack) + _DEEPEST_ON_IMPORT)
        for block in module.facts.blocks:
            module.scope.cell = block.cell
            machine.run(block.body, module.scope)
        machine.callers, machine.loops, machine.branches, machine.deepest = callers, loops, branches, deepest
    return module.scope.names


def member(machine: Interpreter, module: Module, name: str) -> Value:
    """`module.name`: one of its names, else a submodule."""
    found = names_of(machine, module).get(name)
    if found is not None:
        return force(machine, found.ref) if isinstance(found.ref, Lazy) else found
    inner = machine.find_module(
        f"{module.path}:.{name}" if module.path.endswith("__init__.py") else f"{module.path}/:{name}"
    )
    if inner is not None:
        return Value(("module",), ref=ModuleRef(inner))
    return Value()


def force(machine: Interpreter, lazy: Lazy, depth: int = 0) -> Value:
    """The value behind a lazy import; a cycle of re-exports ends as unknown."""
    found = names_of(machine, lazy.module).get(lazy.name)
    if found is None:
        return member(machine, lazy.module, lazy.name)
    if isinstance(found.ref, Lazy):
        return force(machine, found.ref, depth + 1) if depth < 10 else Value()
    return found
