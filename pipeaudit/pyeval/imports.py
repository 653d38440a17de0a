"""Imports, and the names of the repository's own modules."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pipeaudit.pyeval.frames import Flow, Frame
from pipeaudit.pyeval.values import External, Lazy, Module, Unknown, Value

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator


def import_modules(evaluator: Evaluator, node: ast.Import, frame: Frame) -> Flow:
    for alias in node.names:
        top = alias.name.partition(".")[0]
        target = alias.name if alias.asname else top
        path = None if top in evaluator.library.packages else evaluator.modules.find(target, frame.file.path)
        frame.store(alias.asname or top, External(target) if path is None else evaluator.module(path, target))
    return Flow.ON


def import_names(evaluator: Evaluator, node: ast.ImportFrom, frame: Frame) -> Flow:
    dotted = node.module or ""
    if node.level:
        path = evaluator.modules.relative(dotted, node.level, frame.file.path)
    elif dotted.partition(".")[0] in evaluator.library.packages:
        path = None
    else:
        path = evaluator.modules.find(dotted, frame.file.path)
    for alias in node.names:
        if alias.name == "*":
            _import_all(evaluator, path, dotted, frame)
        elif path is None:
            frame.store(alias.asname or alias.name, External(f"{dotted}.{alias.name}"))
        else:
            lazy = Lazy(evaluator.module(path, dotted), alias.name, frame.file.path)
            frame.store(alias.asname or alias.name, lazy)
    return Flow.ON


def member(evaluator: Evaluator, module: Module, name: str) -> Value:
    """A name of a module of the repository: what it defines, else its submodule."""
    frame = evaluator.run(module.path) if module.path else None
    if frame is not None and name in frame.names:
        return evaluator.force(frame.names[name])
    if module.folder or frame is None:
        path = evaluator.modules.child(module.folder, name)
        if path is not None:
            return evaluator.module(path, f"{module.name}.{name}")
    if frame is not None and frame.stars:
        return External(f"{frame.stars[-1]}.{name}")
    return External(f"{module.name}.{name}") if frame is None else Unknown(name=f"{module.name}.{name}")


def _import_all(evaluator: Evaluator, path: str | None, dotted: str, frame: Frame) -> None:
    if path is None:
        frame.stars.append(dotted)
        return
    found = evaluator.run(path) if path.endswith(".py") else None
    if found is not None and found is not frame:
        frame.names.update({n: v for n, v in found.names.items() if not n.startswith("_")})
        frame.stars.extend(found.stars)
