"""What a catalogued call does to values: the operations of rules/apis, carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pipeaudit.flow import indexing
from pipeaudit.flow.events import MISSING, Learned
from pipeaudit.flow.rows import Rows
from pipeaudit.flow.values import NO_ROWS, NOTHING, Selection, Value, combine, sequence, unknown

if TYPE_CHECKING:
    from pipeaudit.apis import Entry
    from pipeaudit.flow.interpret import Interpreter

Ports = dict[str, Value]


class Call:
    """One catalogued call while its effects are carried out."""

    __slots__ = ("detail", "entry", "event", "machine", "owner", "ports", "receiver", "result", "scalar")

    def __init__(
        self,
        machine: Interpreter,
        entry: Entry,
        owner: Entry | None,
        ports: Ports,
        receiver: Value | None,
        result: Value,
    ) -> None:
        self.machine = machine
        self.entry = entry
        self.owner = owner
        self.ports = ports
        self.receiver = receiver
        self.result = result
        self.event = len(machine.events)
        self.detail: dict[str, object] = {}
        self.scalar = False

    def port(self, name: object) -> Value | None:
        """The value at a port: a parameter's name, `self` or `ret`, and one of its elements behind a dot."""
        if not isinstance(name, str):
            return None
        head, _, member = name.partition(".")
        value = self.receiver if head == "self" else self.result if head == "ret" else self.ports.get(head)
        if value is None or not member:
            return value
        if value.elements is not None:
            return value.elements.get(int(member) if member.isdigit() else member)
        return (value.attributes or {}).get(member)

    def ports_of(self, field: object) -> list[Value]:
        names = field if isinstance(field, list | tuple) else [field]
        return [value for value in map(self.port, names) if value is not None]


def holds(condition: object, ports: Ports, entry: Entry) -> bool | None:
    """Whether a `when` condition holds; None where an argument is not known."""
    if not condition:
        return True
    if isinstance(condition, list):
        answers = [holds(c, ports, entry) for c in condition]
        return True if True in answers else None if None in answers else False
    assert isinstance(condition, Mapping)
    unknown_part = False
    for name, wanted in condition.items():
        value = ports.get(name)
        given = value is not None
        if wanted in ("given", "absent"):
            if given is not (wanted == "given"):
                return False
            continue
        if value is None:
            parameter = entry.parameter(name)
            constant: object = parameter.default if parameter is not None and parameter.has_default else None
        else:
            constant = value.constant
        answer = _agrees(constant, wanted, value)
        if answer is False:
            return False
        unknown_part = unknown_part or answer is None
    return None if unknown_part else True


def _agrees(constant: object, wanted: object, value: Value | None) -> bool | None:
    if isinstance(wanted, list):
        answers = [_agrees(constant, w, value) for w in wanted]
        return True if True in answers else None if None in answers else False
    if isinstance(wanted, Mapping):
        return _passes(constant, wanted, value)
    if isinstance(wanted, str) and wanted.startswith("type:"):
        return value is not None and value.is_a(*wanted[5:].split("|"))
    if wanted in ("many", "list"):
        return (
            None
            if constant is MISSING and not (value and value.elements)
            else isinstance(constant, list | tuple) or bool(value and value.elements)
        )
    if wanted == "stat":
        return bool(value is not None and value.learned)
    if constant is MISSING:
        return None
    if wanted == "nonzero":
        return bool(constant)
    if wanted == "int":
        return isinstance(constant, int) and not isinstance(constant, bool)
    if wanted == "str":
        return isinstance(constant, str)
    return bool((constant == wanted and type(constant) in (type(wanted), int, float)) or constant is wanted)


_LITERAL_TYPES: dict[str, tuple[type, ...]] = {
    "number": (int, float),
    "text": (str,),
    "list": (list, tuple),
    "dict": (dict,),
    "bool": (bool,),
    "none": (type(None),),
}


