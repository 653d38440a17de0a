"""Expressions over partly known values, and assignment to targets."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeaudit.pyeval import builtins
from pipeaudit.pyeval.bounds import MAX_ITERATIONS, MAX_LENGTH, MAX_MADE
from pipeaudit.pyeval.calls import Call, call
from pipeaudit.pyeval.frames import Frame
from pipeaudit.pyeval.members import attribute, is_hashable, item
from pipeaudit.pyeval.operators import is_number, operate, truth
from pipeaudit.pyeval.texts import concatenated
from pipeaudit.pyeval.values import (
    NOT_KNOWN,
    Choice,
    Class,
    External,
    Function,
    Instance,
    Lazy,
    Model,
    Super,
    Unknown,
    Value,
    choose,
    elements,
    unknown,
)

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator


def evaluate(evaluator: Evaluator, node: ast.expr, frame: Frame) -> Value:
    run = _EXPRESSIONS.get(type(node))
    return Unknown() if run is None else run(evaluator, node, frame)


def _constant(evaluator: Evaluator, node: ast.Constant, frame: Frame) -> Value:
    if isinstance(node.value, str) and len(node.value) > MAX_LENGTH:
        return Unknown(text=node.value[:MAX_LENGTH])
    return node.value


def _name(evaluator: Evaluator, node: ast.Name, frame: Frame) -> Value:
    value = frame.load(node.id)
    if value is not NOT_KNOWN:
        return evaluator.force(value) if isinstance(value, Lazy | Choice) else value
    if node.id in builtins.NAMES:
        return External(f"builtins.{node.id}")
    stars = frame.top.stars
    return External(f"{stars[-1]}.{node.id}") if stars else Unknown(name=node.id)


def _attribute(evaluator: Evaluator, node: ast.Attribute, frame: Frame) -> Value:
    return attribute(evaluator, evaluator.evaluate(node.value, frame), node.attr, frame)


def _call(evaluator: Evaluator, node: ast.Call, frame: Frame) -> Value:
    function = evaluator.evaluate(node.func, frame)
    args: list[Value] = []
    rest: list[Value] = []
    for argument in node.args:
        if not isinstance(argument, ast.Starred):
            args.append(evaluator.evaluate(argument, frame))
            continue
        value = evaluator.evaluate(argument.value, frame)
        known = elements(value)
        if known is None:
            rest.append(value)
        else:
            args.extend(known)
    keywords: dict[str, Value] = {}
    for keyword in node.keywords:
        value = evaluator.evaluate(keyword.value, frame)
        if keyword.arg is not None:
            keywords[keyword.arg] = value
        elif isinstance(value, dict):
            keywords.update({key: part for key, part in value.items() if isinstance(key, str)})
        else:
            rest.append(value)
    if isinstance(function, External) and function.name == "builtins.super":
        return Super(frame.owner, frame.receiver) if frame.owner is not None else Unknown()
    if isinstance(function, External) and function.name in ("builtins.globals", "builtins.locals"):
        return frame.top.names if function.name == "builtins.globals" else frame.names
    return call(evaluator, Call(evaluator, function, args, keywords, frame.file, node, rest=rest))


def _subscript(evaluator: Evaluator, node: ast.Subscript, frame: Frame) -> Value:
    value = evaluator.evaluate(node.value, frame)
    if isinstance(node.slice, ast.Slice):
        return _sliced(evaluator, value, node.slice, frame)
    return item(value, evaluator.evaluate(node.slice, frame))


def _sliced(evaluator: Evaluator, value: Value, node: ast.Slice, frame: Frame) -> Value:
    ends = [None if part is None else evaluator.evaluate(part, frame) for part in (node.lower, node.upper, node.step)]
    if isinstance(value, str | list | tuple | range) and all(end is None or isinstance(end, int) for end in ends):
        return value[slice(*ends)] if ends[2] != 0 else Unknown()
    return unknown(value)


def _sequence(
    kind: Callable[[list[Value]], Value],
) -> Callable[[Evaluator, ast.Tuple | ast.List | ast.Set, Frame], Value]:
    def build(evaluator: Evaluator, node: ast.Tuple | ast.List | ast.Set, frame: Frame) -> Value:
        made: list[Value] = []
        for element in node.elts:
            if isinstance(element, ast.Starred):
                value = evaluator.evaluate(element.value, frame)
                made.extend(elements(value) or ([unknown(value)] if elements(value) is None else []))
            else:
                made.append(evaluator.evaluate(element, frame))
        return kind(made)

    return build


def _as_set(made: list[Value]) -> Value:
    return set(made) if all(is_hashable(value) for value in made) else unknown(*made)


def _dict(evaluator: Evaluator, node: ast.Dict, frame: Frame) -> Value:
    made: dict[Value, Value] = {}
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        value = evaluator.evaluate(value_node, frame)
        if key_node is None:
            made.update(value if isinstance(value, dict) else {Unknown(): unknown(value)})
            continue
        key = evaluator.evaluate(key_node, frame)
        made[key if is_hashable(key) else Unknown()] = value
    return made


def _binary(evaluator: Evaluator, node: ast.BinOp, frame: Frame) -> Value:
    """Chains such as `a >> b >> c` lean left and may be long: they are walked without recursion."""
    chain: list[ast.BinOp] = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp):
        chain.append(left)
        left = left.left
    value = evaluator.evaluate(left, frame)
    for link in reversed(chain):
        other = evaluator.evaluate(link.right, frame)
        site = evaluator.site
        evaluator.site = (frame.file, link)
        value = operate(link.op, value, other)
        evaluator.site = site
    return value


def _unary(evaluator: Evaluator, node: ast.UnaryOp, frame: Frame) -> Value:
    value = evaluator.evaluate(node.operand, frame)
    if isinstance(node.op, ast.Not):
        known = truth(value)
        return unknown(value) if known is None else not known
    if isinstance(node.op, ast.USub) and is_number(value):
        return -value
    return value if isinstance(node.op, ast.UAdd) else unknown(value)


def _bool(evaluator: Evaluator, node: ast.BoolOp, frame: Frame) -> Value:
    """`x or default` with an unknown x is one of the two."""
    stops = isinstance(node.op, ast.Or)
    open_values: list[Value] = []
    for part in node.values:
        value = evaluator.evaluate(part, frame)
        known = truth(value)
        if known is stops:
            return value if not open_values else choose([*open_values, value])
        if known is None:
            open_values.append(value)
        last = value
    if not open_values:
        return last
    return unknown(*open_values) if truth(last) is not None and not stops else choose([*open_values, last])


def _compare(evaluator: Evaluator, node: ast.Compare, frame: Frame) -> Value:
    left = evaluator.evaluate(node.left, frame)
    answers: list[Value] = []
    for operator, comparator in zip(node.ops, node.comparators, strict=True):
        right = evaluator.evaluate(comparator, frame)
        answer = operate(operator, left, right)
        if answer is False:
            return False
        answers.append(answer)
        left = right
    if len(answers) == 1:
        return answers[0]
    return True if all(answer is True for answer in answers) else unknown(*answers)


def _choice(evaluator: Evaluator, node: ast.IfExp, frame: Frame) -> Value:
    known = truth(evaluator.evaluate(node.test, frame))
    if known is not None:
        return evaluator.evaluate(node.body if known else node.orelse, frame)
    return choose([evaluator.evaluate(node.body, frame), evaluator.evaluate(node.orelse, frame)])


def _format(evaluator: Evaluator, node: ast.JoinedStr, frame: Frame) -> Value:
    values = [
        part.value if isinstance(part, ast.Constant) else evaluator.evaluate(part.value, frame)
        for part in node.values
        if isinstance(part, ast.Constant | ast.FormattedValue)
    ]
    plain = all(
        not isinstance(p, ast.FormattedValue) or (p.format_spec is None and p.conversion == -1) for p in node.values
    )
    return concatenated(values, certain=plain)


def _comprehension(
    evaluator: Evaluator, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, frame: Frame
) -> Value:
    inner = Frame(frame.file, frame.module_name, outer=frame if frame.module is not None else None, module=frame.top)
    inner.function, inner.owner, inner.receiver = frame.function, frame.owner, frame.receiver
    if frame.function == "<class>":
        inner.names.update(frame.names)
        inner.function = ""
    made: list[Value] = []
    if isinstance(node, ast.DictComp):
        _loop(evaluator, node.generators, [node.key, node.value], inner, made)
        return {key if is_hashable(key) else Unknown(): value for key, value in made}
    _loop(evaluator, node.generators, [node.elt], inner, made)
    values = [value for (value,) in made]
    return _as_set(values) if isinstance(node, ast.SetComp) else values


def _loop(
    evaluator: Evaluator, loops: list[ast.comprehension], results: list[ast.expr], frame: Frame, made: list[Value]
) -> None:
    if not loops:
        made.append(tuple(evaluator.evaluate(result, frame) for result in results))
        return
    iterable = evaluator.evaluate(loops[0].iter, frame)
    items = elements(iterable)
    if items is None or len(items) > MAX_ITERATIONS:
        items = [unknown(iterable, text="{}")]
    for value in items:
        if len(made) > MAX_MADE:
            return
        assign(evaluator, loops[0].target, value, frame)
        if all(truth(evaluator.evaluate(test, frame)) is not False for test in loops[0].ifs):
            _loop(evaluator, loops[1:], results, frame, made)


def _lambda(evaluator: Evaluator, node: ast.Lambda, frame: Frame) -> Value:
    return Function(
        node, frame.file, frame, tuple(evaluator.evaluate(default, frame) for default in node.args.defaults)
    )


def _yield(evaluator: Evaluator, node: ast.Yield | ast.YieldFrom, frame: Frame) -> Value:
    value = None if node.value is None else evaluator.evaluate(node.value, frame)
    if frame.yielded is not None and len(frame.yielded) < MAX_MADE:
        if isinstance(node, ast.YieldFrom):
            known = elements(value)
            frame.yielded.extend([unknown(value)] if known is None else known)
        else:
            frame.yielded.append(value)
    return unknown(value)


def _walrus(evaluator: Evaluator, node: ast.NamedExpr, frame: Frame) -> Value:
    value = evaluator.evaluate(node.value, frame)
    assign(evaluator, node.target, value, frame)
    return value


def assign(evaluator: Evaluator, target: ast.expr, value: Value, frame: Frame) -> None:
    if isinstance(target, ast.Name):
        frame.store(target.id, value)
    elif isinstance(target, ast.Tuple | ast.List):
        _unpack(evaluator, target.elts, value, frame)
    elif isinstance(target, ast.Starred):
        assign(evaluator, target.value, value, frame)
    elif isinstance(target, ast.Attribute):
        for owner in (evaluator.evaluate(target.value, frame),):
            if isinstance(owner, (Instance, Class)):
                owner.attributes[target.attr] = value
            elif isinstance(owner, Model):
                owner.set_attribute(target.attr, value)
    elif isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
        owner = evaluator.evaluate(target.value, frame)
        key = evaluator.evaluate(target.slice, frame)
        if isinstance(owner, dict) and len(owner) < MAX_LENGTH:
            owner[key if is_hashable(key) else Unknown()] = value
        elif isinstance(owner, list) and isinstance(key, int) and -len(owner) <= key < len(owner):
            owner[key] = value


def _unpack(evaluator: Evaluator, targets: list[ast.expr], value: Value, frame: Frame) -> None:
    parts = None if isinstance(value, Choice) else elements(value)
    star = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
    if parts is not None and star is None and len(parts) == len(targets):
        for target, part in zip(targets, parts, strict=True):
            assign(evaluator, target, part, frame)
    elif parts is not None and star is not None and len(parts) >= len(targets) - 1:
        after = len(targets) - star - 1
        for target, part in zip(targets[:star], parts[:star], strict=True):
            assign(evaluator, target, part, frame)
        assign(evaluator, targets[star], parts[star : len(parts) - after], frame)
        for target, part in zip(targets[star + 1 :], parts[len(parts) - after :], strict=True):
            assign(evaluator, target, part, frame)
    else:
        for index, target in enumerate(targets):
            assign(evaluator, target, item(value, index), frame)


_EXPRESSIONS: dict[type, Callable[..., Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.Tuple: _sequence(tuple),
    ast.List: _sequence(list),
    ast.Set: _sequence(_as_set),
    ast.Dict: _dict,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _bool,
    ast.Compare: _compare,
    ast.IfExp: _choice,
    ast.JoinedStr: _format,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.Lambda: _lambda,
    ast.NamedExpr: _walrus,
    ast.Await: lambda evaluator, node, frame: evaluator.evaluate(node.value, frame),
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
    ast.Starred: lambda evaluator, node, frame: evaluator.evaluate(node.value, frame),
}
