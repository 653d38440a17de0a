import re
from posixpath import basename, dirname, join, normpath, relpath

from pipeaudit.rule import (
    Addition,
    Confidence,
    Edge,
    Events,
    Iterator,
    Match,
    Node,
    Project,
    Related,
    Severity,
    Stage,
    rule,
)

_OF_FILES = ("dvc", "snakemake")  # systems whose stages list the files that they read and write
_PASSING = re.compile(r"(^|/)(logs?|te?mp|\.?cache|__pycache__|mlruns|wandb|dvclive|runs|outputs|\.[^/]+)(/|$)|\.log$")


@rule(
    "PA308",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=None,
    controls=("PRP-4", "COL-4", "TRN-3", "TRB-3"),
    kinds=("dep", "out", "script", "phantom-out"),
    fixable=True,
)
def undeclared_stage_io(project: Project) -> Iterator[Match]:
    """A stage's code reads or writes a project file that the stage does not list.

    An unlisted input does not run the stage again when it changes; an unlisted output is neither cached nor versioned.

    Kinds: `dep` and `out` (a file that the code touches), `script` (the script itself, or a module that it imports),
    `phantom-out` (listed, and never written).

    Bad, in dvc.yaml:

        stages:
          evaluate:
            cmd: python evaluate.py
            deps: [evaluate.py, model.pkl]
            metrics: [scores.json]

    And in evaluate.py:

        import json

        with open("data/threshold.json") as file:
            print(json.load(file))

    And in data/threshold.json:

        {"threshold": 0.4}

    Good, in dvc.yaml:

        stages:
          evaluate:
            cmd: python evaluate.py
            deps: [evaluate.py, model.pkl, data/threshold.json]
            metrics: [scores.json]

    And in evaluate.py:

        import json

        with open("data/threshold.json") as file:
            print(json.load(file))

    And in data/threshold.json:

        {"threshold": 0.4}

    Fix: add the file to `deps` or `outs`; a folder covers what lies in it.

    Not seen: paths that are computed or come from the command line. Logs, caches, temporary files and configuration
    files are not counted; a missing script or module is only a note, and modules count where `deps` names some.

    Source: Sculley et al. 2015, undeclared consumers.
    """
    entries = set()
    for node in project.graph.of_system(*_OF_FILES):
        stage = node.declarations[0]
        if stage.system in _OF_FILES and stage.runs and stage.at not in entries:
            entries.add(stage.at)  # one entry may mean many stages
            yield from _inputs(project, node, stage)
            yield from _outputs(project, node, stage)
            if stage.system == "dvc":
                yield from _scripts(project, node, stage)


def _inputs(project: Project, node: Node, stage: Stage) -> Iterator[Match]:
    found = []
    for reader, artifact, edge in project.graph.undeclared_inputs():
        if reader is node and _counts(artifact.name, stage):
            made = any(writer is not node for writer in project.graph.writers(artifact))
            if made or artifact.name in project.repository:
                found.append((artifact.name, edge))
    yield from _listed(stage, found, "dep", "reads", "deps")


def _outputs(project: Project, node: Node, stage: Stage) -> Iterator[Match]:
    undeclared = [
        (artifact.name, edge)
        for writer, artifact, edge in project.graph.undeclared_outputs()
        if writer is node and _counts(artifact.name, stage)
    ]
    yield from _listed(stage, undeclared, "out", "writes", "outs")
    phantoms = [out for out in stage.writes if _is_phantom(project, node, stage, out)]
    if phantoms:
        yield Match(
            stage.at,
            f"stage `{stage.name}` lists {_names(phantoms)}, which its code does not write",
            kind="phantom-out",
            confidence=Confidence.MEDIUM,
            fix="Write it, or take it off the list.",
            symbol=stage.name,
        )


def _listed(stage: Stage, found: list[tuple[str, Edge]], kind: str, verb: str, where: str) -> Iterator[Match]:
    if found:
        names = [name for name, _ in found]
        yield Match(
            stage.at,
            f"stage `{stage.name}` {verb} {_names(names)}, which its definition does not list",
            kind=kind,
            confidence=Confidence.MEDIUM,
            related=tuple(Related(edge.at, f"{verb} `{name}`") for name, edge in found if edge.at is not None),
            fix=f"Add to `{where}`: {', '.join(names)}.",
            symbol=stage.name,
            edit=_addition(stage, names) if kind == "dep" else None,
        )


def _addition(stage: Stage, names: list[str]) -> Addition | None:
    """More dependencies for a DVC stage, which can only run it more often; not for one of many that share a list."""
    if stage.system != "dvc" or "@" in stage.key:
        return None
    folder = stage.runs[0].folder or "."
    return Addition(stage.at, ("deps",), tuple(relpath(name, folder) for name in names))


def _scripts(project: Project, node: Node, stage: Stage) -> Iterator[Match]:
    """Its own code that is no dependency; of modules only where the list names modules at all."""
    code = [program.path for program in project.graph.programs(node) if program.path in project.programs]
    if any(path not in code and (path.endswith(".py") or _holds_code(project, path)) for path in stage.reads):
        code += sorted({event.at.path for path in code for event in project.programs[path]})
    missing = [path for path in dict.fromkeys(code) if not _is_under(path, stage.reads)]
    if missing and stage.reads:
        yield Match(
            stage.at,
            f"stage `{stage.name}` runs {_names(missing)}, which its `deps` do not list",
            kind="script",
            severity=Severity.NOTE,
            confidence=Confidence.MEDIUM,
            fix=f"Add to `deps`: {', '.join(missing)}.",
            symbol=stage.name,
            edit=_addition(stage, missing),
        )


def _holds_code(project: Project, folder: str) -> bool:
    return any(path.startswith(f"{folder}/") for path in project.programs)


def _counts(name: str, stage: Stage) -> bool:
    if "{}" in name or "://" in name or name.startswith(("/", "~", "..")) or _PASSING.search(name):
        return False
    if name.endswith((".yaml", ".yml", ".toml", ".ini", ".cfg")) or any(p.startswith(f"{name}:") for p in stage.params):
        return False
    return not _is_under(name, (*stage.writes, *stage.reads))


def _is_under(name: str, listed: tuple[str, ...]) -> bool:
    return any(name == other or name.startswith(f"{other}/") or other.startswith(f"{name}/") for other in listed)


def _is_phantom(project: Project, node: Node, stage: Stage, out: str) -> bool:
    """Whether all that the code writes is known, some of it beside the output, and nothing names the output."""
    programs = [project.programs.get(program.path) for program in project.graph.programs(node)]
    known = [program for program in programs if program is not None]
    written = tuple(path for program in known for path in _written(program, stage))
    if "{}" in out or len(known) != len(programs) or any("{}" in name for name in written) or _is_under(out, written):
        return False
    if not any(dirname(name) == dirname(out) for name in written):
        return False
    return not any(_speaks_of(program, basename(out), stage) for program in known)


def _written(program: Events, stage: Stage) -> Iterator[str]:
    for event in program:
        if "writes" in event.detail or "save" in event.detail:
            yield normpath(join(stage.runs[0].folder, str(event.detail.get("path", "{}"))))


def _speaks_of(program: Events, name: str, stage: Stage) -> bool:
    """Whether a call names it, or could get it from the command line or a configuration."""
    for event in program:
        if "config_load" in event.roles and event.detail.get("path") not in stage.reads:
            return True
        constants = [value.constant for value in event.arguments.values() if value.known]
        if any(isinstance(text, str) and (name in text or "{}" in text) for text in constants):
            return True
    return False


def _names(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
