from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Related,
    Scope,
    Severity,
    StageKind,
    is_seeded,
    rule,
)


@rule(
    "PA304",
    Severity.NOTE,
    ceiling=Confidence.HIGH,
    stage=StageKind.TRAINING,
    controls=("TRN-3",),
    tier="pack:repro",
    kinds=("dataloader-workers", "cudnn-benchmark", "no-deterministic-algorithms", "hash-order", "unsorted-listing"),
    scope=Scope.FILE,
)
def partial_determinism(events: Events) -> Iterator[Match]:
    """Seeds are set, and something else still makes each run another one.

    Bad:

        import os
        import random

        random.seed(0)
        files = os.listdir("images")
        random.shuffle(files)
        train, test = files[:800], files[800:]

    Good:

        import os
        import random

        random.seed(0)
        files = sorted(os.listdir("images"))
        random.shuffle(files)
        train, test = files[:800], files[800:]

    Kinds: `unsorted-listing` (the order of a folder's files depends on the machine), `hash-order` (so does that of a
    set of strings), `dataloader-workers` (worker processes that draw from NumPy or `random` need a `worker_init_fn`,
    and the shuffle a `generator`), `cudnn-benchmark` (cuDNN chooses other kernels in each run),
    `no-deterministic-algorithms` (PyTorch trains with a seed and may still add in another order).

    Fix: sort listings and sets; pass `generator` and `worker_init_fn`; `torch.use_deterministic_algorithms(True)`.

    Not seen: whether the difference matters. PyTorch seeds its own generator in each worker, and speed may be worth
    more.

    Source: Zhang et al., CAIN 2022, smells 13 and 14; PyTorch, reproducibility.
    """
    if events.is_test:
        return
    yield from _workers(events)
    yield from _kernels(events)
    yield from _splits_listing(events)
    for event in events.of("unordered"):
        kind = str(event.detail.get("kind"))
        yield Match(
            event.at,
            f"the order of `{event.detail.get('text')}` differs between "
            + ("machines" if kind == "unsorted-listing" else "runs: sets of strings have no fixed order"),
            kind=kind,
            confidence=Confidence.HIGH if kind == "unsorted-listing" else Confidence.LOW,
            fix="Wrap it in sorted(...).",
            symbol=event.function,
        )


def _splits_listing(events: Events) -> Iterator[Match]:
    for event in events.of("split"):
        for value in event.arguments.values():
            for part in (value, *value.elements):
                if part.is_a("os.listing"):
                    yield Match(
                        event.at,
                        f"`{part.name or 'the listing'}` is split in an order that differs between machines",
                        kind="unsorted-listing",
                        fix="Wrap the listing in sorted(...).",
                        symbol=event.function,
                    )


def _workers(events: Events) -> Iterator[Match]:
    for event in events:
        workers = event.argument("num_workers")
        if workers is None or workers.constant == 0 or "dataset" not in event.arguments:
            continue
        if {"generator", "worker_init_fn", "**"} & set(event.arguments) or event.constant("shuffle") is False:
            continue
        yield Match(
            event.at,
            f"`{event.short}` starts workers without `generator` and `worker_init_fn`",
            kind="dataloader-workers",
            confidence=Confidence.MEDIUM if event.constant("shuffle") is True else Confidence.LOW,
            fix="Pass generator= and worker_init_fn=.",
            symbol=event.function,
        )


def _kernels(events: Events) -> Iterator[Match]:
    ran = events.ran()
    seeds = [event for event in ran if "torch" in event.covers]
    for event in ran:
        chooses = "set_attribute" in event.roles and event.name.endswith("cudnn.benchmark")
        if seeds and chooses and event.constant("value") is True:
            yield Match(
                event.at,
                "cuDNN may choose other kernels in each run although a seed is set",
                kind="cudnn-benchmark",
                related=(Related(seeds[0].at, "the seed"),),
                fix="Set torch.backends.cudnn.benchmark = False where runs have to be equal.",
                symbol=event.function,
            )
    trains = [event for event in ran if "backward" in event.roles and is_seeded(events, event, "torch")]
    if trains and seeds and not any(_is_strict(event) for event in ran):
        yield Match(
            seeds[0].at,
            "a seed is set, and PyTorch may still use algorithms that differ between runs",
            kind="no-deterministic-algorithms",
            confidence=Confidence.MEDIUM,
            fix="Call torch.use_deterministic_algorithms(True) where runs have to be equal.",
            symbol=seeds[0].function,
        )


def _is_strict(event: Event) -> bool:
    """Whether deterministic algorithms are asked for, or somebody decides about them."""
    return "deterministic" in event.name.lower()
