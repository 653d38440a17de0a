"""The audit step by step: discover, read, flow, systems, link, graph, rules, checklist; the only module that knows all.

Steps take the former's values and give back new ones. What one file's fault keeps from being known is an entry of
`problems`; the run goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pipeaudit import apis, identity, resources, rulebook, suppress
from pipeaudit.cache import Cache
from pipeaudit.clock import Clock, TimeUp
from pipeaudit.config import Config
from pipeaudit.discover import Discovery, FileProblem, read_bytes
from pipeaudit.flow.events import Events
from pipeaudit.forked import can_fork
from pipeaudit.graph.build import build
from pipeaudit.graph.graph import PipelineGraph
from pipeaudit.ignore import Patterns
from pipeaudit.model.audit import Audit, Impact
from pipeaudit.model.choice import Choice
from pipeaudit.model.error import UserError
from pipeaudit.model.finding import Confidence, Finding, Problem
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import StageKind
from pipeaudit.model.suppression import Suppression
from pipeaudit.programs import Watch, every, some
from pipeaudit.read.error import ReadError
from pipeaudit.read.python import PythonFacts
from pipeaudit.repository import Repository
from pipeaudit.request import Request
from pipeaudit.rule import Project, Scope
from pipeaudit.rulebook import Places, Rulebook, Selection
from pipeaudit.sources import Sources
from pipeaudit.system import declarations
from pipeaudit.texts import Texts
from pipeaudit.tree import Tree, is_opaque


def audit(
    request: Request, found: Discovery | None = None, tree: Tree | None = None, store: Cache | None = None
) -> tuple[Audit, tuple[str, ...]]:
    """The finished audit, and what rules failed in it."""
    found = found or request.find()
    tree = tree or Tree(request.root, found.files, request.config.limits)
    clock = Clock(request.config.limits.run_seconds, request.config.limits.step_seconds)
    book = rulebook.load(request.rule_folders)
    rules = resources.folder("rules")
    selection = book.chosen(_choice(request, book, rules))
    sources = Sources(tree)
    alone = _alone(request, tree)
    problems = [problem for problem in found.problems if alone is None or problem.path in alone]
    events, facts = programs(request, tree, sources, problems, store, alone=alone)
    if alone is not None:
        tree = tree.part({*alone, *facts})
        sources = Sources(tree)
    texts = Texts(tree)
    graph = _graph(sources, events, facts, problems, clock)
    repository = Repository(
        tree,
        request.config.limits,
        {file.path: file.tracked for file in found.files},
        {file.path: file.size for file in found.files},
        [entry.path for entry in found.left_out],
        found.work_tree.prefix if found.work_tree else "",
    )
    project = Project(events, graph, repository, facts=facts)
    case = None
    if alone is None:
        from pipeaudit import assessment

        case = assessment.known(project, request.config, request.profile, rules)
    this = identity.subject(request, found)
    problems += (*tree.problems, *repository.problems, *sources.problems, *graph.problems)
    unread = frozenset(problem.path for problem in problems)
    if case is not None:
        project = replace(case.project, register=assessment.unsound(case, request.config, rules, this.as_of))
    judged = _judged(request, selection, project, texts, unread, this.as_of, clock)
    problems += judged.stopped
    shown = [finding for finding in judged.open if _is_shown(request, finding)]
    known = _baseline(request)
    new, baselined, _ = suppress.against_baseline(shown, known)
    answered = None
    if case is not None and request.checklist:
        answered = assessment.assess(case, request.config, rules, judged.open, this.as_of, unread)
        problems += answered.problems
    problems += (*tree.problems, *repository.problems, *sources.problems)  # rules and controls may have read more
    pointed = _pointed_into((*shown, *judged.suppressed))
    files = identity.inputs(request, found, tree, this)
    digests = {"rules_digest": book.digest, "checklist_version": answered.version if answered else ""}
    finished = Audit(
        identification=identity.identification(request, found, tree, this, files, digests),
        findings=new,
        problems=_sorted(problems),
        rules=selection.infos(),
        graph=graph.plain(),
        controls=answered.controls if answered else (),
        profile=case.profile.name if case else "none",
        profile_reason=case.profile.reason if case else "",
        scores=answered.scores if answered else None,
        attestations=answered.attestations if answered else (),
        accepted=answered.accepted if answered else (),
        suppressed=tuple(f for f in judged.suppressed if _is_shown(request, f)),
        baselined=baselined,
        files=files,
        left_out=found.left_out,
        sources=texts.sources(pointed, physical=request.physical),
        impact=_impact(request, graph, sources) if request.impact else None,
    )
    return finished, judged.failures


def _alone(request: Request, tree: Tree) -> frozenset[str] | None:
    """The files to be looked at by themselves, with the notebooks that tell what their scripts hold, too."""
    named = request.alone(tree.paths)
    texts = Texts(tree)
    return None if named is None else named | {twin for path in named if (twin := texts.notebook_of(path))}


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(set(problems), key=lambda problem: problem.key))


def _pointed_into(findings: Iterable[Finding]) -> set[str]:
    return {at.path for f in findings for at in (f.at, *(step.at for step in f.match.related))}


def _choice(request: Request, book: Rulebook, rules: Path) -> Choice:
    """An audit runs every rule that can hold a control down."""
    if not request.checklist:
        return request.choice
    from pipeaudit import assessment

    blockers = tuple(code for code in assessment.blockers(rules) if book.named(code))
    return replace(request.choice, extend_select=(*request.choice.extend_select, *blockers))


def programs(
    request: Request,
    tree: Tree,
    sources: Sources,
    problems: list[Problem],
    store: Cache | None = None,
    watching: Watch | None = None,
    alone: Collection[str] | None = None,
) -> tuple[dict[str, Events], dict[str, PythonFacts]]:
    """The events and the statements of each Python file and notebook, or of those that are looked at `alone`.

    `watching` gives the interpreter for these statements, where more than events is asked for.
    """
    own = []
    for pattern in request.config.apis:
        matching = Patterns((f"/{pattern}",))
        own += [(path, tree.data(path)) for path in tree.paths if matching.match(path)]
    try:
        folder = resources.folder("rules") / "apis"
        knowledge = apis.load(folder, own, store if own else resources.Compiled(folder))
    except (ValueError, ReadError) as error:
        raise UserError(f"apis: {error}") from error
    if alone is None:
        code = every(tree, sources, knowledge, watching)
    else:
        code = some(tree, sources, knowledge, alone)
    problems += code.problems
    return code.events, code.facts


def _graph(
    sources: Sources,
    programs: dict[str, Events],
    facts: dict[str, PythonFacts],
    problems: list[Problem],
    clock: Clock,
) -> PipelineGraph:
    """What systems declare, joined with what programs do."""
    try:
        with clock.step("the pipeline graph"):
            return build(declarations(sources, programs), sources, programs, facts)
    except TimeUp as error:
        problems.append(Problem(".", 1, str(error)))
        return PipelineGraph()


def _impact(request: Request, graph: PipelineGraph, sources: Sources) -> Impact:
    from pipeaudit.graph import impact
    from pipeaudit.link.imports import imports

    missing = impact.unknown(graph, sources.paths, request.impact)
    if missing:
        raise UserError(f"--impact {missing[0]}: no file, folder or artifact of that name is read here")
    return impact.impact(graph, imports(sources), sources.paths, request.impact)


@dataclass(frozen=True, slots=True)
class _Judged:
    open: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    failures: tuple[str, ...]
    stopped: tuple[Problem, ...]


def _judged(
    request: Request,
    selection: Selection,
    project: Project,
    texts: Texts,
    unread: frozenset[str],
    as_of: str,
    clock: Clock,
) -> _Judged:
    """The rules' findings, parted by what the repository lives with, and then the notes on that itself."""
    places = Places(
        stage=lambda at: stage_at(project.graph, at),
        statement=texts.statement,
        cell_name=texts.cell_name,
        reports=lambda path: not texts.is_generated(path),
        twin=texts.notebook_of,
    )
    scopes = (Scope.FILE,) if request.file_rules_only else (Scope.FILE, Scope.PROJECT)
    in_two = _pays(request, texts.tree)
    findings, failures = rulebook.run(selection, project, places, scopes, clock, in_two_processes=in_two)
    ran = frozenset(rule.id for rule in selection.rules if rule.scope in scopes)
    suppressions = list(_suppressions(request.config, texts)) if selection.rules else []
    outcome = suppress.apply(findings, suppressions, selection.book, ran, as_of, unread)
    informed = replace(project, suppressions=outcome.suppressions)
    notes, failed = rulebook.run(selection, informed, places, (Scope.NOTES,), clock)
    everything = sorted((*outcome.open, *notes), key=lambda f: (f.at.key, f.rule, f.match.kind or "", f.match.message))
    wrong = (*failures, *failed)
    return _Judged(
        tuple(everything),
        outcome.suppressed,
        tuple(str(failure) for failure in wrong if not isinstance(failure, TimeUp)),
        tuple(Problem(".", 1, str(failure)) for failure in wrong if isinstance(failure, TimeUp)),
    )


