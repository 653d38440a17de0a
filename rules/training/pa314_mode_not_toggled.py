from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Related, Scope, Severity, Snapshot, rule


@rule(
    "PA314",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=None,
    controls=("EVL-1", "DEP-4"),
    kinds=("not-restored", "exported"),
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

    Kinds: `not-restored` (no `train()` in the loop that calls `eval()`), `exported` (exported with no `eval()` before).

    Fix: `model.train()` at the start of each epoch, `model.eval()` before validation and export.

    Not seen: trainers that toggle by themselves; networks without layers that care; dropout that is kept on purpose.

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
