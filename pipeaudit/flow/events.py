"""What happened to data, as rules see it: events with what went in and what came out.

Events are plain values: they can be cached, compared and passed between processes. The interpreter writes them, rules
read them; neither knows the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from pipeaudit.flow.rows import RowTable
from pipeaudit.model.location import Location

Answer = TypeVar("Answer")


class Learned(NamedTuple):
    """A statistic estimated on `rows` that went into a value: by which event, of which kind, and whether it saw the
    target.
    """

    rows: frozenset[int]
    what: str
    supervised: bool
    event: int
    strong: bool = True
    impact: str = "low"


_TEST = re.compile(
    r"(?:^|/)(?:tests?|testing|specs?|e2e)/|(?:^|/)(?:test[_-][^/]*|(?:[^/]*[_-])?tests?|conftest)\.(?:py|ipynb)$",
    re.IGNORECASE,
)


@lru_cache(maxsize=50_000)
def is_test(path: str) -> bool:
    """Whether a file is test code, by its path."""
    return _TEST.search(path) is not None


_EXAMPLE = re.compile(r"(?:^|/)(?:docs?|examples?|tutorials?|benchmarks?|samples?|demos?)/", re.IGNORECASE)


@lru_cache(maxsize=50_000)
def is_example(path: str) -> bool:
    """Whether a file shows how a library is used, by its path."""
    return _EXAMPLE.search(path) is not None


MISSING: object = type("Missing", (), {"__repr__": lambda self: "MISSING"})()


class Snapshot(NamedTuple):
    """A value at the moment of an event.

    `types`: qualified names of what it may be an instance of. `rows`: tokens into the program's row table. `learned`:
    the statistics that went into it. `constant`: a literal, or a path with holes as `{}`, else MISSING. `identity`:
    the same number is the same object. `name`: the variable or expression it was written as. `produced`: the event
    that made it. `columns`: known column names. `target`: it is or holds the label. `output`: "label", "score",
    "proba" or "value" for predictions. `lost`: columns taken out of a frame that else has all those of its file,
    None where that is not known. `option`: the command line option that sets it, whose default `constant` is.
    `model`: identities of models whose predictions it holds. `strong`: every link to its origin is resolved.
    """

    types: tuple[str, ...] = ()
    rows: frozenset[int] = frozenset()
    learned: frozenset[Learned] = frozenset()
    constant: object = MISSING
    identity: int = 0
    name: str = ""
    produced: int = -1
    columns: tuple[str, ...] | None = None
    target: bool = False
    output: str = ""
    models: tuple[int, ...] = ()
    metrics: tuple[int, ...] = ()
    elements: tuple[Snapshot, ...] = ()
    strong: bool = True
    same_as: tuple[int, ...] = ()
    option: str = ""
    lost: frozenset[str] | None = None

    @property
    def identities(self) -> tuple[int, ...]:
        """All objects that it may be: itself, and those that met in it where branches joined."""
        return (self.identity, *self.same_as)

    @property
    def known(self) -> bool:
        """Whether `constant` holds a value."""
        return self.constant is not MISSING

    def is_a(self, *names: str) -> bool:
        return any(name in self.types for name in names)


_NOTHING: Mapping[str, object] = MappingProxyType({})


class Event(NamedTuple):
    """One call, comparison, assignment or statement that matters to a pipeline.

    `roles` are those of the API entry (read, split, train, ...), or one of the language's own: `call` (a call without a
    catalogued role), `compare`, `chained-assignment`, `subscript-store`, `backward-loop`, `import`, `except`,
    `name-error`. `name` is the qualified API name as far as it is known. `arguments` maps parameter names (or "0",
    "1" where they are unknown) to snapshots; `self` is the receiver. `function` is the enclosing function's qualified
    name, "" at the top. `loops` numbers the enclosing loops, outermost first; `statement` tells that the call is a
    statement of its own whose result is dropped (and not the last expression of a notebook cell). `caller` is the
    call site when the code was stepped into. `guarded`: inside a `try` with handlers, or a test's `raises`.
    """

    id: int
    roles: tuple[str, ...]
    name: str
    at: Location
    arguments: Mapping[str, Snapshot] = MappingProxyType({})
    receiver: Snapshot | None = None
    result: Snapshot | None = None
    function: str = ""
    loops: tuple[int, ...] = ()
    statement: bool = False
    conditional: bool = False
    strong: bool = True
    detail: Mapping[str, object] = MappingProxyType({})
    caller: Location | None = None
    guarded: bool = False

    @property
    def short(self) -> str:
        """The last part of its name."""
        return self.name.rpartition(".")[2]

    @property
    def subject(self) -> str:
        """How the receiver is written, else the call's own short name."""
        return self.receiver.name if self.receiver is not None and self.receiver.name else self.short

    def effect(self, operation: str) -> Mapping[str, object]:
        """An operation of the API entry as it was carried out; empty where it has none."""
        found = self.detail.get(operation)
        return _NOTHING if found is None or not isinstance(found, Mapping) else found

    def port(self, operation: str, field_name: str) -> Snapshot | None:
        """The value at a port that an operation names, `true` of a `metric` for one."""
        if operation not in self.detail:
            return None
        name = self.effect(operation).get(field_name)
        if name == "self":
            return self.receiver
        return self.result if name == "ret" else self.arguments.get(str(name))

    @property
    def covers(self) -> tuple[str, ...]:
        """The random domains that a seeding call controls."""
        found = self.detail.get("covers")
        return found if isinstance(found, tuple) else ()

    def argument(self, name: str) -> Snapshot | None:
        return self.arguments.get(name)

    def constant(self, name: str, default: object = None) -> object:
        """The argument's constant; `default` where it was not given; MISSING where it was given and is unknown."""
        value = self.arguments.get(name)
        return default if value is None else value.constant


