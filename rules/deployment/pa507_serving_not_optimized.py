import re

from pipeaudit.rule import Confidence, Event, Iterator, Location, Match, Project, Severity, StageKind, is_test, rule

_GPU = re.compile(r"KIND_GPU|gpus?\s*:|tensorrt", re.IGNORECASE)


@rule(
    "PA507",
    Severity.NOTE,
    ceiling=Confidence.LOW,
    stage=StageKind.DEPLOYMENT,
    controls=("DEP-1", "MON-2"),
    tier="pack:ops",
    kinds=("no-warm-up", "no-batching"),
)
def serving_not_optimized(project: Project) -> Iterator[Match]:
    """A model server leaves out what costs one line: batches on the GPU, a first call before the first request.

    The GPU waits for single rows, or the first user waits for the compiler.

    Kinds: `no-warm-up` (a compiled model that is not called at start), `no-batching` (a GPU model without batches).

    Bad, in models/scorer/config.pbtxt:

        name: "scorer"
        platform: "onnxruntime_onnx"
        instance_group [ { kind: KIND_GPU } ]

    Good, in models/scorer/config.pbtxt:

        name: "scorer"
        platform: "onnxruntime_onnx"
        max_batch_size: 32
        dynamic_batching { max_queue_delay_microseconds: 500 }
        instance_group [ { kind: KIND_GPU } ]

    Fix: add `dynamic_batching`; call the model once on an example when the service starts.

    Not seen: whether it would be faster; training checkpoints that are served as they are, and the precision that a GPU
    computes in. Absence is all that this rule has.

    Source: inference optimization guide, items 1 to 7.
    """
    for path in project.repository.glob("config.pbtxt"):
        text = project.repository.text(path)
        if (
            not is_test(path)
            and _GPU.search(text)
            and "dynamic_batching" not in text
            and "sequence_batching" not in text
        ):
            yield Match(
                Location(path),
                "this model runs on a GPU and takes requests one by one",
                kind="no-batching",
                confidence=Confidence.LOW,
                fix="Add dynamic_batching.",
            )
    for path in sorted(project.programs):
        program = project.programs[path]
        if program.of("serve") and not is_test(path) and not program.is_notebook:
            yield from _cold(list(program))


def _cold(events: list[Event]) -> Iterator[Match]:
    """A model that is compiled when the service starts, and not called before the first request."""
    for event in events:
        if event.name in ("torch.compile", "torch.jit.script") and not event.function:
            called = [
                other for other in events if "predict" in other.roles and not other.function and other.id > event.id
            ]
            if not called:
                yield Match(
                    event.at,
                    "the first request pays for compiling this model",
                    kind="no-warm-up",
                    confidence=Confidence.LOW,
                    fix="Call it once on an example when the service starts.",
                )
