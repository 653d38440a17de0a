"""What an expression of pipeline code may be: Python's own constants and containers, and the classes below."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pipeaudit.pyeval.bounds import MAX_CARRIED, MAX_LENGTH, MAX_OPTIONS

if TYPE_CHECKING:
    from pipeaudit.pyeval.calls import Call
    from pipeaudit.pyeval.evaluator import Evaluator
    from pipeaudit.pyeval.files import PythonFile
    from pipeaudit.pyeval.frames import Frame

Value: TypeAlias = Any
CONSTANTS: Final = (type(None), bool, int, float, complex, str, bytes, PurePosixPath, range, type(Ellipsis))


class _NotKnown:
    def __repr__(self) -> str:
        return "NOT_KNOWN"


NOT_KNOWN: Final = _NotKnown()


class Model:
    """An object of a library that a system understands: a task, an output, a context.

    Subclasses answer what they know; NOT_KNOWN leaves the answer to the evaluator, which then gives an Unknown that
    carries this object.
    """

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return NOT_KNOWN

    def set_attribute(self, name: str, value: Value) -> None:
        """`self.name = value` was executed."""

    def call(self, call: Call) -> Value:
        return NOT_KNOWN

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        """`self <operator> other`, or `other <operator> self` where reflected; comparisons too."""
        return NOT_KNOWN

    def item(self, key: Value) -> Value:
        return NOT_KNOWN

    def elements(self) -> list[Value] | None:
        """What iterating gives; None where that is not known."""
        return None

    def enter(self) -> Value:
        """The value of `as` in a with statement."""
        return self

    def leave(self) -> None:
        """The with statement ended."""

    def truth(self) -> bool | None:
        return None


@dataclass(eq=False, slots=True)
class Unknown:
    """A value that can't be known before the program runs.

    `carried`: the library objects that it was made from. `text`: what is known of it as a string, with `{}` for the
    rest.
    `name`: the qualified library name whose call or attribute it is.
    """

    carried: tuple[Model, ...] = ()
    text: str | None = None
    name: str = ""


@dataclass(eq=False, slots=True)
class Choice:
    """One of several values, depending on a condition that is not known."""

    options: tuple[Value, ...]


@dataclass(eq=False, slots=True)
class External:
    """A name of a module outside the repository, such as `airflow.DAG`."""

    name: str


@dataclass(eq=False, slots=True)
class Module:
    """A module of the repository; `path` is "" for a package folder without `__init__.py`. It runs when it is first
    used.
    """

    name: str
    path: str = ""
    folder: str = ""


@dataclass(eq=False, slots=True)
class Lazy:
    """A name imported from a module of the repository, not looked up before it is used."""

    module: Module
    name: str
    importer: str
    value: Value = None
    is_known: bool = False


@dataclass(eq=False, slots=True)
class Function:
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    file: PythonFile = field(repr=False)
    frame: Frame = field(repr=False)
    defaults: tuple[Value, ...] = ()
    keyword_defaults: dict[str, Value] = field(default_factory=dict)
    owner: Class | None = None
    decorations: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "<lambda>" if isinstance(self.node, ast.Lambda) else self.node.name

    @property
    def parameters(self) -> tuple[str, ...]:
        """Named parameters in order, keyword-only ones last."""
        arguments = self.node.args
        return tuple(a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))


@dataclass(eq=False, slots=True)
class Class:
    name: str
    node: ast.ClassDef
    file: PythonFile = field(repr=False)
    bases: tuple[Value, ...]
    attributes: dict[str, Value]
    decorations: tuple[str, ...] = ()

    def lineage(self) -> Iterator[Class | External]:
        """The class and its bases, nearest first."""
        seen: set[int] = set()
        waiting: list[Value] = [self]
        while waiting:
            current = waiting.pop(0)
            if id(current) in seen or not isinstance(current, Class | External):
                continue
            seen.add(id(current))
            yield current
            if isinstance(current, Class):
                waiting.extend(current.bases)

    def external_bases(self) -> tuple[str, ...]:
        return tuple(base.name for base in self.lineage() if isinstance(base, External))

    def find(self, name: str) -> Value:
        for step in self.lineage():
            if isinstance(step, Class) and name in step.attributes:
                return step.attributes[name]
        return NOT_KNOWN


@dataclass(eq=False, slots=True)
class Instance:
    cls: Class
    attributes: dict[str, Value] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Bound:
    """A method together with its receiver."""

    function: Value
    receiver: Value


@dataclass(eq=False, slots=True)
class Method:
    """A method of a Python container or string."""

    receiver: Value
    name: str


@dataclass(eq=False, slots=True)
class Partial:
    """`functools.partial(function, ...)`."""

    function: Value
    args: tuple[Value, ...]
    keywords: dict[str, Value]


@dataclass(eq=False, slots=True)
class Super:
    """`super()` inside a method of `owner`."""

    owner: Class
    receiver: Value


def carried(*values: Value) -> tuple[Model, ...]:
    """The library objects inside values, each once, in order."""
    found: dict[int, Model] = {}
    seen: set[int] = set()
    waiting = list(reversed(values))
    while waiting and len(found) < MAX_CARRIED:
        value = waiting.pop()
        if isinstance(value, CONSTANTS) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Model):
            found.setdefault(id(value), value)
        else:
            waiting.extend(reversed(_inside(value)))
    return tuple(found.values())


def _inside(value: Value) -> list[Value]:
    if isinstance(value, Unknown):
        return list(value.carried)
    if isinstance(value, Choice):
        return list(value.options)
    if isinstance(value, dict):
        return [part for pair in value.items() for part in pair]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, Instance):
        return list(value.attributes.values())
    if isinstance(value, Partial):
        return [*value.args, *value.keywords.values()]
    return []


def unknown(*values: Value, text: str | None = None, name: str = "") -> Unknown:
    """An unknown value made from these."""
    return Unknown(carried(*values), text, name)


def choose(options: Iterable[Value]) -> Value:
    """One of these: the value itself where all are the same, unknown where there are too many."""
    kept: list[Value] = []
    for option in options:
        for value in option.options if isinstance(option, Choice) else (option,):
            if not any(same(value, other) for other in kept):
                kept.append(value)
    if len(kept) == 1:
        return kept[0]
    return Choice(tuple(kept)) if len(kept) <= MAX_OPTIONS else unknown(*kept)


def same(one: Value, other: Value) -> bool:
    if one is other:
        return True
    return (
        isinstance(one, CONSTANTS) and isinstance(other, CONSTANTS) and type(one) is type(other) and bool(one == other)
    )


def options(value: Value) -> tuple[Value, ...]:
    return value.options if isinstance(value, Choice) else (value,)


def flat(value: Value) -> list[Value]:
    """The leaves of nested lists, tuples, sets, dict values and choices, in order."""
    leaves: list[Value] = []
    waiting = [value]
    seen: set[int] = set()
    while waiting and len(leaves) < MAX_CARRIED * 8:
        current = waiting.pop()
        if isinstance(current, list | tuple | set | frozenset | Choice | dict):
            if id(current) in seen and not isinstance(current, tuple):
                continue
            seen.add(id(current))
            inside = list(current.values()) if isinstance(current, dict) else _inside(current)
            waiting.extend(reversed(inside))
        else:
            leaves.append(current)
    return leaves


def elements(value: Value) -> list[Value] | None:
    """What iterating over a value gives; None where that is not known."""
    if isinstance(value, str):
        return list(value) if len(value) <= MAX_LENGTH else None
    if isinstance(value, range):
        return list(value) if len(value) <= MAX_LENGTH else None
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, dict):
        return list(value)
    if isinstance(value, Model):
        return value.elements()
    if isinstance(value, Choice):
        found = [elements(option) for option in value.options]
        return flat([part for part in found if part is not None]) if all(part is not None for part in found) else None
    return None


def is_known(value: Value) -> bool:
    """Whether it is a constant or a container of nothing but constants."""
    if isinstance(value, CONSTANTS):
        return True
    return isinstance(value, list | tuple | set | frozenset | dict) and all(
        isinstance(leaf, CONSTANTS) for leaf in flat(value)
    )


def text_of(value: Value, default: str | None = None) -> str | None:
    """The value as text, with `{}` where it is not known; `default` where nothing of it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float | PurePosixPath) or value is None:
        return str(value) if value is not None else default
    if isinstance(value, Unknown):
        return value.text if value.text is not None else default
    if isinstance(value, Choice):
        return default
    return default


def strings(value: Value) -> list[str]:
    """All texts in a value, known or with holes."""
    return [text for leaf in flat(value) if (text := text_of(leaf)) is not None]
