"""Subscripts and attributes: which rows and columns of a value they take, and what storing into them does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeaudit.flow.events import MISSING, Learned
from pipeaudit.flow.rows import Rows
from pipeaudit.flow.text import key, written
from pipeaudit.flow.values import (
    NO_ROWS,
    NOTHING,
    Api,
    Bound,
    Indexer,
    Length,
    Selection,
    Value,
    combine,
    const,
    sequence,
)

if TYPE_CHECKING:
    from pipeaudit.flow.interpret import Interpreter
    from pipeaudit.flow.scopes import Scope
    from pipeaudit.read.python import Expression, Position

FRAME = "pandas.DataFrame"
SERIES = "pandas.Series"
ARRAY = "numpy.ndarray"
_INDEXERS = frozenset({"iloc", "loc", "ix", "at", "iat"})
_FACTS = frozenset({"shape", "size", "ndim", "dtype", "dtypes", "empty", "name", "nbytes", "device", "itemsize"})
_SAME_DATA = frozenset({"values", "T", "A", "data", "real", "str", "dt", "cat", "array", "flat", "sparse"})


# ---- rows -----------------------------------------------------------------------------------------------------------


def subset(machine: Interpreter, rows: frozenset[int], how: str, kind: str = "sub") -> frozenset[int]:
    """The rows that a filter takes; the same filter of the same rows is the same set."""
    if not rows:
        return NO_ROWS
    token = machine.subsets.get((rows, how))
    if token is None:
        token = machine.rows.add(Rows(kind, tuple(sorted(rows)), complement=how))
        machine.subsets[(rows, how)] = token
    return frozenset((token,))


def part_rows(
    machine: Interpreter,
    rows: frozenset[int],
    split: int,
    part: str,
    role: str,
    event: int = -1,
    shuffled: bool = False,
) -> frozenset[int]:
    """The rows of one part of a split."""
    if not rows:
        return NO_ROWS
    how = f"part|{split}|{part}"
    event = machine.split_events.get(split, event)
    token = machine.subsets.get((rows, how))
    if token is None:
        made = Rows("part", tuple(sorted(rows)), split=split, part=part, role=role, event=event, shuffled=shuffled)
        token = machine.rows.add(made)
        machine.subsets[(rows, how)] = token
    return frozenset((token,))


def _selected(machine: Interpreter, owner: Value, index: Value, expression: Expression) -> frozenset[int]:
    """The rows of `owner` that an evaluated row index takes."""
    ref = index.ref
    if isinstance(ref, Selection) and (index.mask is None or ref.split >= 0):
        if ref.token >= 0 and ref.split < 0:
            return (
                frozenset((ref.token,))
                if machine.rows.ancestors(ref.token) & owner.rows
                else subset(machine, owner.rows, f"index|{ref.token}")
            )
        return part_rows(machine, owner.rows, ref.split, ref.part, ref.role, shuffled=True)
    if index.mask is not None:
        text, negated = index.mask
        if text.startswith("isin|"):
            token = int(text.partition("|")[2])
            return subset(machine, owner.rows, f"drop|{token}") if negated else frozenset((token,))
        if text.startswith("slice|"):
            return subset(machine, owner.rows, text)
        return subset(machine, owner.rows, f"mask|{text}|{int(negated)}")
    if expression[0] == "slice":
        if expression[1:] == (("const", None), ("const", None), ("const", None)) or _is_reversal(expression):
            return owner.rows
        return _put_apart(machine, owner.rows, index) or subset(machine, owner.rows, slice_text("", expression))
    if index.rows and index.rows != owner.rows and not (index.is_a("int", "str")):
        return subset(machine, owner.rows, f"index|{key(expression)}")
    if expression[0] == "const":
        return owner.rows
    return subset(
        machine, owner.rows, f"index|{key(expression)}", "sub" if owner.is_a(FRAME, SERIES, ARRAY) else "unknown"
    )


def _put_apart(machine: Interpreter, rows: frozenset[int], index: Value) -> frozenset[int]:
    """`joined[:len(train)]` and `joined[len(train):]`: the frames that were joined, taken apart again."""
    if len(rows) != 1 or index.elements is None:
        return NO_ROWS
    joined = machine.rows[next(iter(rows))]
    while joined.kind == "sub" and len(joined.parents) == 1 and joined.complement.startswith("call|"):
        joined = machine.rows[joined.parents[0]]
    if joined.kind != "union":
        return NO_ROWS
    lower, upper = index.elements[0].ref, index.elements[1].ref
    known = lower if isinstance(lower, Length) else upper if isinstance(upper, Length) else None
    if known is None or not known.rows <= frozenset(joined.parents):
        return NO_ROWS
    return known.rows if known is upper else frozenset(joined.parents) - known.rows


def _is_reversal(expression: Expression) -> bool:
    return bool(expression[1] == ("const", None) and expression[2] == ("const", None))


def slice_text(base: str, expression: Expression) -> str:
    """`slice|base|lower|upper`: what tells two slices of one thing apart, or makes them neighbours."""
    ends = ["" if part == ("const", None) else key(part) for part in expression[1:3]]
    if ends[0] == "0":
        ends[0] = ""
    return f"slice|{base}|{ends[0]}|{ends[1]}"


# ---- reading --------------------------------------------------------------------------------------------------------


def subscript(machine: Interpreter, expression: Expression, scope: Scope) -> Value:
    """`owner[index]`."""
    _, at, inner, index_expression = expression
    owner = machine.eval(inner, scope)
    index = machine.eval(index_expression, scope)
    if index_expression[0] == "slice" and owner.is_a("os.listing"):
        machine.emit(scope, at, ("unordered",), "", detail={"kind": "unsorted-listing", "text": written(inner)})
    if inner[0] == "index" and inner[2][0] == "name":
        root = scope.lookup(inner[2][1])
        if root is not None and FRAME in root.types and inner[3][0] != "tuple":
            machine.emit(scope, at, ("chained-read",), FRAME, detail={"text": written(expression)})
    if isinstance(owner.ref, Indexer):
        return _indexed(machine, owner.ref, index, index_expression)
    constant = index.constant
    if owner.config is not None and isinstance(constant, str | int):
        stored = owner.constant is MISSING and owner.elements is not None and constant in owner.elements
        if not stored:
            return config_member(machine, owner, constant, scope, at, required=True)
    if owner.elements is not None and constant is not MISSING and not owner.is_a("str"):
        found = _element(owner, constant)
        if found is not None:
            return found
    if owner.elements is not None and not owner.rows:
        if index_expression[0] == "slice":
            return owner.like(constant=MISSING)
        if owner.elements and constant is MISSING:
            return machine.iteration(owner, scope, at)[0] if len(owner.elements) == 1 else _any_of(owner)
    described = _catalogued(machine, owner, "__getitem__", index)
    if described is not None and not owner.is_data and described.types:
        return described
    if described is not None and owner.is_data:
        made = owner.like(constant=MISSING, elements=None, mask=None)
        made.types = described.types
        return made
    if owner.rows or FRAME in owner.types:
        return _rows_or_columns(machine, owner, index, index_expression)
    if index_expression[0] == "slice":
        made = owner.like(constant=_sliced(owner.constant, index_expression), elements=None)
        if not owner.is_data:
            made.mask = (slice_text(key(inner), index_expression), False)
        return made
    if isinstance(owner.ref, Api):
        made = Value(owner.types)
        if owner.ref.name == "sys.argv" and isinstance(constant, int) and constant > 0:
            made.label = f"--{constant}"  # an option without a name
        return made
    made = combine(owner)
    made.output = owner.output
    made.models = owner.models
    if isinstance(owner.ref, Bound) or owner.is_data:
        made.strong = owner.strong
    return made


def _catalogued(machine: Interpreter, owner: Value, method: str, index: Value) -> Value | None:
    """What the API entry of a subscript or a loop says that it gives."""
    from pipeaudit.flow import calls

    for type_name in owner.types:
        entry = machine.knowledge.method(type_name, method)
        if entry is not None and entry.returns:
            ports = {entry.parameters[0].name: index} if entry.parameters else {}
            return calls.described(machine, entry, ports, owner)
    return None


def _sliced(constant: object, expression: Expression) -> object:
    if isinstance(constant, str) and all(part[0] == "const" for part in expression[1:]):
        lower, upper, step = (part[1] for part in expression[1:])
        if all(isinstance(p, int) or p is None for p in (lower, upper, step)) and step != 0:
            return constant[lower:upper:step]
    return MISSING


def _element(owner: Value, constant: object) -> Value | None:
    assert owner.elements is not None
    if isinstance(constant, list | dict | set):
        return None
    found = owner.elements.get(constant)
    if found is None and isinstance(constant, int) and constant < 0 and not owner.is_a("dict"):
        found = owner.elements.get(len(owner.elements) + constant)
    return found


def _any_of(owner: Value) -> Value:
    from pipeaudit.flow.values import join

    assert owner.elements is not None
    values = list(owner.elements.values())
    joined = values[0]
    for value in values[1:]:
        joined = join(joined, value)
    return joined


def config_member(
    machine: Interpreter,
    owner: Value,
    name: object,
    scope: Scope,
    at: Position,
    required: bool,
    default: Value | None = None,
) -> Value:
    """A key of a loaded configuration; the event says whether the file has it."""
    assert owner.config is not None
    file, path = owner.config
    known = owner.constant is not MISSING
    value: object = MISSING
    defined = False
    if isinstance(owner.constant, dict):
        defined = name in owner.constant
        value = owner.constant.get(name, MISSING)
    elif isinstance(owner.constant, list) and isinstance(name, int):
        defined = -len(owner.constant) <= name < len(owner.constant)
        value = owner.constant[name] if defined else MISSING
    elif known:
        known = False
    made = machine.plain_value(value)
    made.config = (file, (*path, name))
    if not defined and default is not None:
        made = default
    machine.emit(
        scope,
        at,
        ("config_read",),
        file,
        detail={"file": file, "key": (*path, name), "defined": defined, "known": known, "required": required},
    )
    return made


def _rows_or_columns(machine: Interpreter, owner: Value, index: Value, expression: Expression) -> Value:
    """A subscript of a frame or an array: columns by name, rows by mask, slice or positions."""
    names = _names(index)
    if names is not None:
        if owner.produced >= 0 and not isinstance(index.constant, str):
            machine.chosen.add(owner.produced)
        return columns(owner, names, single=isinstance(index.constant, str))
    if expression[0] == "tuple" and expression[1]:
        rows = expression[1][0]
        row_index = (index.elements or {}).get(0, Value())
        made = owner.like(constant=MISSING, elements=None, mask=None)
        made.rows = _selected(machine, owner, row_index, rows)
        if len(expression[1]) > 1:
            column_index = (index.elements or {}).get(1, Value())
            _narrow(made, column_index)
        _carry_filter(made, row_index)
        return made
    if expression[0] != "slice" and not index.is_data and index.mask is None and not isinstance(index.ref, Selection):
        if FRAME in owner.types:
            made = owner.like(constant=MISSING, elements=None, mask=None, lost=None)
            if not index.is_a("list", "pandas.Index"):
                made.types = (FRAME,) if index.is_a("list") else ()
            made.learned = owner.all_learned
            made.overlay = None
            return made
        if isinstance(index.constant, int):
            return owner.like(constant=MISSING, elements=None, mask=None)
    made = owner.like(constant=MISSING, elements=None, mask=None)
    made.rows = _selected(machine, owner, index, expression)
    _carry_filter(made, index)
    return made


def _carry_filter(made: Value, index: Value) -> None:
    """A filter built from statistics of all rows puts what it learned into the rows that it lets through."""
    if index.learned and not isinstance(index.ref, Selection):
        made.learned |= frozenset(
            Learned(
                item.rows, "outlier" if item.what == "manual" else item.what, item.supervised, item.event, item.strong
            )
            for item in index.learned
            if item.what in ("manual", "outlier")
        )


def _names(index: Value) -> tuple[str, ...] | None:
    """Column names that an index gives literally."""
    constant = index.constant
    if isinstance(constant, str) and "{}" not in constant:
        return (constant,)
    if isinstance(constant, list | tuple) and constant and all(isinstance(c, str) for c in constant):
        return tuple(constant)
    return None


def columns(owner: Value, names: tuple[str, ...], single: bool = False) -> Value:
    """Columns of a frame by name, each with what was learned into it."""
    made = owner.like(constant=MISSING, elements=None, mask=None, lost=None)
    if owner.overlay:
        learned: frozenset[Learned] = NOTHING
        for name in names:
            learned |= owner.overlay.get(name, owner.learned)
        made.learned = learned
        made.overlay = None if single else {n: owner.overlay[n] for n in names if n in owner.overlay} or None
        if not single and any(n not in owner.overlay for n in names):
            made.learned = owner.learned
        elif not single:
            made.learned = NOTHING
    made.columns = names
    if single:
        made.types = (SERIES,)
        made.label = names[0]
        made.column_of = (owner, names[0])
    return made


def _narrow(made: Value, index: Value) -> None:
    """Keeps the columns of a two-dimensional subscript's second part, where they are named."""
    names = _names(index)
    if not (index.types == ("slice",) and all(part.constant is None for part in (index.elements or {}).values())):
        made.lost = None
    if names is not None:
        kept = columns(made, names, single=isinstance(index.constant, str))
        made.learned, made.overlay, made.columns, made.types = kept.learned, kept.overlay, kept.columns, kept.types
    elif isinstance(index.constant, int):
        made.types = (SERIES,) if FRAME in made.types else made.types


