"""Leaks that go from program to program through files: one learns on all rows and writes, another parts the rows.

Rows are known by tokens of one program only. What ties two programs together is the file: the rows that one writes are
those that the other reads, so a statistic that covers all that was written covers each part of what is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeaudit.flow.events import Event, Events, Learned, Snapshot, is_test
from pipeaudit.flow.leakage import (
    Evaluation,
    Training,
    evaluations,
    fits_object,
    held_out,
    is_of_groups,
    judged,
    learner,
    trainings,
)
from pipeaudit.link.exchange import Touch, same_file

_LONGEST_WAY = 4


@dataclass(frozen=True, slots=True)
class Origin:
    """What was learned, or copied, on all rows of what a program then wrote. `what` is `copies` for copied rows."""

    program: str
    fit: Event
    what: str
    supervised: bool

    @property
    def learner(self) -> str:
        """What learned or copied, as it is written."""
        return self.fit.subject if self.what == "copies" else learner(self.fit)

    @property
    def is_transformer(self) -> bool:
        return fits_object(self.fit)


@dataclass(frozen=True, slots=True)
class Carried:
    """A file with rows that all carry an origin; `way` are the writing and reading calls up to its own writing."""

    origin: Origin
    file: Touch
    way: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class FileLeak:
    """Rows of `files` carry the origin, train a model at `training`, and other rows of theirs judge it."""

    origin: Origin
    way: tuple[Event, ...]
    files: tuple[str, ...]
    training: Event
    evaluation: Event


def leaks_through_files(
    programs: Mapping[str, Events], written: Sequence[Touch], read: Sequence[Touch]
) -> list[FileLeak]:
    """Each origin that leaks by a file once, by the first programs that train and judge on its rows."""
    reads = [touch for touch in read if not touch.is_model and not is_test(touch.program)]
    carried = _all_carried(programs, [t for t in written if not is_test(t.program)], reads)
    found: dict[tuple[str, int], FileLeak] = {}
    for cargo in carried:
        key = (cargo.origin.program, cargo.origin.fit.id)
        if key in found:
            continue
        leak = next(_leaks(programs, cargo, carried, reads, written), None)
        if leak is not None:
            found[key] = leak
    return list(found.values())


def _all_carried(programs: Mapping[str, Events], written: list[Touch], reads: list[Touch]) -> list[Carried]:
    """Files that carry an origin: those of the program that learned, then those that are made of them."""
    made = [cargo for touch in written for cargo in _own(programs[touch.program], touch)]
    seen = {(c.origin.program, c.origin.fit.id, c.file.program, c.file.event.id) for c in made}
    latest = made
    for _ in range(_LONGEST_WAY if made else 0):
        following: list[Carried] = []
        for cargo in latest:
            for reading in _readers(cargo, reads):
                rows = _rows(reading.event.result)
                for touch in (t for t in written if t.program == reading.program):
                    key = (cargo.origin.program, cargo.origin.fit.id, touch.program, touch.event.id)
                    if key not in seen and _descends(programs[touch.program], _rows(_value(touch)), rows):
                        seen.add(key)
                        way = (*cargo.way, cargo.file.event, reading.event)
                        following.append(Carried(cargo.origin, touch, way))
        made = [*made, *following]
        latest = following
    return made


def _own(events: Events, touch: Touch) -> Iterator[Carried]:
    """What a program itself learned on all rows that it writes, or copied among them."""
    value = _value(touch)
    rows = _rows(value)
    if value is None or not rows:
        return
    items = {item for each in (value, *value.elements) for item in each.learned}
    for item in sorted(items, key=lambda item: (item.event, item.what)):
        fit = events.with_id(item.event)
        if fit is not None and _counts(item, fit) and events.rows.within(rows, item.rows):
            yield Carried(Origin(touch.program, fit, item.what, item.supervised), touch, ())
    for token in sorted({a for row in rows for a in events.rows.ancestors(row) if events.rows[a].kind == "dup"}):
        copying = events.with_id(events.rows[token].event)
        above = events.rows.ancestors(token)
        parted = any(events.rows[a].kind == "part" for a in above)
        if copying is not None and "resample" in copying.roles and not parted:
            yield Carried(Origin(touch.program, copying, "copies", supervised=False), touch, ())


def _counts(item: Learned, fit: Event) -> bool:
    """Whether it is a statistic of all rows: one of each group may be of rows that lie on one side whole."""
    return item.what != "resampling" and not is_of_groups(fit)


def _value(touch: Touch) -> Snapshot | None:
    for operation, name in (("writes", "value"), ("save", "obj")):
        found = touch.event.port(operation, name)
        if found is not None:
            return found
    return touch.event.receiver


def _rows(value: Snapshot | None) -> frozenset[int]:
    return frozenset() if value is None else value.rows.union(*(each.rows for each in value.elements))


def _readers(cargo: Carried, reads: list[Touch]) -> list[Touch]:
    return [r for r in reads if r.program != cargo.file.program and same_file(cargo.file, r) and _rows(r.event.result)]


def _descends(events: Events, rows: frozenset[int], above: frozenset[int]) -> bool:
    """Whether each of the rows was taken from these."""
    return bool(rows) and all(events.rows.ancestors(row) & above for row in rows)


def _leaks(
    programs: Mapping[str, Events],
    cargo: Carried,
    carried: list[Carried],
    reads: list[Touch],
    written: Sequence[Touch],
) -> Iterator[FileLeak]:
    for reading in _readers(cargo, reads):
        events = programs[reading.program]
        rows = _rows(reading.event.result)
        way = (*cargo.way, cargo.file.event, reading.event)
        for pair in judged(events):
            training, evaluation = pair.training, pair.evaluation
            if evaluation.how in ("metric", "score", "predict") and held_out(events, training, evaluation):
                both = _descends(events, training.rows, rows) and _descends(events, evaluation.rows, rows)
                if both and events.rows.disjoint(training.rows, evaluation.rows):
                    yield FileLeak(cargo.origin, way, (cargo.file.name,), training.event, evaluation.event)
        for training in trainings(events):
            if not _descends(events, training.rows, rows):
                continue
            for other in carried:
                if other.origin == cargo.origin and _apart(programs, cargo.file, other.file):
                    judging = _judging(programs, reading.program, training, other, reads, written)
                    if judging is not None:
                        names = (cargo.file.name, other.file.name)
                        yield FileLeak(cargo.origin, way, names, training.event, judging.event)


def _apart(programs: Mapping[str, Events], one: Touch, other: Touch) -> bool:
    """Whether one program wrote the two files from parts that share no row."""
    rows, others = _rows(_value(one)), _rows(_value(other))
    return one.program == other.program and programs[one.program].rows.disjoint(rows, others) and bool(rows and others)


def _judging(
    programs: Mapping[str, Events],
    trainer: str,
    training: Training,
    cargo: Carried,
    reads: list[Touch],
    written: Sequence[Touch],
) -> Evaluation | None:
    """Where the trained model is judged on the rows of a file: in the same program, or in one that loads the model."""
    for reading in _readers(cargo, reads):
        events = programs[reading.program]
        rows = _rows(reading.event.result)
        same = reading.program == trainer
        if not same and not _hands_model(programs, trainer, reading.program, written):
            continue
        for evaluation in evaluations(events):
            if evaluation.how not in ("metric", "score") or not _descends(events, evaluation.rows, rows):
                continue
            if not same or set(evaluation.models) & set(training.models):
                return evaluation
    return None


def _hands_model(programs: Mapping[str, Events], trainer: str, judge: str, written: Sequence[Touch]) -> bool:
    """Whether one program loads a model file that the other saves."""
    saved = {name for touch in written if touch.program == trainer and touch.is_model for name in touch.places}
    loaded = {e.detail.get("path") for e in programs[judge].of("load_model")}
    loaded |= {e.detail.get("path") for e in programs[judge] if "load" in e.detail}
    return bool(saved & loaded)
