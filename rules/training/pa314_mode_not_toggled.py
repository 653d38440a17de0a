import re

from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    Snapshot,
    is_published_test,
    judged,
    rule,
)

_CARES = re.compile(r"^torch\.nn\.(?:\w*Dropout\w*|\w*BatchNorm\w*)$")


@rule(
    "PA314",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=None,
    controls=("EVL-1", "DEP-4"),
    kinds=("not-restored", "exported", "evaluated"),
    scope=Scope.FILE,
)
def mode_not_toggled(events: Events) -> Iterator[Match]:
    """A network is put into evaluation mode inside the training loop and stays in it, or leaves training without it.

    In evaluation mode dropout is off and batch norm stops learning: all training after the first validation is another
    training than before. Exported in training mode, a network answers with dropout on.

    Bad:

        import torch

        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(), torch.nn.Linear(8, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model.train()
        for features, target in torch.load("batches.pt"):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(features), target).backward()
            optimizer.step()
            model.eval()
            print(model(features))

    Good:

        import torch

        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(), torch.nn.Linear(8, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for features, target in torch.load("batches.pt"):
            model.train()
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(features), target).backward()
            optimizer.step()
            model.eval()
            print(model(features))

    Kinds: `not-restored` (no `train()` in the loop that calls `eval()`), `exported` (exported with no `eval()` before),
    `evaluated` (a program with dropout or batch norm trains a network and asks it about test rows, and calls `eval()`
    nowhere).

    Fix: `model.train()` at the start of each epoch, `model.eval()` before validation and export.

    Not seen: trainers that toggle by themselves; layers that care inside ready-made networks; dropout that is kept on
    purpose; an `eval()` that comes too late. `evaluated` wants rows that a split put aside or a publisher calls test.

    Source: Zhang et al., CAIN 2022, smell 18.
    """
    modes = [event for event in events if event.effect("mode")]
    evals = [event for event in modes if event.effect("mode").get("to") == "eval"]
    trains = [event for event in modes if event.effect("mode").get("to") == "train"]
    told: set[int] = set()
    for backward in events.of("backward"):
        for off in evals:
            loop = _shared(backward, off)
            if loop is None or off.id in told or any(_same(off, on) and loop in on.loops for on in trains):
                continue
            if any(_same(off, on) for on in trains) or _computes(off, backward):
                told.add(off.id)
                yield Match(
                    off.at,
                    f"`{off.subject}.eval()` is not undone: the next round of the loop trains in evaluation mode",
                    kind="not-restored",
                    confidence=Confidence.MEDIUM,
                    related=(Related(backward.at, "trains here"),),
                    fix=f"Call {off.subject}.train() at the start of the loop.",
                    symbol=off.function,
                )
    yield from _exports(events, evals)
    if not evals and events.of("backward"):
        yield from _evaluated(events)


def _evaluated(events: Events) -> Iterator[Match]:
    """The first time that a trained network is asked about held-out rows, where no network is ever switched."""
    layer = next((event for event in events.of("construct_model") if _CARES.match(event.name)), None)
    if layer is None or any("eval" in event.short.lower() for event in events.of("call")):
        return
    for pair in judged(events):
        asked, rows = pair.evaluation.event, pair.evaluation.rows
        if "backward" not in pair.training.event.roles or pair.evaluation.how not in ("predict", "metric", "loss"):
            continue
        parts = all(any(events.rows[a].kind == "part" for a in events.rows.ancestors(row)) for row in rows)
        apart = events.rows.disjoint(rows, pair.training.rows) if parts else is_published_test(events, rows)
        if apart and not events.rows.overlap(rows, pair.training.rows):
            yield Match(
                asked.at,
                f"the network is asked about held-out rows in training mode: `{layer.short}` acts as in training, and "
                "nothing here calls `eval()`",
                kind="evaluated",
                confidence=Confidence.MEDIUM,
                related=(
                    Related(layer.at, "this layer does something else in training"),
                    Related(pair.training.event.at, "trained here"),
                ),
                fix="Call eval() before it is judged, and train() before it is trained again.",
                symbol=asked.function,
            )
            return


def _shared(backward: Event, off: Event) -> int | None:
    """The innermost loop that holds both the training step and the switch."""
    common = [loop for loop in backward.loops if loop in off.loops]
    return common[-1] if common else None


def _same(one: Event, other: Event) -> bool:
    if one.receiver is None or other.receiver is None:
        return False
    return _is_one(one.receiver, other.receiver) or (
        one.receiver.name == other.receiver.name and one.receiver.name != ""
    )


def _is_one(one: Snapshot, other: Snapshot) -> bool:
    return bool(set(one.identities) & set(other.identities))


def _computes(off: Event, backward: Event) -> bool:
    """Whether the switched network made what is propagated back."""
    loss = backward.receiver
    return loss is not None and off.receiver is not None and bool(set(loss.models) & set(off.receiver.identities))


def _exports(events: Events, evals: list[Event]) -> Iterator[Match]:
    for event in events.of("export"):
        model = event.port("save", "obj") or next(iter(event.arguments.values()), None)
        made = events.with_id(model.produced) if model is not None else None
        if (
            model is None
            or made is None
            or "construct_model" not in made.roles
            or event.constant("training") is not None
        ):
            continue
        ready = any(off.id < event.id and off.receiver is not None and _is_one(off.receiver, model) for off in evals)
        if not ready and any("backward" in earlier.roles for earlier in events.before(event)):
            yield Match(
                event.at,
                f"`{model.name}` is exported in training mode: dropout and batch norm stay as in training",
                kind="exported",
                confidence=Confidence.MEDIUM,
                fix=f"Call {model.name}.eval() before the export.",
                symbol=event.function,
            )