def _indexed(machine: Interpreter, indexer: Indexer, index: Value, expression: Expression) -> Value:
    """`frame.loc[rows, columns]` and its like."""
    owner = indexer.receiver
    if not owner.rows:
        made = owner.like(constant=MISSING, elements=None)
        if expression[0] == "slice" and not owner.is_data:
            made.mask = (slice_text(owner.label, expression), False)
        return made
    if expression[0] == "tuple" and expression[1]:
        row_expression = expression[1][0]
        row_index = (index.elements or {}).get(0, Value())
        made = owner.like(constant=MISSING, elements=None, mask=None)
        made.rows = _selected(machine, owner, row_index, row_expression)
        _carry_filter(made, row_index)
        if len(expression[1]) > 1:
            _narrow(made, (index.elements or {}).get(1, Value()))
        return made
    made = owner.like(constant=MISSING, elements=None, mask=None)
    made.rows = _selected(machine, owner, index, expression)
    _carry_filter(made, index)
    return made


def item(machine: Interpreter, source: Value, scope: Scope | None) -> Value:
    """One element of what is iterated over."""
    if source.elements:
        return _any_of(source)
    if any(machine.is_splitter(type_name) for type_name in source.types):
        split = machine.new_split()
        return sequence(
            "tuple", [Value((ARRAY,), ref=Selection(NO_ROWS, split, part, "fold")) for part in ("train", "test")]
        )
    described = _catalogued(machine, source, "__iter__", Value())
    if described is not None and not source.is_data and described.types not in ((), ("object",)):
        return described
    if described is not None and source.is_data:
        for value in [described, *(described.elements or {}).values()]:
            if value.types != ("object",):
                value.rows = subset(machine, source.rows, "item") if source.rows else NO_ROWS
                value.learned = source.all_learned
                value.strong = source.strong
                value.target = source.target
        return described
    made = Value()
    if source.is_data:
        made = combine(source)
        made.strong = source.strong
        made.target = source.target
    made.models = source.models
    made.output = source.output
    made.config = None
    return made


