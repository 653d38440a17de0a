"""Expressions over partly known values, and assignment to targets."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pipeaudit.pyeval import builtins
from pipeaudit.pyeval.frames import Frame
from pipeaudit.pyeval.values import (
    CONSTANTS,
    NOT_KNOWN,
    Bound,
    Choice,
    Class,
    External,
    Function,
    Instance,
    Lazy,
    Method,
    Model,
    Module,
    Super,
    Unknown,
    Value,
    choose,
    same,
    text_of,
    unknown,
)

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator

MAX_LENGTH = 4096
MAX_INTEGER = 2**63


def evaluate(evaluator: Evaluator, node: ast.expr, frame: Frame) -> Value:
    run = _EXPRESSIONS.get(type(node))
    return Unknown() if run is None else run(evaluator, node, frame)


def truth(value: Value) -> bool | None:
    """Whether a condition holds; None where that is not known."""
    if isinstance(value, (CONSTANTS, list | tuple | set | frozenset | dict)):
        return bool(value)
    if isinstance(value, Model):
        return value.truth()
    if isinstance(value, Choice):
        answers = {truth(option) for option in value.options}
        return answers.pop() if len(answers) == 1 else None
    if isinstance(value, Function | Class | Module | Bound):
        return True
    return None


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


def attribute(evaluator: Evaluator, value: Value, name: str, frame: Frame) -> Value:
    if isinstance(value, Model):
        known = value.attribute(name, evaluator)
        return unknown(value) if known is NOT_KNOWN else known
    if isinstance(value, External):
        return External(f"{value.name}.{name}")
    if isinstance(value, Instance):
        return _of_instance(evaluator, value, name)
    if isinstance(value, Class):
        found = value.find(name)
        if found is NOT_KNOWN:
            bases = value.external_bases()
            return External(f"{bases[0]}.{name}") if bases else Unknown()
        return Bound(found, value) if isinstance(found, Function) and "classmethod" in _plain(found) else found
    if isinstance(value, Module):
        from pipeaudit.pyeval.statements import member

        return member(evaluator, value, name)
    if isinstance(value, Choice):
        return choose(attribute(evaluator, option, name, frame) for option in value.options)
    if isinstance(value, Super):
        return _of_super(value, name)
    if isinstance(value, PurePosixPath) and name in ("parent", "name", "stem", "suffix", "parts"):
        return getattr(value, name)
    if isinstance(value, str | list | dict | tuple | set | PurePosixPath):
        return Method(value, name)
    if isinstance(value, Function) and name == "__name__":
        return value.name
    if isinstance(value, Unknown):
        return Unknown(value.carried, None, f"{value.name}.{name}" if value.name else "")
    return unknown(value)


def _plain(function: Function) -> set[str]:
    return {name.rpartition(".")[2] for name in function.decorations}


def _of_instance(evaluator: Evaluator, instance: Instance, name: str) -> Value:
    if name in instance.attributes:
        return instance.attributes[name]
    if name == "__class__":
        return instance.cls
    found = instance.cls.find(name)
    if found is NOT_KNOWN:
        bases = instance.cls.external_bases()
        return Unknown((), None, f"{bases[0]}.{name}" if bases else "")
    if not isinstance(found, Function):
        return found
    kinds = _plain(found)
    if kinds & {"property", "cached_property"}:
        return evaluator.call(found, [instance])
    return found if "staticmethod" in kinds else Bound(found, instance.cls if "classmethod" in kinds else instance)


def _of_super(value: Super, name: str) -> Value:
    lineage = list(value.owner.lineage())[1:]
    for step in lineage:
        if isinstance(step, Class) and name in step.attributes:
            return Bound(step.attributes[name], value.receiver)
        if isinstance(step, External):
            return Bound(External(f"{step.name}.{name}"), value.receiver)
    return Unknown()


def _call(evaluator: Evaluator, node: ast.Call, frame: Frame) -> Value:
    from pipeaudit.pyeval.calls import Call, call, elements

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


def item(value: Value, key: Value) -> Value:
    if isinstance(value, Model):
        known = value.item(key)
        return unknown(value, key) if known is NOT_KNOWN else known
    if isinstance(value, dict):
        if isinstance(key, Choice):
            return choose(item(value, option) for option in key.options)
        if _hashable(key) and key in value:
            return value[key]
        return unknown(*value.values()) if isinstance(key, Unknown) else unknown(key)
    if isinstance(value, list | tuple | str | range) and isinstance(key, int):
        return value[key] if -len(value) <= key < len(value) else Unknown()
    if isinstance(value, list | tuple) and isinstance(key, Unknown):
        return choose(value) if value else Unknown()
    if isinstance(value, Choice):
        return choose(item(option, key) for option in value.options)
    if isinstance(value, External):
        return value  # a subscripted generic, such as `Output[Model]`
    return unknown(value, key)


def _sliced(evaluator: Evaluator, value: Value, node: ast.Slice, frame: Frame) -> Value:
    ends = [None if part is None else evaluator.evaluate(part, frame) for part in (node.lower, node.upper, node.step)]
    if isinstance(value, str | list | tuple | range) and all(end is None or isinstance(end, int) for end in ends):
        return value[slice(*ends)] if ends[2] != 0 else Unknown()
    return unknown(value)


def _hashable(key: Value) -> bool:
    if isinstance(key, tuple):
        return all(_hashable(part) for part in key)
    return not isinstance(key, list | dict | set)


def _sequence(
    kind: Callable[[list[Value]], Value],
) -> Callable[[Evaluator, ast.Tuple | ast.List | ast.Set, Frame], Value]:
    def build(evaluator: Evaluator, node: ast.Tuple | ast.List | ast.Set, frame: Frame) -> Value:
        from pipeaudit.pyeval.calls import elements

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
    return set(made) if all(_hashable(value) for value in made) else unknown(*made)


def _dict(evaluator: Evaluator, node: ast.Dict, frame: Frame) -> Value:
    made: dict[Value, Value] = {}
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        value = evaluator.evaluate(value_node, frame)
        if key_node is None:
            made.update(value if isinstance(value, dict) else {Unknown(): unknown(value)})
            continue
        key = evaluator.evaluate(key_node, frame)
        made[key if _hashable(key) else Unknown()] = value
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


_SYMBOLS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.LShift: "<<", ast.RShift: ">>", ast.BitOr: "|", ast.BitXor: "^", ast.BitAnd: "&", ast.MatMult: "@",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip


def operate(operator: ast.operator | ast.cmpop, left: Value, right: Value) -> Value:
    symbol = _SYMBOLS[type(operator)]
    if isinstance(left, Choice):
        return choose([operate(operator, option, right) for option in left.options])
    if isinstance(left, Model):
        known = left.operate(symbol, right, False)
        if known is not NOT_KNOWN:
            return known
    if isinstance(right, Model):
        known = right.operate(symbol, left, True)
        if known is not NOT_KNOWN:
            return known
    if isinstance(right, Choice):
        return choose([operate(operator, left, option) for option in right.options])
    if (
        symbol == "is"
        and (left is None or right is None)
        and not isinstance(left, Unknown)
        and not isinstance(right, Unknown)
    ):
        return left is right
    if symbol == "is not" and (left is None or right is None) and not isinstance(left, Unknown | Model):
        return left is not right if not isinstance(right, Unknown) else unknown(left, right)
    known = _fold(symbol, left, right)
    return _as_text(symbol, left, right) if known is NOT_KNOWN else known


def _fold(symbol: str, left: Value, right: Value) -> Value:
    """Constants and containers under operators whose result stays small; NOT_KNOWN for all else."""
    if symbol == "+" and type(left) is type(right) and isinstance(left, str | list | tuple):
        return left + right if len(left) + len(right) <= MAX_LENGTH else NOT_KNOWN
    if symbol == "/" and isinstance(left, PurePosixPath) and isinstance(right, str | PurePosixPath):
        return left / right
    if symbol == "%" and isinstance(left, str):
        return builtins.percent(left, right)
    if symbol == "|" and isinstance(left, dict) and isinstance(right, dict):
        return {**left, **right}
    if symbol in ("+", "-", "*", "//", "%", "/") and _is_number(left) and _is_number(right):
        return _number(symbol, left, right)
    if symbol == "*" and isinstance(left, list) and isinstance(right, int) and len(left) * right <= 256:
        return left * right
    if symbol in ("==", "!=", "is", "is not"):
        if isinstance(left, CONSTANTS) and isinstance(right, CONSTANTS):
            return (left == right) is (symbol in ("==", "is"))
        if isinstance(left, Class | Function) and isinstance(right, Class | Function):
            return (left is right) is (symbol in ("==", "is"))
    if symbol in ("<", "<=", ">", ">=") and _is_number(left) and _is_number(right):
        return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[symbol]
    if symbol in ("in", "not in"):
        return _contains(symbol, left, right)
    return NOT_KNOWN


def _contains(symbol: str, left: Value, right: Value) -> Value:
    if not isinstance(left, CONSTANTS):
        return NOT_KNOWN
    if isinstance(right, str):
        return (left in right) is (symbol == "in") if isinstance(left, str) else NOT_KNOWN
    if isinstance(right, list | tuple | set | frozenset | dict):
        if any(same(left, part) for part in right):
            return symbol == "in"
        return symbol != "in" if all(isinstance(part, CONSTANTS) for part in right) else NOT_KNOWN
    return NOT_KNOWN


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and abs(value) < MAX_INTEGER


def _number(symbol: str, left: Value, right: Value) -> Value:
    if symbol in ("//", "%", "/"):
        if right == 0:
            return NOT_KNOWN
        return left // right if symbol == "//" else left % right if symbol == "%" else left / right
    return left + right if symbol == "+" else left - right if symbol == "-" else left * right


def _as_text(symbol: str, left: Value, right: Value) -> Value:
    if symbol in ("+", "/"):
        parts = (text_of(left), text_of(right))
        if any(part is not None for part in parts):
            joiner = "/" if symbol == "/" else ""
            return unknown(left, right, text=joiner.join("{}" if part is None else part for part in parts)[:MAX_LENGTH])
    return unknown(left, right)


def _unary(evaluator: Evaluator, node: ast.UnaryOp, frame: Frame) -> Value:
    value = evaluator.evaluate(node.operand, frame)
    if isinstance(node.op, ast.Not):
        known = truth(value)
        return unknown(value) if known is None else not known
    if isinstance(node.op, ast.USub) and _is_number(value):
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
    return builtins.concatenated(values, certain=plain)


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
        return {key if _hashable(key) else Unknown(): value for key, value in made}
    _loop(evaluator, node.generators, [node.elt], inner, made)
    values = [value for (value,) in made]
    return _as_set(values) if isinstance(node, ast.SetComp) else values


def _loop(
    evaluator: Evaluator, loops: list[ast.comprehension], results: list[ast.expr], frame: Frame, made: list[Value]
) -> None:
    from pipeaudit.pyeval.calls import elements
    from pipeaudit.pyeval.evaluator import MAX_ITERATIONS

    if not loops:
        made.append(tuple(evaluator.evaluate(result, frame) for result in results))
        return
    iterable = evaluator.evaluate(loops[0].iter, frame)
    items = elements(iterable)
    if items is None or len(items) > MAX_ITERATIONS:
        items = [unknown(iterable, text="{}")]
    for value in items:
        if len(made) > 2000:
            return
        assign(evaluator, loops[0].target, value, frame)
        if all(truth(evaluator.evaluate(test, frame)) is not False for test in loops[0].ifs):
            _loop(evaluator, loops[1:], results, frame, made)


def _lambda(evaluator: Evaluator, node: ast.Lambda, frame: Frame) -> Value:
    return Function(
        node, frame.file, frame, tuple(evaluator.evaluate(default, frame) for default in node.args.defaults)
    )


def _yield(evaluator: Evaluator, node: ast.Yield | ast.YieldFrom, frame: Frame) -> Value:
    from pipeaudit.pyeval.calls import elements

    value = None if node.value is None else evaluator.evaluate(node.value, frame)
    if frame.yielded is not None and len(frame.yielded) < 2000:
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
            owner[key if _hashable(key) else Unknown()] = value
        elif isinstance(owner, list) and isinstance(key, int) and -len(owner) <= key < len(owner):
            owner[key] = value


def _unpack(evaluator: Evaluator, targets: list[ast.expr], value: Value, frame: Frame) -> None:
    from pipeaudit.pyeval.calls import elements

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
