from pipeaudit.rule import Confidence, Event, Iterator, Match, Project, Severity, StageKind, is_example, is_test, rule

_COMPARES = ("allclose", "assert_allclose", "assert_close", "assert_almost_equal", "assert_array_almost_equal")


@rule(
    "PA510",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.DEPLOYMENT,
    controls=("DEP-1",),
    tier="pack:ops",
    kinds=("uncompared", "fixed-batch"),
)
def export_not_verified(project: Project) -> Iterator[Match]:
    """A model is exported to another format, and nothing compares what it says there with what it said before.

    Converters change operators and precision, and the served model is not the one that was judged.

    Kinds: `uncompared`, `fixed-batch` (the first axis keeps the example's size).

    Bad, in export.py:

        import torch

        model = torch.nn.Linear(3, 1)
        torch.onnx.export(model, torch.zeros(1, 3), "model.onnx")

    Good, in export.py:

        import numpy as np
        import onnxruntime
        import torch

        model = torch.nn.Linear(3, 1)
        example = torch.zeros(1, 3)
        torch.onnx.export(
            model, example, "model.onnx", input_names=["x"], dynamic_axes={"x": {0: "batch"}}
        )
        session = onnxruntime.InferenceSession("model.onnx")
        said = session.run(None, {"x": example.numpy()})[0]
        np.testing.assert_allclose(said, model(example).detach().numpy(), rtol=1e-4)

    Fix: load the export in a test and compare its outputs within a tolerance.

    Not seen: comparisons in another repository. A check of the structure (`onnx.checker`) is none of the outputs.

    Source: inference optimization guide, item 2.
    """
    compares = any(
        event.name.rpartition(".")[2] in _COMPARES for program in project.programs.values() for event in program
    )
    seen = set()
    for event in project.events("export"):
        if event.at in seen or is_test(event.at.path) or is_example(event.at.path) or not _converts(event):
            continue
        seen.add(event.at)
        if not compares:
            yield Match(
                event.at,
                "nothing compares the exported model with the one that it was made from",
                kind="uncompared",
                confidence=Confidence.MEDIUM,
                fix="Compare their outputs in a test.",
                symbol=event.function,
            )
        elif event.name == "torch.onnx.export" and _has_fixed_batch(event):
            yield Match(
                event.at,
                "the export keeps the batch size of its example",
                kind="fixed-batch",
                confidence=Confidence.MEDIUM,
                fix="Name the first axis in dynamic_axes.",
                symbol=event.function,
            )


def _converts(event: Event) -> bool:
    """Whether it changes the format; saving in the framework's own does not."""
    return any(
        word in event.name.lower() for word in ("onnx", "trace", "script", "tflite", "coreml", "convert", "openvino")
    )


def _has_fixed_batch(event: Event) -> bool:
    """Whether neither name is given; keywords that are handed on may hold it."""
    names = ("dynamic_axes", "dynamic_shapes", "**")
    return all(event.argument(name) is None or event.constant(name) is None for name in names)
