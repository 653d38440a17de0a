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
    StageKind,
    rule,
)

_ACTIVE = ("softmax", "sigmoid")


@rule(
    "PA317",
    Severity.ERROR,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.TRAINING,
    controls=("TRN-3", "EVL-1"),
    kinds=("activated-logits", "one-unit-softmax", "from-logits"),
    scope=Scope.FILE,
)
def loss_activation_mismatch(events: Events) -> Iterator[Match]:
    """The loss and the last activation of a network don't fit together.

    A loss that applies softmax itself, on probabilities, has flat gradients: training runs, learns slowly, and ends
    worse. A softmax over one unit is always 1.

    Bad:

        import torch

        model = torch.nn.Linear(4, 3)
        loss = torch.nn.CrossEntropyLoss()
        for features, target in torch.load("batches.pt"):
            loss(torch.softmax(model(features), dim=1), target).backward()

    Good:

        import torch

        model = torch.nn.Linear(4, 3)
        loss = torch.nn.CrossEntropyLoss()
        for features, target in torch.load("batches.pt"):
            loss(model(features), target).backward()

    Kinds: `activated-logits` (probabilities go into a loss that wants raw scores), `one-unit-softmax` (a softmax over a
    single unit), `from-logits` (Keras: `from_logits=True` after an activation).

    Fix: raw scores with `CrossEntropyLoss` and `BCEWithLogitsLoss`; an activation with `BCELoss`; one unit with
    sigmoid.

    Not seen: raw scores in a loss that wants probabilities; networks whose last layer is not known; class numbers in a
    loss that wants one column for each class, and the other way round. Losses of one's own are left alone.
    """
    for event in events.where(effects=("metric",), given=("activation",), shorts=("compile",)):
        wanted, predicted = event.effect("metric").get("needs"), event.port("metric", "pred")
        if "loss" in event.roles and wanted == "logits" and predicted is not None and predicted.output == "proba":
            made = events.with_id(predicted.produced)
            yield Match(
                event.at,
                f"`{event.short}` applies its own softmax or sigmoid, and gets probabilities: `{predicted.name}`",
                kind="activated-logits",
                confidence=Confidence.MEDIUM,
                related=(Related(made.at, "activated here"),) if made is not None and made.at != event.at else (),
                fix="Pass raw scores.",
                symbol=event.function,
            )
        if event.constant("units", event.constant("0")) == 1 and event.constant("activation") == "softmax":
            yield Match(
                event.at,
                "a softmax over one unit is always 1",
                kind="one-unit-softmax",
                confidence=Confidence.MEDIUM,
                fix='Use activation="sigmoid".',
                symbol=event.function,
            )
        if event.short == "compile" and _wants_logits(events, event):
            last = _last_activation(events, event)
            if last in _ACTIVE:
                yield Match(
                    event.at,
                    f"the loss expects raw scores (`from_logits=True`), and the last layer applies {last}",
                    kind="from-logits",
                    confidence=Confidence.MEDIUM,
                    fix="Drop the activation, or from_logits=True.",
                    symbol=event.function,
                )


def _wants_logits(events: Events, event: Event) -> bool:
    loss = event.argument("loss")
    made = events.with_id(loss.produced) if loss is not None else None
    return made is not None and made.constant("from_logits") is True


def _last_activation(events: Events, event: Event) -> object:
    """The activation of the last layer of a sequential network that is compiled."""
    network = events.with_id(event.receiver.produced) if event.receiver is not None else None
    layers = network.argument("layers") if network is not None else None
    last: Snapshot | None = layers.elements[-1] if layers is not None and layers.elements else None
    made = events.with_id(last.produced) if last is not None else None
    return made.constant("activation") if made is not None else None
