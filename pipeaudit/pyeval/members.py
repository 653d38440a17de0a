"""What a value holds: its attributes, and its items by key or index."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pipeaudit.pyeval.frames import Frame
from pipeaudit.pyeval.imports import member
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
    Module,
    Super,
    Unknown,
    Value,
    choose,
    unknown,
)

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator


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


def item(value: Value, key: Value) -> Value:
    if isinstance(value, Model):
        known = value.item(key)
        return unknown(value, key) if known is NOT_KNOWN else known
    if isinstance(value, dict):
        if isinstance(key, Choice):
            return choose(item(value, option) for option in key.options)
        if is_hashable(key) and key in value:
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


def is_hashable(key: Value) -> bool:
    if isinstance(key, tuple):
        return all(is_hashable(part) for part in key)
    return not isinstance(key, list | dict | set)
