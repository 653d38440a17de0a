"""Leaks: rows that judge a model and went into it, directly, as copies, or by what was learned on them.

The leak predicate of Yang et al. (ASE 2022), over row sets instead of names: a model is trained on `T` and judged on
`E`; a statistic estimated on `R` flowed into what it was trained on. It leaks when `R` certainly shares rows with
`E`, and has rows that `T` has not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    """A model was judged on `rows`. `how`: metric, score, loss, predict, steer (early stopping, validation data), cv,
    tail.
    """

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

    @property
    def learner(self) -> str:
        return learner(self.fit)

    @property
    def is_transformer(self) -> bool:
        return fits_object(self.fit)

    @property
    def is_aggregate(self) -> bool:
        return is_of_groups(self.fit)


def learner(fit: Event) -> str:
    """What learned, as it is written: a transformer, or a statistic (`frame.mean()`)."""
    if fits_object(fit):
        return fit.subject
    receiver = fit.receiver.name if fit.receiver is not None else ""
    return f"{receiver}.{fit.short}()" if receiver else f"{fit.short}()"


def fits_object(fit: Event) -> bool:
    """Whether an object learned, and not a statistic that is written out (`frame.mean()`)."""
    return "fit_rows" in fit.detail


def is_of_groups(fit: Event) -> bool:
    """Whether it is a figure for each group: of rows that may all lie on one side of a split."""
    return "GroupBy" in fit.name or fit.short in ("crosstab", "pivot_table", "value_counts")


def together(found: Iterable[Leak]) -> list[tuple[Leak, ...]]:
    """Leaks that are one mistake: statistics of one kind, written out before the same evaluation."""
    groups: dict[object, list[Leak]] = {}
    for leak in found:
        one = (leak.learned.what, leak.evaluation.event.id, leak.fit.function, leak.fit.at.path, leak.strong)
        key = leak.fit.id if leak.is_transformer else (*one, leak.is_aggregate, leak.inside_train)
        group = groups.setdefault(key, [])
        if all(leak.fit.at != other.fit.at for other in group):
            group.append(leak)
    return [tuple(group) for group in groups.values()]


def _tuple(value: object) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else ()


def trainings(events: Events) -> list[Training]:
    """All fits of models, in order."""
    return events.once("trainings", _trainings)


def _trainings(events: Events) -> list[Training]:
    made: list[Training] = []
    for event in events:
        detail = event.detail.get("train")
        if isinstance(detail, dict):
            port = detail.get("X") if detail.get("X") in event.arguments else detail.get("data")
            features = event.arguments.get(str(port)) or (event.receiver if port == "self" else None) or Snapshot()
            rows = frozenset(_tuple(detail.get("rows"))) or features.rows
            models = _tuple(detail.get("models"))
            made.append(Training(event, models, rows, features))
        elif "backward" in event.roles:
            loss = (
                event.receiver if event.receiver is not None and event.receiver.models else event.arguments.get("loss")
            )
            if loss is not None and loss.models:
                made.append(Training(event, loss.models, loss.rows, loss))
    return made


def evaluations(events: Events) -> list[Evaluation]:
    """All that judges a model on rows, in order."""
    return events.once("evaluations", _evaluations)


def _evaluations(events: Events) -> list[Evaluation]:
    made: list[Evaluation] = []
    for event in events:
        detail = event.detail
        if not detail:
            continue
        for how in ("metric", "score", "predict"):
            found = detail.get(how)
            if isinstance(found, dict) and found.get("rows") and found.get("models"):
                judging = "loss" if how == "metric" and "loss" in event.roles else how
                made.append(Evaluation(event, _tuple(found["models"]), frozenset(_tuple(found["rows"])), judging))
        steered = detail.get("train")
        if isinstance(steered, dict) and steered.get("steer_rows"):
            rows = frozenset(_tuple(steered["steer_rows"]))
            made.append(Evaluation(event, _tuple(steered.get("models")), rows, "steer"))
        internal = detail.get("internal_split")
        if isinstance(internal, dict) and internal.get("rows"):
            rows = frozenset(_tuple(internal["rows"]))
            made.append(
                Evaluation(event, _tuple(internal.get("models")), rows, "tail" if internal.get("tail") else "cv")
            )
    return made


def held_out(events: Events, training: Training, evaluation: Evaluation) -> bool:
    """Whether the judging rows are not among the training rows."""
    return bool(evaluation.rows) and not any(events.rows.within((e,), training.rows) for e in evaluation.rows)


@dataclass(frozen=True, slots=True)
class Judged:
    """An evaluation with the fit that made the model what it then was."""

    training: Training
    evaluation: Evaluation


def judged(events: Events) -> list[Judged]:
    """Each evaluation with the last fit of its model before it; fits under a condition leave earlier ones possible."""
    return events.once("judged", _judged)


def _judged(events: Events) -> list[Judged]:
    by_model: dict[int, list[Training]] = {}
    for training in trainings(events):
        for model in training.models:
            by_model.setdefault(model, []).append(training)
    made: list[Judged] = []
    for evaluation in evaluations(events):
        seen: set[int] = set()
        for model in evaluation.models:
            for training in reversed(by_model.get(model, ())):
                late = training.event.id > evaluation.event.id
                if late and not set(training.event.loops) & set(evaluation.event.loops):
                    continue
                if training.event.id not in seen:
                    seen.add(training.event.id)
                    made.append(Judged(training, evaluation))
                if not training.event.conditional:
                    break
    return made


def leaks(events: Events, supervised: bool) -> Iterator[Leak]:
    """Leaks by what was learned without, or with, the target; what cross-validation finds is told there."""
    internal = {leak.fit.id for leak in internal_leaks(events)}
    for leak in preprocessing_leaks(events):
        if leak.learned.supervised is supervised and leak.fit.id not in internal:
            yield leak


def preprocessing_leaks(events: Events) -> list[Leak]:
    """Statistics learned on rows that judge the model; each fit that leaks once, with its surest evaluation."""
    return events.once("preprocessing_leaks", _preprocessing_leaks)


def _preprocessing_leaks(events: Events) -> list[Leak]:
    best: dict[int, Leak] = {}
    for pair in judged(events):
        learned = pair.training.features.learned
        if not learned or pair.evaluation.how in ("cv", "tail"):
            continue
        if not held_out(events, pair.training, pair.evaluation):
            continue
        for item in _in_order(learned):
            if _leaks(events, item, pair.training, pair.evaluation):
                _keep(events, best, item, pair.training, pair.evaluation)
    return [best[key] for key in sorted(best)]


def _in_order(learned: frozenset[Learned]) -> list[Learned]:
    """One statistic may stand there in two kinds; the first is told, and has to be the same on each run."""
    return sorted(
        learned, key=lambda item: (item.event, item.what, item.supervised, not item.strong, sorted(item.rows))
    )


def _leaks(events: Events, item: Learned, training: Training, evaluation: Evaluation) -> bool:
    if item.what == "resampling":  # told as copies
        return False
    return events.rows.overlap(item.rows, evaluation.rows) and not events.rows.within(item.rows, training.rows)


_RANK = {"metric": 0, "score": 0, "cv": 0, "loss": 1, "steer": 1, "tail": 1, "predict": 2}


def _keep(
    events: Events,
    best: dict[int, Leak],
    item: Learned,
    training: Training,
    evaluation: Evaluation,
    inside_train: bool = False,
) -> None:
    fit = events.with_id(item.event)
    if fit is None:
        return
    strong = item.strong and training.event.strong and evaluation.event.strong and training.features.strong
    made = Leak(item, fit, training.event, evaluation, strong, inside_train)
    known = best.get(item.event)
    if known is None or _order(made) < _order(known):
        best[item.event] = made


def _order(leak: Leak) -> tuple[bool, int, int]:
    return (not leak.strong, _RANK[leak.evaluation.how], leak.evaluation.event.id)


def internal_leaks(events: Events) -> list[Leak]:
    """Statistics learned on the very rows that a cross-validation or a search then splits by itself."""
    return events.once("internal_leaks", _internal_leaks)


def _internal_leaks(events: Events) -> list[Leak]:
    best: dict[int, Leak] = {}
    for evaluation in evaluations(events):
        if evaluation.how not in ("cv", "tail"):
            continue
        detail = evaluation.event.detail["internal_split"]
        assert isinstance(detail, dict)
        data = evaluation.event.arguments.get(str(detail.get("of"))) or Snapshot()
        for item in _in_order(data.learned):
            if item.what != "resampling" and events.rows.overlap(item.rows, evaluation.rows):
                made = Training(evaluation.event, evaluation.models, evaluation.rows, data)
                _keep(
                    events,
                    best,
                    item,
                    made,
                    evaluation,
                    events.rows.within(item.rows, evaluation.rows) and _is_part(events, item),
                )
    return [best[key] for key in sorted(best)]


def _is_part(events: Events, item: Learned) -> bool:
    """Whether it was learned inside a part that a split had put aside for training."""
    return all(any(events.rows[a].kind == "part" for a in events.rows.ancestors(token)) for token in item.rows)


@dataclass(frozen=True, slots=True)
class Copies:
    """Rows were copied or synthesised at `copying`, and parts of the result train and judge the same model."""

    copying: Event
    training: Event
    evaluation: Evaluation
    strong: bool


def copies_across_split(events: Events) -> list[Copies]:
    """Copies made before the rows were split."""
    best: dict[int, Copies] = {}
    pairs = [p for p in judged(events) if p.evaluation.how not in ("cv", "tail")]
    for pair in (*pairs, *_by_itself(events)):
        training, evaluation = pair.training, pair.evaluation
        same = evaluation.how in ("cv", "tail")
        if not same and not held_out(events, training, evaluation):
            continue
        for token in events.rows.shared_copies(training.rows, evaluation.rows):
            copying = events.with_id(events.rows[token].event)
            if copying is None or copying.id in best or (same and _inside_part(events, token)):
                continue
            if same or _split_below(events, copying.id, token, training, evaluation):
                strong = copying.strong and training.event.strong and evaluation.event.strong
                best[copying.id] = Copies(copying, training.event, evaluation, strong)
    return [best[key] for key in sorted(best)]


def _by_itself(events: Events) -> list[Judged]:
    """Cross-validations: each trains and judges on the rows that it splits."""
    return [
        Judged(Training(e.event, e.models, e.rows, Snapshot()), e)
        for e in evaluations(events)
        if e.how in ("cv", "tail")
    ]


def _inside_part(events: Events, token: int) -> bool:
    """Copies of a training part that a search then cross-validates: what is put aside stays clean."""
    return any(events.rows[a].kind == "part" for a in events.rows.ancestors(token))


def _split_below(events: Events, copied: int, token: int, training: Training, evaluation: Evaluation) -> bool:
    """Whether the two sides were parted from each other after the copies were made.

    Parts that an earlier split named (`index.isin(train_index)`) keep each copy with its original.
    """
    mine = [t for r in training.rows for t in events.rows.ancestors(r)]
    theirs = [t for r in evaluation.rows for t in events.rows.ancestors(r)]
    return any(
        events.rows.exclude(a, b) and token in events.rows.ancestors(a) and token in events.rows.ancestors(b)
        for a in mine
        for b in theirs
        if a != b and not 0 <= events.rows[a].event < copied
    )


def overlaps(events: Events) -> list[Judged]:
    """Models whose every reported evaluation is on rows that they were trained on, by the first such evaluation."""
    by_training: dict[int, list[Judged]] = {}
    for pair in judged(events):
        by_training.setdefault(pair.training.event.id, []).append(pair)
    found: list[Judged] = []
    for pairs in by_training.values():
        if any(_clears(events, pair) for pair in pairs):
            continue
        reported = [p for p in pairs if _smaller(events, p)] or [
            p for p in pairs if p.evaluation.how in ("metric", "score")
        ]
        reported.sort(key=lambda p: _RANK[p.evaluation.how])
        if reported and not _of_parameters(events, reported[0]):
            found.append(reported[0])
    elsewhere = any(_clears(events, p) for pairs in by_training.values() for p in pairs)
    return [p for p in found if not elsewhere or _smaller(events, p)]


def _smaller(events: Events, pair: Judged) -> bool:
    """Whether the judging rows are a cut of the training rows, and not these themselves."""
    return _is_cut(events, pair.evaluation.rows) and not events.rows.within(pair.training.rows, pair.evaluation.rows)


def _of_parameters(events: Events, pair: Judged) -> bool:
    """Rows that came in as the arguments of a function nobody here calls: who calls it may hold rows out."""
    return any(events.rows[o].source.startswith("parameter:") for o in events.rows.origins(pair.training.rows))


def _clears(events: Events, pair: Judged) -> bool:
    """An evaluation on rows that may be others than the training rows."""
    if pair.evaluation.how in ("cv", "tail") or held_out(events, pair.training, pair.evaluation):
        return True
    # where branches met, the model is trained on all rows or on a part of them: on the part, the rest is held out
    rows = pair.training.rows
    parts = [one for one in rows if any(other != one and other in events.rows.ancestors(one) for other in rows)]
    return bool(parts) and events.rows.disjoint(pair.evaluation.rows, parts)


@dataclass(frozen=True, slots=True)
class Reuse:
    """Several models or settings were judged on the same rows. `fits`: their trainings; `in_loop`: one place, many
    times.
    """

    pairs: tuple[Judged, ...]
    in_loop: bool
    chosen: Event | None


def test_reuse(events: Events) -> list[Reuse]:
    """Held-out rows that judge more than one fit, while no other held-out rows are there to choose by."""
    return events.once("test_reuse", _test_reuse)


def _test_reuse(events: Events) -> list[Reuse]:
    groups: dict[object, list[Judged]] = {}
    for pair in judged(events):
        evaluation = pair.evaluation
        if evaluation.how in ("cv", "tail", "steer") or not held_out(events, pair.training, evaluation):
            continue
        if _is_fold(events, evaluation.rows) or (evaluation.how == "predict" and not _is_cut(events, evaluation.rows)):
            continue
        groups.setdefault(_place_of_cut(events, evaluation.rows), []).append(pair)
    found: list[Reuse] = []
    for place, pairs in groups.items():
        fits = {(pair.training.event.id, pair.training.models) for pair in pairs if _is_known(pair.training)}
        in_loop = any(_varies_in_loop(events, pair) for pair in pairs)
        if len(fits) < 2 and not in_loop:
            continue
        others = [other for key, other in groups.items() if key != place]
        if any(_is_validation(events, other[0], pairs[0].evaluation.rows) for other in others):
            continue
        if any(_reports_elsewhere(events, pairs, other) for group in others for other in group):
            continue
        found.append(Reuse(tuple(pairs), in_loop, _choice(events, pairs)))
    return found


def _is_known(training: Training) -> bool:
    """Whether it is a model that is fitted, and not a plot or a wrapper that happens to have a method of that name."""
    detail = training.event.detail.get("train")
    return bool(detail.get("types")) if isinstance(detail, dict) else True


def _place_of_cut(events: Events, rows: frozenset[int]) -> object:
    """The same for rows that the same statement put aside: on each turn of a loop, and for windows of them."""
    places: list[object] = []
    for token in sorted(rows):
        part = next(
            (a for a in sorted(events.rows.ancestors(token), reverse=True) if events.rows[a].kind == "part"), token
        )
        event = events.with_id(events.rows[part].event)
        if event is None or events.rows[part].kind != "part":
            places.append(part)
        else:
            caller = event.caller.key if event.caller is not None else None
            places.append((event.at.key, caller, events.rows[part].part, events.rows.origins((token,))))
    return tuple(places)


def _is_fold(events: Events, rows: frozenset[int]) -> bool:
    return any(events.rows[a].role == "fold" for token in rows for a in events.rows.ancestors(token))


def _is_cut(events: Events, rows: frozenset[int]) -> bool:
    """Rows that this program itself put aside."""
    return any(events.rows[a].kind in ("part", "sub") for token in rows for a in events.rows.ancestors(token))


def _is_validation(events: Events, other: Judged, rows: frozenset[int]) -> bool:
    """Whether the other judging rows come from the same data, apart from these and from what was trained on."""
    judging = other.evaluation.rows
    same_data = bool(events.rows.origins(judging) & events.rows.origins(rows))
    return same_data and events.rows.disjoint(judging, rows) and events.rows.disjoint(judging, other.training.rows)


def _reports_elsewhere(events: Events, pairs: list[Judged], other: Judged) -> bool:
    """Whether one of these models is measured on other data as well: these rows may choose, those report."""
    if other.evaluation.how not in ("metric", "score", "loss"):
        return False
    models = {model for pair in pairs for model in pair.training.models}
    sides = (*(pair.evaluation.rows for pair in pairs), other.training.rows)
    return bool(models & set(other.training.models)) and not any(
        events.rows.overlap(other.evaluation.rows, side) for side in sides
    )


@dataclass(frozen=True, slots=True)
class Steered:
    """A fit was shown the rows that the model is then reported on. `stops`: whether watching them decides; `in_fold`:
    they are one fold of several, so the figure is a mean.
    """

    training: Training
    report: Evaluation
    stops: bool | None
    strong: bool
    in_fold: bool


def steered_by_test(events: Events) -> list[Steered]:
    """Fits that are steered by, or at least shown, the rows that the final figure comes from."""
    found: list[Steered] = []
    pairs = judged(events)
    for pair in pairs:
        if pair.evaluation.how != "steer":
            continue
        detail = pair.training.event.detail.get("train")
        stops = detail.get("steers") if isinstance(detail, dict) else None
        reports = [
            p.evaluation for p in pairs if p.training.event.id == pair.training.event.id and p.evaluation.how != "steer"
        ]
        on_same = [
            r
            for r in reports
            if events.rows.overlap(r.rows, pair.evaluation.rows) and not events.rows.within(r.rows, pair.training.rows)
        ]
        clean = [r for r in reports if _is_other(events, r, pair)]
        if on_same and not clean:
            report = min(on_same, key=lambda r: (_RANK[r.how], r.event.id))
            strong = pair.training.event.strong and report.event.strong
            decides = stops if isinstance(stops, bool) else None
            in_fold = _is_fold(events, pair.evaluation.rows)
            found.append(Steered(pair.training, report, decides, strong, in_fold))
    return found


def _is_other(events: Events, report: Evaluation, steered: Judged) -> bool:
    """Whether a report is on rows that neither train nor steer: parts certainly apart, or other data with its truth."""
    sides = (steered.evaluation.rows, steered.training.rows)
    if all(events.rows.disjoint(report.rows, side) for side in sides):
        return True
    return report.how in ("metric", "score", "loss") and not any(events.rows.overlap(report.rows, s) for s in sides)


def _varies_in_loop(events: Events, pair: Judged) -> bool:
    """Whether the model is made anew on each turn of a loop that also judges it."""
    loops = set(pair.evaluation.event.loops) & set(pair.training.event.loops)
    if not loops:
        return False
    made = {e.id for e in events if e.loops and e.result is not None and e.result.identity in pair.training.models}
    if "backward" in pair.training.event.roles:  # `network.train()` gives the network back, and makes none
        made = {i for i in made if (result := events.items[i].result) is not None and result.produced == i}
    return any(loops & set(events.items[i].loops) for i in made if "fit" not in events.items[i].name.rpartition(".")[2])


def _choice(events: Events, pairs: list[Judged]) -> Event | None:
    """The statement that keeps the best by a metric of these evaluations, if there is one."""
    judging = {pair.evaluation.event.id for pair in pairs}
    for event in events.of("branch"):
        test = event.arguments.get("test")
        if event.detail.get("keeps") and event.loops and test is not None and judging & set(test.metrics):
            return event
    return next((search for search in events.of("search") if _searches_and_reports(search, pairs)), None)


def asked_by(search: Event, evaluation: Event) -> bool:
    """Whether a search (`study.optimize(objective)`) is given the function in which the evaluation stands."""
    name = evaluation.function.rpartition(".")[2]
    return bool(name) and any(value.is_a("function") and value.name == name for value in search.arguments.values())


def _searches_and_reports(search: Event, pairs: list[Judged]) -> bool:
    """Whether the scores that a search asks for, and one that it does not, come from these rows."""
    asked = {
        asked_by(search, pair.evaluation.event) for pair in pairs if pair.evaluation.how in ("metric", "score", "loss")
    }
    return asked == {True, False}


@dataclass(frozen=True, slots=True)
class Refit:
    """What `first` fitted on training rows is fitted `again` on rows that only judge."""

    first: Event
    again: Event
    evaluation: Evaluation
    strong: bool


def refits(events: Events) -> list[Refit]:
    """Transformers of one kind, fitted on the training rows and once more on the rows that judge the same model."""
    fits = [e for e in events if "learned" in e.detail and e.receiver is not None]
    found: dict[int, Refit] = {}
    for pair in judged(events):
        if pair.evaluation.how in ("cv", "tail", "steer") or not held_out(events, pair.training, pair.evaluation):
            continue
        for again in fits:
            rows = _tuple(again.detail.get("fit_rows"))
            if again.id in found or not rows or not events.rows.within(rows, pair.evaluation.rows):
                continue
            if not events.rows.within(pair.evaluation.rows, rows):
                continue
            for first in fits:
                same = (
                    first.receiver is not None
                    and again.receiver is not None
                    and first.receiver.types == again.receiver.types
                )
                earlier = frozenset(_tuple(first.detail.get("fit_rows")))
                if (
                    same
                    and first.id < again.id
                    and events.rows.within(pair.training.rows, earlier)
                    and not events.rows.within(rows, earlier)
                ):
                    strong = again.strong and first.strong and pair.evaluation.event.strong
                    found[again.id] = Refit(first, again, pair.evaluation, strong)
                    break
    return [found[key] for key in sorted(found)]
