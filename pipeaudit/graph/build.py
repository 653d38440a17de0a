"""From what systems declare and programs do to one graph: stages that are one are joined, artifacts are named once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pipeaudit.flow.events import Events
from pipeaudit.graph.graph import PipelineGraph
from pipeaudit.link.artifacts import Overlaps, kind_of, normal, shown
from pipeaudit.link.cells import NotebookCells
from pipeaudit.link.feature_stores import FeatureStores
from pipeaudit.link.kinds import stage_kind
from pipeaudit.link.moved import note_moved
from pipeaudit.link.observed import Observed, observed, settle
from pipeaudit.link.options import Scripts
from pipeaudit.link.programs import programs
from pipeaudit.model.audit import ArtifactNode
from pipeaudit.model.finding import Problem
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import (
    CODE_SYSTEMS,
    JOB_SYSTEMS,
    STARTING_SYSTEMS,
    Artifact,
    ArtifactKind,
    Edge,
    Node,
    Origin,
    Program,
    Stage,
)
from pipeaudit.read.python import PythonFacts
from pipeaudit.sources import Sources


@dataclass(slots=True)
class _Joined:
    """A stage to be: what is said of it, and the code it runs."""

    said: list[Stage]
    runs: tuple[Program, ...]
    id: str = ""
    observed: Observed = field(default_factory=Observed)


def build(
    declared: Iterable[Stage | Artifact | Problem],
    sources: Sources,
    events: Mapping[str, Events],
    facts: Mapping[str, PythonFacts] | None = None,
) -> PipelineGraph:
    """The graph of a repository.

    `events`: what each Python program and notebook does, by path; `facts`: the statements of the
    notebooks among them.
    """
    said = list(declared)
    stages = [item for item in said if isinstance(item, Stage)]
    known = {normal(item.name): item for item in said if isinstance(item, Artifact)}
    problems = [item for item in said if isinstance(item, Problem)]
    joined = _join(stages, sources)
    stores, scripts = FeatureStores(known), Scripts(sources)
    owned = {program.path for one in joined if _rank(one.said[0])[0] != 1 for program in one.runs[:1]}
    for one in joined:
        one.observed = observed(_own_runs(one, owned), events, sources, stores, scripts)
        settle(
            one.observed,
            [name for stage in one.said for name in stage.reads],
            [name for stage in one.said for name in stage.writes],
        )
    edges = _Edges(known)
    nodes = [_node(one, events) for one in joined]
    for one in joined:  # after the kinds: who fetches a model does not train it
        note_moved(one.observed, one.said, one.runs, sources)
    edges.after(joined)
    edges.artifacts(joined)
    return PipelineGraph(
        nodes,
        edges.nodes(),
        edges.all(),
        NotebookCells(events, facts or {}),
        {one.id: one.runs for one in joined if one.runs},
        problems,
    )


def _own_runs(one: _Joined, owned: set[str]) -> tuple[Program, ...]:
    """The programs whose reading and writing is a stage's own doing: not those that are stages themselves."""
    rank = _rank(one.said[0])[0]
    if rank == 2:
        return one.runs[:1]
    return tuple(program for program in one.runs if rank == 0 or program.path not in owned)


def _rank(stage: Stage) -> tuple[int, str, str]:
    """Who names a stage that several systems declare: pipelines first, what starts them last, bare code at the end."""
    rank = 2 if stage.system in CODE_SYSTEMS else 1 if stage.system in STARTING_SYSTEMS else 0
    return (rank, stage.system, stage.at.path)


