"""Leaks: rows that judge a model and went into it, directly, as copies, or by what was learned on them.

The leak predicate of Yang et al. (ASE 2022), over row sets instead of names: a model is trained on `T` and judged on `E`;
a statistic estimated on `R` flowed into what it was trained on. It leaks when `R` certainly shares rows with `E`, and has
rows that `T` has not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeaudit.flow.events import Event, Events, Learned, Snapshot


@dataclass(frozen=True, slots=True)
class Training:
    """A model was fitted: `rows` are those of its features, `features` the value as it went in."""

    event: Event
    models: tuple[int, ...]
    rows: frozenset[int]
    features: Snapshot


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model was judged on `rows`. `how`: metric, score, predict, steer (early stopping, validation data), cv, tail."""

    event: Event
    models: tuple[int, ...]
    rows: frozenset[int]
    how: str


@dataclass(frozen=True, slots=True)
class Leak:
    """Something was learned at `fit` on rows on which `training`'s model is judged at `evaluation`."""

    learned: Learned
    fit: Event
    training: Event
    evaluation: Evaluation
    strong: bool
    inside_train: bool = False


def _tuple(value: object) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else ()


def trainings(events: Events) -> list[Training]:
    """All fits of models, in order."""
    made: list[Training] = []
    for event in events:
        detail = event.detail.get("train")
        if isinstance(detail, dict):
            port = detail.get("X") if detail.get("X") in event.arguments else detail.get("data")
            features = event.arguments.get(str(port)) or (event.receiver if port == "self" else None) or Snapshot()
            rows = frozenset(_tuple(detail.get("rows"))) or features.rows
            models = _tuple(detail.get("models"))
            made.append(Training(event, models, rows, features))
    return made


def evaluations(events: Events) -> list[Evaluation]:
    """All that judges a model on rows, in order."""
    made: list[Evaluation] = []
    for event in events:
        detail = event.detail
        if not detail:
            continue
        for how in ("metric", "score", "predict"):
            found = detail.get(how)
            if isinstance(found, dict) and found.get("rows") and found.get("models"):
                made.append(Evaluation(event, _tuple(found["models"]), frozenset(_tuple(found["rows"])), how))
        steered = detail.get("train")
        if isinstance(steered, dict) and steered.get("steer_rows"):
            rows = frozenset(_tuple(steered["steer_rows"]))
            made.append(Evaluation(event, _tuple(steered.get("models")), rows, "steer"))
        internal = detail.get("internal_split")
        if isinstance(internal, dict) and internal.get("rows"):
            rows = frozenset(_tuple(internal["rows"]))
            made.append(Evaluation(event, _tuple(internal.get("models")), rows, "tail" if internal.get("tail") else "cv"))
    return made


def held_out(events: Events, training: Training, evaluation: Evaluation) -> bool:
    """Whether the judging rows are not among the training rows."""
    return bool(evaluation.rows) and not any(events.rows.within((e,), training.rows) for e in evaluation.rows)


def leaks(events: Events, supervised: bool) -> Iterator[Leak]:
    """Leaks by what was learned without, or with, the target; what cross-validation finds is told there."""
    internal = {leak.fit.id for leak in internal_leaks(events)}
    for leak in preprocessing_leaks(events):
        if leak.learned.supervised is supervised and leak.fit.id not in internal:
            yield leak


def preprocessing_leaks(events: Events) -> Iterator[Leak]:
    """Statistics learned on rows that judge the model; each fit that leaks once, with its surest evaluation."""
    best: dict[int, Leak] = {}
    judged = evaluations(events)
    for training in trainings(events):
        learned = training.features.learned
        if not learned:
            continue
        for evaluation in judged:
            if evaluation.how in ("cv", "tail") or not set(evaluation.models) & set(training.models):
                continue
            if not held_out(events, training, evaluation):
                continue
            for item in learned:
                if _leaks(events, item, training, evaluation):
                    _keep(events, best, item, training, evaluation)
    yield from (best[key] for key in sorted(best))


def _leaks(events: Events, item: Learned, training: Training, evaluation: Evaluation) -> bool:
    return events.rows.overlap(item.rows, evaluation.rows) and not events.rows.within(item.rows, training.rows)


_RANK = {"metric": 0, "score": 0, "cv": 0, "steer": 1, "tail": 1, "predict": 2}


def _keep(events: Events, best: dict[int, Leak], item: Learned, training: Training, evaluation: Evaluation) -> None:
    fit = events.with_id(item.event)
    if fit is None:
        return
    strong = item.strong and training.event.strong and evaluation.event.strong and training.features.strong
    made = Leak(item, fit, training.event, evaluation, strong)
    known = best.get(item.event)
    if known is None or _order(made) < _order(known):
        best[item.event] = made


def _order(leak: Leak) -> tuple[bool, int, int]:
    return (not leak.strong, _RANK[leak.evaluation.how], leak.evaluation.event.id)


def internal_leaks(events: Events) -> Iterator[Leak]:
    """Statistics learned on the very rows that a cross-validation or a search then splits by itself."""
    best: dict[int, Leak] = {}
    for evaluation in evaluations(events):
        if evaluation.how not in ("cv", "tail"):
            continue
        detail = evaluation.event.detail["internal_split"]
        assert isinstance(detail, dict)
        port = str(detail.get("of"))
        data = evaluation.event.arguments.get(port) or Snapshot()
        for item in data.learned:
            if events.rows.overlap(item.rows, evaluation.rows):
                _keep(events, best, item, Training(evaluation.event, evaluation.models, evaluation.rows, data), evaluation)
    yield from (best[key] for key in sorted(best))