def _passes(constant: object, wanted: Mapping[str, object], value: Value | None) -> bool | None:
    """A test in place of a literal: above, below, type, not."""
    for test, operand in wanted.items():
        answer: bool | None
        if test == "not":
            opposite = _agrees(constant, operand, value)
            answer = None if opposite is None else not opposite
        elif test == "type":
            answer = _of_type(constant, str(operand), value)
        elif constant is MISSING:
            answer = None
        elif isinstance(constant, int | float) and isinstance(operand, int | float):
            answer = constant > operand if test == "above" else constant < operand
        else:
            answer = False
        if answer is not True:
            return answer
    return True


def _of_type(constant: object, name: str, value: Value | None) -> bool | None:
    if name == "function":
        return value is not None and constant is MISSING and not value.types and value.ref is not None
    if constant is not MISSING:
        return isinstance(constant, _LITERAL_TYPES.get(name, ())) and (name == "bool" or not isinstance(constant, bool))
    if value is None or not value.types:
        return None
    return value.is_a(*{"number": ("int", "float"), "text": ("str",), "list": ("list", "tuple")}.get(name, (name,)))


def carry_out(call: Call, effects: tuple[Mapping[str, Any], ...]) -> None:
    """Applies each effect whose condition may hold, in their order."""
    for effect in effects:
        if holds(effect.get("when"), call.ports, call.entry) is False:
            continue
        operation = _OPERATIONS.get(effect["op"])
        if operation is not None:
            operation(call, effect)
        call.detail.setdefault(effect["op"], dict(effect))


# ---- rows in and out ------------------------------------------------------------------------------------------------


def _reads(call: Call, effect: Mapping[str, Any]) -> None:
    source = call.detail["path"] = path_of(call.port(effect.get("path")))
    loaded = (
        call.machine.load_config(source)
        if "config_load" in call.entry.roles and "{}" not in source and source
        else None
    )
    if loaded is not None:
        made = call.machine.plain_value(loaded)
        made.config = (source, ())
        made.types = call.result.types or made.types
        call.result = made
        return
    if "config_load" in call.entry.roles:
        return
    call.result.rows = _named_part(call, origin(call.machine, source, call.event))
    if call.result.is_a(indexing.FRAME) and not {"usecols", "columns", "names", "index_col"} & call.ports.keys():
        call.result.lost = frozenset()


def _named_part(call: Call, rows: frozenset[int]) -> frozenset[int]:
    """Those that `subset="training"` or `"validation"` picks out of rows that each call divides alike."""
    part = call.ports.get("subset")
    if part is None or part.constant not in ("training", "validation"):
        return rows
    return indexing.subset(call.machine, rows, f"mask|subset == {part.constant}|0")


def origin(machine: Interpreter, source: str, event: int) -> frozenset[int]:
    """The rows of an artifact; reading it again gives the same ones."""
    if source and "{}" not in source:
        token = machine.origins.get(source)
        if token is None:
            token = machine.origins[source] = machine.rows.add(Rows("origin", source=source, event=event))
        return frozenset((token,))
    return frozenset((machine.rows.add(Rows("origin", source=source, event=event)),))


def path_of(value: Value | None) -> str:
    """The path that a value names: itself, or that of an open file; "" where nothing is known."""
    if value is None:
        return ""
    if value.attributes is not None and "name" in value.attributes and value.is_a("builtins.file"):
        value = value.attributes["name"]
    return value.constant if isinstance(value.constant, str) else "{}"


def _generate(call: Call, effect: Mapping[str, Any]) -> None:
    token = call.machine.rows.add(Rows("origin", source=f"generated:{call.entry.name}", event=call.event))
    rows = frozenset((token,))
    call.result.rows = rows
    members = list((call.result.elements or {}).values())
    parts = effect.get("parts") or ()
    split = call.machine.new_split() if parts else -1
    for index, value in enumerate(members):
        if index < len(parts):
            value.rows = indexing.part_rows(call.machine, rows, split, parts[index], parts[index], call.event)
        else:
            value.rows = rows
        for inner in (value.elements or {}).values():
            inner.rows = value.rows