def _join(stages: list[Stage], sources: Sources) -> list[_Joined]:
    """Stages of different systems that run one and the same program, and nothing else, are one stage."""
    ordered = sorted(enumerate(stages), key=lambda pair: (*_rank(pair[1])[:2], pair[0]))
    joined: list[_Joined] = []
    runs = {id(stage): _resolved(stage, sources) for stage in stages}
    lone = _lone_programs(stages, runs)
    by_program: dict[tuple[str, str], _Joined] = {}
    run_by_pipelines: set[str] = set()
    defining = {stage.at.path for stage in stages if _rank(stage)[0] == 0}
    for _, stage in ordered:
        own = runs[id(stage)]
        key = lone.get(id(stage))
        host = by_program.get(key) if key is not None else None
        if host is not None and all(other.system != stage.system for other in host.said):
            host.said.append(stage)
            continue
        if stage.system in CODE_SYSTEMS and own and own[0].path in run_by_pipelines:
            continue  # a pipeline runs it among others: beside that it is no stage of its own
        if stage.system == "python" and stage.at.path in defining and not _is_program(stage.at.path, sources):
            continue  # an engine reads the file for the pipeline that it defines; nobody runs it
        made = _Joined([stage], own)
        joined.append(made)
        if key is not None:
            by_program.setdefault(key, made)
        if _rank(stage)[0] == 0:
            run_by_pipelines.update(program.path for program in own if not program.function)
    taken: dict[str, int] = {}
    for one in sorted(
        joined, key=lambda one: (one.said[0].system, one.said[0].at.key, one.said[0].key or one.said[0].name)
    ):
        one.id = _identifier(one.said[0], taken)
    return sorted(joined, key=lambda one: (one.said[0].system, *one.said[0].at.key, one.said[0].name, one.id))


def _is_program(path: str, sources: Sources) -> bool:
    return b"__main__" in (sources.data(path) or b"")


def _lone_programs(stages: list[Stage], runs: Mapping[int, tuple[Program, ...]]) -> dict[int, tuple[str, str]]:
    """By stage: its one program, where no other stage of its system runs that too."""
    found: dict[int, tuple[str, str]] = {}
    count: Counter[tuple[str, tuple[str, str]]] = Counter()
    systems = {id(stage): stage.system for stage in stages}
    for stage in stages:
        own = list(dict.fromkeys((program.path, program.function) for program in runs[id(stage)]))
        count.update((stage.system, program) for program in own)
        if len(own) == 1 and own[0][0]:
            found[id(stage)] = own[0]
    return {stage: program for stage, program in found.items() if count[systems[stage], program] == 1}


def _resolved(stage: Stage, sources: Sources) -> tuple[Program, ...]:
    found: dict[Program, None] = {}
    for program in stage.runs:
        if program.path:
            found[program] = None
        else:
            found.update(dict.fromkeys(programs(program.command, sources, program.folder)))
    return tuple(found)


def _identifier(stage: Stage, taken: dict[str, int]) -> str:
    key = stage.key or stage.name
    whole = key if key.startswith(stage.at.path) else f"{stage.at.path}:{key}"
    name = f"{stage.system}:{whole}"
    taken[name] = taken.get(name, 0) + 1
    return name if taken[name] == 1 else f"{name}#{taken[name]}"


def _node(one: _Joined, events: Mapping[str, Events]) -> Node:
    first = one.said[0]
    kind = next((stage.kind for stage in one.said if stage.kind is not None), None)
    return Node(
        one.id,
        first.name,
        kind or stage_kind(first.name, one.runs, events, one.observed, first.system in JOB_SYSTEMS),
        first.system,
        first.at,
        tuple(one.said),
    )


