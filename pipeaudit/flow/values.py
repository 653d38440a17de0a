"""What an expression may be: an abstract value with its rows, what was learned into it, columns, constants and parts.

Values are shared by reference as Python's objects are, so what a mutation does to one name shows under every other.
Nothing is ever taken out of a value on one of two branches: what may have happened has happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeaudit.flow.events import MISSING, Learned, Snapshot

if TYPE_CHECKING:
    from pipeaudit.flow.scopes import Module
    from pipeaudit.read.python import Class, Function

NO_ROWS: frozenset[int] = frozenset()
NOTHING: frozenset[Learned] = frozenset()
_MOST_ELEMENTS = 64
_counter = 0


class Api:
    """A library's function, class, module or attribute, by its qualified name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class ModuleRef:
    """A module of the audited repository."""

    __slots__ = ("module",)

    def __init__(self, module: Module) -> None:
        self.module = module


class Closure:
    """A function of the repository with the names it can see; `receiver` binds `self` or `cls`.

    `cell` is the one that defines it: the scope of a notebook moves on to later cells.
    """

    __slots__ = ("cell", "function", "owner", "receiver", "scope")

    def __init__(
        self, function: Function, scope: Any, receiver: Value | None = None, owner: ClassRef | None = None
    ) -> None:
        self.function = function
        self.scope = scope
        self.cell: int | None = scope.cell
        self.receiver = receiver
        self.owner = owner


class ClassRef:
    """A class of the repository: its own names, its bases, and the catalogued classes it derives from."""

    __slots__ = ("api_bases", "attributes", "bases", "definition", "scope")

    def __init__(self, definition: Class, scope: Any, bases: list[ClassRef], api_bases: tuple[str, ...]) -> None:
        self.definition = definition
        self.scope = scope
        self.bases = bases
        self.api_bases = api_bases
        self.attributes: dict[str, Value] = {}

    def find(self, name: str, depth: int = 0) -> Value | None:
        own = self.attributes.get(name)
        if own is not None or depth > 10:
            return own
        for base in self.bases:
            found = base.find(name, depth + 1)
            if found is not None:
                return found
        return None

    def all_api_bases(self, depth: int = 0) -> tuple[str, ...]:
        inherited = tuple(name for base in self.bases if depth < 10 for name in base.all_api_bases(depth + 1))
        return tuple(dict.fromkeys((*self.api_bases, *inherited)))


class Instance:
    """An object of a class of the repository; its attributes are the value's."""

    __slots__ = ("klass",)

    def __init__(self, klass: ClassRef) -> None:
        self.klass = klass


class Bound:
    """A method of a value, before it is called."""

    __slots__ = ("name", "receiver")

    def __init__(self, receiver: Value, name: str) -> None:
        self.receiver = receiver
        self.name = name


class Partial:
    """`functools.partial`: a callable with some arguments given."""

    __slots__ = ("arguments", "function", "keywords")

    def __init__(self, function: Value, arguments: list[Value], keywords: dict[str, Value]) -> None:
        self.function = function
        self.arguments = arguments
        self.keywords = keywords


class Indexer:
    """`frame.iloc`, `frame.loc` and the like, before it is subscripted."""

    __slots__ = ("kind", "receiver")

    def __init__(self, receiver: Value, kind: str) -> None:
        self.receiver = receiver
        self.kind = kind


class Length:
    """How many rows: `len(train)`, `train.shape[0]`; a slice up to it takes those rows out of a union."""

    __slots__ = ("rows",)

    def __init__(self, rows: frozenset[int]) -> None:
        self.rows = rows


class Selection:
    """Positions of rows: `part` of `split` among `parents`; what KFold.split yields, or `train.index`."""

    __slots__ = ("parents", "part", "role", "split", "token")

    def __init__(self, parents: frozenset[int], split: int, part: str, role: str, token: int = -1) -> None:
        self.parents = parents
        self.split = split
        self.part = part
        self.role = role
        self.token = token

    def others(self) -> Selection | None:
        """All rows but these."""
        if self.split < 0:
            return None
        return Selection(self.parents, self.split, "train" if self.part == "test" else "test", self.role)


