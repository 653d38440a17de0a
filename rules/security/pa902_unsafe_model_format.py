import re

from pipeaudit.rule import (
    Confidence,
    Event,
    Iterator,
    Match,
    Project,
    Related,
    Scope,
    Severity,
    is_test,
    rule,
    same_file,
)

_PICKLES = frozenset({"pickle", "joblib", "dill", "cloudpickle"})
_VERSION = re.compile(r"(?:==|>=|~=|===)\s*v?(\d+)\.(\d+)")


@rule(
    "PA902",
    Severity.NOTE,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("DEP-1",),
    kinds=("pickle", "torch-default", "keras-unsafe"),
    scope=Scope.PROJECT,
    yields_to=("PA901",),
    security_severity="4.0",
)
def unsafe_model_format(project: Project) -> Iterator[Match]:
    """A model goes from hand to hand in a format that runs code when it is loaded.

    Whoever can write the file, in the bucket, the registry or the share, runs commands where it is loaded.

    Bad:

        import torch

        network = torch.load("network.pt")

    Good:

        import torch

        network = torch.nn.Linear(4, 1)
        network.load_state_dict(torch.load("network.pt", weights_only=True))

    Kinds: `pickle` (a model that one program pickles and another one loads; one finding for each file), `torch-default`
    (`torch.load` without `weights_only`, while PyTorch may be older than 2.6, which made it safe), `keras-unsafe`
    (`safe_mode=False`, or unsafe deserialization switched on).

    Fix: `weights_only=True`, safetensors, ONNX, `skops.io`.

    Not seen: who can write the file. scikit-learn has few other formats: that is a note and no more.

    Source: SSDF PW.5.
    """
    age = _age(project, "torch", (2, 6))
    for path in sorted(project.programs):
        if is_test(path):
            continue
        for event in project.programs[path]:
            if _loads_torch(event) and age is not None:
                yield _match(
                    event,
                    "torch-default",
                    "`torch.load` without `weights_only` runs code of the file before PyTorch 2.6",
                    Severity.WARNING,
                    "Pass weights_only=True.",
                    age,
                )
            elif event.detail.get("unsafe") is True and (
                "deserialization" in event.name or event.constant("safe_mode") is False
            ):
                yield _match(
                    event,
                    "keras-unsafe",
                    f"`{event.short}` lets the file run code",
                    Severity.WARNING,
                    "Leave safe mode on.",
                )
    yield from _exchanged(project)


def _match(
    event: Event, kind: str, message: str, severity: Severity, fix: str, confidence: Confidence = Confidence.HIGH
) -> Match:
    return Match(event.at, message, kind=kind, confidence=confidence, severity=severity, fix=fix, symbol=event.function)


def _loads_torch(event: Event) -> bool:
    return event.effect("load").get("fmt") == "torch" and not {"weights_only", "**"} & set(event.arguments)


def _age(project: Project, name: str, least: tuple[int, int]) -> Confidence | None:
    """How sure it is that a library is older than this; None where all that ask for it ask for a newer one."""
    asked = [r for e in project.repository.environments() for r in e.requirements if r.name == name]
    found = [(r, _VERSION.search(r.specifier)) for r in asked]
    known = [(requirement, (int(v[1]), int(v[2]))) for requirement, v in found if v is not None]
    if asked and len(known) == len(asked) and all(version >= least for _, version in known):
        return None
    certain = any(requirement.pinned and version < least for requirement, version in known)
    return Confidence.HIGH if certain else Confidence.MEDIUM


def _exchanged(project: Project) -> Iterator[Match]:
    """Pickles that one program writes and another one loads."""
    told: set[str] = set()
    for read in project.read:
        if read.event.effect("load").get("fmt") not in _PICKLES or is_test(read.program) or read.name in told:
            continue
        for write in project.written:
            if write.program != read.program and not is_test(write.program) and same_file(write, read):
                told.add(read.name)
                yield Match(
                    read.event.at,
                    f"`{read.name}` is a pickle: loading it runs code of whoever could write it",
                    kind="pickle",
                    related=(Related(write.event.at, "written here"),),
                    fix="Use a format without code (ONNX, skops), or keep the file where only the pipeline can write.",
                    symbol=read.event.function,
                )
                break