class _Edges:
    """Collects edges and the artifacts they name; where one is both declared and observed, declared it is."""

    def __init__(self, known: Mapping[str, Artifact]) -> None:
        self._known = known
        self._claims = Counter(normal(said.path) for said in known.values() if said.path)
        self._edges: dict[tuple[str, str, str], Edge] = {}
        self._artifacts: dict[str, ArtifactNode] = {}
        self._kinds: dict[str, ArtifactKind] = {}

    def nodes(self) -> list[ArtifactNode]:
        return [
            replace(artifact, kind=self._kinds.get(artifact.id, artifact.kind))
            for _, artifact in sorted(self._artifacts.items())
        ]

    def all(self) -> list[Edge]:
        return [edge for _, edge in sorted(self._edges.items(), key=lambda pair: (pair[0][2], pair[0][0], pair[0][1]))]

    def after(self, joined: list[_Joined]) -> None:
        by_key: dict[tuple[str, str], str] = {}
        by_file: dict[tuple[str, str, str], str] = {}
        for one in joined:
            for stage in one.said:
                key = stage.key or stage.name
                by_key.setdefault((stage.system, key), one.id)
                by_file.setdefault((stage.system, stage.at.path, key), one.id)
        for one in joined:
            for stage in one.said:
                for earlier in stage.after:
                    source = by_file.get((stage.system, stage.at.path, earlier)) or by_key.get((stage.system, earlier))
                    if source is not None and source != one.id:
                        self._add(source, one.id, "after", Origin.DECLARED, stage.at)

    def artifacts(self, joined: list[_Joined]) -> None:
        declared: dict[str, list[str]] = defaultdict(list)
        written: dict[str, None] = {}
        for one in joined:
            for stage in one.said:
                for name in stage.writes:
                    if identifier := self._artifact(name):
                        self._add(one.id, identifier, "writes", Origin.DECLARED, stage.at)
                        declared[identifier].append(stage.system)
                        written[self._path(name)] = None
            for name, at in one.observed.writes.items():
                if identifier := self._artifact(name, one.observed.kinds.get(name)):
                    self._add(one.id, identifier, "writes", Origin.OBSERVED, at)
                    written[self._path(name)] = None
        overlaps = Overlaps(written)
        for one in joined:
            for stage in one.said:
                for name in stage.reads:
                    self._read(one, name, Origin.DECLARED, stage.at, overlaps, declared, stage.system)
            for name, at in one.observed.reads.items():
                self._read(one, name, Origin.OBSERVED, at, overlaps, declared, "")

    def _read(
        self,
        one: _Joined,
        name: str,
        origin: Origin,
        at: Location,
        overlaps: Overlaps,
        declared: Mapping[str, list[str]],
        system: str,
    ) -> None:
        identifier = self._artifact(name, one.observed.kinds.get(name))
        if not identifier:
            return
        if (one.id, identifier, "writes") in self._edges and len(one.said) > 1 and not self._says_both(one, name):
            return  # what one of its declarations makes, another takes: the stage itself reads nothing there
        self._add(identifier, one.id, "reads", origin, at)
        for other in overlaps.of(self._path(name)):
            holder = self._artifact(other)
            # An engine that joins by names of its own does not look at folders.
            named = normal(name) in self._known and self._known[normal(name)].path
            said = origin is Origin.DECLARED and not named and system in declared.get(holder, ())
            self._add(holder, one.id, "reads", Origin.DECLARED if said else Origin.OBSERVED, at)

    def _says_both(self, one: _Joined, name: str) -> bool:
        spelled = self._path(name)
        return any(
            spelled in map(self._path, stage.reads) and spelled in map(self._path, stage.writes) for stage in one.said
        )

    def _path(self, name: str) -> str:
        """Where an artifact lies; its own name, where several names claim one place (to their engine they differ)."""
        said = self._known.get(normal(name))
        if said is None or not said.path or self._claims[normal(said.path)] > 1:
            return normal(name)
        return normal(said.path)

    def _artifact(self, name: str, kind: ArtifactKind | None = None) -> str:
        """The identifier of an artifact, which is made where it is new; "" for a name that says nothing."""
        spelled = normal(name)
        if not spelled or spelled.replace("{}", "").strip("/._- ") == "":
            return ""
        said = self._known.get(spelled)
        identifier = f"artifact:{self._path(name)}"
        if identifier not in self._artifacts:
            self._artifacts[identifier] = ArtifactNode(identifier, shown(spelled), kind_of(shown(spelled)))
        told = said.kind if said is not None and said.kind is not ArtifactKind.OTHER else kind
        if told is not None:
            self._kinds.setdefault(identifier, told)
        return identifier

    def _add(self, source: str, target: str, kind: str, origin: Origin, at: Location | None) -> None:
        key = (source, target, kind)
        known = self._edges.get(key)
        if known is None or (known.origin is Origin.OBSERVED and origin is Origin.DECLARED):
            self._edges[key] = Edge(source, target, kind, origin, at)
