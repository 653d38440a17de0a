import re

from pipeaudit.rule import (
    Confidence,
    Event,
    Events,
    Iterator,
    Match,
    Rewrite,
    Scope,
    Severity,
    Snapshot,
    StageKind,
    rule,
)

_TENSORS = ("torch.", "tensorflow.", "keras.", "jax.")
_GROWS = frozenset({"concat", "concatenate", "cat", "stack", "vstack", "hstack"})
_POSITIVE = re.compile(
    r"clamp|clip|maximum|where|eps|\+|softplus|exp\(|1e-|max\(|abs\(|square|softmax|sigmoid", re.IGNORECASE
)


@rule(
    "PA322",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.TRAINING,
    controls=("TRN-3",),
    tier="pack:smells",
    kinds=(
        "unmasked-invalid",
        "broadcast-tile",
        "tensor-array",
        "loop-accumulation",
        "np-dot-matmul",
        "models-in-loop",
    ),
    scope=Scope.FILE,
    fixable=True,
)
def tensor_smell(events: Events) -> Iterator[Match]:
    """Tensors are computed in a way that is slow, leaks memory or gives NaN.

    Bad:

        import tensorflow as tf

        for depth in range(10):
            model = tf.keras.Sequential([tf.keras.layers.Dense(depth + 1)])

    Good:

        import tensorflow as tf

        for depth in range(10):
            tf.keras.backend.clear_session()
            model = tf.keras.Sequential([tf.keras.layers.Dense(depth + 1)])

    Kinds: `unmasked-invalid` (the logarithm of a value that may be zero: clamp it, or add an epsilon),
    `broadcast-tile` (tiling before an operation that would broadcast), `tensor-array` (a tensor that grows by
    concatenation in a loop: fill a TensorArray or a list), `loop-accumulation` (elements added up one by one where one
    reduction does it), `np-dot-matmul` (`numpy.dot` of two matrices: `@` says what is meant), `models-in-loop` (Keras
    keeps every model of the session until `clear_session`).

    Not seen: whether a value can be zero at all; small loops.

    Source: Zhang et al., CAIN 2022, smells 1, 9, 12 and 15 to 17.
    """
    cleared = {loop for event in events if event.short == "clear_session" for loop in event.loops}
    for event in events:
        found = _kind(events, event, cleared)
        if found is not None:
            kind, message, fix = found
            edit = _product(events, event) if kind == "np-dot-matmul" else None
            yield Match(
                event.at, message, kind=kind, confidence=Confidence.MEDIUM, fix=fix, symbol=event.function, edit=edit
            )


def _kind(events: Events, event: Event, cleared: set[int]) -> tuple[str, str, str] | None:
    name = event.name
    if "broadcast" in event.roles and name.startswith(_TENSORS):
        return (
            "broadcast-tile",
            "the operation would broadcast by itself; the tiled copy only costs memory",
            "Drop the tile.",
        )
    if event.short == "log" and name.startswith(_TENSORS) and _may_be_zero(events, event):
        return (
            "unmasked-invalid",
            "the logarithm of a value that may be zero is infinite",
            "Clamp it or add an epsilon.",
        )
    if event.loops and event.short in _GROWS and name.startswith(_TENSORS) and _grows(event):
        return "tensor-array", "the tensor is copied in each round of the loop", "Collect in a list or a TensorArray."
    if name == "numpy.dot" and all(_is_matrix(events, value) for value in list(event.arguments.values())[:2]):
        return "np-dot-matmul", "`numpy.dot` multiplies two matrices", "Write a @ b, or numpy.matmul(a, b) for lists."
    if event.loops and _is_keras_model(event) and not any(loop in cleared for loop in event.loops):
        return "models-in-loop", "each round builds a model, and none is freed", "Call clear_session() in the loop."
    if "accumulate_element" in event.roles:
        return "loop-accumulation", "elements are added up one by one", "Use one reduction over the tensor."
    return None


def _may_be_zero(events: Events, event: Event) -> bool:
    values = list(event.arguments.values())
    if not values or isinstance(values[0].constant, int | float):
        return False
    made = events.with_id(values[0].produced)
    made_of = made.short if made is not None else ""
    return not _POSITIVE.search(values[0].name) and not _POSITIVE.search(f"{made_of}(")


def _grows(event: Event) -> bool:
    into = event.detail.get("into")
    return isinstance(into, str) and any(
        value.name[:1] in "[(" and re.search(rf"\b{re.escape(into)}\b", value.name)
        for value in event.arguments.values()
    )


def _product(events: Events, event: Event) -> Rewrite | None:
    """The operator for arrays; lists of lists have none, and `matmul` takes both. Others may call a function too."""
    if event.caller is not None:
        return None
    made = [events.with_id(value.produced) for value in list(event.arguments.values())[:2]]
    if all(call is not None and call.name in ("numpy.array", "numpy.asarray") for call in made):
        return Rewrite(event.at, (("dot(_a, _b)", "_a @ _b"), ("_n.dot(_a, _b)", "_a @ _b")))
    return Rewrite(event.at, (("_n.dot(_a, _b)", "_n.matmul(_a, _b)"),))


def _is_matrix(events: Events, value: Snapshot) -> bool:
    """Whether a value is known to have two dimensions: a list of lists, or an array made of one."""
    made = events.with_id(value.produced)
    if made is not None and made.name in ("numpy.array", "numpy.asarray"):
        return any(_is_matrix(events, inner) for inner in list(made.arguments.values())[:1])
    constant = value.constant
    return (
        isinstance(constant, list | tuple) and bool(constant) and all(isinstance(row, list | tuple) for row in constant)
    )


def _is_keras_model(event: Event) -> bool:
    built = "construct_model" in event.roles
    return (
        built
        and event.name.startswith(("keras.", "tensorflow."))
        and event.short in ("Sequential", "Model", "Functional")
    )
