import hashlib
from dataclasses import replace
from posixpath import dirname, join, normpath

from pipeaudit.rule import (
    Confidence,
    ConfigNode,
    Iterator,
    Location,
    Match,
    Project,
    Related,
    Severity,
    Stage,
    is_test,
    rule,
)

_TEXT = (".py", ".yaml", ".yml", ".json", ".toml", ".txt", ".sh", ".r", ".R", ".jl", ".md", ".cfg", ".ini", ".sql")


@rule(
    "PA111",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("COL-4", "PRP-4", "TRN-3", "TRB-3"),
    tier="core",
    kinds=("missing-lock", "missing-stage", "cmd", "entries", "param-value", "dep-hash"),
)
def dvc_lock_drift(project: Project) -> Iterator[Match]:
    """What dvc.lock recorded is not what dvc.yaml and the parameter files say now.

    The data and models under version control come from other code or other parameters than those beside them.

    Kinds: `missing-lock`, `missing-stage`, `cmd` (another command), `entries` (other dependencies, outputs or
    parameters), `param-value` (another value), `dep-hash` (a dependency in git has changed since).

    Bad, in dvc.yaml:

        stages:
          train:
            cmd: python train.py
            params: [lr]
            outs: [model.pkl]

    And in params.yaml:

        lr: 0.01

    And in dvc.lock:

        schema: '2.0'
        stages:
          train:
            cmd: python train.py
            params:
              params.yaml:
                lr: 0.1
            outs:
            - path: model.pkl
              hash: md5
              md5: 0cc175b9c0f1b6a831c399e269772661

    Good, in dvc.yaml:

        stages:
          train:
            cmd: python train.py
            params: [lr]
            outs: [model.pkl]

    And in params.yaml:

        lr: 0.01

    And in dvc.lock:

        schema: '2.0'
        stages:
          train:
            cmd: python train.py
            params:
              params.yaml:
                lr: 0.01
            outs:
            - path: model.pkl
              hash: md5
              md5: 0cc175b9c0f1b6a831c399e269772661

    Fix: run `dvc repro` and commit dvc.lock with the change that caused it.

    Not seen: hashes of data that git does not hold, of folders, and of other algorithms than MD5. Stages that are
    frozen or always run, and those without outputs, are not compared.

    Source: mllint, version-control/data/commit-dvc-lock.
    """
    by_file: dict[str, list[Stage]] = {}
    for node in project.graph.of_system("dvc"):
        for stage in node.declarations:
            if stage.system == "dvc" and stage.runs and stage.writes and not is_test(stage.at.path):
                by_file.setdefault(stage.at.path, []).append(stage)
    for path, stages in sorted(by_file.items()):
        lock = join(dirname(path), "dvc.lock")
        if lock not in project.repository:
            hidden = "git ignores it" if project.repository.is_ignored(lock) else "it is not there"
            yield Match(
                stages[0].at,
                f"no `{lock}` records what the stages of `{path}` made: {hidden}",
                kind="missing-lock",
                confidence=Confidence.HIGH,
                fix="Run dvc repro and commit dvc.lock.",
            )
            continue
        for document in project.repository.nodes(lock)[:1]:
            found = [match for stage in stages for match in _compared(project, stage, document)]
            yield from _grouped(found)


def _grouped(found: list[Match]) -> Iterator[Match]:
    """One finding for all instances of an entry that differ in the same way."""
    groups: dict[tuple[Location, str | None], list[Match]] = {}
    for match in found:
        groups.setdefault((match.at, match.kind), []).append(match)
    for matches in groups.values():
        more = f" (and {len(matches) - 1} more of its instances)" if len(matches) > 1 else ""
        yield replace(matches[0], message=matches[0].message + more)


