"""Turns of a training loop that test rows choose: the best epoch is kept, or the learning rate follows, by their score.

A network is trained further on each turn and judged on each turn, so what is kept is one of many models though there
is one object only. Which rows are test rows is what the data set's own publisher says (`train=False`, `split="test"`),
or what the program calls the rows that it held out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeaudit.flow.events import Event, Events, Snapshot
from pipeaudit.flow.leakage import Judged, asked_by, evaluations, held_out, judged
from pipeaudit.model.location import Location

_TEST = re.compile(r"(?<![a-z])(test|tst)(?![a-z])|testing|test_?(set|data|loader|iter|ds|dl|dataset)", re.IGNORECASE)
_VALIDATION = re.compile(r"(?<![a-z])(val|valid|dev)(?![a-z])|validation|val_?(set|loader)", re.IGNORECASE)
_OTHER = re.compile(rf"(?<![a-z])(eval|train)(?![a-z])|{_VALIDATION.pattern}", re.IGNORECASE)
_TEST_FOLDER = re.compile(r"(?:^|[/\\_.-])test(?:[/\\_.-]|$)", re.IGNORECASE)
_PARTS = ("split", "subset", "partition", "image_set", "mode")
_KEY = re.compile(r"\[[^\]]*\]")
_STEPS = frozenset(("partial_fit", "train_on_batch", "train_step"))
_SCHEDULES = "ReduceLROnPlateau.step"


@dataclass(frozen=True, slots=True)
class KeptByTest:
    """`choice` decides on each turn of a loop, by the score on test rows; `training` is what the turn trained.

    `published`: the data set's publisher calls these rows the test part. `saves`: what the choice writes; None where
    it only remembers the best figure, or where the choice is a learning rate's schedule.
    """

    choice: Event
    training: Event
    judged: Event
    published: bool
    saves: Event | None

    @property
    def is_schedule(self) -> bool:
        return self.choice.name.endswith(_SCHEDULES)

    @property
    def strong(self) -> bool:
        """Whether each link from the rows to the choice is resolved."""
        test = next(iter(self.choice.arguments.values()), Snapshot())
        return self.choice.strong and test.strong and self.judged.strong and self.training.strong


def kept_by_test(events: Events) -> list[KeptByTest]:
    """Each training loop whose turn is chosen by test rows, by its first choice that saves, else its first."""
    return events.once("kept_by_test", _kept_by_test)


def _kept_by_test(events: Events) -> list[KeptByTest]:
    choices = [e for e in (*events.of("branch"), *_schedules(events)) if e.loops]
    trained = [(e, _trained_on(e)) for e in events if e.loops and _goes_on(e)] if choices else []
    best: dict[object, KeptByTest] = {}
    for choice in choices:
        for training, rows in trained:
            if not rows or not set(choice.loops) & set(training.loops):
                continue
            found = _chosen(events, choice, training, rows)
            if found is not None:
                key = (training.loops[0], found.is_schedule)
                known = best.get(key)
                if known is None or (known.saves is None and found.saves is not None):
                    best[key] = found
                break
    at_place = {found.choice.at: found for found in reversed(best.values())}
    return sorted(at_place.values(), key=lambda found: found.choice.id)


def searched_by_test(events: Events) -> list[tuple[Event, Judged]]:
    """Searches (`study.optimize(objective)`) that ask for the score on rows which the program calls test rows.

    Where a model is judged on other rows as well, one of the two may be the validation part.
    """
    found: dict[int, tuple[Event, Judged]] = {}
    for search in events.of("search"):
        for pair in judged(events):
            rows = pair.evaluation.rows
            if pair.evaluation.how not in ("metric", "score", "loss") or not asked_by(search, pair.evaluation.event):
                continue
            apart = held_out(events, pair.training, pair.evaluation) and _is_called_test(events, rows)
            if apart and not _others_judge(events, rows, pair.training.rows, parts=True):
                found.setdefault(search.id, (search, pair))
    return list(found.values())


def _schedules(events: Events) -> list[Event]:
    return [e for e in events.where(shorts=("step",)) if e.name.endswith(_SCHEDULES) and e.arguments]


def _goes_on(event: Event) -> bool:
    """Whether it trains a model further, and does not begin anew."""
    return "backward" in event.roles or ("train" in event.detail and event.short in _STEPS)


def _trained_on(event: Event) -> frozenset[int]:
    """The rows of one step of training."""
    found = event.effect("train").get("rows")
    if isinstance(found, tuple):
        return frozenset(found)
    loss = event.receiver if event.receiver is not None and event.receiver.rows else event.arguments.get("loss")
    return loss.rows if loss is not None else frozenset()


def _chosen(events: Events, choice: Event, training: Event, trained: frozenset[int]) -> KeptByTest | None:
    tested = choice.arguments.get("test") if "branch" in choice.roles else next(iter(choice.arguments.values()))
    if tested is None:
        return None
    rows = _rows_behind(events, tested)
    saves = _saved_inside(events, choice) if "branch" in choice.roles else None
    if not rows or not ("branch" not in choice.roles or choice.detail.get("keeps") or saves is not None):
        return None
    if any(events.rows.overlap((row,), trained) for row in rows):
        return None
    judged = _judged_on(events, rows, choice)
    if judged is None:
        return None
    published = is_published_test(events, rows)
    if not published and not _is_called_test(events, rows):
        return None
    if _others_judge(events, rows, trained):
        return None
    return KeptByTest(choice, training, judged, published, saves)


def _rows_behind(events: Events, value: Snapshot) -> frozenset[int]:
    """The rows that a figure was computed on, however it was."""
    rows = set(value.rows)
    for identifier in value.metrics:
        metric = events.with_id(identifier)
        for operation in ("metric", "score", "figure"):
            found = metric.effect(operation).get("rows") if metric is not None else None
            rows.update(found if isinstance(found, tuple) else ())
    if not rows:
        rows.update(row for item in value.learned if item.what == "manual" for row in item.rows)
    return frozenset(rows)


def _saved_inside(events: Events, branch: Event) -> Event | None:
    """What is saved only where the branch is taken."""
    inside = (e for e in events.of("save_model", "write_data") if e.id > branch.id and _lies_in(e.at, branch.at))
    return next((e for e in inside if "save_model" in e.roles or e.name.startswith("shutil.")), None)


def _lies_in(inner: Location, outer: Location) -> bool:
    return (inner.path, inner.cell) == (outer.path, outer.cell) and outer.line < inner.line <= (outer.end_line or 0)


def _judged_on(events: Events, rows: frozenset[int], choice: Event) -> Event | None:
    """Where the rows came into the loop, or where a model was last asked about them, before the choice."""
    last: Event | None = None
    for event in events.of("loop", "predict", "metric", "evaluate", "loss"):
        if event.id > choice.id:
            break
        if any(value.rows & rows for value in _looked_at(event)):
            last = event
    return last


def _looked_at(event: Event) -> Iterator[Snapshot]:
    yield from event.arguments.values()
    if event.receiver is not None:
        yield event.receiver


def is_published_test(events: Events, rows: frozenset[int]) -> bool:
    """Whether all of these rows are what their data set calls its test part."""
    return all(any(_says_test(events, above) for above in events.rows.ancestors(row)) for row in rows)


def _says_test(events: Events, token: int) -> bool:
    rows = events.rows[token]
    if rows.kind == "part":  # made by the very call that brought the data, not by a split of the program's own
        above = [events.rows[parent] for parent in rows.parents]
        return rows.role == "test" and any(parent.event == rows.event for parent in above)
    made = events.with_id(rows.event)
    if rows.kind != "origin" or made is None or not {"load_dataset", "read"} & set(made.roles):
        return False
    return made.constant("train") is False or any(made.constant(name) == "test" for name in _PARTS)


def _is_called_test(events: Events, rows: frozenset[int]) -> bool:
    """Whether the program calls these rows test rows, and never by another part's name."""
    in_folder = any(_TEST_FOLDER.search(events.rows[a].source) for a in events.rows.origins(rows))
    held_out = all(any(events.rows[a].kind == "part" for a in events.rows.ancestors(row)) for row in rows)
    if not in_folder and not held_out:
        return False
    names = _names(events, rows)
    return (in_folder or any(map(_TEST.search, names))) and not any(map(_OTHER.search, names))


def called_validation(events: Events, rows: frozenset[int]) -> bool:
    """Whether the program calls these rows validation rows, and never test rows."""
    names = _names(events, rows)
    return any(map(_VALIDATION.search, names)) and not any(map(_TEST.search, names))


def _names(events: Events, rows: frozenset[int]) -> list[str]:
    """What these rows, or a part of them, are called where they are looped over, judged or asked about.

    The key of a part (`parts["test"]`) is the splitting call's word, and not the program's.
    """
    return [
        _KEY.sub("", value.name)
        for event in events.of("loop", "predict", "metric", "evaluate", "transform", "loss")
        for value in _looked_at(event)
        if value.name and value.rows and value.rows <= rows
    ]


def _others_judge(events: Events, rows: frozenset[int], trained: frozenset[int], parts: bool = False) -> bool:
    """Whether a model is also asked about other data, which neither trains nor chooses: that may be the test.

    With `parts`, other parts of the same data count as well.
    """
    return any(
        not any(events.rows.overlap((row,), rows | trained) for row in evaluation.rows)
        and (parts or not events.rows.origins(evaluation.rows) <= events.rows.origins(trained))
        for evaluation in evaluations(events)
    )