def _pays(request: Request, tree: Tree) -> bool:
    """Whether a second process is worth its start."""
    if request.jobs == 1 or not can_fork():
        return False
    sizes = [file.size for path, file in tree.files.items() if path.endswith((".py", ".ipynb"))]
    return request.jobs > 1 or len(sizes) >= _MANY_FILES or sum(sizes) >= _MANY_BYTES


_MANY_FILES = 64
_MANY_BYTES = 500_000


def _suppressions(config: Config, texts: Texts) -> Iterator[Suppression]:
    mark, tree = suppress.MARK.encode(), texts.tree
    for path in tree.paths:
        yield from suppress.configured(path, config.per_file_ignores, config.origin)
        if is_opaque(path) or tree.files[path].size > tree.limit(path):
            continue
        try:
            data = tree.data(path)
        except ReadError:
            continue  # it is one of the tree's problems
        if path.endswith(".ipynb"):
            if mark in data or b"pipeaudit-ignore-" in data:
                for cell in texts.cells(path):
                    yield from suppress.in_tags(path, cell.index, cell.tags)
                    if cell.kind == "code":
                        yield from suppress.in_python(path, cell.source, cell.index)
        elif mark in data:
            read = suppress.in_python if path.endswith((".py", ".pyi")) else suppress.in_text
            yield from read(path, texts.text(path))


