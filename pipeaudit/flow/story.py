"""How a value came to be, in words with places: whose rows it holds, what was learned into it, what it then served."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeaudit.flow import leakage
from pipeaudit.flow.events import Event, Events, Learned, Snapshot
from pipeaudit.flow.rows import Rows
from pipeaudit.flow.watch import Sighting
from pipeaudit.model.location import Location

_MOST_USES = 6
_MOST_NAMED = 3
_DEEPEST = 4
_LEARNT = {
    "manual": "a figure",
    "features": "which features to keep",
    "selection": "which features to keep",
    "vocabulary": "a vocabulary",
    "outlier": "what is an outlier",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a value. `about` is rows, learned, model, prediction, metric, use or leak; not
    `certain` where a call on the way is not known. `at` is None where nothing in particular made it so.
    """

    about: str
    message: str
    at: Location | None = None
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Story:
    """What is known of a value that `name` has when `program` comes by; `caller` called the function around."""

    name: str
    program: str
    types: tuple[str, ...]
    steps: tuple[Step, ...]
    caller: Location | None = None


def told(sightings: Iterable[Sighting], programs: dict[str, Events]) -> list[Story]:
    """A story for each value, one for all times that it is the same; names in the order in which they were met."""
    found: dict[object, Story] = {}
    for sighting in sightings:
        steps = tuple(dict.fromkeys(_Teller(programs[sighting.program], sighting.value).steps()))
        key = (sighting.name, sighting.value.types, steps)
        if key not in found:
            found[key] = Story(sighting.name, sighting.program, sighting.value.types, steps, sighting.caller)
    order = {name: number for number, name in enumerate(dict.fromkeys(story.name for story in found.values()))}
    return sorted(found.values(), key=lambda story: (order[story.name], story.program))


class _Teller:
    """Tells of one value in one program."""

    def __init__(self, events: Events, value: Snapshot) -> None:
        self.events = events
        self.rows, self.learned = _held(value)
        self.value = value

    def steps(self) -> Iterator[Step]:
        yield from self._rows()
        yield from self._learned()
        yield from self._as_model()
        yield from self._prediction()
        yield from self._metrics()
        yield from self._uses()
        yield from self._leaks()

    # ---- rows --------------------------------------------------------------------------------------------------------

    def _rows(self) -> Iterator[Step]:
        table = self.events.rows
        for token in sorted({a for own in self.rows for a in table.ancestors(own)}):
            rows = table[token]
            event = self.events.with_id(_event(rows))
            yield Step("rows", self._made(rows, event), event.at if event is not None else rows.at)

    def _made(self, rows: Rows, event: Event | None) -> str:
        call = f"`{_spoken(event)}`" if event is not None else ""
        parents = self._all(rows.parents)
        if rows.kind == "origin":
            return self._origin(rows, call)
        if rows.kind == "part":
            how = "at random" if rows.shuffled else "in order"
            side = f"the `{rows.part}` rows" + (" of each fold" if rows.role == "fold" else "")
            return f"{call or 'a split'} takes {side} out of {parents}{'' if rows.role == 'fold' else f', {how}'}"
        if rows.kind == "sub":
            taken = f"{call} takes some rows" if call else "some rows are taken"
            return f"{taken} out of {parents}{_filter(rows.complement)}"
        if rows.kind == "dup":
            return f"{call or 'a call'} copies or synthesises rows of {parents}"
        if rows.kind == "union":
            return f"{call or 'a call'} puts the rows of {parents} together"
        return f"{call or 'a call that is not known'} makes other rows of {parents}"

    def _origin(self, rows: Rows, call: str) -> str:
        kind, _, name = rows.source.partition(":")
        if kind == "parameter":
            return f"the argument `{name}` of a function that nothing here calls"
        if kind == "generated":
            return f"{call} generates rows"
        if rows.source:
            return f"{call or 'a call'} reads `{rows.source}`"
        return (
            f"{call} brings rows of which the source is not known" if call else "rows of which the source is not known"
        )

    def _all(self, tokens: Iterable[int], depth: int = 0) -> str:
        """Sets of rows as a sentence names them."""
        names = list(dict.fromkeys(self._name(token, depth) for token in sorted(tokens)))
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        return " and ".join(names[:_MOST_NAMED]) + more if names else "data that is not known"

    def _name(self, token: int, depth: int) -> str:
        rows = self.events.rows[token]
        if rows.kind == "origin":
            kind, _, name = rows.source.partition(":")
            if kind == "parameter":
                return f"the argument `{name}`"
            event = self.events.with_id(rows.event)
            made = f"what `{_spoken(event)}` brings" if event is not None else "rows of unknown source"
            return made if kind == "generated" or not rows.source else f"`{rows.source}`"
        if depth > _DEEPEST:
            return "earlier rows"
        parents = self._all(rows.parents, depth + 1)
        if rows.kind == "part":
            return f"the `{rows.part}` part of {parents}"
        words = {"sub": "some rows of", "dup": "copies out of", "union": "all rows of", "unknown": "what was made of"}
        return f"{words[rows.kind]} {parents}"

    # ---- what was learned --------------------------------------------------------------------------------------------

    def _learned(self) -> Iterator[Step]:
        for item in sorted(self.learned, key=lambda one: (one.event, one.what, one.supervised, sorted(one.rows))):
            event = self.events.with_id(item.event)
            if event is not None:
                target = ", with the target," if item.supervised else ""
                what = f"`{_learner(event)}` learns {_LEARNT.get(item.what, item.what)}{target}"
                text = f"{what} on {self._all(item.rows)}{self._beyond(item)}"
                yield Step("learned", text, event.at, item.strong)

    def _beyond(self, item: Learned) -> str:
        """The other side of the splits that these rows went through, where it was learned from."""
        table = self.events.rows
        if not self.rows or table.within(item.rows, self.rows):
            return ""
        if table.disjoint(item.rows, self.rows):
            return ", none of which is among these rows"
        mine = {a for own in self.rows for a in table.ancestors(own) if table[a].kind == "part"}
        others = {
            other.part
            for a in mine
            for token, other in enumerate(table.items)
            if other.kind == "part" and other.split == table[a].split and other.part != table[a].part
            if table.overlap(item.rows, (token,))
        }
        names = " and ".join(f"`{name}`" for name in sorted(others))
        return f": the {names} rows were among them" if others else ""

    # ---- models, predictions, figures --------------------------------------------------------------------------------

    def _as_model(self) -> Iterator[Step]:
        for training in leakage.trainings(self.events):
            if set(training.models) & set(self.value.identities):
                yield self._trained(training)
        for evaluation in leakage.evaluations(self.events):
            if set(evaluation.models) & set(self.value.identities):
                yield Step("use", f"{_judging(evaluation)} on {self._all(evaluation.rows)}", evaluation.event.at)

    def _trained(self, training: leakage.Training) -> Step:
        text = f"`{training.event.subject}` is trained on {self._all(training.rows)}"
        return Step("model", text, training.event.at, training.event.strong)

    def _prediction(self) -> Iterator[Step]:
        if not self.value.models:
            return
        for training in leakage.trainings(self.events):
            if set(training.models) & set(self.value.models):
                yield self._trained(training)
        for event in self.events.where(effects=("predict",)):
            models = event.effect("predict").get("models")
            if event.id <= _last(self.value) and isinstance(models, tuple) and set(models) & set(self.value.models):
                rows = event.effect("predict").get("rows")
                on = self._all(rows) if isinstance(rows, tuple) else "rows"
                yield Step("prediction", f"`{_spoken(event)}` predicts on {on}", event.at)

    def _metrics(self) -> Iterator[Step]:
        for identifier in self.value.metrics:
            event = self.events.with_id(identifier)
            if event is not None:
                for evaluation in leakage.evaluations(self.events):
                    if evaluation.event.id == identifier:
                        yield Step("metric", f"{_judging(evaluation)} on {self._all(evaluation.rows)}", event.at)

    # ---- what it served ----------------------------------------------------------------------------------------------

    def _uses(self) -> Iterator[Step]:
        if not self.rows or self.value.models or self.value.metrics:
            return
        found = [
            Step("use", f"`{training.event.subject}` is trained on these rows", training.event.at)
            for training in leakage.trainings(self.events)
            if training.rows & self.rows
        ]
        found += [
            Step("use", f"{_judging(evaluation)} on these rows", evaluation.event.at)
            for evaluation in leakage.evaluations(self.events)
            if evaluation.rows & self.rows
        ]
        found = list(dict.fromkeys(found))
        yield from found[:_MOST_USES]
        if len(found) > _MOST_USES:
            yield Step("use", f"and {len(found) - _MOST_USES} more trainings and evaluations")

    def _leaks(self) -> Iterator[Step]:
        """Leaks on whose way the value lies: what was learned is in it, or its model or figure is a part of them."""
        models = {*self.value.models, *self.value.identities}
        for leak in (*leakage.preprocessing_leaks(self.events), *leakage.internal_leaks(self.events)):
            trained = leak.training.effect("train").get("models")
            if (
                leak.learned in self.learned
                or leak.evaluation.event.id in self.value.metrics
                or (isinstance(trained, tuple) and models & set(trained))
            ):
                where = leak.evaluation.event.at.seen_from(leak.fit.at)
                text = f"what `{leak.learner}` learned came from rows that judge the model at {where}"
                yield Step("leak", text, leak.fit.at, leak.strong)


