import re

from pipeaudit.rule import (
    CODE_SYSTEMS,
    ArtifactKind,
    Confidence,
    Iterator,
    Location,
    Match,
    Node,
    Origin,
    Project,
    Severity,
    StageKind,
    is_example,
    is_test,
    rule,
)

_PASSING = re.compile(r"(^|/)(logs?|te?mp|cache)(/|$)|\.log$", re.IGNORECASE)
_ROLES = ("train", "fit_transformer", "split", "evaluate", "metric", "save_model", "write_data")
_MENTIONS = (
    "*.md *.rst *.txt *.yaml *.yml *.toml *.cfg *.ini *.json *.sh *.ps1 Makefile Dockerfile* *.dockerfile Snakefile "
    "MLproject Procfile *.py *.ipynb *.smk tox.ini Jenkinsfile"
).split()


@rule(
    "PA705",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.OTHER,
    controls=("COL-4",),
    tier="pack:debt",
    kinds=("artifact", "script"),
)
def dead_end(project: Project) -> Iterator[Match]:
    """A stage writes a file that nobody reads, or a script stands here that nothing runs.

    It is kept, stored, read and mended for nothing, and somebody will take it for the one that counts.

    Kinds: `artifact`, `script`.

    Bad, in dvc.yaml:

        stages:
          clean:
            cmd: python clean.py
            deps: [clean.py]
            outs: [clean.csv, leftovers.csv]
          train:
            cmd: python train.py
            deps: [train.py, clean.csv]
            outs: [model.pkl]

    Good, in dvc.yaml:

        stages:
          clean:
            cmd: python clean.py
            deps: [clean.py]
            outs: [clean.csv]
          train:
            cmd: python train.py
            deps: [train.py, clean.csv]
            outs: [model.pkl]

    Fix: delete it, or wire it into the pipeline.

    Not seen: files that other repositories read. Models, metrics, reports and pictures are results, and not counted;
    neither are notebooks and examples.

    Source: Sculley et al. 2015, dead experimental codepaths.
    """
    yield from _artifacts(project)
    if project.profile in ("full", "training", "service"):
        yield from _scripts(project)


def _artifacts(project: Project) -> Iterator[Match]:
    """Unread outputs of stages that others wait for; what the last stages make is the pipeline's product."""
    unread: dict[Location, tuple[Node, list[str]]] = {}
    for artifact in project.graph.dead_ends():
        if "{}" in artifact.name or _PASSING.search(artifact.name) or artifact.kind is ArtifactKind.OTHER:
            continue
        for node in project.graph.writers(artifact)[:1]:
            declared = artifact in project.graph.writes(node, Origin.DECLARED)
            in_between = bool(project.graph.after(node)) and not any(s.note == "data" for s in node.declarations)
            if (
                declared
                and in_between
                and node.system not in CODE_SYSTEMS
                and not _is_named(project, node, artifact.name)
            ):
                unread.setdefault(node.at, (node, []))[1].append(artifact.name)
    for at, (node, names) in unread.items():
        shown = ", ".join(f"`{name}`" for name in dict.fromkeys(names[:5]))
        yield Match(
            at,
            f"`{node.name}` writes {shown}, which nobody reads",
            kind="artifact",
            confidence=Confidence.MEDIUM,
            fix="Remove it, or let a stage read it.",
            symbol=node.name,
        )


def _is_named(project: Project, node: Node, name: str) -> bool:
    """Whether code other than the stage's own speaks of the file."""
    own = {program.path for program in project.graph.programs(node)}
    last = name.rpartition("/")[2]
    return any(last in project.repository.text(path) for path in project.programs if path not in own)


def _scripts(project: Project) -> Iterator[Match]:
    """Programs with a stage's work that no stage runs, no program imports and no other file names."""
    entered = {
        event.at.path for path, program in project.programs.items() for event in program if event.at.path != path
    }
    mentions = _mentions(project)
    for path in sorted(project.programs):
        program = project.programs[path]
        if program.is_notebook or is_test(path) or is_example(path) or path in entered or not program.of(*_ROLES):
            continue
        run = any(said.system not in CODE_SYSTEMS for node in project.graph.running(path) for said in node.declarations)
        stem = path.rpartition("/")[2].removesuffix(".py")
        words = re.findall(r"\w+", stem)
        named = all(mentions.get(word, set()) - {path} for word in words)
        if not run and not named:
            yield Match(
                Location(path),
                f"nothing runs, imports or names `{path}`",
                kind="script",
                confidence=Confidence.MEDIUM,
                fix="Delete it, or wire it into the pipeline.",
            )


def _mentions(project: Project) -> dict[str, set[str]]:
    """By word: the files that hold it."""
    found: dict[str, set[str]] = {}
    for path in project.repository.glob(*_MENTIONS):
        for word in set(re.findall(r"\w+", project.repository.text(path))):
            found.setdefault(word, set()).add(path)
    return found
