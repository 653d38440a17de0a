"""What a call does: a library's by what the system knows, the repository's own by stepping in."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeaudit.model.location import Location
from pipeaudit.pyeval import builtins, methods
from pipeaudit.pyeval.bounds import MAX_CALL_DEPTH
from pipeaudit.pyeval.files import PythonFile
from pipeaudit.pyeval.frames import Frame
from pipeaudit.pyeval.values import (
    NOT_KNOWN,
    Bound,
    Choice,
    Class,
    External,
    Function,
    Instance,
    Method,
    Model,
    Partial,
    Unknown,
    Value,
    choose,
    unknown,
)

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator


@dataclass(eq=False, slots=True)
class Call:
    """One call. `name` is the qualified external name, `cls` the repository class that is being made an instance of."""

    evaluator: Evaluator
    function: Value
    args: list[Value]
    keywords: dict[str, Value]
    file: PythonFile
    node: ast.AST
    name: str = ""
    cls: Class | None = None
    rest: list[Value] = field(default_factory=list)  # `*args` and `**kwargs` that are not known

    @property
    def at(self) -> Location:
        return self.file.at(self.node)

    def argument(self, position: int | None, *names: str, default: Value = NOT_KNOWN) -> Value:
        """The argument by keyword or position."""
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        if position is not None and position < len(self.args):
            return self.args[position]
        return default

    @property
    def values(self) -> list[Value]:
        return [*self.args, *self.keywords.values(), *self.rest]


def call(evaluator: Evaluator, made: Call) -> Value:
    """The value of a call; what nothing is known of carries what went in."""
    evaluator.step()
    function = made.function
    outer = evaluator.site
    evaluator.site = (made.file, made.node)
    try:
        if isinstance(function, Function):
            return evaluator.library.called(made, _step_in(evaluator, function, made))
        if isinstance(function, External):
            return _external(evaluator, function, made)
        if isinstance(function, Model):
            result = function.call(made)
            return unknown(function, *made.values) if result is NOT_KNOWN else result
        if isinstance(function, Bound):
            made.function = function.function
            made.args.insert(0, function.receiver)
            return call(evaluator, made)
        if isinstance(function, Class):
            return _construct(evaluator, function, made)
        if isinstance(function, Method):
            return methods.method(function, made)
        if isinstance(function, Partial):
            made.function = function.function
            made.args = [*function.args, *made.args]
            made.keywords = {**function.keywords, **made.keywords}
            return call(evaluator, made)
        if isinstance(function, Choice):
            return choose(_again(evaluator, made, option) for option in function.options)
        if isinstance(function, Instance) and (own := function.cls.find("__call__")) is not NOT_KNOWN:
            made.function = Bound(own, function)
            return call(evaluator, made)
        if isinstance(function, Unknown) and function.name:
            made.name = function.name
            result = evaluator.library.call(made)
            return unknown(function, *made.values, name=function.name) if result is NOT_KNOWN else result
        return unknown(function, *made.values)
    finally:
        evaluator.site = outer


def _again(evaluator: Evaluator, made: Call, function: Value) -> Value:
    return call(
        evaluator, Call(evaluator, function, list(made.args), dict(made.keywords), made.file, made.node, rest=made.rest)
    )


def _external(evaluator: Evaluator, function: External, made: Call) -> Value:
    made.name = function.name
    result = evaluator.library.call(made)
    if result is NOT_KNOWN:
        result = builtins.call(made)
    return unknown(*made.values, name=function.name) if result is NOT_KNOWN else result


def _construct(evaluator: Evaluator, cls: Class, made: Call) -> Value:
    made.cls = cls
    known = evaluator.library.construct(made)
    if known is not NOT_KNOWN:
        return known
    return instantiate(evaluator, cls, made)


def instantiate(evaluator: Evaluator, cls: Class, made: Call) -> Instance:
    """A plain instance: its class's `__init__` is stepped into, a dataclass takes its fields."""
    instance = Instance(cls)
    own = cls.find("__init__")
    if own is not NOT_KNOWN:
        inner = Call(evaluator, own, [instance, *made.args], dict(made.keywords), made.file, made.node, rest=made.rest)
        call(evaluator, inner)
        return instance
    instance.attributes.update(zip(_fields(cls), made.args, strict=False))
    instance.attributes.update(made.keywords)
    return instance


def _fields(cls: Class) -> list[str]:
    """Annotated names of the class body, base classes first: fields of a dataclass, NamedTuple or pydantic model."""
    classes = [step for step in cls.lineage() if isinstance(step, Class)]
    return list(
        dict.fromkeys(
            statement.target.id
            for step in reversed(classes)
            for statement in step.node.body
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        )
    )


def _step_in(evaluator: Evaluator, function: Function, made: Call) -> Value:
    """The result of one of the repository's own functions; unknown where it calls itself or the stack is deep."""
    if len(evaluator.calling) >= MAX_CALL_DEPTH or evaluator.calling.count(function.node) >= 2:
        return unknown(*made.values)
    node = function.node
    frame = Frame(
        function.file,
        function.frame.module_name,
        outer=function.frame if function.frame.module is not None else None,
        module=function.frame.top,
        function=function.name,
        owner=function.owner,
    )
    bind(frame, function, made)
    if function.parameters:
        frame.receiver = frame.names.get(function.parameters[0])
    evaluator.calling.append(node)
    evaluator.entered.add(node)
    try:
        if isinstance(node, ast.Lambda):
            return evaluator.evaluate(node.body, frame)
        if _is_generator(node):
            frame.yielded = []
            evaluator.execute(node.body, frame)
            return frame.yielded
        evaluator.execute(node.body, frame)
        return choose(frame.returned) if frame.returned else None
    finally:
        evaluator.calling.pop()


def bind(frame: Frame, function: Function, made: Call) -> None:
    """Arguments to parameters; a parameter that gets none and has no default is unknown."""
    arguments = function.node.args
    positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    keywords = dict(made.keywords)
    names = frame.names
    if made.rest:
        for name in (*positional, *(a.arg for a in arguments.kwonlyargs)):
            names[name] = unknown(*made.rest)
    else:
        for name in (*positional, *(a.arg for a in arguments.kwonlyargs)):
            names[name] = Unknown()
    for name, default in zip(reversed(positional), reversed(function.defaults), strict=False):
        names[name] = default
    names.update(function.keyword_defaults)
    names.update(zip(positional, made.args, strict=False))
    for name in (*(a.arg for a in arguments.args), *(a.arg for a in arguments.kwonlyargs)):
        if name in keywords:
            names[name] = keywords.pop(name)
    if arguments.vararg:
        names[arguments.vararg.arg] = tuple(made.args[len(positional) :])
    if arguments.kwarg:
        names[arguments.kwarg.arg] = keywords


def _is_generator(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        current = waiting.pop()
        if isinstance(current, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(current))
    return False