def _held(value: Snapshot) -> tuple[frozenset[int], frozenset[Learned]]:
    """Rows and statistics of a value and of what it holds."""
    rows, learned = value.rows, value.learned
    for inner in value.elements:
        more, also = _held(inner)
        rows, learned = rows | more, learned | also
    return rows, learned


def _last(value: Snapshot) -> int:
    """The event after which it did not change; without one, any may have gone before."""
    return value.produced if value.produced >= 0 else 1 << 62


def _spoken(event: Event) -> str:
    """A call as people write it: `scaler.fit_transform`, `train_test_split`."""
    return f"{event.receiver.name}.{event.short}" if event.receiver is not None and event.receiver.name else event.short


def _learner(event: Event) -> str:
    if "fit_rows" in event.detail:
        return event.subject
    return f"{_spoken(event)}()"


def _judging(evaluation: leakage.Evaluation) -> str:
    call = f"`{_spoken(evaluation.event)}`"
    words = {
        "cv": "trains and judges the model in turn",
        "tail": "trains the model and judges it on the last rows",
        "predict": "predicts",
        "steer": "watches the model while it is trained",
    }
    return f"{call} {words.get(evaluation.how, 'judges the model')}"


def _event(rows: Rows) -> int:
    """The event that made them; a filter that is a call says it in how it filters."""
    kind, _, number = rows.complement.partition("|")
    return int(number) if kind == "call" and number.isdigit() else rows.event


def _filter(how: str) -> str:
    """How rows were taken, where it was written: `df[df.age > 3]`, `df[:n]`."""
    kind, _, rest = how.partition("|")
    if kind == "mask":
        text, _, negated = rest.rpartition("|")
        return f": {'all but ' if negated == '1' else ''}`{text}`"
    if kind == "slice" and rest.count("|") >= 2:
        _, lower, upper = rest.rsplit("|", 2)
        return f": `[{lower}:{upper}]`"
    return ""