def _compared(project: Project, stage: Stage, lock: ConfigNode) -> Iterator[Match]:
    body = _body(project, stage)
    if stage.note or body.get("frozen").boolean or body.get("always_changed").boolean:
        return
    name = stage.key.partition(":")[2]
    entry = lock.get("stages", name)
    if not entry:
        yield _match(stage, "missing-stage", f"`{lock.path}` has no stage `{name}`", lock.at)
        return
    at = lock.get("stages").key(name).at
    commands = " ".join(" ".join(run.command for run in stage.runs).split())
    recorded = " ".join(" ".join(entry.strings("cmd")).split())
    if "{}" not in commands and commands != recorded:
        yield _match(stage, "cmd", f"`{lock.path}` recorded another command: `{recorded[:80]}`", entry.get("cmd").at)
    different = _entries(stage, entry)
    if different:
        yield _match(stage, "entries", f"`{lock.path}` recorded other entries: {', '.join(different)}", at)
    values = list(_values(project, stage, entry))
    if values:
        yield _match(stage, "param-value", f"`{lock.path}` recorded other values: {', '.join(values)}", at)
    changed = [path for path, dep in _dependencies(stage, entry) if _has_changed(project, path, dep)]
    if changed:
        names = ", ".join(f"`{path}`" for path in changed)
        yield _match(stage, "dep-hash", f"{names} changed since `{lock.path}` was recorded", at)


def _match(stage: Stage, kind: str, message: str, lock: Location) -> Match:
    return Match(
        stage.at,
        f"stage `{stage.name}`: {message}",
        kind=kind,
        confidence=Confidence.HIGH,
        related=(Related(lock, "what was recorded"),),
        fix="Run dvc repro and commit dvc.lock.",
        symbol=stage.name,
    )


def _dependencies(stage: Stage, entry: ConfigNode) -> list[tuple[str, ConfigNode]]:
    folder = stage.runs[0].folder
    return [(_path(folder, dep.get("path").text), dep) for dep in entry.list("deps")]


def _path(folder: str, path: str) -> str:
    return path if "://" in path or path.startswith("/") else normpath(join(folder, path))


def _entries(stage: Stage, entry: ConfigNode) -> list[str]:
    """Dependencies, outputs and parameters that only one side has."""
    folder = stage.runs[0].folder
    if any("{}" in name for name in (*stage.reads, *stage.writes, *stage.params)):
        return []
    files = {file for file, _, _ in (param.partition(":") for param in stage.params)}
    files |= {_path(folder, key.raw) for key, _ in entry.items("params")}
    locked = {path for path, _ in _dependencies(stage, entry)}
    found = [f"`{name}` is new" for name in stage.reads if name not in locked and name not in files]
    found += [f"`{name}` is gone" for name in sorted(locked - set(stage.reads))]
    outs = {_path(folder, out.get("path").text) for out in entry.list("outs")}
    found += [f"`{name}` is new" for name in stage.writes if name not in outs]
    found += [f"`{name}` is gone" for name in sorted(outs - set(stage.writes))]
    for key, values in entry.items("params"):
        file = _path(folder, key.raw)
        declared = [param.partition(":")[2] for param in stage.params if param.startswith(f"{file}:")]
        recorded = [name.raw for name, _ in values.entries]
        found += [f"`{name}` is new" for name in declared if name not in recorded]
        found += [f"`{name}` is gone" for name in recorded if declared and name not in declared]
    return found


def _values(project: Project, stage: Stage, entry: ConfigNode) -> Iterator[str]:
    """Parameters whose value in the file is another one; those that the file lacks are another rule's."""
    for key, values in entry.items("params"):
        file = _path(stage.runs[0].folder, key.raw)
        documents = project.repository.nodes(file) if file in project.repository and not file.endswith(".py") else ()
        for document in documents[:1]:
            for name, recorded in values.entries:
                now = document.get(name.raw) or document.get(*name.raw.split("."))
                if now and now.plain() != recorded.plain():
                    yield f"`{name.raw}` was {_shown(recorded)}, is {_shown(now)}"


def _shown(node: ConfigNode) -> str:
    return f"`{node.raw}`" if node.is_scalar else "another structure"


def _has_changed(project: Project, path: str, dep: ConfigNode) -> bool:
    """Whether a text that git holds has another hash; old locks hash it with Unix line ends."""
    recorded = dep.get("md5").text
    if not recorded or len(recorded) != 32 or not path.endswith(_TEXT) or path not in project.repository:
        return False
    if project.repository.tracked(path) is False or project.repository.is_ignored(path):
        return False
    data = project.repository.data(path)
    if data is None:
        return False
    hashed = data if dep.get("hash").text == "md5" else data.replace(b"\r\n", b"\n")
    return hashlib.md5(hashed, usedforsecurity=False).hexdigest() != recorded


def _body(project: Project, stage: Stage) -> ConfigNode:
    documents = project.repository.nodes(stage.at.path)
    body = documents[0].get("stages", stage.key.partition(":")[2].partition("@")[0])
    return body.get("do") or body
