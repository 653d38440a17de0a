"""Calls of Python's own functions and of a few of its library; all that could grow large stays unknown."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from posixpath import basename, dirname, normpath
from typing import TYPE_CHECKING

from pipeaudit.pyeval.bounds import MAX_INTEGER, MAX_ITERATIONS, MAX_MADE
from pipeaudit.pyeval.members import attribute
from pipeaudit.pyeval.paths import joined_path
from pipeaudit.pyeval.texts import concatenated
from pipeaudit.pyeval.values import NOT_KNOWN, Class, Function, Instance, Partial, Unknown, Value, elements, unknown

if TYPE_CHECKING:
    from pipeaudit.pyeval.calls import Call

NAMES = frozenset(
    """abs all any bool bytes callable classmethod dict enumerate filter float format frozenset getattr globals hasattr
    id int isinstance issubclass iter len list locals map max min next object open print property range repr reversed
    round set setattr slice sorted staticmethod str sum super tuple type vars zip __import__ Exception ValueError
    TypeError RuntimeError KeyError FileNotFoundError NotImplementedError ImportError ModuleNotFoundError""".split()
)


def call(made: Call) -> Value:
    known = _CALLS.get(made.name)
    return NOT_KNOWN if known is None or made.rest else known(made)


def _path_call(made: Call) -> Value:
    return joined_path(made.args or ["."], as_path=True)


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
    known = elements(made.args[0]) if made.args else []
    start = made.argument(1, "start", default=0)
    if known is None or not isinstance(start, int):
        return [(Unknown(text="{}"), unknown(*made.args))]
    return [(index + start, value) for index, value in enumerate(known)]


def _zip(made: Call) -> Value:
    columns = [elements(value) for value in made.args]
    if any(column is None for column in columns):
        return unknown(*made.args)
    return list(zip(*(column or [] for column in columns), strict=False))


def _map(made: Call) -> Value:
    known = elements(made.args[1]) if len(made.args) == 2 else None
    if known is None or len(known) > MAX_ITERATIONS:
        return unknown(*made.args)
    return [made.evaluator.call(made.args[0], [value], node=made.node) for value in known]


def _str(made: Call) -> Value:
    return concatenated([made.args[0]]) if made.args else ""


def _len(made: Call) -> Value:
    value = made.args[0] if made.args else NOT_KNOWN
    return len(value) if isinstance(value, str | list | tuple | dict | set | range) else unknown(*made.args)


def _int(made: Call) -> Value:
    value = made.args[0] if made.args else 0
    if isinstance(value, int | float) and abs(value) < MAX_INTEGER:
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value) else unknown(*made.args)


def _sorted(made: Call) -> Value:
    known = elements(made.args[0]) if made.args else None
    if known is None:
        return unknown(*made.values)
    if made.keywords or not (all(isinstance(v, str) for v in known) or all(isinstance(v, int | float) for v in known)):
        return known
    return sorted(known)


def _reversed(made: Call) -> Value:
    known = elements(made.args[0]) if made.args else None
    return unknown(*made.values) if known is None else known[::-1]


def _getattr(made: Call) -> Value:
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
    columns = [elements(value) for value in made.args]
    rows: list[tuple[Value, ...]] = [()]
    for column in columns:
        if column is None or len(rows) * len(column) > MAX_MADE:
            return unknown(*made.args)
        rows = [(*row, value) for row in rows for value in column]
    return rows


def _chain(made: Call) -> Value:
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
    "os.path.join": lambda made: joined_path(made.args, as_path=False),
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
