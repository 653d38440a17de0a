"""What Python itself and the path parts of its library do to known values; all that could grow large stays unknown."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from posixpath import basename, dirname, normpath
from typing import TYPE_CHECKING

from pipeaudit.pyeval.values import (
    CONSTANTS,
    NOT_KNOWN,
    Choice,
    Class,
    Function,
    Instance,
    Method,
    Partial,
    Unknown,
    Value,
    choose,
    is_known,
    text_of,
    unknown,
)

if TYPE_CHECKING:
    from pipeaudit.pyeval.calls import Call

MAX_LENGTH = 4096
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://(?=[^/])")
NAMES = frozenset(
    """abs all any bool bytes callable classmethod dict enumerate filter float format frozenset getattr globals hasattr
    id int isinstance issubclass iter len list locals map max min next object open print property range repr reversed
    round set setattr slice sorted staticmethod str sum super tuple type vars zip __import__ Exception ValueError
    TypeError RuntimeError KeyError FileNotFoundError NotImplementedError ImportError ModuleNotFoundError""".split()
)


def concatenated(values: list[Value], certain: bool = True) -> Value:
    """Parts of a text joined; unknown parts are holes."""
    if certain and all(isinstance(value, str | int | float | bool | PurePosixPath) for value in values):
        joined = "".join(str(value) for value in values)
        return joined if len(joined) <= MAX_LENGTH else Unknown(text=joined[:MAX_LENGTH])
    if certain and any(isinstance(value, Choice) for value in values):
        return _each_choice(values)
    return unknown(*values, text="".join("{}" if (t := text_of(v)) is None else t for v in values)[:MAX_LENGTH])


def _each_choice(values: list[Value]) -> Value:
    index = next(i for i, value in enumerate(values) if isinstance(value, Choice))
    return choose([concatenated([*values[:index], option, *values[index + 1 :]]) for option in values[index].options])


def percent(template: str, value: Value) -> Value:
    """`template % value` for plain `%s` and `%d`."""
    values = list(value) if isinstance(value, tuple) else [value]
    if isinstance(value, dict):
        pieces = re.split(r"%\((\w+)\)[sd]", template)
        return concatenated([piece if i % 2 == 0 else value.get(piece, Unknown()) for i, piece in enumerate(pieces)])
    pieces = re.split(r"(%[sd])", template)
    holes = sum(1 for piece in pieces if piece in ("%s", "%d"))
    if holes != len(values) or "%" in "".join(piece for piece in pieces if piece not in ("%s", "%d")):
        return unknown(value, text=re.sub(r"%[^%a-z]*[a-z]", "{}", template[:MAX_LENGTH]))
    remaining = iter(values)
    return concatenated([next(remaining) if piece in ("%s", "%d") else piece for piece in pieces])


def _formatted(template: str, call: Call) -> Value:
    """`template.format(...)` for plain fields."""
    parts: list[Value] = []
    number = 0
    for index, piece in enumerate(
        re.split(r"\{([\w.\[\]]*)\}", template[:MAX_LENGTH].replace("{{", "\0").replace("}}", "\1"))
    ):
        if index % 2 == 0:
            parts.append(piece.replace("\0", "{").replace("\1", "}"))
            continue
        if piece == "":
            parts.append(call.args[number] if number < len(call.args) else Unknown())
            number += 1
        elif piece.isdigit():
            parts.append(call.args[int(piece)] if int(piece) < len(call.args) else Unknown())
        else:
            parts.append(call.keywords.get(piece, Unknown()))
    return concatenated(parts)


def call(made: Call) -> Value:
    known = _CALLS.get(made.name)
    return NOT_KNOWN if known is None or made.rest else known(made)


def method(bound: Method, made: Call) -> Value:
    """A method of a string, container or path."""
    receiver, name = bound.receiver, bound.name
    if isinstance(receiver, str):
        return _of_text(receiver, name, made)
    if isinstance(receiver, PurePosixPath):
        return _of_path(receiver, name, made)
    if isinstance(receiver, list):
        return _of_list(receiver, name, made)
    if isinstance(receiver, dict):
        return _of_dict(receiver, name, made)
    if isinstance(receiver, set) and name == "add" and made.args and not isinstance(made.args[0], list | dict | set):
        receiver.add(made.args[0])
        return None
    return unknown(receiver, *made.values)


_TEXT = frozenset(
    """capitalize casefold endswith isdigit lower lstrip removeprefix removesuffix replace rsplit rstrip split
    startswith
    strip swapcase title upper partition rpartition splitlines isalpha islower isupper count find""".split()
)


def _of_text(receiver: str, name: str, made: Call) -> Value:
    from pipeaudit.pyeval.calls import elements

    if name == "format":
        return _formatted(receiver, made)
    if name == "join" and made.args:
        parts = elements(made.args[0])
        if parts is None:
            return unknown(made.args[0], text="{}")
        return concatenated([part for item in parts for part in (receiver, item)][1:] if parts else [""])
    if name in _TEXT and not made.keywords and all(isinstance(value, CONSTANTS) for value in made.args):
        if name == "replace" and len(receiver) * max(1, *(len(v) for v in made.args if isinstance(v, str))) > 1_000_000:
            return unknown(receiver)
        try:
            result = getattr(receiver, name)(*made.args)
        except (TypeError, ValueError):
            return Unknown()
        return result
    return unknown(receiver, *made.values)


def _of_path(receiver: PurePosixPath, name: str, made: Call) -> Value:
    if name in ("resolve", "absolute", "expanduser"):
        return receiver
    if name == "as_posix":
        return str(receiver)
    if name == "joinpath":
        return _joined([receiver, *made.args], as_path=True)
    if name in ("with_suffix", "with_name") and made.args and isinstance(made.args[0], str):
        try:
            return getattr(receiver, name)(made.args[0])
        except ValueError:
            return Unknown()
    return unknown(*made.values, name=f"pathlib.Path.{name}")


def _of_list(receiver: list[Value], name: str, made: Call) -> Value:
    from pipeaudit.pyeval.calls import elements

    if len(receiver) > MAX_LENGTH:
        return unknown(*made.values)
    if name == "append" and made.args:
        receiver.append(made.args[0])
        return None
    if name == "extend" and made.args:
        known = elements(made.args[0])
        receiver.extend([unknown(made.args[0])] if known is None else known)
        return None
    if name == "insert" and len(made.args) == 2 and isinstance(made.args[0], int):
        receiver.insert(made.args[0], made.args[1])
        return None
    if name == "pop" and receiver:
        index = made.args[0] if made.args else -1
        return (
            receiver.pop(index)
            if isinstance(index, int) and -len(receiver) <= index < len(receiver)
            else unknown(receiver)
        )
    if name == "copy":
        return list(receiver)
    if name == "reverse":
        receiver.reverse()
        return None
    if name == "index" and made.args and is_known(receiver) and made.args[0] in receiver:
        return receiver.index(made.args[0])
    return unknown(receiver, *made.values)


def _of_dict(receiver: dict[Value, Value], name: str, made: Call) -> Value:
    key = made.args[0] if made.args else NOT_KNOWN
    usable = key is not NOT_KNOWN and not isinstance(key, list | dict | set)
    default = made.argument(1, "default", default=None)
    if name == "get" and usable:
        if isinstance(key, Unknown):
            return unknown(*receiver.values(), default)
        return receiver.get(key, default)
    if name == "setdefault" and usable:
        return receiver.setdefault(key, default)
    if name == "pop" and usable:
        return receiver.pop(key, default)
    if name == "keys":
        return list(receiver)
    if name == "values":
        return list(receiver.values())
    if name == "items":
        return list(receiver.items())
    if name == "copy":
        return dict(receiver)
    if name == "update":
        for value in made.args:
            receiver.update(value if isinstance(value, dict) else {Unknown(): unknown(value)})
        receiver.update(made.keywords)
        return None
    return unknown(receiver, *made.values)


def _joined(parts: list[Value], as_path: bool) -> Value:
    if all(isinstance(part, str | PurePosixPath) for part in parts):
        parts = [part for part in parts if str(part)] or [""]
        path = PurePosixPath(normpath("/".join(str(part) for part in parts)))
        if len(parts) > 1 and any(str(part).startswith("/") for part in parts[1:]):
            path = PurePosixPath(*[str(part) for part in parts])
        if not as_path and (uri := _URI.match(str(parts[0]))) and str(path).startswith(uri[0][:-1]):
            return uri[0] + str(path)[len(uri[0]) - 1 :]  # the two slashes of a scheme are no empty folder
        return path if as_path else str(path)
    if any(isinstance(part, Choice) for part in parts):
        index = next(i for i, part in enumerate(parts) if isinstance(part, Choice))
        return choose([_joined([*parts[:index], o, *parts[index + 1 :]], as_path) for o in parts[index].options])
    return unknown(
        *parts, text="/".join("{}" if (t := text_of(part)) is None else t.rstrip("/") for part in parts)[:MAX_LENGTH]
    )


def _path_call(made: Call) -> Value:
    return _joined(made.args or ["."], as_path=True)


def _of_first(function: Callable[[str], str]) -> Callable[[Call], Value]:
    def run(made: Call) -> Value:
        value = made.args[0] if made.args else NOT_KNOWN
        return function(str(value)) if isinstance(value, str | PurePosixPath) else unknown(*made.values)

    return run


def _range(made: Call) -> Value:
    if made.args and all(isinstance(value, int) and abs(value) < 2**31 for value in made.args) and len(made.args) <= 3:
        return range(*made.args) if len(made.args) < 3 or made.args[2] != 0 else Unknown()
    return unknown(*made.args)


def _container(kind: Callable[[list[Value]], Value]) -> Callable[[Call], Value]:
    def run(made: Call) -> Value:
        from pipeaudit.pyeval.calls import elements

        if not made.args:
            return kind([])
        known = elements(made.args[0])
        return unknown(*made.args) if known is None else kind(known)

    return run


def _as_set(parts: list[Value]) -> Value:
    return unknown(*parts) if any(isinstance(part, list | dict | set) for part in parts) else set(parts)


def _dict(made: Call) -> Value:
    result: dict[Value, Value] = {}
    for value in made.args:
        if isinstance(value, dict):
            result.update(value)
        elif isinstance(value, list) and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in value):
            result.update({key: part for key, part in value if not isinstance(key, list | dict | set)})
        else:
            return unknown(*made.values)
    result.update(made.keywords)
    return result


def _enumerate(made: Call) -> Value:
    from pipeaudit.pyeval.calls import elements

    known = elements(made.args[0]) if made.args else []
    start = made.argument(1, "start", default=0)
    if known is None or not isinstance(start, int):
        return [(Unknown(text="{}"), unknown(*made.args))]
    return [(index + start, value) for index, value in enumerate(known)]


def _zip(made: Call) -> Value:
    from pipeaudit.pyeval.calls import elements

    columns = [elements(value) for value in made.args]
    if any(column is None for column in columns):
        return unknown(*made.args)
    return list(zip(*(column or [] for column in columns), strict=False))


def _map(made: Call) -> Value:
    from pipeaudit.pyeval.calls import elements

    known = elements(made.args[1]) if len(made.args) == 2 else None
    if known is None or len(known) > 256:
        return unknown(*made.args)
    return [made.evaluator.call(made.args[0], [value], node=made.node) for value in known]


def _str(made: Call) -> Value:
    return concatenated([made.args[0]]) if made.args else ""


def _len(made: Call) -> Value:
    value = made.args[0] if made.args else NOT_KNOWN
    return len(value) if isinstance(value, str | list | tuple | dict | set | range) else unknown(*made.args)


def _int(made: Call) -> Value:
    value = made.args[0] if made.args else 0
    if isinstance(value, int | float) and abs(value) < 2**63:
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value) else unknown(*made.args)


def _sorted(made: Call) -> Value:
    from pipeaudit.pyeval.calls import elements

    known = elements(made.args[0]) if made.args else None
    if known is None:
        return unknown(*made.values)
    if made.keywords or not (all(isinstance(v, str) for v in known) or all(isinstance(v, int | float) for v in known)):
        return known
    return sorted(known)


def _reversed(made: Call) -> Value:
    from pipeaudit.pyeval.calls import elements

    known = elements(made.args[0]) if made.args else None
    return unknown(*made.values) if known is None else known[::-1]


def _getattr(made: Call) -> Value:
    from pipeaudit.pyeval.expressions import attribute

    if len(made.args) < 2 or not isinstance(made.args[1], str):
        return unknown(*made.values)
    frame = made.evaluator.loaded.get(made.file.path)
    return unknown(*made.values) if frame is None else attribute(made.evaluator, made.args[0], made.args[1], frame)


def _setattr(made: Call) -> Value:
    if len(made.args) == 3 and isinstance(made.args[0], Instance) and isinstance(made.args[1], str):
        made.args[0].attributes[made.args[1]] = made.args[2]
    return None


def _type(made: Call) -> Value:
    return made.args[0].cls if len(made.args) == 1 and isinstance(made.args[0], Instance) else unknown(*made.args)


def _isinstance(made: Call) -> Value:
    value, kind = (*made.args, NOT_KNOWN, NOT_KNOWN)[:2]
    names = {getattr(option, "name", "") for option in (kind if isinstance(kind, tuple) else (kind,))}
    for name, native in _NATIVE.items():
        if isinstance(value, native):
            matches = f"builtins.{name}" in names
            return matches or (unknown(value) if not all(n.startswith("builtins.") for n in names) else False)
    if isinstance(value, Instance) and isinstance(kind, Class):
        return any(step is kind for step in value.cls.lineage())
    return unknown(*made.args)


_NATIVE: dict[str, type] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "list": list,
    "dict": dict,
    "tuple": tuple,
    "set": set,
}


def _partial(made: Call) -> Value:
    return Partial(made.args[0], tuple(made.args[1:]), dict(made.keywords)) if made.args else Unknown()


def _environment_default(made: Call) -> Value:
    """What the program runs with unless the environment says otherwise."""
    default = made.argument(1, "default", default=None)
    return default if isinstance(default, str) else Unknown(text="{}")


def _first(made: Call) -> Value:
    return made.args[0] if made.args else Unknown()


def _next(made: Call) -> Value:
    value = made.args[0] if made.args else NOT_KNOWN
    return value[0] if isinstance(value, list) and value else unknown(*made.args)


def _callable(made: Call) -> Value:
    return True if made.args and isinstance(made.args[0], Function | Class) else unknown(*made.args)


def _product(made: Call) -> Value:
    from pipeaudit.pyeval.calls import elements

    columns = [elements(value) for value in made.args]
    rows: list[tuple[Value, ...]] = [()]
    for column in columns:
        if column is None or len(rows) * len(column) > 2000:
            return unknown(*made.args)
        rows = [(*row, value) for row in rows for value in column]
    return rows


def _chain(made: Call) -> Value:
    from pipeaudit.pyeval.calls import elements

    parts = [elements(value) for value in made.args]
    return unknown(*made.args) if any(part is None for part in parts) else [v for part in parts for v in part or []]


_CALLS: dict[str, Callable[[Call], Value]] = {
    "builtins.range": _range,
    "builtins.list": _container(list),
    "builtins.tuple": _container(tuple),
    "builtins.set": _container(_as_set),
    "builtins.frozenset": _container(_as_set),
    "builtins.iter": _container(list),
    "builtins.dict": _dict,
    "builtins.enumerate": _enumerate,
    "builtins.zip": _zip,
    "builtins.map": _map,
    "builtins.str": _str,
    "builtins.len": _len,
    "builtins.int": _int,
    "builtins.sorted": _sorted,
    "builtins.reversed": _reversed,
    "builtins.getattr": _getattr,
    "builtins.setattr": _setattr,
    "builtins.type": _type,
    "builtins.isinstance": _isinstance,
    "builtins.next": _next,
    "builtins.callable": _callable,
    "builtins.print": lambda made: None,
    "functools.partial": _partial,
    "functools.wraps": lambda made: Unknown(),
    "copy.copy": _first,
    "copy.deepcopy": _first,
    "typing.cast": lambda made: made.args[1] if len(made.args) > 1 else Unknown(),
    "itertools.product": _product,
    "itertools.chain": _chain,
    "os.path.join": lambda made: _joined(made.args, as_path=False),
    "os.path.dirname": _of_first(dirname),
    "os.path.basename": _of_first(basename),
    "os.path.abspath": _of_first(normpath),
    "os.path.realpath": _of_first(normpath),
    "os.path.normpath": _of_first(normpath),
    "os.path.expanduser": _of_first(str),
    "os.fspath": _of_first(str),
    "os.getenv": _environment_default,
    "os.environ.get": _environment_default,
    "pathlib.Path": _path_call,
    "pathlib.PurePath": _path_call,
    "pathlib.PosixPath": _path_call,
    "pathlib.PurePosixPath": _path_call,
    "textwrap.dedent": _first,
}