_KEYS: dict[str, Callable[[Event], Iterable[str]]] = {
    "roles": lambda event: dict.fromkeys(event.roles),
    "names": lambda event: (event.name,),
    "shorts": lambda event: (event.short,),
    "given": lambda event: event.arguments,
    "effects": lambda event: event.detail,
}


@lru_cache(maxsize=50_000)
def _holds(pattern: re.Pattern[str], name: str) -> bool:
    return pattern.search(name) is not None


class _Index:
    """Where the events of each role, of each name and so on stand."""

    __slots__ = ("items", "places")

    def __init__(self, items: tuple[Event, ...], kind: str) -> None:
        self.items = items
        self.places: dict[str, list[int]] = {}
        keys = _KEYS[kind]
        for at, event in enumerate(items):
            for key in keys(event):
                self.places.setdefault(key, []).append(at)


@dataclass(frozen=True, slots=True)
class Events:
    """The events of one program: a module run top to bottom, or a notebook, with all it steps into.

    `runs`: functions that were run on their own, each with its first event, the end of its events, and whether a
    server calls it as a method of a serving class. `chosen`: events whose result had columns chosen from it by a
    list of names. `domains`: the random domains of the libraries that it imports. `unmade`: names that code outside
    functions uses and that nothing before it makes, built-in ones too; None where the program could not be followed to
    its end.
    """

    path: str
    items: tuple[Event, ...]
    rows: RowTable
    is_notebook: bool = False
    live: bool = True
    imports: tuple[str, ...] = ()
    functions: tuple[tuple[str, Location], ...] = ()
    started: int = -1
    chosen: frozenset[int] = frozenset()
    runs: tuple[tuple[str, int, int, bool], ...] = ()
    domains: tuple[str, ...] = ()
    unmade: frozenset[str] | None = None
    _answers: dict[str, object] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_test(self) -> bool:
        return is_test(self.path)

    def ran(self) -> tuple[Event, ...]:
        """Those that running the file brings about; the others are of functions that nobody called."""
        return self.items if self.started < 0 else self.items[: self.started]

    def once(self, question: str, answer: Callable[[Events], Answer]) -> Answer:
        """An answer that several rules ask for, worked out once."""
        if question not in self._answers:
            self._answers[question] = answer(self)
        return self._answers[question]  # type: ignore[return-value] # stored under its own question

    def __iter__(self) -> Iterator[Event]:
        return iter(self.items)

    def of(self, *roles: str) -> list[Event]:
        """Events that play one of these roles, in the order in which the program runs."""
        return self.where(roles=roles)

    def named(self, *names: str) -> list[Event]:
        return self.where(names=names)

    def where(self, **wanted: Iterable[str]) -> list[Event]:
        """Events that fit one of these, in order: `roles`, `names`, `shorts` (last parts of names), `given` (names of
        arguments) and `effects` (keys of their detail).

        To ask so is many times cheaper than to look at all events.
        """
        found = []
        for kind, keys in wanted.items():
            places = self._places(kind)
            found += [places[key] for key in keys if key in places]
        if len(found) == 1:
            return [self.items[at] for at in found[0]]
        return [self.items[at] for at in sorted({at for each in found for at in each})]

    def any_named(self, pattern: re.Pattern[str]) -> bool:
        """Whether the name of any event holds this."""
        return any(_holds(pattern, name) for name in self._places("names"))

    def _places(self, kind: str) -> dict[str, list[int]]:
        """Places in `items` by role, name and so on: rules ask many times for few events."""
        known = self._answers.get(kind)
        if not isinstance(known, _Index) or known.items is not self.items:
            known = self._answers[kind] = _Index(self.items, kind)
        return known.places

    def with_id(self, identifier: int) -> Event | None:
        return self.items[identifier] if 0 <= identifier < len(self.items) else None

    def before(self, event: Event) -> Iterable[Event]:
        """All that ran earlier."""
        return self.items[: event.id]