def _writes(call: Call, effect: Mapping[str, Any]) -> None:
    call.detail["path"] = path_of(call.port(effect.get("path")))


def _derive(call: Call, effect: Mapping[str, Any]) -> None:
    sources = call.ports_of(effect.get("from", ["self"]))
    sources = [s for source in sources for s in _spread(source)]
    target = call.result
    kind = effect.get("rows", "same")
    _keep_parts(call, target, kind)
    if effect.get("output") == "proba":
        target.output = "proba"
    if not any(s.is_data for s in sources):
        return
    flowed = combine(*sources)
    rows = flowed.rows
    if (
        kind == "same"
        and call.receiver is not None
        and call.receiver.rows
        and "self" in _names(effect.get("from", ["self"]))
    ):
        rows = call.receiver.rows
    if kind == "reduce":
        _reduce(call, effect, flowed)
        return
    rows = _named_part(call, _changed_rows(call, kind, rows, sources, call.ports_of(effect.get("from", ["self"]))))
    learned = flowed.learned
    what = effect.get("learn")
    if what and effect.get("mix") in ("all", "group") and not effect.get("benign"):
        learned |= frozenset(
            {
                Learned(
                    flowed.rows,
                    what,
                    bool(effect.get("supervised")),
                    call.event,
                    flowed.strong,
                    effect.get("impact", "low"),
                )
            }
        )
    if "impute" in call.entry.roles:
        learned = _retagged(learned, flowed_from_arguments(call), "imputation")
    for value in _targets(target):
        value.rows = rows
        value.learned |= learned
        value.strong = flowed.strong
        value.models = flowed.models
        value.metrics = flowed.metrics
        value.output = str(effect["output"]) if flowed.output and "output" in effect else value.output or flowed.output
        value.constant = MISSING
    if kind == "same":
        _keep_apart(call, target)
    _keep_columns(call, target, learned, flowed, kind)


def _keep_apart(call: Call, target: Value) -> None:
    """A call that gives back each of what it was given (`left.align(right)`) does not mix their rows."""
    given = call.entry.returns
    if not isinstance(given, list | tuple) or target.elements is None:
        return
    for place, name in enumerate(given):
        source = call.port(name[4:]) if isinstance(name, str) and name.startswith("arg:") else None
        if source is not None and place in target.elements:
            target.elements[place].rows = source.rows
            target.elements[place].learned = source.learned


def _keep_parts(call: Call, target: Value, kind: str) -> None:
    """A dict of the parts of a split goes through a row-wise call part by part."""
    receiver = call.receiver
    if kind != "same" or receiver is None or not receiver.elements or target.elements or receiver.types != target.types:
        return
    target.elements = {name: part.like() for name, part in receiver.elements.items()}


def _names(field: object) -> list[object]:
    return list(field) if isinstance(field, list | tuple) else [field]


def _spread(value: Value) -> list[Value]:
    """The frames of a list of frames."""
    if value.elements is not None and value.is_a("list", "tuple", "dict") and value.elements:
        return list(value.elements.values())
    return [value]


def _targets(result: Value) -> list[Value]:
    if result.elements is not None and result.is_a("tuple"):
        return [result, *result.elements.values()]
    return [result]


def flowed_from_arguments(call: Call) -> frozenset[Learned]:
    """Statistics that came in by an argument, not by the receiver."""
    return frozenset(item for value in call.ports.values() for item in value.all_learned)


def _retagged(learned: frozenset[Learned], which: frozenset[Learned], what: str) -> frozenset[Learned]:
    """A mean that fills gaps is an imputation."""
    return frozenset(
        Learned(i.rows, what, i.supervised, i.event, i.strong, i.impact) if i.what == "manual" and i in which else i
        for i in learned
    )


