from pipeaudit.rule import Confidence, Event, Events, Iterator, Match, Related, Scope, Severity, StageKind, rule


@rule(
    "PA313",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.TRAINING,
    controls=("TRN-3",),
    tier="core",
    scope=Scope.FILE,
)
def gradients_not_cleared(events: Events) -> Iterator[Match]:
    """A loop calls `backward()` and steps the optimizer each time, and nothing clears the gradients between.

    `backward()` adds to the gradients that are there. Without `zero_grad()` each step follows the sum of all gradients
    so far, and training drifts or diverges.

    Bad:

        import torch

        model = torch.nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for features, target in torch.load("batches.pt"):
            loss = torch.nn.functional.mse_loss(model(features), target)
            loss.backward()
            optimizer.step()

    Good:

        import torch

        model = torch.nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for features, target in torch.load("batches.pt"):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(features), target)
            loss.backward()
            optimizer.step()

    Fix: `optimizer.zero_grad()` before `backward()`.

    Not seen: a step behind a condition, which may accumulate on purpose; engines that clear by themselves (DeepSpeed);
    a closure that is handed to the step.

    Source: Zhang et al., CAIN 2022, smell 20.
    """
    clears = events.of("zero_grad")
    steps = events.of("step")
    told: set[int] = set()
    for backward in events.of("backward"):
        if not backward.loops or backward.conditional or backward.loops[-1] in told or backward.short != "backward":
            continue
        loop = backward.loops[-1]
        step = next((s for s in steps if _follows(s, backward, loop)), None)
        if step is None or any(loop in clear.loops for clear in clears) or _steers_itself(step, backward):
            continue
        told.add(loop)
        helped = any(loop in e.loops and _takes_optimizer(e, step) for e in events.items if "call" in e.roles)
        yield Match(
            backward.at,
            f"gradients of every round add up: nothing clears them before `{step.subject}.step()`, "
            f"{step.at.seen_from(backward.at)}",
            confidence=Confidence.MEDIUM if helped else Confidence.HIGH,
            related=(Related(step.at, "steps with the summed gradients"),),
            fix="Call optimizer.zero_grad() before backward().",
            symbol=backward.function,
        )


def _follows(step: Event, backward: Event, loop: int) -> bool:
    """Whether the step runs in every round of the loop, after the gradients are there."""
    return (
        step.id > backward.id and loop in step.loops and not step.conditional and len(step.loops) == len(backward.loops)
    )


def _steers_itself(step: Event, backward: Event) -> bool:
    """An engine computes and clears its own gradients; a closure clears them where it is called."""
    same = (
        step.receiver is not None
        and backward.receiver is not None
        and bool(set(step.receiver.identities) & set(backward.receiver.identities))
    )
    return same or any(value.is_a("function", "method") for value in step.arguments.values())


def _takes_optimizer(event: Event, step: Event) -> bool:
    """Whether a call that is not known gets the optimizer, and may clear its gradients."""
    if step.receiver is None:
        return False
    return any(set(value.identities) & set(step.receiver.identities) for value in event.arguments.values())
