"""Python's own functions and constants, and paths, as far as they move data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeaudit.flow.events import MISSING
from pipeaudit.flow.values import NOTHING, Api, Length, Value, combine, const, mapping, sequence, unknown

if TYPE_CHECKING:
    from pipeaudit.flow.interpret import Interpreter

_NAN = ("numpy.nan", "numpy.NaN", "numpy.NAN", "math.nan", "pandas.NA", "pandas.NaT", "numpy.NaT")
_NAMES: dict[str, Value] = {}


def name(identifier: str) -> Value:
    """What a name means that nobody in the program binds: a builtin, else unknown."""
    if identifier in _CALLS or identifier in _PLAIN:
        return Value(ref=Api(f"builtins.{identifier}"))
    return Value()


def constant(full: str) -> Value | None:
    """A library's constant whose value matters."""
    if full in _NAN:
        made = Value(("float",))
        made.label = "nan"
        made.ref = Api(full)
        return made
    return None


def joined_path(parts: list[Value]) -> Value:
    """Joined path parts, with `{}` for what is not known."""
    texts: list[str] = []
    for part in parts:
        text = str(part.constant) if isinstance(part.constant, str | int) else "{}"
        if text.startswith("/"):
            texts = [text]
        elif text not in ("", "."):
            texts.append(text)
    made = combine(*parts)
    joined = "/".join(t.rstrip("/") if t != "/" else "" for t in texts) or "."
    made.constant = joined if len(joined) <= 4096 else MISSING
    made.types = ("pathlib.Path",)
    made.label = option_of(parts)
    return made


def option_of(parts: list[Value]) -> str:
    """The command line option that one of the parts comes from, "" where none does."""
    return next((part.label for part in parts if part.label.startswith("--")), "")


def call(machine: Interpreter, full: str, arguments: list[Value], keywords: dict[str, Value]) -> Value | None:
    """The result of a builtin, or of a path function; None where the name is none of them."""
    handler = _CALLS.get(full.removeprefix("builtins.")) if full.startswith("builtins.") else _PATHS.get(full)
    if handler is None:
        return None
    return handler(machine, arguments, keywords)


def _first(arguments: list[Value]) -> Value:
    return arguments[0] if arguments else Value()