def _changed_rows(
    call: Call, kind: str, rows: frozenset[int], sources: list[Value], given: list[Value]
) -> frozenset[int]:
    machine = call.machine
    if kind in ("same", "permute") or not rows:
        return rows
    if kind == "subset":
        for value in call.ports.values():
            if isinstance(value.ref, Selection) and value.ref.token >= 0 and "drop" in call.entry.name:
                return indexing.subset(machine, rows, f"drop|{value.ref.token}")
        return indexing.subset(machine, rows, f"call|{call.event}")
    if kind == "superset" and "how" in {p.name for p in call.entry.parameters}:
        left = call.receiver if call.receiver is not None else sources[0]
        return left.rows or rows
    if kind == "superset":
        if len(rows) == 1 and all(s.rows == rows or not s.rows for s in sources):
            repeated = sum(1 for s in sources if s.rows == rows) > 1
            return frozenset((machine.rows.add(Rows("dup", tuple(rows), event=call.event)),)) if repeated else rows
        tables = all(s.is_a(*_TABLES) for s in given if s.rows and not s.is_a("list", "tuple"))
        kind = _union_kind(machine, rows) if tables else "union"
        return frozenset((machine.rows.add(Rows(kind, tuple(sorted(rows)), event=call.event)),))
    if kind == "dup":
        return frozenset((machine.rows.add(Rows("dup", tuple(sorted(rows)), event=call.event)),))
    if kind == "new":
        return frozenset((machine.rows.add(Rows("origin", event=call.event)),))
    return frozenset((machine.rows.add(Rows("unknown", tuple(sorted(rows)), event=call.event)),))


_TABLES = (indexing.FRAME, indexing.SERIES, indexing.ARRAY)


def _union_kind(machine: Interpreter, rows: frozenset[int]) -> str:
    """A union of sets of which one lies in another holds copies (`concat([df, df[minority]])`)."""
    for token in rows:
        above = machine.rows.ancestors(token) - {token}
        if above & rows and machine.rows[token].kind != "part":
            return "dup"
    return "union"


def _keep_columns(call: Call, target: Value, learned: frozenset[Learned], flowed: Value, kind: str) -> None:
    """A frame that goes through a row-wise or filtering call keeps what is known of its columns."""
    source = call.receiver if call.receiver is not None and call.receiver.is_data else None
    if source is not None and source.lost is not None and call.entry.name.rpartition(".")[2] == "pop":
        source.lost |= frozenset(_dropped(call))
    if source is None or source.rows == NO_ROWS or not target.is_a(indexing.FRAME):
        return
    dropped = _dropped(call)
    method = call.entry.name.rpartition(".")[2]
    if source.lost is not None and method in _SAME_COLUMNS and not _drops_unknown(call, dropped):
        target.lost = source.lost | frozenset(dropped)
    if source.overlay:
        extra = learned - flowed.learned
        extra |= flowed_from_arguments(call)
        target.overlay = {n: v | extra for n, v in source.overlay.items() if n not in dropped} or None
        target.learned = source.learned | extra
    if source.columns is not None and call.entry.name.rpartition(".")[2] not in ("merge", "join", "assign"):
        target.columns = tuple(c for c in source.columns if c not in dropped)


_SAME_COLUMNS = frozenset(
    """fillna dropna drop drop_duplicates sample sort_values sort_index reset_index copy head tail astype replace clip
    query
    round ffill bfill interpolate infer_objects convert_dtypes nlargest nsmallest merge assign join""".split()
)


def _drops_unknown(call: Call, dropped: tuple[str, ...]) -> bool:
    """Whether a call takes out columns whose names are not known."""
    if call.entry.name.rpartition(".")[2] != "drop" or dropped:
        return False
    axis = call.ports.get("axis")
    return "columns" in call.ports or (axis is not None and axis.constant not in (0, "index"))