class Value:
    """See flow.events.Snapshot for what the shared fields mean.

    `ref` holds what a value that is not data stands for (Api, Closure, ClassRef, Bound, ...). `overlay` holds what
    was learned into single columns, by name, apart from `learned` for all others. `attributes` are those of an
    object, `elements` those of a tuple, list or dict (by key). `config` is the file and key path that a
    configuration value was loaded from. `column_of` is the frame that a column was taken from, and its name. `mask`
    is a boolean row filter: its key, and whether it is negated. `lost`: columns that were taken out of a frame
    which else has all those of the file it was read from; None where that is not known.
    """

    # Defaults stand on the class: most values need few of these, and values are made by the hundred thousand.
    overlay: dict[str, frozenset[Learned]] | None = None
    columns: tuple[str, ...] | None = None
    elements: dict[object, Value] | None = None
    attributes: dict[str, Value] | None = None
    held: list[Value] | None = None
    same_as: tuple[int, ...] = ()
    models: tuple[int, ...] = ()
    metrics: tuple[int, ...] = ()
    output = ""
    target = False
    config: tuple[str, tuple[object, ...]] | None = None
    mask: tuple[str, bool] | None = None
    label = ""
    column_of: tuple[Value, str] | None = None
    lost: frozenset[str] | None = None

    def __init__(
        self,
        types: tuple[str, ...] = (),
        rows: frozenset[int] = NO_ROWS,
        learned: frozenset[Learned] = NOTHING,
        constant: object = MISSING,
        ref: object = None,
        strong: bool = True,
        produced: int = -1,
    ) -> None:
        global _counter
        _counter += 1
        self.identity = _counter
        self.types = types
        self.rows = rows
        self.learned = learned
        self.constant = constant
        self.ref = ref
        self.strong = strong
        self.produced = produced

    @property
    def all_learned(self) -> frozenset[Learned]:
        """What was learned into any part of it."""
        total = self.learned
        if self.overlay:
            for extra in self.overlay.values():
                total |= extra
        return total

    @property
    def is_data(self) -> bool:
        """Whether it carries rows, statistics or predictions: something that flows."""
        return bool(self.rows or self.learned or self.models or self.metrics or self.overlay)

    def is_a(self, *names: str) -> bool:
        return any(name in self.types for name in names)

    def adopt(self, other: Value) -> None:
        """Takes over all that flows from another value, as a mutation by it would."""
        self.rows |= other.rows
        self.learned |= other.all_learned
        self.strong = self.strong and other.strong
        self.models = _both(self.models, other.models)
        self.metrics = _both(self.metrics, other.metrics)

    def like(self, **changes: Any) -> Value:
        """A new value with the same content but an identity of its own."""
        made = Value()
        identity = made.identity
        made.__dict__.update(self.__dict__)
        made.identity = identity
        made.label, made.column_of, made.same_as = "", None, ()
        if self.overlay:
            made.overlay = dict(self.overlay)
        if changes:
            made.__dict__.update(changes)
        return made

    def snapshot(self, name: str = "", depth: int = 0) -> Snapshot:
        """The value as events keep it."""
        elements: tuple[Snapshot, ...] = ()
        if self.elements and depth < 2 and self.constant is MISSING:
            elements = tuple(v.snapshot("", depth + 1) for v in list(self.elements.values())[:12])
        types = self.types
        if not types and isinstance(self.ref, Api):
            types = (self.ref.name,)
        return Snapshot(
            types,
            self.rows,
            self.all_learned if self.overlay else self.learned,
            self.constant,
            self.identity,
            name or self.label,
            self.produced,
            self.columns,
            self.target,
            self.output,
            self.models,
            self.metrics,
            elements,
            self.strong,
            self.same_as,
            self.label if self.label.startswith("--") else "",
            self.lost,
        )


def _both(left: tuple[Any, ...], right: tuple[Any, ...]) -> tuple[Any, ...]:
    if not right or left == right:
        return left
    return tuple(dict.fromkeys((*left, *right))) if left else right


