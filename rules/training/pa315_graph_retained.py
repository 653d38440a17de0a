import re

from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Related,
    Rewrite,
    Scope,
    Severity,
    StageKind,
    rule,
)

_DETACHED = re.compile(r"\.item\(|\.detach\(|\.data\b|float\(|\.numpy\(|\.tolist\(|\.cpu\(\)\.numpy|int\(")

# What is detached is a tensor still, so it suits whatever is done with it later.
_FORMS = (("_t += _v", "_t += _v.detach()"), ("_l.append(_v)", "_l.append(_v.detach())"))


@rule(
    "PA315",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.TRAINING,
    controls=("TRN-3", "MON-2"),
    scope=Scope.FILE,
    fixable=True,
)
def graph_retained(events: Events) -> Iterator[Match]:
    """Losses are added up or collected over the rounds of a loop with their graph of gradients.

    Each one keeps all intermediate values of its forward pass: memory grows with every batch until it runs out.

    Bad:

        import torch

        model = torch.nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        total = 0.0
        for features, target in torch.load("batches.pt"):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(features), target)
            loss.backward()
            optimizer.step()
            total += loss

    Good:

        import torch

        model = torch.nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        total = 0.0
        for features, target in torch.load("batches.pt"):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(features), target)
            loss.backward()
            optimizer.step()
            total += loss.item()

    Fix: `loss.item()`, or `.detach()` where a tensor is needed.

    Not seen: values whose type is not known. A sum that is propagated back later needs its graph, and is left alone.

    Source: PyTorch, frequently asked questions.
    """
    backwards = events.of("backward")
    for event in events.of("accumulate"):
        value, into = event.argument("value"), event.argument("into")
        if value is None or into is None or not event.loops or _DETACHED.search(value.name):
            continue
        loss = next(
            (b for b in backwards if b.loops == event.loops and b.function == event.function and _is_it(b, event)), None
        )
        if loss is None or _is_propagated(backwards, event):
            continue
        yield Match(
            event.at,
            f"`{value.name}` is kept over the rounds of the loop with its whole graph",
            confidence=Confidence.HIGH if value.is_a("torch.Tensor") else Confidence.MEDIUM,
            related=(Related(loss.at, "already propagated back"),),
            fix=f"Use {value.name}.item(), or {value.name}.detach() where a tensor is needed.",
            symbol=event.function,
            edit=Rewrite(event.at, _FORMS),
        )


def _is_it(backward: Event, event: Event) -> bool:
    """Whether the very value that is kept was propagated back in this round."""
    value = event.argument("value")
    return (
        backward.receiver is not None
        and value is not None
        and bool(set(backward.receiver.identities) & set(value.identities))
    )


def _is_propagated(backwards: list[Event], event: Event) -> bool:
    """Whether the sum itself is propagated back."""
    into = event.argument("into")
    return into is not None and any(b.receiver is not None and b.receiver.name == into.name for b in backwards)
