import re

from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Related, Scope, Severity, StageKind, rule

_CHANGING = re.compile(
    r"(?:^|\.)(?:time|time_ns|perf_counter|monotonic|now|utcnow|today|timestamp|urandom|uuid[14]|getpid|randint|randrange"
    r"|random|randbits|getrandbits|token_bytes|token_hex|SystemRandom|default_rng|integers)$"
)


@rule(
    "PA305",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.TRAINING,
    controls=("TRN-3",),
    scope=Scope.FILE,
)
def varying_seed(events: Events) -> Iterator[Match]:
    """The seed comes from the clock or from chance, and is kept nowhere.

    It looks like a seed and repeats nothing.

    Bad:

        import time
        import torch

        torch.manual_seed(int(time.time()))

    Good:

        import time
        import mlflow
        import torch

        seed = int(time.time())
        mlflow.log_param("seed", seed)
        torch.manual_seed(seed)

    Fix: a fixed seed, or write down the one that was drawn.

    Not seen: a seed that is stored by a call of the repository's own. A seed that is printed, logged or saved is kept.
    """
    for event in events.of("seed"):
        seed = event.port("seed", "value")
        if seed is None or seed.known:
            continue
        source = _source(events, event)
        if source is not None and not _is_kept(events, event):
            yield Match(
                event.at,
                f"the seed comes from `{source.short}` and is kept nowhere",
                related=(Related(source.at, "made here"),) if source.at != event.at else (),
                fix="Set a fixed seed, or log the one that is used.",
                symbol=event.function,
            )


def _source(events: Events, event: Event) -> Event | None:
    """The call of the clock or of chance that a seed was made by."""
    seed = event.port("seed", "value")
    made = events.with_id(seed.produced) if seed is not None else None
    if made is not None and made.id != event.id and _CHANGING.search(made.name):
        return made
    if seed is not None:
        for earlier in reversed(events.items[max(0, event.id - 3) : event.id]):
            if earlier.at.line == event.at.line and earlier.at.path == event.at.path and _CHANGING.search(earlier.name):
                return earlier
    return None


def _is_kept(events: Events, event: Event) -> bool:
    seed = event.port("seed", "value")
    if seed is None:
        return False
    return any(
        set(value.identities) & set(seed.identities) or (seed.name and seed.name == value.name)
        for other in events
        if "seed" not in other.roles and other.id != event.id and not _CHANGING.search(other.name)
        for value in (*other.arguments.values(), *(inner for a in other.arguments.values() for inner in a.elements))
    )
