"""Lightweight components, whose body is shipped alone: what it uses of the module around it."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass

from pipeaudit.model.location import Location
from pipeaudit.read.columns import parsed

_GIVEN = frozenset(dir(builtins)) | {"__name__", "__file__"}
_MAKERS = frozenset(("create_component_from_func", "func_to_container_op", "create_component_from_func_v2"))
_EXEMPT = frozenset(("target_image", "modules_to_capture", "func_to_container_op"))


@dataclass(frozen=True, slots=True)
class Component:
    """A function that a decorator or a call makes a component; `outside` are names of its module that its body uses."""

    name: str
    at: Location
    outside: tuple[tuple[str, Location], ...]


def components(path: str, text: str) -> list[Component]:
    """Lightweight components of a file, in order; nothing for what can't be parsed."""
    tree = parsed(text)
    if tree is None:
        return []
    made = {
        call.args[0].id
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and _last(call.func) in _MAKERS and call.args
        if isinstance(call.args[0], ast.Name) and not _is_exempt(call)
    }
    module = set(_module_names(tree))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [
        _component(path, function, module)
        for function in functions
        if function.name in made or any(map(_is_component, function.decorator_list))
    ]


def _is_component(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Call):
        return _last(decorator.func) == "component" and not _is_exempt(decorator)
    return _last(decorator) == "component"


def _is_exempt(call: ast.Call) -> bool:
    """Built into an image with its module, which is then there."""
    return any(keyword.arg in _EXEMPT for keyword in call.keywords)


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _module_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def _component(path: str, function: ast.FunctionDef, module: set[str]) -> Component:
    arguments = function.args
    parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    own = {parameter.arg for parameter in parameters} | set(_made(function))
    outside: dict[str, Location] = {}
    for statement in function.body:
        for node in _without_annotations(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in module - own - _GIVEN:
                outside.setdefault(node.id, Location(path, node.lineno, node.col_offset + 1))
    return Component(function.name, Location(path, function.lineno), tuple(outside.items()))


def _made(function: ast.FunctionDef) -> Iterator[str]:
    """Names that the body makes itself, at any depth."""
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and node is not function:
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name


def _without_annotations(node: ast.AST) -> Iterator[ast.AST]:
    pending: list[ast.AST] = [node]
    while pending:
        current = pending.pop()
        yield current
        for name, value in ast.iter_fields(current):
            if name in ("annotation", "returns"):
                continue
            pending += [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, ast.AST)]