def _dropped(call: Call) -> tuple[str, ...]:
    if call.entry.name.rpartition(".")[2] not in ("drop", "pop"):
        return ()
    named = call.ports.get("columns") or call.ports.get("labels") or call.ports.get("item")
    constant = MISSING if named is None else named.constant
    if isinstance(constant, str):
        return (constant,)
    if isinstance(constant, list | tuple) and all(isinstance(c, str) for c in constant):
        return tuple(constant)
    return ()


def _reduce(call: Call, effect: Mapping[str, Any], flowed: Value) -> None:
    target = call.result
    target.learned = flowed.learned
    target.strong = flowed.strong
    target.models = flowed.models
    target.metrics = flowed.metrics
    target.output = "" if flowed.output and not flowed.rows else target.output
    if effect.get("mix", "all") != "none" and flowed.rows and not flowed.models and not effect.get("benign"):
        target.learned |= statistic(call.machine, flowed, effect.get("learn") or "manual", call.event).learned
    if flowed.rows and flowed.models:  # a figure of one's own, the share of right answers for one
        target.metrics = tuple(dict.fromkeys((*flowed.metrics, call.event)))
        call.detail["figure"] = {"models": flowed.models, "rows": tuple(sorted(flowed.rows))}


def statistic(machine: Interpreter, value: Value, what: str, event: int | None = None) -> Value:
    """A number computed from all rows of a value: it carries what it was estimated on."""
    made = Value(("float",))
    identifier = len(machine.events) - 1 if event is None else event
    made.learned = value.all_learned | frozenset({Learned(value.rows, what, value.target, identifier, value.strong)})
    made.strong = value.strong
    made.models = value.models
    made.metrics = value.metrics
    return made


# ---- learning and applying ------------------------------------------------------------------------------------------


def learns(
    machine: Interpreter, value: Value | None, owner: Entry | None, depth: int = 0
) -> tuple[str, bool, str] | None:
    """What an object learns when it is fitted: kind, whether by the target, impact; None for nothing of weight."""
    if owner is None:
        return None
    raw = owner.learns
    if raw.get("what") and raw["what"] != "none":
        if raw.get("benign"):
            return None
        if raw.get("unless") and value is not None and holds(raw["unless"], value.attributes or {}, owner):
            return None
        return (raw["what"], bool(raw.get("supervised")), raw.get("impact", "low"))
    best: tuple[str, bool, str] | None = None
    for step in (value.held or ()) if value is not None else ():
        for type_name in step.types:
            found = learns(machine, step, machine.knowledge.entry(type_name), depth + 1) if depth < 4 else None
            if found is not None and (best is None or found[1] > best[1]):
                best = found
    return best


def _rooted(call: Call, value: Value) -> None:
    """Data of which only its use tells that it is data gets rows of its own."""
    if not value.rows and value.constant is MISSING and not value.elements and not value.metrics and value.ref is None:
        value.rows = frozenset((call.machine.rows.add(Rows("origin", event=call.event)),))


def _learn(call: Call, effect: Mapping[str, Any]) -> None:
    source = call.port(effect.get("from"))
    receiver = call.receiver
    if source is None or receiver is None:
        return
    _rooted(call, source)
    found = learns(call.machine, receiver, call.owner)
    if (
        found is None
        and effect.get("what")
        and effect["what"] != "none"
        and not effect.get("benign")
        and not (call.owner and call.owner.learns.get("benign"))
    ):
        found = (effect["what"], bool(effect.get("supervised")), effect.get("impact", "low"))
    new = source.all_learned
    if found is not None and source.rows:
        what, supervised, impact = found
        new |= frozenset({Learned(source.rows, what, supervised, call.event, source.strong, impact)})
        call.detail["learned"] = what
        call.detail["supervised"] = supervised
    receiver.learned = new if not call.machine.branches else receiver.learned | new
    receiver.strong = source.strong
    call.detail["fit_rows"] = tuple(sorted(source.rows))


