"""Stages and artifacts: what a pipeline is made of, whoever declares it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from pipeaudit.model.location import Location


class StageKind(Enum):
    """What a stage is for; the values are those of the machine interface."""

    COLLECTION = "collection"
    EXPLORATION = "exploration"
    PREPROCESSING = "preprocessing"
    TRAINING = "training"
    EVALUATION = "evaluation"
    DEPLOYMENT = "deployment"
    MONITORING = "monitoring"
    OTHER = "other"


# Systems by what their stages are: bare code, and what starts, builds and serves it; all others are pipelines.
CODE_SYSTEMS = frozenset(("python", "notebook", "hydra"))
JOB_SYSTEMS = frozenset(
    """github-actions gitlab-ci azure-pipelines circleci jenkins cloud-build codebuild kubernetes helm
    terraform""".split()
)
STARTING_SYSTEMS = JOB_SYSTEMS | {"make", "docker", "compose"}


class ArtifactKind(Enum):
    DATASET = "dataset"
    FEATURES = "features"
    MODEL = "model"
    METRICS = "metrics"
    REPORT = "report"
    PARAMS = "params"
    IMAGE = "image"
    OTHER = "other"


class Origin(Enum):
    """Whether a pipeline definition says so, or only the code shows it."""

    DECLARED = "declared"
    OBSERVED = "observed"


@dataclass(frozen=True, slots=True)
class Program:
    """Code that a stage runs.

    `path` is the script, module file or notebook, relative to the root ("" where only a command is known),
    `function` the entry inside it, `arguments` what follows on the command line, `command` the words as they were
    written, `folder` the working folder that its relative paths are meant from.
    """

    path: str = ""
    function: str = ""
    arguments: tuple[str, ...] = ()
    command: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as one system declares it.

    `key` tells it from others of the same system and file (the name, unless two share it); `after` holds keys of
    stages of the same system that run before it. `reads` and `writes` are artifact names: POSIX paths relative to
    the root, URIs without credentials, or names the system gives. A system leaves `kind` open unless its own words
    decide it.
    """

    name: str
    system: str
    at: Location
    key: str = ""
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    runs: tuple[Program, ...] = ()
    kind: StageKind | None = None
    pipeline: str = ""
    params: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    note: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        return (self.system, self.at.path, self.key or self.name)


@dataclass(frozen=True, slots=True)
class Artifact:
    """What a system says of an artifact: its kind, and where one with a name of the system's own lies.

    Such names carry their system: `kedro:companies`. `path` is where it lies, "" where that is not known.
    """

    name: str
    kind: ArtifactKind = ArtifactKind.OTHER
    path: str = ""


def stored_model(store: str, tag: str) -> str:
    """The artifact's name of a model in a store that keeps versions: whichever of them is asked for, `bentoml:iris`."""
    return f"{store}:{tag.partition(':')[0]}"


@dataclass(frozen=True, slots=True)
class Edge:
    """`reads`: artifact to stage; `writes`: stage to artifact; `after`: the earlier stage to the later one."""

    source: str
    target: str
    kind: str
    origin: Origin
    at: Location | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A stage of the joined graph: one thing that runs, with everybody who declares it."""

    id: str
    name: str
    kind: StageKind
    system: str
    at: Location
    declarations: tuple[Stage, ...] = field(default=())
