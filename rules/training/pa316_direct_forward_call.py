from pipeaudit.rule import Confidence, Events, Iterator, Match, Rewrite, Scope, Severity, StageKind, rule


@rule(
    "PA316",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.TRAINING,
    controls=("TRN-3",),
    tier="pack:smells",
    scope=Scope.FILE,
    fixable=True,
)
def direct_forward_call(events: Events) -> Iterator[Match]:
    """A module's `forward` is called by name instead of calling the module.

    Calling the module runs its hooks too: those of mixed precision, pruning, quantization and logging. `forward` skips
    them in silence.

    Bad:

        import torch

        model = torch.nn.Sequential(torch.nn.Linear(4, 1))
        print(model.forward(torch.zeros(2, 4)))

    Good:

        import torch

        model = torch.nn.Sequential(torch.nn.Linear(4, 1))
        print(model(torch.zeros(2, 4)))

    Fix: `model(x)`.

    Not seen: an object of which nothing is known. `super().forward(x)` and a module's `self.forward(x)` are left alone.

    Source: Zhang et al., CAIN 2022, smell 19.
    """
    for event in events:
        if event.short != "forward" or event.receiver is None or event.at.path != events.path:
            continue
        name = event.receiver.name
        is_own = "." not in event.name
        if name in ("self", "cls") or name.startswith("super") or (is_own and event.detail.get("module") is not True):
            continue
        if not is_own and (event.name.startswith("?") or "super" in event.receiver.types):
            continue
        yield Match(
            event.at,
            f"`{name}.forward(...)` skips the hooks that `{name}(...)` runs",
            fix=f"Call {name}(...).",
            symbol=event.function,
            edit=Rewrite(event.at, (("_m.forward(*___)", "_m(*___)"),)),
        )