def unknown(*parts: Value) -> Value:
    """What an unknown call makes of its arguments: all that flowed in, by a weak link."""
    made = Value(strong=True)
    for part in parts:
        if part.is_data:
            made.rows |= part.rows
            made.learned |= part.all_learned
            made.models = _both(made.models, part.models)
            made.metrics = _both(made.metrics, part.metrics)
            made.strong = False
    return made


def combine(*parts: Value) -> Value:
    """What an operator makes of its operands: all that flowed in; a link as strong as the weakest."""
    made = Value()
    for part in parts:
        made.rows |= part.rows
        made.learned |= part.all_learned
        made.models = _both(made.models, part.models)
        made.metrics = _both(made.metrics, part.metrics)
        if part.is_data and not part.strong:
            made.strong = False
        if part.output and not made.output:
            made.output = part.output
        if part.target:
            made.target = True
    return made


def join(left: Value, right: Value) -> Value:
    """Either of two values: what a name means where branches meet."""
    if left is right:
        return left
    if left.ref is not None and right.ref is None and not right.is_data and right.constant is None:
        return left
    if right.ref is not None and left.ref is None and not left.is_data and left.constant is None:
        return right
    if left.constant is None and not left.types and right.types:
        return right
    if right.constant is None and not right.types and left.types:
        return left
    made = combine(left, right)
    made.types = _both(left.types, right.types)
    made.ref = left.ref if left.ref is not None else right.ref
    if left.constant is not MISSING and left.constant == right.constant and type(left.constant) is type(right.constant):
        made.constant = left.constant
    made.strong = left.strong and right.strong
    if left.overlay or right.overlay:
        keys = {*(left.overlay or ()), *(right.overlay or ())}
        made.learned = left.learned | right.learned
        made.overlay = {
            k: (left.overlay or {}).get(k, left.learned) | (right.overlay or {}).get(k, right.learned)
            for k in sorted(keys)
        }
    if left.columns == right.columns:
        made.columns = left.columns
    if left.lost is not None and right.lost is not None:
        made.lost = left.lost | right.lost
    if left.elements is not None and right.elements is not None and left.elements.keys() == right.elements.keys():
        made.elements = {k: join(v, right.elements[k]) for k, v in left.elements.items()}
    elif left.elements is None or right.elements is None:
        made.elements = left.elements or right.elements
    made.attributes = left.attributes if left.attributes is not None else right.attributes
    made.held = left.held or right.held
    made.target = left.target or right.target
    made.output = left.output or right.output
    made.config = left.config if left.config == right.config else None
    made.produced = left.produced if left.produced >= 0 else right.produced
    made.same_as = tuple(dict.fromkeys((left.identity, *left.same_as, right.identity, *right.same_as)))[:16]
    return made


def const(value: object) -> Value:
    """A literal."""
    return Value((_TYPE_NAMES[type(value)],) if type(value) in _TYPE_NAMES else (), constant=value)


_TYPE_NAMES: dict[type, str] = {str: "str", int: "int", float: "float", bool: "bool", complex: "complex"}


def sequence(kind: str, elements: list[Value]) -> Value:
    """A tuple, list or set with its elements; it carries all that flows in them."""
    made = combine(*elements) if any(e.is_data for e in elements) else Value()
    made.types = (kind,)
    made.elements = dict(enumerate(elements[:_MOST_ELEMENTS]))
    constants = [e.constant for e in elements[:_MOST_ELEMENTS]]
    if MISSING not in constants and len(elements) <= _MOST_ELEMENTS:
        made.constant = tuple(constants) if kind == "tuple" else list(constants)
    return made


def mapping(items: list[tuple[Value | None, Value]]) -> Value:
    """A dict with what is known of its keys."""
    made = combine(*[v for _, v in items]) if any(v.is_data for _, v in items) else Value()
    made.types = ("dict",)
    made.elements = {}
    plain: dict[object, object] = {}
    complete = True
    for key, value in items[:_MOST_ELEMENTS]:
        constant = MISSING if key is None else key.constant
        if isinstance(constant, str | int | float | bool | tuple) or constant is None:
            made.elements[constant] = value
            plain[constant] = value.constant
            complete = complete and value.constant is not MISSING
        else:
            complete = False
    if complete and len(items) <= _MOST_ELEMENTS:
        made.constant = plain
    return made
