from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Location,
    Match,
    Related,
    Scope,
    Severity,
    StageKind,
    rule,
    unseeded_domains,
)

_NAMES = {"numpy": "NumPy", "python": "random", "torch": "PyTorch", "tf": "TensorFlow", "jax": "JAX"}


@rule(
    "PA303",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.TRAINING,
    controls=("TRN-3",),
    tier="core",
    scope=Scope.FILE,
)
def unseeded_framework(events: Events) -> Iterator[Match]:
    """A training program draws random numbers from a framework whose seed is never set.

    Initial weights, shuffles and dropout differ in each run: a result can't be repeated, and a change can't be told
    from luck. One finding for each program, with all frameworks that lack a seed.

    Bad:

        import torch

        model = torch.nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for features, target in torch.load("batches.pt"):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(features), target).backward()
            optimizer.step()

    Good:

        import torch

        torch.manual_seed(0)
        model = torch.nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for features, target in torch.load("batches.pt"):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(features), target).backward()
            optimizer.step()

    Fix: seed each framework before its first use: `torch.manual_seed`, `keras.utils.set_random_seed`,
    `numpy.random.seed`, `random.seed`, or one call that does it for all (`seed_everything`).

    A seed that is set after the first draw is too late. Not seen: a seed that a launcher or a configuration sets
    outside the program. Modules that only define models are no training programs. A script that draws but trains
    nothing gets a note.

    Source: Zhang et al., CAIN 2022, smell 14.
    """
    if events.is_test:
        return
    ran = events.ran()
    if any(_may_seed(event) for event in ran):
        return
    elsewhere = {domain for event in events.items[len(ran) :] for domain in _covered(event)}
    first: dict[str, Event] = {}
    for event in ran:
        for domain in unseeded_domains(events, event):
            if _is_global(event, domain) and domain not in elsewhere and not _becomes_seed(ran, event):
                first.setdefault(domain, event)
    trains = _trains(ran)
    if not trains:
        first = {d: e for d, e in first.items() if "generate" in e.roles and _is_script(events)}
    if not first:
        return
    names = ", ".join(_NAMES.get(domain, domain) for domain in sorted(first))
    draw = min(first.values(), key=lambda event: event.id)
    yield Match(
        _place(events, first),
        f"{'trains' if trains else 'draws random numbers'} with no seed set for {names}",
        confidence=_confidence(events, trains, first),
        severity=None if trains else Severity.NOTE,
        related=tuple(
            Related(e.at, f"draws from {_NAMES.get(d, d)}")
            for d, e in sorted(first.items())
            if e is not draw or e.at.path != events.path
        ),
        fix=f"Set the seed of {names} before the first use.",
    )


def _may_seed(event: Event) -> bool:
    """A call that is not known and speaks of a seed; the seed of one generator is not that of the framework."""
    own = event.receiver is not None and event.receiver.is_a("torch.Generator", "numpy.random.Generator")
    return "call" in event.roles and "seed" in event.short.lower() and not own


def _is_global(event: Event, domain: str) -> bool:
    """Whether the draw has no seed of its own that it lacks: those are for the rules of splits and estimators."""
    drawn = event.detail.get("draws_global")
    return domain not in ("numpy", "own") or (isinstance(drawn, tuple) and domain in drawn)


def _trains(ran: tuple[Event, ...]) -> bool:
    steps = any("step" in event.roles for event in ran)
    return any(event.effect("train") or (steps and "backward" in event.roles) for event in ran)


def _becomes_seed(ran: tuple[Event, ...], draw: Event) -> bool:
    """A seed that is drawn and then set, mostly where none was given; `varying-seed` speaks of it."""
    if draw.result is None:
        return False
    seeds = (event.port("seed", "value") for event in ran if "seed" in event.roles)
    return any(draw.result.identity in value.identities for value in seeds if value is not None)


def _confidence(events: Events, trains: bool, first: dict[str, Event]) -> Confidence:
    """Numbers that the program draws itself may have nothing to do with the model; a late seed may be meant."""
    if not trains:
        return Confidence.LOW
    learned = [domain for domain in first if domain not in ("numpy", "python")]
    late = all(any(domain in _covered(event) for event in events) for domain in learned)
    return Confidence.HIGH if learned and not late else Confidence.MEDIUM


def _covered(event: Event) -> tuple[str, ...]:
    """The domains that a call seeds."""
    found = event.detail.get("covers")
    return tuple(found) if isinstance(found, tuple | list) else ()


def _is_script(events: Events) -> bool:
    """Whether a program that trains nothing is meant to be run, and is about machine learning at all."""
    about_learning = set(events.domains) - {"numpy", "python"}
    return bool(about_learning) and not events.is_notebook and any("main" in event.roles for event in events.ran())


def _place(events: Events, first: dict[str, Event]) -> Location:
    """The first draw that stands in the program itself, or the call that leads to one."""
    for event in sorted(first.values(), key=lambda event: event.id):
        for at in (event.at, event.caller):
            if at is not None and at.path == events.path:
                return at
    working = ("optimizer", "train", "search", "backward", "step")
    for event in events.ran():
        if event.at.path == events.path and any(role in working for role in event.roles):
            return event.at
    return Location(events.path, 1)
