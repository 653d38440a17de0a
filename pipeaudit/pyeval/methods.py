"""Methods of strings, containers and paths; all that could grow large stays unknown."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pipeaudit.pyeval.bounds import MAX_LENGTH
from pipeaudit.pyeval.paths import joined_path
from pipeaudit.pyeval.texts import concatenated, formatted
from pipeaudit.pyeval.values import CONSTANTS, NOT_KNOWN, Method, Unknown, Value, elements, is_known, unknown

if TYPE_CHECKING:
    from pipeaudit.pyeval.calls import Call


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
    if name == "format":
        return formatted(receiver, made)
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
        return joined_path([receiver, *made.args], as_path=True)
    if name in ("with_suffix", "with_name") and made.args and isinstance(made.args[0], str):
        try:
            return getattr(receiver, name)(made.args[0])
        except ValueError:
            return Unknown()
    return unknown(*made.values, name=f"pathlib.Path.{name}")


def _of_list(receiver: list[Value], name: str, made: Call) -> Value:
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