def part(machine: Interpreter, value: Value, position: int, scope: Scope) -> Value:
    """The n-th part of a value whose parts are not known."""
    if not value.is_data:
        return Value(strong=value.strong)
    made = combine(value)
    made.output = value.output
    made.types = value.types if value.types and value.types[0] not in ("tuple", "list", "zip") else ()
    if not value.strong and value.rows:
        token = machine.rows.add(Rows("unknown", tuple(sorted(value.rows)), part=str(position)))
        made.rows = frozenset((token,))
        made.strong = False
    return made


def attribute(machine: Interpreter, owner: Value, name: str, scope: Scope, at: Position) -> Value:
    """`owner.name` for data and library objects."""
    if name == "values" and owner.is_a(FRAME, SERIES):
        machine.emit(scope, at, ("attribute",), f"{owner.types[0]}.values", receiver=owner)
    if name in _INDEXERS and (owner.rows or not owner.types or owner.is_a(FRAME, SERIES)):
        return Value(ref=Indexer(owner, name))
    if name in _FACTS and owner.attributes is None:
        if name == "shape" and owner.rows:
            made = Value(("tuple",))
            made.elements = {0: Value(("int",), ref=Length(owner.rows))}
            return made
        return Value()
    if owner.config is not None:
        if name in ("get", "items", "keys", "values", "pop", "update", "copy", "setdefault"):
            return Value(("method",), ref=Bound(owner, name))
        return config_member(machine, owner, name, scope, at, required=True)
    if owner.rows and (owner.is_a(FRAME, SERIES) or not owner.types):
        if name == "index":
            token = next(iter(owner.rows)) if len(owner.rows) == 1 else -1
            return Value(("pandas.Index",), ref=Selection(owner.rows, -1, "", "", token))
        if name == "columns":
            made = Value(("pandas.Index",))
            if owner.columns:
                made.constant = list(owner.columns)
                made.elements = {i: const(c) for i, c in enumerate(owner.columns)}
            return made
    if isinstance(owner.ref, Bound) and owner.is_a("method"):  # a method that has methods: `frame.plot.bar()`
        inner = f"{owner.ref.name}.{name}"
        if any(machine.knowledge.method(type_name, inner) is not None for type_name in owner.ref.receiver.types):
            return Value(("method",), ref=Bound(owner.ref.receiver, inner))
    for type_name in owner.types:
        entry = machine.knowledge.method(type_name, name)
        if entry is not None and entry.kind == "attribute":
            from pipeaudit.flow import calls

            return calls.attribute_of(machine, owner, entry, at, scope)
        if entry is not None:
            return Value(("method",), ref=Bound(owner, name))
    if name in _SAME_DATA and owner.is_data:
        made = owner.like(constant=MISSING, elements=None)
        if name in ("values", "A", "array", "flat"):
            made.types = (ARRAY,) if owner.is_a(FRAME, SERIES, ARRAY) else owner.types
            made.learned = owner.all_learned
            made.overlay = None
        return made
    if FRAME in owner.types and owner.rows and not name.startswith("_"):
        made = columns(owner, (name,), single=True)
        made.ref = Bound(owner, name)
        return made
    made = Value(ref=Bound(owner, name), rows=owner.rows, learned=owner.all_learned, strong=owner.strong)
    made.models = owner.models
    made.output = owner.output
    return made


