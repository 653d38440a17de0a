"""The finished audit: all that a report knows. The engine makes one, renderers read it, nobody changes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeaudit.model.control import Control
from pipeaudit.model.finding import Confidence, Finding, LeftOut, Problem, Severity
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Edge, Node


@dataclass(frozen=True, slots=True)
class Identification:
    """What was audited, and with what; a value that is not known is empty, and `dirty` is None.

    `name` is the project's own name for itself (its repository or package), else that of its folder.
    `prefix` is the path from the top of the git work tree to the audited root. `repository_url` carries no user info.
    `as_of` is the day that dated entries are held against. `manifest` is the SHA-256 over the sorted `path NUL hash LF`
    lines of the files read; the other digests are SHA-256 too. `configuration` says where the settings came from.
    """

    tool_version: str
    name: str = ""
    revision: str = ""
    branch: str = ""
    repository_url: str = ""
    dirty: bool | None = None
    prefix: str = ""
    as_of: str = ""
    timestamp: str = ""
    command: str = ""
    configuration: str = "defaults"
    configuration_digest: str = ""
    rules_digest: str = ""
    knowledge_digest: str = ""
    checklist_version: str = ""
    manifest: str = ""


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """A rule's metadata; all rules are listed, whether they fired or not. `doc` is the rule's page: its docstring."""

    id: str
    name: str
    severity: Severity
    ceiling: Confidence
    doc: str
    stage: str = ""
    controls: tuple[str, ...] = ()
    tier: str = "default"
    kinds: tuple[str, ...] = ()
    fixable: bool = False
    enabled: bool = True
    security_severity: str = ""
    unsafe_fix: bool = False

    @property
    def summary(self) -> str:
        return self.doc.strip().partition("\n")[0]


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that was read; `committed` tells whether it equals the committed blob, None where that is not known."""

    path: str
    size: int
    sha256: str
    committed: bool | None = None


@dataclass(frozen=True, slots=True)
class CellSource:
    """A notebook cell's source; `physical` has for each of its lines the file's line and column where it begins."""

    text: str
    physical: tuple[tuple[int, int], ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a file that something points into; for a notebook `cells` holds all its cells, by index."""

    text: str
    cells: tuple[CellSource, ...] = ()


@dataclass(frozen=True, slots=True)
class ArtifactNode:
    id: str
    name: str
    kind: ArtifactKind = ArtifactKind.OTHER


@dataclass(frozen=True, slots=True)
class CellKinds:
    """The stage kinds of one notebook cell, as the machine interface names them."""

    path: str
    cell: int
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The joined graph as plain values; edges name their ends by id."""

    stages: tuple[Node, ...] = ()
    artifacts: tuple[ArtifactNode, ...] = ()
    edges: tuple[Edge, ...] = ()
    cells: Sequence[CellKinds] = ()


@dataclass(frozen=True, slots=True)
class AffectedFile:
    """A file that imports one that changes; `at` is the line that does, `imports` the file named there."""

    path: str
    imports: str
    at: Location


@dataclass(frozen=True, slots=True)
class AffectedStage:
    """A stage that runs differently. `why` says it in words, `at` is the line behind that.

    `steps` counts the stages between the change and this one: 0 where the stage itself runs, reads or is defined in
    what changes.
    """

    stage: Node
    why: str
    at: Location
    steps: int


@dataclass(frozen=True, slots=True)
class AffectedArtifact:
    """What such a stage writes, and so may come out differently."""

    artifact: ArtifactNode
    writers: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Impact:
    """What changes when these paths change; files and stages come nearest first."""

    paths: tuple[str, ...]
    files: tuple[AffectedFile, ...] = ()
    stages: tuple[AffectedStage, ...] = ()
    artifacts: tuple[AffectedArtifact, ...] = ()


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a person signs for. `state`: valid, expiring, expired, malformed, contradicted; only the first two count."""

    control: str
    status: str
    statement: str
    owner: str
    date: str
    expires: str
    at: Location
    state: str = "valid"
    role: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AcceptedRisk:
    """An entry of the exceptions register: `subject` is a rule or a control. Only a `valid` one counts."""

    subject: str
    reason: str
    owner: str
    approved_by: str
    date: str
    expires: str
    compensating_control: str
    at: Location
    state: str = "valid"


@dataclass(frozen=True, slots=True)
class Reading:
    """The three readings of a set of statuses, in whole percent rounded down.

    Shown by the repository, with what people signed for, and if all open items were attested; None where fewer than
    three controls apply.
    """

    evidenced: int | None
    attested: int | None
    possible: int | None


@dataclass(frozen=True, slots=True)
class GroupScore:
    """A group of controls; `counts` holds how many have each status, by the status's value."""

    name: str
    controls: tuple[str, ...]
    counts: Mapping[str, int]
    reading: Reading
    decided: int
    applicable: int


@dataclass(frozen=True, slots=True)
class Scores:
    """The numbers that sum up the statuses.

    `coverage` is the share of applicable controls that the repository alone decides, in percent; `weakest` the name of
    the group with the least evidenced score. `invalid` holds fingerprints of findings that make reported metrics
    untrustworthy, `exploitable` of those that let others run code. `weights` is empty unless the project set some.
    """

    groups: tuple[GroupScore, ...]
    overall: GroupScore
    coverage: int | None
    weakest: str = ""
    invalid: tuple[str, ...] = ()
    exploitable: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def results_valid(self) -> bool:
        return not self.invalid


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything is sorted as it will be shown: findings and problems by path, cell, line and column, the rest by name.

    `findings` are open; `suppressed` carry the reason the repository gives, `baselined` were known at adoption.
    `sources` holds the files that anything here points into, as far as they are text. `profile_reason`: what decided.
    `impact`: where the call asked what changes with some files.
    """

    identification: Identification
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    rules: tuple[RuleInfo, ...] = ()
    graph: Graph = Graph()
    controls: tuple[Control, ...] = ()
    profile: str = "none"
    profile_reason: str = ""
    scores: Scores | None = None
    suppressed: tuple[Finding, ...] = ()
    baselined: tuple[Finding, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    accepted: tuple[AcceptedRisk, ...] = ()
    files: tuple[InputFile, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    impact: Impact | None = None