def _apply(call: Call, effect: Mapping[str, Any]) -> None:
    source = call.port(effect.get("from"))
    if source is None:
        return
    result = call.result
    state = call.receiver.learned if call.receiver is not None else NOTHING
    result.rows = source.rows
    result.learned = source.all_learned | state
    result.strong = source.strong and (call.receiver is None or call.receiver.strong)
    result.target = source.target
    result.models = source.models
    if call.receiver is not None and not call.receiver.types:
        result.strong = False


# ---- splitting ------------------------------------------------------------------------------------------------------


def _parts(call: Call, effect: Mapping[str, Any]) -> list[str]:
    """What the parts are called; `count` lists their sizes, `cuts` the places between them."""
    named: list[str] = effect.get("parts") or ["train", "test"]
    sizes = call.port(effect.get("count") or effect.get("cuts"))
    if sizes is None or len(named) < 3:
        return named
    length = (
        len(sizes.elements)
        if sizes.elements is not None
        else len(sizes.constant)
        if isinstance(sizes.constant, list | tuple)
        else 0
    )
    if "cuts" in effect:
        length = length + 1 if length else sizes.constant if isinstance(sizes.constant, int) else 0
    if length in (0, 2):
        return [named[0], named[-1]]
    return named if length == 3 else [f"part {i}" for i in range(min(length, 32))]


def _split(call: Call, effect: Mapping[str, Any]) -> None:
    machine = call.machine
    split = machine.new_split()
    parts = _parts(call, effect)
    source = call.port(effect.get("of"))
    if source is None and call.receiver is not None and effect.get("of") in (None, "self"):
        source = call.receiver
    if source is None:
        return
    shuffled = holds({effect["shuffle"]: True}, call.ports, call.entry) is not False if effect.get("shuffle") else True
    call.detail["split_id"] = split
    if effect.get("yields"):
        pair = [Value(("numpy.ndarray",), ref=Selection(source.rows, split, p, "fold")) for p in parts]
        call.result.types = ("iterator",)
        call.result.elements = {0: sequence("tuple", pair)}
        return
    arrays = [source]
    if effect.get("layout") == "alternating":
        arrays = list((source.elements or {}).values()) if source.elements is not None else [source]
    made: list[Value] = []
    for array in arrays:
        _rooted(call, array)
        for part in parts:
            piece = array.like(constant=MISSING, elements=None)
            piece.rows = indexing.part_rows(machine, array.rows, split, part, part, call.event, shuffled)
            piece.learned = array.learned
            made.append(piece)
    if effect.get("layout") == "dict":
        call.result.elements = dict(zip(parts, made, strict=False))
        call.result.types = call.result.types or ("dict",)
    else:
        if len(arrays) == 1 and source.elements is None and effect.get("layout") == "alternating" and not source.rows:
            return
        result = sequence("tuple", made)
        result.produced = call.event
        call.result = result
    call.result.rows = NO_ROWS
    call.result.learned = NOTHING


# ---- models ---------------------------------------------------------------------------------------------------------


def _model(call: Call, effect: Mapping[str, Any]) -> Value | None:
    return call.port(effect["model"]) if "model" in effect else call.receiver


def _train(call: Call, effect: Mapping[str, Any]) -> None:
    model = _model(call, effect)
    data = call.port(effect.get("X")) or call.port(effect.get("data"))
    if model is not None and model is call.result and not model.types and isinstance(call.entry.returns, str):
        model.types = (call.entry.returns,)
    detail: dict[str, object] = dict(effect)
    if data is not None:
        _rooted(call, data)
    if model is not None:
        detail["models"] = (model.identity, *model.same_as) if model is not call.result else (model.identity,)
        detail["types"] = model.types
        if model.held:
            detail["steps"] = _steps(call.machine, model)
    if data is not None:
        detail["rows"] = tuple(sorted(_all_rows(data)))
    steer = [v for v in call.ports_of(effect.get("steer")) if v.is_data]
    if steer:
        detail["steer_rows"] = tuple(sorted({t for v in steer for t in _all_rows(v)}))
        detail["steers"] = _steers(call, effect)
    call.detail["train"] = detail


