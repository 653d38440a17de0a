from itertools import pairwise
from posixpath import basename, dirname, join, normpath

from pipeaudit.rule import (
    Confidence,
    Iterator,
    Location,
    Match,
    Node,
    Project,
    Related,
    Severity,
    Touch,
    invocations,
    is_test,
    rule,
    same_file,
)

_OF_FILES = ("dvc", "snakemake", "make", "kedro")  # systems whose inputs are paths in this repository
_OF_SCRIPTS = (*_OF_FILES, "mlflow", "github-actions", "gitlab-ci")  # ... whose commands start from its root
_BY_HAND = ("data-downloaded", "download-command", "data-section")


@rule(
    "PA703",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("PRE-1", "COL-4"),
)
def missing_input(project: Project) -> Iterator[Match]:
    """A stage names a file that nothing makes, that is not in the tree, and that nothing fetches.

    Whoever takes the repository can't run the stage: the file lies on one person's disk, or was renamed.

    Bad, in dvc.yaml:

        stages:
          train:
            cmd: python train.py
            deps: [train.py, data/labels.csv]
            outs: [model.pkl]

    And in train.py:

        print("trains")

    Good, in dvc.yaml:

        stages:
          label:
            cmd: python label.py
            deps: [label.py]
            outs: [data/labels.csv]
          train:
            cmd: python train.py
            deps: [train.py, data/labels.csv]
            outs: [model.pkl]

    And in train.py:

        print("trains")

    And in label.py:

        print("labels")

    Fix: add the stage that makes it, track it (`dvc add`, Git LFS), or mend the name.

    Not seen: paths that are computed, files that only exist where the stage runs, and folders that git ignores. A read
    of code counts where it loads a model without a condition, and the repository tells of no download.

    Source: Sculley et al. 2015, undeclared dependencies.
    """
    yield from _declared(project)
    yield from _scripts(project)
    yield from _entry_points(project)
    yield from _renamed(project)
    yield from _loaded(project)


def _declared(project: Project) -> Iterator[Match]:
    """Inputs of definitions, each definition once."""
    missing: dict[Location, dict[str, Node]] = {}
    for node, artifact, edge in project.graph.missing_inputs(project.repository.exists):
        of_files = any(stage.system in _OF_FILES for stage in node.declarations)
        if of_files and _is_local(project, artifact.name) and _looks_like_file(artifact.name):
            missing.setdefault(edge.at or node.at, {}).setdefault(artifact.name, node)
    for at, found in missing.items():
        node = next(iter(found.values()))
        names = ", ".join(f"`{name}`" for name in found)
        yield Match(
            at,
            f"`{node.name}` needs {names}: no stage makes it, and it is neither in the tree nor tracked",
            confidence=Confidence.HIGH if node.system == "dvc" else Confidence.MEDIUM,
            fix="Add the stage that makes it, or track it.",
            symbol=node.name,
        )


def _scripts(project: Project) -> Iterator[Match]:
    """Scripts that commands start, and requirement files that they install."""
    seen = set()
    for node in project.graph.stages():
        for stage in node.declarations:
            for run in stage.runs if stage.system in _OF_SCRIPTS else ():
                for path in _started(run.command, run.folder):
                    if (stage.at, path) not in seen and _is_nowhere(project, path):
                        seen.add((stage.at, path))
                        yield _absent(stage.at, f"`{stage.name}`", path)
    for path in project.repository.glob("tox.ini"):
        for number, line in enumerate(project.repository.text(path).split("\n"), start=1):
            for file in _started(line.strip().replace("{toxinidir}/", ""), ""):
                if _is_nowhere(project, file):
                    yield _absent(Location(path, number), "this command", file)


def _entry_points(project: Project) -> Iterator[Match]:
    """Files that packaging and platforms are told to start, and requirement files that others include."""
    for path in project.repository.glob("bentofile.yaml", "bentofile.yml", "/.ebextensions/*.config"):
        for document in project.repository.nodes(path):
            for node in (document.get("service"), *(value for key, value in document.pairs() if key.raw == "WSGIPath")):
                module = node.text.partition(":")[0].strip()
                file = module if "/" in module or module.endswith(".py") else module.replace(".", "/") + ".py"
                package = file.removesuffix(".py") + "/__init__.py"
                if module and _is_nowhere(project, file) and package not in project.repository:
                    yield _absent(node.at, f"`{basename(path)}`", file)
    for environment in project.repository.environments():
        for include in (*environment.includes, *environment.constraints):
            file = normpath(join(dirname(environment.path), include))
            if _is_nowhere(project, file):
                yield _absent(Location(environment.path), f"`{environment.path}`", file)