# ---- storing --------------------------------------------------------------------------------------------------------


def assign(machine: Interpreter, target: Expression, value: Value, scope: Scope, at: Position) -> None:
    """`owner[index] = value`."""
    _, _, inner, index_expression = target
    owner = machine.eval(inner, scope)
    index = machine.eval(index_expression, scope)
    _report_chain(machine, inner, index, scope, at)
    if machine.loops:
        changed = owner.ref.receiver if isinstance(owner.ref, Indexer) else owner
        written_as = written(inner[2] if isinstance(owner.ref, Indexer) and inner[0] == "attr" else inner)
        machine.emit(scope, at, ("store",), "", {"owner": changed.snapshot(written_as), "value": value.snapshot()})
    if isinstance(owner.ref, Indexer):
        receiver = owner.ref.receiver
        column = Value()
        if index_expression[0] == "tuple" and index.elements is not None:
            column = index.elements.get(1, column)
        names = _names(column)
        carried = combine(value, index) if index.learned else value
        if names is not None:
            overlay(receiver, names, carried.all_learned, replace=False)
        else:
            receiver.learned |= carried.all_learned
        _soften(receiver, value)
        return
    if isinstance(owner.ref, Api):
        machine.emit(scope, at, ("set_item",), owner.ref.name, {"key": index.snapshot(), "value": value.snapshot()})
        return
    store(machine, owner, index, value, scope, at)