def _steps(machine: Interpreter, model: Value, depth: int = 0) -> tuple[tuple[str, object, str], ...]:
    """What a pipeline holds, in order: type, sensitivity to scale, what it learns."""
    made: list[tuple[str, object, str]] = []
    for step in model.held or ():
        for type_name in step.types[:1]:
            entry = machine.knowledge.entry(type_name)
            if entry is not None and not step.held:
                made.append((type_name, entry.scale_sensitive, str(entry.learns.get("what", ""))))
        if step.held and depth < 4:
            made.extend(_steps(machine, step, depth + 1))
    return tuple(made)


def _all_rows(value: Value) -> frozenset[int]:
    rows = value.rows
    for inner in (value.elements or {}).values():
        rows |= inner.rows
    return rows


def _steers(call: Call, effect: Mapping[str, Any]) -> bool | None:
    """Whether what is watched stops training or chooses what is kept; None where that is not known."""
    condition = effect.get("steer_if", "always")
    answers = [_steers_by(call, each) for each in (condition if isinstance(condition, list) else [condition])]
    return True if True in answers else None if None in answers else False


def _steers_by(call: Call, condition: object) -> bool | None:
    """One of: always; callbacks among the arguments; a condition on arguments or the receiver's own (`self.name`)."""
    if condition == "always":
        return True
    if condition == "callbacks":
        callbacks = call.ports.get("callbacks")
        if callbacks is None and call.receiver is not None:
            callbacks = (call.receiver.attributes or {}).get("callbacks")
        if callbacks is None:
            return False
        seen = [callbacks, *(callbacks.elements or {}).values()]
        if any(_is_steering(call.machine, v) for v in seen):
            return True
        return False if callbacks.elements is not None else None
    return holds(condition, {**_own_arguments(call.receiver), **call.ports}, call.entry)


def _own_arguments(receiver: Value | None) -> Ports:
    """What a receiver was made with as `self.name`, and what that was made with as `self.name.inner`."""
    found: Ports = {}
    for name, value in ((receiver.attributes or {}) if receiver is not None else {}).items():
        found[f"self.{name}"] = value
        found.update({f"self.{name}.{inner}": v for inner, v in (value.attributes or {}).items()})
    return found


def _is_steering(machine: Interpreter, value: Value) -> bool:
    for type_name in value.types:
        entry = machine.knowledge.entry(type_name)
        for effect in entry.effects if entry is not None else ():
            if effect["op"] == "callback" and effect.get("steers", True):
                return (
                    holds(effect.get("when"), value.attributes or {}, entry) is not False
                    if entry is not None
                    else False
                )
    return False


def _predict(call: Call, effect: Mapping[str, Any]) -> None:
    data = call.port(effect.get("X"))
    model = _model(call, effect)
    result = call.result
    if data is not None:
        _rooted(call, data)
        result.rows = _all_rows(data)
        # what outlier detectors and clusters say of a row carries all rows they were fitted on
        result.learned = data.all_learned | (model.learned if model is not None else NOTHING)
        result.strong = data.strong
    output = effect.get("output", "value")
    owner = call.owner
    if output == "label" and owner is not None and owner.hard_labels:
        output = {"regressor": "value", "booster": "score", "cluster": "value", "outlier": "value"}.get(
            owner.hard_labels, "label"
        )
        if owner.hard_labels == "held" and model is not None:
            output = _held_output(call.machine, model)
    result.output = output
    result.constant = MISSING
    if model is not None:
        result.models = (model.identity, *model.same_as)
    call.detail["predict"] = {**effect, "output": output, "models": result.models, "rows": tuple(sorted(result.rows))}