def _length(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    made = Value(("int",))
    first = _first(arguments)
    if first.elements is not None and isinstance(first.constant, list | tuple):
        made.constant = len(first.elements)
    elif first.rows:
        made.ref = Length(first.rows)
    return made


def _scalar(kind: str) -> Callable[[Interpreter, list[Value], dict[str, Value]], Value]:
    def make(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
        first = _first(arguments)
        made = combine(first)
        made.types = (kind,)
        made.output = first.output
        made.config = first.config
        if first.constant is not MISSING and isinstance(first.constant, int | float | str):
            made.constant = _convert(kind, first.constant)
        made.mask = first.mask
        return made

    return make


def _convert(kind: str, value: int | float | str) -> object:
    try:
        if kind == "int":
            return int(value) if not isinstance(value, str) or len(value) < 20 else MISSING
        if kind == "float":
            return float(value)
        return str(value) if kind == "str" else bool(value)
    except (ValueError, OverflowError):
        return MISSING


def _copy(kind: str) -> Callable[[Interpreter, list[Value], dict[str, Value]], Value]:
    def make(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
        if kind == "dict" and keywords:
            return mapping([(const(k), v) for k, v in keywords.items()])
        first = _first(arguments)
        if not arguments:
            return sequence(kind, []) if kind != "dict" else mapping([])
        made = first.like(types=(kind, "set") if kind in ("list", "tuple") and first.is_a("set") else (kind,))
        if first.elements is not None:
            made.elements = dict(first.elements)
            if first.is_a("dict") and kind != "dict":
                return sequence(kind, [const(k) for k in first.elements if isinstance(k, str | int)])
        if isinstance(first.constant, list | tuple):
            made.constant = tuple(first.constant) if kind == "tuple" else list(first.constant)
        return made

    return make


def _range(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    return Value(("range",))


def _enumerate(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    from pipeaudit.flow import indexing

    first = _first(arguments)
    if first.is_a("set") and machine.current is not None and MISSING is first.constant:
        machine.emit(
            machine.current,
            machine.position,
            ("unordered",),
            "",
            detail={"kind": "hash-order", "text": "enumerate(set)"},
        )
    if first.elements is not None and not first.is_a("dict"):
        pairs = [sequence("tuple", [const(i), v]) for i, v in enumerate(first.elements.values())]
        return sequence("list", pairs)
    made = combine(first)
    made.types = ("enumerate",)
    made.elements = {0: sequence("tuple", [Value(("int",)), indexing.item(machine, first, None)])}
    return made


def _zip(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    from pipeaudit.flow import indexing

    if arguments and all(a.elements is not None and not a.is_a("dict") for a in arguments):
        columns = [list((a.elements or {}).values()) for a in arguments]
        return sequence("list", [sequence("tuple", list(row)) for row in zip(*columns, strict=False)])
    made = combine(*arguments)
    made.types = ("zip",)
    made.elements = {0: sequence("tuple", [indexing.item(machine, a, None) for a in arguments])}
    return made


def _ordered(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    first = _first(arguments)
    made = combine(first)
    made.types = ("list",)
    if first.elements is not None:
        made.elements = dict(first.elements) if not first.is_a("dict") else None
    return made


def _reduce(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    """sum, max, min: a statistic where the argument holds rows, else a choice among the arguments."""
    made = combine(*arguments)
    if len(arguments) == 1 and arguments[0].rows and not arguments[0].metrics:
        from pipeaudit.flow import effects

        return effects.statistic(machine, arguments[0], "manual")
    made.rows = frozenset()
    made.types = ("float",) if not made.types else made.types
    return made


def _best(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    """max, min: among scores a choice."""
    first = _first(arguments)
    if len(first.metrics) > 1 and len(arguments) == 1 and machine.current is not None:
        machine.emit(machine.current, machine.position, ("choice",), "max", {"of": first.snapshot()})
    return _reduce(machine, arguments, keywords)


def _plain_result(kind: str) -> Callable[[Interpreter, list[Value], dict[str, Value]], Value]:
    def make(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
        return Value((kind,) if kind else ())

    return make


def _mapped(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    from pipeaudit.flow import calls, indexing

    if len(arguments) < 2:
        return unknown(*arguments)
    items = [indexing.item(machine, a, None) for a in arguments[1:]]
    result = calls.call(machine, arguments[0], items, {}, machine.position, None)
    made = combine(result, *arguments[1:])
    made.types = ("list",)
    return made


def _getattr(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    if len(arguments) >= 2 and isinstance(arguments[1].constant, str):
        scope = machine.current
        if scope is not None:
            return machine.attribute(arguments[0], arguments[1].constant, scope, machine.position)
    return unknown(*arguments)


def _open(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    made = Value(("builtins.file",))
    path = arguments[0] if arguments else keywords.get("file", Value())
    mode = arguments[1] if len(arguments) > 1 else keywords.get("mode", const("r"))
    made.attributes = {"name": path, "mode": mode}
    return made


def _path(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    return joined_path(arguments) if arguments else Value(("pathlib.Path",), constant=".")


def _parent(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    first = _first(arguments)
    made = Value(("pathlib.Path",))
    if isinstance(first.constant, str):
        made.constant = first.constant.rpartition("/")[0] or "."
    return made


def _same(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    return _first(arguments)


def _super(machine: Interpreter, arguments: list[Value], keywords: dict[str, Value]) -> Value:
    made = Value(("super",))
    made.attributes = {}
    return made


_Handler = Callable[["Interpreter", list[Value], dict[str, Value]], Value]

_CALLS: dict[str, _Handler] = {
    "len": _length,
    "int": _scalar("int"),
    "float": _scalar("float"),
    "str": _scalar("str"),
    "bool": _scalar("bool"),
    "round": _scalar("float"),
    "abs": lambda m, a, k: _first(a).like(constant=MISSING),
    "list": _copy("list"),
    "tuple": _copy("tuple"),
    "set": _copy("set"),
    "frozenset": _copy("set"),
    "dict": _copy("dict"),
    "range": _range,
    "enumerate": _enumerate,
    "zip": _zip,
    "sorted": _ordered,
    "reversed": _ordered,
    "iter": _same,
    "sum": _reduce,
    "max": _best,
    "min": _best,
    "any": _plain_result("bool"),
    "all": _plain_result("bool"),
    "isinstance": _plain_result("bool"),
    "hasattr": _plain_result("bool"),
    "callable": _plain_result("bool"),
    "type": _plain_result("type"),
    "id": _plain_result("int"),
    "input": _plain_result("str"),
    "map": _mapped,
    "filter": lambda m, a, k: combine(*a),
    "getattr": _getattr,
    "open": _open,
    "super": _super,
    "next": lambda m, a, k: _next(m, a),
}

_PLAIN = frozenset(
    {"print", "display", "eval", "exec", "compile", "globals", "locals", "vars", "repr", "format", "hash", "object",
    "property", "staticmethod", "classmethod", "Exception", "ValueError", "KeyError", "TypeError", "setattr", "slice",
    "divmod", "pow", "ord", "chr", "dir", "help", "__import__", "get_ipython", "__file__", "__name__", "quit", "exit"}
    )  # fmt: skip

_PATHS: dict[str, _Handler] = {
    "os.path.join": lambda m, a, k: joined_path(a),
    "posixpath.join": lambda m, a, k: joined_path(a),
    "pathlib.Path": _path,
    "pathlib.PurePath": _path,
    "pathlib.PosixPath": _path,
    "os.path.abspath": _same,
    "os.path.realpath": _same,
    "os.path.expanduser": _same,
    "os.path.normpath": _same,
    "os.fspath": _same,
    "os.path.dirname": _parent,
    "copy.copy": lambda m, a, k: _cloned(a),
    "copy.deepcopy": lambda m, a, k: _cloned(a),
    "functools.partial": lambda m, a, k: _partial(a, k),
    "collections.OrderedDict": _copy("dict"),
    "collections.defaultdict": lambda m, a, k: mapping([]),
    "collections.deque": _copy("list"),
}


def _next(machine: Interpreter, arguments: list[Value]) -> Value:
    from pipeaudit.flow import indexing

    return indexing.item(machine, _first(arguments), None)


def _cloned(arguments: list[Value]) -> Value:
    first = _first(arguments)
    made = first.like()
    made.elements = None if first.elements is None else dict(first.elements)
    made.attributes = None if first.attributes is None else dict(first.attributes)
    return made


def _partial(arguments: list[Value], keywords: dict[str, Value]) -> Value:
    from pipeaudit.flow.values import Partial

    if not arguments:
        return Value()
    return Value(("function",), ref=Partial(arguments[0], arguments[1:], keywords))


__all__ = ["NOTHING", "call", "constant", "joined_path", "name"]