def store(machine: Interpreter, owner: Value, index: Value, value: Value, scope: Scope, at: Position) -> None:
    """Puts a value into a frame's column, an array's rows, or a container's element."""
    constant = index.constant
    if owner.elements is not None and not owner.rows:
        if isinstance(constant, str | int | float | bool | tuple):
            owner.elements[constant] = value
            owner.constant = MISSING
        else:
            owner.adopt(value)
            if len(owner.elements) < 64:
                owner.elements[f"?{len(owner.elements)}"] = value
        if value.is_data:
            owner.adopt(value)
        return
    names = _names(index)
    empty = value.constant in ("", 0) and not isinstance(value.constant, bool)
    if empty and names is not None and owner.is_a(FRAME) and names[0] not in (owner.columns or ()):
        machine.emit(scope, at, ("empty_column",), FRAME, {"value": value.snapshot()}, detail={"column": names[0]})
    if names is not None and (owner.is_a(FRAME) or (owner.rows and not owner.is_a(ARRAY))):
        machine.emit(scope, at, ("subscript-store",), FRAME, {"value": value.snapshot()}, detail={"columns": names})
        overlay(owner, names, value.all_learned, replace=index.mask is None)
        if not owner.rows:
            owner.rows |= value.rows
        if owner.lost:
            owner.lost -= frozenset(names)
        if value.produced >= 0:
            _report_future(machine, value, names, scope, at)
        if owner.columns is not None:
            owner.columns = tuple(dict.fromkeys((*owner.columns, *names)))
        _soften(owner, value)
        return
    if owner.rows:
        carried = combine(value, index) if index.learned else value
        owner.learned |= carried.all_learned
        _soften(owner, value)
        return
    owner.adopt(value)
    if owner.constant is not MISSING:
        owner.constant = MISSING