def _held_output(machine: Interpreter, model: Value, depth: int = 0) -> str:
    for step in reversed(model.held or []):
        for type_name in step.types:
            entry = machine.knowledge.entry(type_name)
            if entry is not None and entry.hard_labels == "held" and depth < 4:
                return _held_output(machine, step, depth + 1)
            if entry is not None and entry.hard_labels:
                return {"classifier": "label"}.get(entry.hard_labels, "value")
    return ""


def _score(call: Call, effect: Mapping[str, Any]) -> None:
    data = call.port(effect.get("X")) or call.port(effect.get("data"))
    model = _model(call, effect)
    call.result.metrics = (call.event,)
    call.result.learned = NOTHING
    call.detail["score"] = {
        **effect,
        "models": (model.identity, *model.same_as) if model is not None else (),
        "rows": tuple(sorted(_all_rows(data))) if data is not None else (),
    }


def _metric(call: Call, effect: Mapping[str, Any]) -> None:
    predicted = call.port(effect.get("pred"))
    truth = call.port(effect.get("true"))
    call.result.metrics = (call.event,)
    models = tuple(dict.fromkeys((*(predicted.models if predicted else ()), *(truth.models if truth else ()))))
    rows = frozenset() if predicted is None else _all_rows(predicted)
    if not rows and truth is not None:
        rows = _all_rows(truth)
    call.detail["metric"] = {**effect, "models": models, "rows": tuple(sorted(rows))}
    call.result.models = ()
    if "loss" in call.entry.roles and predicted is not None:
        call.result.models, call.result.rows, call.result.learned = models, frozenset(rows), predicted.all_learned
        call.result.strong = predicted.strong
    for value in (call.result.elements or {}).values():
        value.metrics = (call.event,)


def _internal_split(call: Call, effect: Mapping[str, Any]) -> None:
    data = call.port(effect.get("of")) or call.port(effect.get("X"))
    model = _model(call, effect)
    call.result.metrics = (call.event,)
    call.detail["internal_split"] = {
        **effect,
        "models": (model.identity, *model.same_as) if model is not None else (),
        "rows": tuple(sorted(_all_rows(data))) if data is not None else (),
        "split": call.machine.new_split(),
    }


def _hold(call: Call, effect: Mapping[str, Any]) -> None:
    held: list[Value] = []
    for value in call.ports_of(effect.get("steps")):
        _collect(value, held, 0)
    call.result.held = (call.result.held or []) + held


def _collect(value: Value, into: list[Value], depth: int) -> None:
    """Estimators inside lists of names and estimators."""
    if value.elements is not None and depth < 4:
        for inner in value.elements.values():
            _collect(inner, into, depth + 1)
    elif value.types and value.types[0] not in ("str", "int", "float", "bool"):
        into.append(value)


def _load(call: Call, effect: Mapping[str, Any]) -> None:
    path = path_of(call.port(effect.get("path")))
    call.detail["path"] = path
    kept = call.machine.saved.get(path)
    if kept is not None:
        call.result = kept.like()
        return
    if "read" in call.entry.roles and effect.get("what") != "model":
        call.result.rows = origin(call.machine, path, call.event)


def _save(call: Call, effect: Mapping[str, Any]) -> None:
    path = path_of(call.port(effect.get("path")))
    call.detail["path"] = path
    kept = call.port(effect.get("obj"))
    if kept is not None and path and "{}" not in path:
        call.machine.saved[path] = kept


_OPERATIONS: dict[str, Callable[[Call, Mapping[str, Any]], None]] = {
    "reads": _reads,
    "generate": _generate,
    "writes": _writes,
    "derive": _derive,
    "learn": _learn,
    "apply": _apply,
    "split": _split,
    "internal_split": _internal_split,
    "train": _train,
    "predict": _predict,
    "score": _score,
    "metric": _metric,
    "hold": _hold,
    "load": _load,
    "save": _save,
}

__all__ = ["Call", "carry_out", "holds", "origin", "path_of", "statistic", "unknown"]
