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
    handlers,
    rule,
)


@rule(
    "PA505",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.DEPLOYMENT,
    controls=("DEP-4", "MON-2"),
    kinds=("gradients", "mode"),
    scope=Scope.FILE,
)
def inference_mode_missing(events: Events) -> Iterator[Match]:
    """A service calls a PyTorch network with gradients on, or never puts it into evaluation mode.

    In training mode dropout is on and batch norm mixes the requests of a batch: answers differ from those that were
    tested. With gradients on each request keeps memory that nobody uses.

    Bad:

        import torch
        from fastapi import FastAPI

        app = FastAPI()
        network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(), torch.nn.Linear(8, 1))
        network.load_state_dict(torch.load("network.pt", weights_only=True))


        @app.post("/predict")
        def predict(features: list[float]):
            return {"score": network(torch.tensor(features)).item()}

    Good:

        import torch
        from fastapi import FastAPI

        app = FastAPI()
        network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(), torch.nn.Linear(8, 1))
        network.load_state_dict(torch.load("network.pt", weights_only=True))
        network.eval()


        @app.post("/predict")
        def predict(features: list[float]):
            with torch.inference_mode():
                return {"score": network(torch.tensor(features)).item()}

    Kinds: `mode` (no `eval()` anywhere for the network), `gradients` (no `inference_mode` or `no_grad`).

    Fix: `network.eval()` after loading, `torch.inference_mode()` around the call.

    Not seen: networks without layers that care; code that another module runs around the handler. Pipelines and model
    servers that set the mode themselves are left alone.

    Source: Zhang et al., CAIN 2022, smell 18.
    """
    ready = [event for event in events if event.effect("mode").get("to") == "eval"]
    for handler in handlers(events):
        quiet = any(event.effect("mode").get("to") == "no_grad" for event in handler.items)
        for event in handler.of("predict"):
            if (
                event.effect("predict").get("output") != "raw"
                or not event.strong
                or event.short not in ("__call__", "forward")
            ):
                continue
            if not any(_same(event, other) for other in ready):
                yield _match(
                    event, "mode", "the network was never put into evaluation mode", Severity.ERROR, handler.route
                )
            elif not quiet and not _is_quiet(events, event):
                yield _match(event, "gradients", "the network is called with gradients on", None, handler.route)


def _match(event: Event, kind: str, message: str, severity: Severity | None, route: Event | None) -> Match:
    return Match(
        event.at,
        message,
        kind=kind,
        confidence=Confidence.MEDIUM,
        severity=severity,
        related=(Related(route.at, "serves it"),) if route is not None else (),
        fix="Call eval() after loading and wrap the call in torch.inference_mode().",
        symbol=event.function,
    )


def _same(event: Event, other: Event) -> bool:
    if event.receiver is None or other.receiver is None:
        return False
    return (
        bool(set(event.receiver.identities) & set(other.receiver.identities))
        or event.receiver.name == other.receiver.name != ""
    )


def _is_quiet(events: Events, event: Event) -> bool:
    """Whether gradients are off for the whole program, or for the function by a decorator."""
    return any(
        other.detail.get("decorates") in (event.function, event.function.rpartition(".")[2])
        or ("set_grad_enabled" in other.name and not other.function)
        for other in events
        if "no_grad" in other.name or "inference_mode" in other.name or "set_grad_enabled" in other.name
    )
