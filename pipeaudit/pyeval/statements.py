"""Statements: branches whose condition is not known run on both sides, loops as far as their items are known."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pipeaudit.pyeval.bounds import MAX_ITERATIONS
from pipeaudit.pyeval.expressions import assign
from pipeaudit.pyeval.frames import Flow, Frame
from pipeaudit.pyeval.imports import import_modules, import_names
from pipeaudit.pyeval.operators import operate, truth
from pipeaudit.pyeval.values import Class, External, Function, Model, Unknown, Value, choose, elements, unknown

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator


def execute(evaluator: Evaluator, body: Sequence[ast.stmt], frame: Frame) -> Flow:
    perhaps = False
    for statement in body:
        evaluator.step()
        run = _STATEMENTS.get(type(statement))
        flow = Flow.ON if run is None else run(evaluator, statement, frame)
        if flow is Flow.PERHAPS:
            perhaps = True
        elif flow is not Flow.ON:
            return flow
    return Flow.PERHAPS if perhaps else Flow.ON


def _expression(evaluator: Evaluator, node: ast.Expr, frame: Frame) -> Flow:
    evaluator.evaluate(node.value, frame)
    return Flow.ON


def _assign(evaluator: Evaluator, node: ast.Assign, frame: Frame) -> Flow:
    value = evaluator.evaluate(node.value, frame)
    for target in node.targets:
        assign(evaluator, target, value, frame)
    return Flow.ON


def _annotated(evaluator: Evaluator, node: ast.AnnAssign, frame: Frame) -> Flow:
    if node.value is not None:
        assign(evaluator, node.target, evaluator.evaluate(node.value, frame), frame)
    return Flow.ON


def _augment(evaluator: Evaluator, node: ast.AugAssign, frame: Frame) -> Flow:
    current = evaluator.evaluate(_as_load(node.target), frame)
    other = evaluator.evaluate(node.value, frame)
    if isinstance(current, list) and isinstance(node.op, ast.Add):
        current.extend(elements(other) or [unknown(other)])
        return Flow.ON
    assign(evaluator, node.target, operate(node.op, current, other), frame)
    return Flow.ON


def _as_load(target: ast.Name | ast.Attribute | ast.Subscript) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.copy_location(ast.Name(target.id, ast.Load()), target)
    return target


def _if(evaluator: Evaluator, node: ast.If, frame: Frame) -> Flow:
    if _is_type_checking(node.test):
        return evaluator.execute(node.body, frame)
    condition = truth(evaluator.evaluate(node.test, frame))
    if condition is not None:
        return evaluator.execute(node.body if condition else node.orelse, frame)
    return branches(evaluator, [node.body, node.orelse], frame)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def branches(evaluator: Evaluator, bodies: Sequence[Sequence[ast.stmt]], frame: Frame) -> Flow:
    """Runs each body from the same names, then joins what they left; a body that does not go on leaves nothing."""
    before = dict(frame.names)
    after: list[dict[str, Value]] = []
    flows: list[Flow] = []
    for body in bodies:
        frame.names.clear()
        frame.names.update(before)
        flow = evaluator.execute(body, frame)
        flows.append(flow)
        if flow in (Flow.ON, Flow.PERHAPS):
            after.append(dict(frame.names))
    joined = _join(after) if after else before
    frame.names.clear()
    frame.names.update(joined)
    if all(flow is Flow.ON for flow in flows):
        return Flow.ON
    if after:
        return Flow.PERHAPS
    kinds = set(flows)
    if kinds <= {Flow.RETURN, Flow.RAISE}:
        return Flow.RETURN if Flow.RETURN in kinds else Flow.RAISE
    return kinds.pop() if len(kinds) == 1 else Flow.CONTINUE


def _join(sides: list[dict[str, Value]]) -> dict[str, Value]:
    joined = dict(sides[0])
    for side in sides[1:]:
        for name, value in side.items():
            if name not in joined:
                joined[name] = value
            elif joined[name] is not value:
                joined[name] = choose((joined[name], value))
    return joined


def _for(evaluator: Evaluator, node: ast.For | ast.AsyncFor, frame: Frame) -> Flow:
    iterable = evaluator.evaluate(node.iter, frame)
    items = elements(iterable)
    if items is None or len(items) > MAX_ITERATIONS:
        items = [unknown(iterable, text="{}")]
    perhaps = False
    for item in items:
        assign(evaluator, node.target, item, frame)
        flow = evaluator.execute(node.body, frame)
        if flow is Flow.BREAK:
            return Flow.PERHAPS if perhaps else Flow.ON
        if flow in (Flow.RETURN, Flow.RAISE):
            return flow
        perhaps = perhaps or flow is Flow.PERHAPS
    ended = evaluator.execute(node.orelse, frame)
    return ended if ended is not Flow.ON or not perhaps else Flow.PERHAPS


def _while(evaluator: Evaluator, node: ast.While, frame: Frame) -> Flow:
    for _ in range(MAX_ITERATIONS):
        condition = truth(evaluator.evaluate(node.test, frame))
        if condition is False:
            break
        flow = evaluator.execute(node.body, frame)
        if flow in (Flow.RETURN, Flow.RAISE):
            return flow
        if flow in (Flow.BREAK, Flow.PERHAPS) or condition is None:
            break
    return Flow.ON


def _with(evaluator: Evaluator, node: ast.With | ast.AsyncWith, frame: Frame) -> Flow:
    entered: list[Model] = []
    for item in node.items:
        context = evaluator.evaluate(item.context_expr, frame)
        value = context
        if isinstance(context, Model):
            value = context.enter()
            entered.append(context)
        elif isinstance(context, list) and context:  # a generator under contextlib.contextmanager
            value = context[0]
        if item.optional_vars is not None:
            assign(evaluator, item.optional_vars, value, frame)
    try:
        return evaluator.execute(node.body, frame)
    finally:
        for context in reversed(entered):
            context.leave()


def _try(evaluator: Evaluator, node: ast.Try, frame: Frame) -> Flow:
    flow = evaluator.execute(node.body, frame)
    if flow is Flow.RAISE:
        flow = branches(evaluator, [handler.body for handler in node.handlers], frame) if node.handlers else flow
    elif flow in (Flow.ON, Flow.PERHAPS):
        other = evaluator.execute(node.orelse, frame)
        flow = flow if other is Flow.ON else other
    final = evaluator.execute(node.finalbody, frame)
    return flow if final is Flow.ON else final


def _match(evaluator: Evaluator, node: ast.Match, frame: Frame) -> Flow:
    subject = evaluator.evaluate(node.subject, frame)
    possible: list[Sequence[ast.stmt]] = []
    for case in node.cases:
        fits = _fits(evaluator, case.pattern, subject, frame)
        if fits is False:
            continue
        if fits and case.guard is None:
            if not possible:
                return evaluator.execute(case.body, frame)
            possible.append(case.body)
            return branches(evaluator, possible, frame)
        possible.append(case.body)
    return branches(evaluator, [*possible, []], frame) if possible else Flow.ON


def _fits(evaluator: Evaluator, pattern: ast.pattern, subject: Value, frame: Frame) -> bool | None:
    if isinstance(pattern, ast.MatchAs) and pattern.pattern is None:
        if pattern.name:
            frame.store(pattern.name, subject)
        return True
    if isinstance(pattern, ast.MatchValue):
        return truth(operate(ast.Eq(), subject, evaluator.evaluate(pattern.value, frame)))
    if isinstance(pattern, ast.MatchOr):
        answers = [_fits(evaluator, part, subject, frame) for part in pattern.patterns]
        return True if True in answers else None if None in answers else False
    return None


def _function(evaluator: Evaluator, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> Flow:
    arguments = node.args
    in_class = frame.function == "<class>"
    function = Function(
        node,
        frame.file,
        (frame.outer or frame.top) if in_class else frame,  # names of a class body are not seen from its methods
        tuple(evaluator.evaluate(default, frame) for default in arguments.defaults),
        {
            a.arg: evaluator.evaluate(d, frame)
            for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if d is not None
        },
        owner=frame.owner if in_class else None,
    )
    frame.store(node.name, _decorated(evaluator, function, node.decorator_list, frame))
    return Flow.ON


def _class(evaluator: Evaluator, node: ast.ClassDef, frame: Frame) -> Flow:
    bases = tuple(evaluator.evaluate(base, frame) for base in node.bases)
    cls = Class(node.name, node, frame.file, bases, {})
    body = Frame(
        frame.file,
        frame.module_name,
        names=cls.attributes,
        outer=frame if frame.module is not None else None,
        module=frame.top,
        function="<class>",
        owner=cls,
    )
    evaluator.execute(node.body, body)
    frame.store(node.name, _decorated(evaluator, cls, node.decorator_list, frame))
    return Flow.ON


def _decorated(evaluator: Evaluator, made: Function | Class, decorators: list[ast.expr], frame: Frame) -> Value:
    """Decorators that nothing is known of leave the function as it is."""
    value: Value = made
    names: list[str] = []
    for node in reversed(decorators):
        decorator = evaluator.evaluate(node, frame)
        name = decorator.name if isinstance(decorator, External | Unknown) else ""
        names.append(name)
        if isinstance(decorator, Unknown) or name in _TRANSPARENT:
            continue
        site = evaluator.site
        evaluator.site = (frame.file, made.node)
        try:
            result = evaluator.call(decorator, [value], node=made.node)
        finally:
            evaluator.site = site
        if not isinstance(result, Unknown) and result is not None:
            value = result
    made.decorations = tuple(names)
    return value


_TRANSPARENT = frozenset(
    {"property", "staticmethod", "classmethod", "functools.wraps", "functools.lru_cache", "functools.cache",
     "functools.cached_property", "abc.abstractmethod", "dataclasses.dataclass", "contextlib.contextmanager"}
)  # fmt: skip


def _return(evaluator: Evaluator, node: ast.Return, frame: Frame) -> Flow:
    frame.returned.append(None if node.value is None else evaluator.evaluate(node.value, frame))
    return Flow.RETURN


def _delete(evaluator: Evaluator, node: ast.Delete, frame: Frame) -> Flow:
    for target in node.targets:
        if isinstance(target, ast.Name):
            frame.names.pop(target.id, None)
    return Flow.ON


def _global(evaluator: Evaluator, node: ast.Global, frame: Frame) -> Flow:
    frame.globals.update(node.names)
    return Flow.ON


def _nonlocal(evaluator: Evaluator, node: ast.Nonlocal, frame: Frame) -> Flow:
    frame.foreign.update(node.names)
    return Flow.ON


_STATEMENTS: dict[type, Callable[..., Flow]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augment,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.Match: _match,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Return: _return,
    ast.Raise: lambda evaluator, node, frame: Flow.RAISE,
    ast.Break: lambda evaluator, node, frame: Flow.BREAK,
    ast.Continue: lambda evaluator, node, frame: Flow.CONTINUE,
    ast.Import: import_modules,
    ast.ImportFrom: import_names,
    ast.Delete: _delete,
    ast.Global: _global,
    ast.Nonlocal: _nonlocal,
}