def _soften(owner: Value, value: Value) -> None:
    """A weak link that goes into a frame makes the frame's links weak only where it brings rows of others."""
    if value.rows and not value.strong and value.all_learned:
        owner.strong = False


def overlay(owner: Value, names: tuple[str, ...], learned: frozenset[Learned], replace: bool) -> None:
    if not learned and not owner.overlay and not owner.learned:
        return
    known = dict(owner.overlay or ())
    for name in names:
        known[name] = learned if replace else known.get(name, owner.learned) | learned
    owner.overlay = known


def _report_future(machine: Interpreter, value: Value, names: tuple[str, ...], scope: Scope, at: Position) -> None:
    """A column that is computed from later rows."""
    made = machine.events[value.produced].detail.get("derive")
    if isinstance(made, dict) and made.get("mix") in ("forward", "center"):
        machine.emit(
            scope,
            at,
            ("future_column",),
            machine.events[value.produced].name,
            detail={"columns": names, "mix": made["mix"]},
        )


def drop_column(owner: Value, index: Value) -> None:
    """`del frame[name]`: what was learned into that column goes with it."""
    names = _names(index)
    if owner.lost is not None:
        owner.lost = owner.lost | frozenset(names) if names else None
    if names and owner.overlay:
        owner.overlay = {n: v for n, v in owner.overlay.items() if n not in names} or None
    if names and owner.columns:
        owner.columns = tuple(c for c in owner.columns if c not in names)
    if owner.elements is not None and isinstance(index.constant, str | int):
        owner.elements.pop(index.constant, None)


def _report_chain(machine: Interpreter, inner: Expression, index: Value, scope: Scope, at: Position) -> None:
    """Assignment through two subscripts of one frame: pandas may write into a copy."""
    if inner[0] != "index":
        return
    base_expression, first = inner[2], inner[3]
    through = base_expression[0] == "attr" and base_expression[3] in ("loc", "iloc", "ix")
    root = machine.eval(base_expression[2] if through else base_expression, scope)
    if FRAME not in root.types or (
        through and first[0] == "tuple" and first[1] and first[1][0][0] in ("const", "name")
    ):
        return
    kind = "mask" if first[0] in ("compare", "binary", "unary") else "column" if first[0] == "const" else "index"
    machine.emit(
        scope,
        at,
        ("chained-assignment",),
        FRAME,
        {"frame": root.snapshot(written(base_expression)), "index": index.snapshot()},
        detail={"first": kind, "text": written(inner), "loc": through},
    )


__all__ = [
    "assign",
    "attribute",
    "columns",
    "config_member",
    "drop_column",
    "item",
    "key",
    "part",
    "part_rows",
    "store",
    "subscript",
    "subset",
    "written",
]
