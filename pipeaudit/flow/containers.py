"""Methods of Python's own containers, strings, files and argument parsers, as far as they move data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeaudit.flow import indexing
from pipeaudit.flow.events import MISSING
from pipeaudit.flow.values import Value, combine, const, join, sequence, unknown

if TYPE_CHECKING:
    from pipeaudit.flow.calls import Arguments, Keywords, Site
    from pipeaudit.flow.interpret import Interpreter

_Method = Callable[["Interpreter", Value, "Arguments", "Keywords", "Site"], Value]


def method(
    machine: Interpreter, receiver: Value, name: str, arguments: Arguments, keywords: Keywords, site: Site
) -> Value | None:
    """The result of a container's method; None where it is none of them."""
    if receiver.config is not None and name in _CONFIG:
        return _config(machine, receiver, name, arguments, site)
    for type_name in receiver.types:
        handler = _BY_TYPE.get(type_name, {}).get(name)
        if handler is not None:
            return handler(machine, receiver, arguments, keywords, site)
    if not receiver.types and not receiver.attributes:
        handler = _ANY.get(name)
        if handler is not None and not receiver.rows:
            return handler(machine, receiver, arguments, keywords, site)
    return None


def _config(machine: Interpreter, receiver: Value, name: str, arguments: Arguments, site: Site) -> Value:
    if name == "get" and arguments and isinstance(arguments[0].constant, str):
        default = arguments[1] if len(arguments) > 1 else const(None)
        return indexing.config_member(
            machine, receiver, arguments[0].constant, site.scope, site.at, required=False, default=default
        )
    if name == "items" and receiver.elements:
        return sequence(
            "list", [sequence("tuple", [const(k), v]) for k, v in receiver.elements.items() if isinstance(k, str)]
        )
    made = receiver.like()
    if name in ("items", "values", "keys", "update"):
        file, path = receiver.config or ("", ())
        machine.emit(
            site.scope,
            site.at,
            ("config_read",),
            file,
            detail={
                "file": file,
                "key": (*path, "*"),
                "defined": True,
                "known": receiver.constant is not MISSING,
                "required": False,
            },
        )
    return made


_CONFIG = frozenset({"get", "items", "values", "keys", "copy", "pop", "update", "setdefault"})