def stage_at(graph: PipelineGraph, at: Location) -> StageKind:
    """What the stage at a place is for: of the notebook's cell, else of the stage that runs the file."""
    if at.cell is not None:
        kinds = graph.cell_kinds(at.path, at.cell)
        if kinds:
            return StageKind(kinds[0])
    here = [node for node in graph.stages() if node.at.path == at.path and node.at.line <= at.line]
    running = here[-1:] or graph.running(at.path)[:1]
    return running[0].kind if running else StageKind.OTHER


def _is_shown(request: Request, finding: Finding) -> bool:
    if finding.confidence.rank < Confidence(request.min_confidence).rank:
        return False
    if request.only is None:
        return True
    places = [finding.at.path]
    if request.touched:
        places += [step.at.path for step in finding.match.related]
    if request.changed is not None:
        return any(request.changed.touch(at) for at in (finding.at, *(step.at for step in finding.match.related)))
    folders = tuple(path for path in request.only if path.endswith("/"))
    return any(path in request.only or path.startswith(folders) or "/" in request.only for path in places)


def _baseline(request: Request) -> dict[str, int]:
    """The known findings, of the file that the call names or the one that the settings name."""
    name = request.config.baseline
    try:
        if request.baseline is not None:
            name = request.baseline.name
            data = request.baseline.read_bytes()
        elif name:
            data = read_bytes(request.root, name, request.config.limits.notebook_bytes)
        else:
            return {}
    except OSError as error:
        raise UserError(f"{name}: the baseline can't be read: {error.strerror}") from error
    except FileProblem as error:
        raise UserError(f"{name}: the baseline {error}") from error
    return suppress.read_baseline(data, name)