def _absent(at: Location, who: str, path: str) -> Match:
    return Match(
        at,
        f"{who} names `{path}`, and no file of that name is in the tree",
        confidence=Confidence.MEDIUM,
        fix="Mend the name, or add the file.",
    )


def _started(command: str, folder: str) -> Iterator[str]:
    for invocation in invocations(command):
        here = join(folder, invocation.folder)
        by_itself = invocation.text.split()[:1] == [invocation.target] and "/" not in invocation.target
        is_file = invocation.kind in ("script", "notebook", "shell") and bool(invocation.path)
        if is_file and not invocation.wrappers and not by_itself:  # a bare word is looked up among the programs
            yield normpath(join(folder, invocation.path))
        if invocation.tool in ("pip", "pip3", "uv") or invocation.target == "pip":
            for option, value in pairwise(invocation.arguments):
                if option in ("-r", "--requirement", "-c", "--constraint"):
                    yield normpath(join(here, value))


def _is_nowhere(project: Project, path: str) -> bool:
    name = basename(path)
    if any(sign in path for sign in "${}%~*") or path.startswith(("/", "..")) or not name:
        return False
    artifact = project.graph.artifact(path)
    made = artifact is not None and project.graph.writers(artifact)
    return not made and not project.repository.is_ignored(path) and not project.repository.glob(name)


def _renamed(project: Project) -> Iterator[Match]:
    """A model that is loaded under a name that differs in a letter from the one under which it is saved."""
    readers = [reader for reader in project.read if not is_test(reader.program)]
    made = {place for writer in project.written for place in writer.places}
    wanted = {place for reader in readers for place in reader.places}
    unmade = [reader for reader in readers if made.isdisjoint(reader.places)]
    for writer in project.written:
        if writer.is_model and wanted.isdisjoint(writer.places):
            for reader in [each for each in unmade if _differs_by_a_letter(writer.name, each.name)][:1]:
                yield Match(
                    reader.event.at,
                    f"`{reader.name}` is loaded, and nothing writes it; what is written is `{writer.name}`",
                    confidence=Confidence.MEDIUM,
                    related=(Related(writer.event.at, f"`{writer.name}` is written here, and read by nobody"),),
                    fix="Use one name.",
                    symbol=reader.event.function,
                )


def _differs_by_a_letter(one: str, other: str) -> bool:
    """Equal but for one letter that is another, too many or missing; numbers tell versions apart and do not count."""
    if one == other or abs(len(one) - len(other)) > 1 or len(one) < 8:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest, other_rest = one[start:], other[start:]
    if not any(a == b for a, b in ((rest[1:], other_rest[1:]), (rest[1:], other_rest), (rest, other_rest[1:]))):
        return False
    return not any(text[:1].isdigit() for text in (rest, other_rest))


def _loaded(project: Project) -> Iterator[Match]:
    """Models that scripts load, where the repository says nothing of where they come from."""
    if project.evidence(*_BY_HAND):
        return
    seen = set()
    for reader in project.read:
        if reader.name not in seen and _is_script(project, reader) and not _has_source(project, reader):
            seen.add(reader.name)
            yield Match(
                reader.event.at,
                f"`{reader.name}` is loaded: nothing writes it, and it is neither in the tree nor tracked",
                confidence=Confidence.MEDIUM,
                fix="Add the stage that makes it, track it, or say where it is fetched from.",
                symbol=reader.event.function,
            )


def _is_script(project: Project, reader: Touch) -> bool:
    known = project.programs[reader.program]
    return (
        reader.is_model
        and known.live
        and not known.is_notebook
        and not is_test(reader.program)
        and not reader.event.conditional
    )


def _has_source(project: Project, reader: Touch) -> bool:
    if not all(_is_local(project, place) for place in reader.places) or not _looks_like_file(reader.name):
        return True
    if any(project.repository.exists(place) or project.repository.glob(basename(place)) for place in reader.places):
        return True
    if any(same_file(writer, reader) is not False for writer in project.written):
        return True
    artifacts = [project.graph.artifact(place) for place in reader.places]
    return any(artifact is not None and project.graph.writers(artifact) for artifact in artifacts)


def _is_local(project: Project, path: str) -> bool:
    if any(sign in path for sign in ("://", ":", "{}", "$", "*", "#", "(", ")", " ")) or path.startswith(
        ("/", "~", "..")
    ):
        return False
    return not project.repository.is_ignored(path)


def _looks_like_file(path: str) -> bool:
    return "/" in path or "." in path