def _append(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    for value in arguments[-1:]:
        if receiver.elements is not None:
            if (
                machine.loops
                and len(receiver.elements) >= 1
                and value.is_data
                and value.attributes is None
                and value.held is None
            ):
                only = receiver.elements
                last = next(reversed(only))
                only[last] = join(only[last], value)
            elif len(receiver.elements) < 64:
                receiver.elements[len(receiver.elements)] = value
        receiver.adopt(value)
        receiver.constant = MISSING
        if machine.loops and (value.is_data or value.is_a("torch.Tensor")):
            machine.emit(
                site.scope,
                site.at,
                ("accumulate",),
                "append",
                {"value": value.snapshot(site.names.get("0", "")), "into": receiver.snapshot(site.receiver)},
            )
    return const(None)


def _extend(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    for value in arguments[:1]:
        receiver.adopt(value)
        receiver.constant = MISSING
        if receiver.elements is not None:
            for inner in list((value.elements or {}).values()):  # a list may be extended by itself
                if len(receiver.elements) < 64:
                    receiver.elements[len(receiver.elements)] = inner
    return const(None)


def _get(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    if arguments and receiver.elements is not None and isinstance(arguments[0].constant, str | int):
        found = receiver.elements.get(arguments[0].constant)
        if found is not None:
            return found
    if len(arguments) > 1 and receiver.elements is not None and not receiver.is_data:
        return arguments[1]
    return combine(receiver)


def _items(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    if receiver.elements is not None:
        pairs = [
            sequence("tuple", [const(k) if isinstance(k, str | int | float) else Value(), v])
            for k, v in receiver.elements.items()
        ]
        return sequence("list", pairs)
    made = combine(receiver)
    made.types = ("list",)
    made.elements = {0: sequence("tuple", [Value(), combine(receiver)])}
    return made


def _keys(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    return sequence("list", [const(k) for k in (receiver.elements or {}) if isinstance(k, str | int | float)])


def _values(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    return sequence("list", list((receiver.elements or {}).values()))


def _update(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    for value in arguments[:1]:
        receiver.adopt(value)
        if receiver.elements is not None and value.elements is not None:
            receiver.elements.update(value.elements)
            receiver.constant = MISSING
    for name, value in keywords.items():
        if receiver.elements is not None:
            receiver.elements[name] = value
            receiver.constant = MISSING
    return const(None)


def _same(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    made = receiver.like()
    made.elements = None if receiver.elements is None else dict(receiver.elements)
    return made


def _pop(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    if receiver.elements:
        if arguments and isinstance(arguments[0].constant, str):
            return receiver.elements.get(arguments[0].constant) or Value()
        return list(receiver.elements.values())[-1]
    return combine(receiver)


def _text(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    made = combine(receiver, *arguments)
    made.types = ("str",)
    return made


def _format(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    """`"...{}...".format(...)`: plain holes only; a width or a conversion leaves the hole unknown."""
    made = combine(receiver, *arguments, *keywords.values())
    made.types = ("str",)
    template = receiver.constant
    if isinstance(template, str):
        values = iter(arguments)
        pieces = template.split("{}")
        text = pieces[0]
        for piece in pieces[1:]:
            value = next(values, Value())
            text += (str(value.constant) if isinstance(value.constant, str | int | float) else "{}") + piece
        for name, value in keywords.items():
            if isinstance(value.constant, str | int | float):
                text = text.replace("{" + name + "}", str(value.constant))
        if len(text) <= 4096:
            made.constant = text
    return made


def _join(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    made = combine(receiver, *arguments)
    made.types = ("str",)
    items = arguments[0].constant if arguments else MISSING
    if (
        isinstance(receiver.constant, str)
        and isinstance(items, list | tuple)
        and all(isinstance(i, str) for i in items)
    ):
        joined = receiver.constant.join(items)
        if len(joined) <= 4096:
            made.constant = joined
    return made


def _split_text(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    made = combine(receiver, *arguments)
    made.types = ("list",)
    return made


def _case(change: Callable[[str], str]) -> _Method:
    def make(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
        made = combine(receiver)
        made.types = ("str",)
        if isinstance(receiver.constant, str):
            made.constant = change(receiver.constant)
        return made

    return make


def _file_write(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    path = (receiver.attributes or {}).get("name", Value())
    mode = (receiver.attributes or {}).get("mode", Value())
    shown = {"value": combine(*arguments).snapshot(site.names.get("0", ""))}
    machine.emit(
        site.scope,
        site.at,
        ("write_data",),
        "builtins.file.write",
        shown,
        receiver,
        detail={
            "path": path.constant if isinstance(path.constant, str) else "{}",
            "mode": mode.constant if mode.constant is not MISSING else "",
            "writes": {"op": "writes", "value": "value"},
        },
        statement=False,
    )
    return const(None)


def _file_read(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    from pipeaudit.flow import effects

    path = (receiver.attributes or {}).get("name", Value())
    made = Value(("str",))
    source = path.constant if isinstance(path.constant, str) else "{}"
    made.rows = effects.origin(machine, source, len(machine.events))
    machine.emit(
        site.scope,
        site.at,
        ("read",),
        "builtins.file.read",
        receiver=receiver,
        result=made,
        detail={"path": source, "reads": {"op": "reads"}},
    )
    return made


def _opened(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    made = Value(("builtins.file",))
    made.attributes = {"name": receiver, "mode": arguments[0] if arguments else keywords.get("mode", const("r"))}
    return made


def _path_same(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    return receiver


def _path_joined(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    from pipeaudit.flow import builtin

    return builtin.joined_path([receiver, *arguments])


def _path_write(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    return _file_write(machine, _opened(machine, receiver, [const("w")], {}, site), arguments, keywords, site)


def _path_read(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    return _file_read(machine, _opened(machine, receiver, [const("r")], {}, site), arguments, keywords, site)


def _add_argument(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    """`parser.add_argument("--rate", default=0.1)`: an attribute of what parse_args gives."""
    names = [a.constant for a in arguments if isinstance(a.constant, str)]
    long = next((n for n in names if n.startswith("--")), names[0] if names else "")
    destination = keywords.get("dest")
    name = destination.constant if destination is not None else long.lstrip("-").replace("-", "_")
    if receiver.attributes is None:
        receiver.attributes = {}
    if isinstance(name, str) and name:
        default = keywords.get("default")
        if default is None:
            action = keywords.get("action")
            default = const(False) if action is not None and action.constant == "store_true" else Value()
        made = default.like()
        made.config = None
        made.label = f"--{name}"
        receiver.attributes[name] = made
    return Value()


def _parse_args(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    made = Value(("argparse.Namespace",))
    made.attributes = dict(receiver.attributes or {})
    machine.emit(
        site.scope, site.at, ("config_load",), "argparse.ArgumentParser.parse_args", receiver=receiver, result=made
    )
    return made


def _parse_known(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    return sequence("tuple", [_parse_args(machine, receiver, arguments, keywords, site), Value(("list",))])


def _group(machine: Interpreter, receiver: Value, arguments: Arguments, keywords: Keywords, site: Site) -> Value:
    return receiver


_LIST: dict[str, _Method] = {
    "append": _append,
    "insert": _append,
    "add": _append,
    "extend": _extend,
    "copy": _same,
    "pop": _pop,
    "sort": lambda m, r, a, k, s: const(None),
    "reverse": lambda m, r, a, k, s: const(None),
    "remove": lambda m, r, a, k, s: const(None),
    "index": lambda m, r, a, k, s: Value(("int",)),
    "count": lambda m, r, a, k, s: Value(("int",)),
}
_DICT: dict[str, _Method] = {
    "get": _get,
    "setdefault": _get,
    "items": _items,
    "keys": _keys,
    "values": _values,
    "update": _update,
    "copy": _same,
    "pop": _pop,
}
_STRING: dict[str, _Method] = {
    "format": _format,
    "join": _join,
    "split": _split_text,
    "splitlines": _split_text,
    "lower": _case(str.lower),
    "upper": _case(str.upper),
    "strip": _case(str.strip),
    "title": _case(str.title),
    **dict.fromkeys(
        ("replace", "rstrip", "lstrip", "encode", "decode", "zfill", "capitalize", "removesuffix", "removeprefix"),
        _text,
    ),
    **{n: (lambda m, r, a, k, s: Value(("bool",))) for n in ("startswith", "endswith", "isdigit", "isalpha")},
}
_FILE: dict[str, _Method] = {
    "write": _file_write,
    "writelines": _file_write,
    "read": _file_read,
    "readlines": _file_read,
    "readline": _file_read,
    "close": lambda m, r, a, k, s: const(None),
}
_PATH: dict[str, _Method] = {
    "joinpath": _path_joined,
    "resolve": _path_same,
    "absolute": _path_same,
    "expanduser": _path_same,
    "as_posix": _path_same,
    "open": _opened,
    "write_text": _path_write,
    "write_bytes": _path_write,
    "read_text": _path_read,
    "read_bytes": _path_read,
    "mkdir": lambda m, r, a, k, s: const(None),
    "exists": lambda m, r, a, k, s: Value(("bool",)),
}
_PARSER: dict[str, _Method] = {
    "add_argument": _add_argument,
    "parse_args": _parse_args,
    "parse_known_args": _parse_known,
    "add_argument_group": _group,
    "add_mutually_exclusive_group": _group,
}
_BY_TYPE: dict[str, dict[str, _Method]] = {
    "list": _LIST,
    "set": _LIST,
    "dict": _DICT,
    "str": _STRING,
    "builtins.file": _FILE,
    "pathlib.Path": _PATH,
    "argparse.ArgumentParser": _PARSER,
}
# types of the standard library that are followed more closely here than an entry can say
OWN = frozenset(_BY_TYPE)
_ANY: dict[str, _Method] = {"append": _append, "format": _format}

__all__ = ["method", "unknown"]
