from posixpath import join, normpath, relpath

from pipeaudit.rule import (
    Addition,
    Confidence,
    ConfigNode,
    ConfigRead,
    Iterator,
    Location,
    Match,
    Node,
    Project,
    Related,
    Severity,
    Stage,
    rule,
)


@rule(
    "PA307",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("TRN-2", "TRN-3", "PRP-4", "TRB-3"),
    tier="core",
    kinds=("undeclared", "absent-key"),
    fixable=True,
)
def undeclared_stage_parameter(project: Project) -> Iterator[Match]:
    """A stage's code reads a parameter that the stage does not list, or the stage lists one that does not exist.

    When the parameter changes, the stage is not run again: its outputs belong to the old value, and nothing says so.

    Bad, in dvc.yaml:

        stages:
          train:
            cmd: python train.py
            deps: [train.py]
            params: [train.epochs]
            outs: [model.pkl]

    And in params.yaml:

        train: {epochs: 20, lr: 0.01}

    And in train.py:

        import yaml

        train = yaml.safe_load(open("params.yaml"))["train"]
        print(train["epochs"], train["lr"])

    Good, in dvc.yaml:

        stages:
          train:
            cmd: python train.py
            deps: [train.py]
            params: [train]
            outs: [model.pkl]

    And in params.yaml:

        train: {epochs: 20, lr: 0.01}

    And in train.py:

        import yaml

        train = yaml.safe_load(open("params.yaml"))["train"]
        print(train["epochs"], train["lr"])

    Fix: add the key to the stage's `params`; a parent or the whole file covers what is below it.

    Not seen: keys that are computed, and parameters that reach the code by other ways than a file; pipelines of other
    systems than DVC. What a shared module reads when it is imported is not counted for the stage.

    Source: Sculley et al. 2015, configuration debt.
    """
    for node in project.graph.of_system("dvc"):
        for stage in node.declarations:
            if stage.system == "dvc" and stage.runs:
                yield from _absent(project, stage)
                yield from _undeclared(project, node, stage)


def _absent(project: Project, stage: Stage) -> Iterator[Match]:
    """Listed keys that their file does not contain."""
    for param in stage.params:
        file, _, key = param.partition(":")
        documents = project.repository.nodes(file) if file in project.repository and not file.endswith(".py") else ()
        if documents and documents[0].is_mapping and "{}" not in key and not _at(documents[0], key):
            yield Match(
                _place(project, stage, key),
                f"stage `{stage.name}` lists `{key}`, which `{file}` does not contain",
                kind="absent-key",
                severity=Severity.ERROR,
                fix=f"Add `{key}` to `{file}`, or take it off the list.",
                symbol=stage.name,
            )


def _undeclared(project: Project, node: Node, stage: Stage) -> Iterator[Match]:
    missing: dict[str, dict[str, ConfigRead]] = {}
    for program in project.graph.programs(node):
        if program.path in project.programs and not program.function:
            for read in _leaves(project.config_reads(program.path), program.path):
                if not _is_covered(project, stage, read):
                    missing.setdefault(read.file, {}).setdefault(_name(read), read)
    for file, reads in missing.items():
        names = ", ".join(f"`{name}`" for name in reads)
        sure = all(read.certain for read in reads.values())
        yield Match(
            _place(project, stage, ""),
            f"stage `{stage.name}` does not list {names} of `{file}`, which its code reads",
            kind="undeclared",
            confidence=Confidence.HIGH if sure else Confidence.MEDIUM,
            related=tuple(Related(read.event.at, f"`{name}` is read here") for name, read in reads.items()),
            fix=f"Add to `params`: {', '.join(reads)}.",
            symbol=stage.name,
            edit=_addition(project, stage, file, tuple(reads)) if sure else None,
        )


def _addition(project: Project, stage: Stage, file: str, names: tuple[str, ...]) -> Addition | None:
    """The keys in the stage's own list; not where one list serves many stages, of which others may not read them."""
    body = _body(project, stage)
    folder = stage.runs[0].folder or "."
    name = relpath(file, folder)
    many = stage.key.partition("@")[2] or any("*" in part or "{}" in part for part in names)
    if many or not body.is_mapping or name.startswith(".."):
        return None
    return Addition(stage.at, ("params",), names, "" if name == "params.yaml" else name)


def _leaves(reads: list[ConfigRead], program: str) -> Iterator[ConfigRead]:
    """Reads of keys below which nothing else is read."""
    inner = {read.key[:length] for read in reads for length in range(1, len(read.key)) if read.key[-1] != "*"}
    for read in reads:
        imported = not read.event.function and read.event.at.path != program
        if read.defined and read.key not in inner and not imported and read.key != ("*",):
            yield read


def _name(read: ConfigRead) -> str:
    return read.dotted.removesuffix(".*")


def _is_covered(project: Project, stage: Stage, read: ConfigRead) -> bool:
    """Whether the list names the key, something above it, or (where a whole group is read) something below it."""
    declared = [key for file, _, key in (param.partition(":") for param in stage.params) if file == read.file]
    if read.file in _dependencies(project, stage) or (read.file in stage.reads and not declared):
        return True
    name = _name(read)
    return any("{}" in key or f"{name}.".startswith(f"{key}.") or key.startswith(f"{name}.") for key in declared)


def _dependencies(project: Project, stage: Stage) -> set[str]:
    folder = stage.runs[0].folder
    return {normpath(join(folder, dep.raw)) for dep in _body(project, stage).names("deps")}


def _place(project: Project, stage: Stage, key: str) -> Location:
    """The key in the list, the list, or the stage."""
    body = _body(project, stage)
    listed = body.get("params")
    found = next((node for node in listed.walk() if key and node.raw == key), None) or body.key("params")
    return found.at if found else stage.at


def _body(project: Project, stage: Stage) -> ConfigNode:
    documents = project.repository.nodes(stage.at.path)
    body = documents[0].get("stages", stage.key.rpartition(":")[2].partition("@")[0])
    return body.get("do") or body


def _at(document: ConfigNode, key: str) -> bool:
    """Whether a dotted key, perhaps with numbers of list elements, is there; a key may hold dots itself."""
    if document.get(key):
        return True
    here = document
    for part in key.replace("[", ".").replace("]", "").split("."):
        here = here.get(int(part)) if here.is_list and part.isdigit() else here.get(part)
    return bool(here)
