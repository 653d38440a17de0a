import re
from posixpath import dirname

from pipeaudit.rule import (
    ANALYTIC,
    KNOWN,
    Confidence,
    Environment,
    Iterator,
    Location,
    Match,
    Project,
    Related,
    Requirement,
    Severity,
    brought_along,
    invocations,
    is_example,
    is_test,
    requirement,
    rule,
)

_ASIDE = re.compile(r"(^|[/_.-])(dev|tests?|testing|docs?|lint|ci|examples?|rtd|sphinx|build)([/_.-]|$)", re.IGNORECASE)
_BOUNDED = re.compile(r"[\^<]|~=|~\d")
_HOSTED = ("google.colab", "kaggle_secrets", "dbruntime", "databricks")


@rule(
    "PA312",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("TRN-3", "DEP-1"),
    kinds=("unpinned", "undeclared", "no-file"),
)
def unpinned_environment(project: Project) -> Iterator[Match]:
    """A library that the pipeline uses has no fixed version anywhere, or is listed nowhere.

    The next installation brings other versions: results change, saved models no longer load, and nothing tells why.

    Kinds: `unpinned` (listed without a version), `undeclared` (imported and not listed), `no-file` (nothing is listed).

    Bad, in requirements.txt:

        scikit-learn
        pandas>=1.0

    And in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        LogisticRegression().fit(rows[["a"]], rows["b"])

    Good, in requirements.txt:

        scikit-learn==1.5.2
        pandas==2.2.3

    And in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        LogisticRegression().fit(rows[["a"]], rows["b"])

    Bad, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        LogisticRegression().fit(rows[["a"]], rows["b"])

    Fix: write exact versions, or commit a lock file (`uv lock`, `pip-compile`, `conda-lock`).

    Not seen: libraries that are no part of the tables of this program; versions that an image or a platform fixes.
    Libraries use ranges rightly, and so do packages whose ranges end somewhere; files for development, tests and
    documentation are not counted.

    Source: SSDF PW.4; EU AI Act, Annex IV 1(c).
    """
    if project.profile in ("library", "none", "platform"):
        return
    used = _used(project)
    environments = [e for e in project.repository.environments() if not _ASIDE.search(e.path)]
    listed = [e for e in environments if e.requirements]
    installed = list(_installed(project))
    if not environments and not installed:
        yield from _without_file(project, used)
        return
    for environment in listed:
        yield from _unpinned(environment, listed, installed, used)
    yield from _undeclared(project, listed, installed, used)


def _used(project: Project) -> dict[str, str]:
    """Imports in live code that is no test, each with the first program that has it.

    What is only imported inside functions or a `try` is an extra that the code can do without.
    """
    found: dict[str, str] = {}
    for path in sorted(project.programs, key=lambda path: (path.endswith(".ipynb"), path)):
        program = project.programs[path]
        if is_test(path) or is_example(path) or _ASIDE.search(path):
            continue
        plain = {e.name.partition(".")[0] for e in program.of("import") if not e.function and not e.guarded}
        extra = {e.name.partition(".")[0] for e in program.of("import")} - plain
        for name in program.imports:
            if name.partition(".")[0] not in extra:
                found.setdefault(name.partition(".")[0], path)
    return found


def _without_file(project: Project, used: dict[str, str]) -> Iterator[Match]:
    needed = sorted(name for name in used if name in ANALYTIC)
    if needed:
        path = min(used[name] for name in needed)
        hosted = any(name.startswith(_HOSTED) for name in project.programs[path].imports)
        yield Match(
            Location(path),
            f"no file says which versions of {_names(needed)} this project needs",
            kind="no-file",
            confidence=Confidence.HIGH,
            severity=Severity.NOTE if hosted else None,
            fix="Add a requirements.txt, pyproject.toml or environment.yml with exact versions, or a lock file.",
        )


def _unpinned(
    environment: Environment, listed: list[Environment], installed: list[Requirement], used: dict[str, str]
) -> Iterator[Match]:
    """What one file lists of the libraries in use, without a version that another file fixes."""
    if environment.is_lock or environment.kind == "constraints":
        return
    near = [e for e in listed if e is not environment and _covers(e.path, environment.path)]
    fixed = {r.name for e in near for r in e.requirements if r.pinned} | {r.name for r in installed if r.pinned}
    wanted = {dist for name in used for dist in ANALYTIC.get(name, ())}
    loose = [r for r in environment.main if r.name in wanted and not r.pinned and r.name not in fixed and not r.source]
    loose += [r for r in environment.main if r.name in wanted and not r.pinned and r.source == "conda"]
    if environment.kind in ("pyproject", "setup"):
        beside = {r.name for e in near if e.kind == "requirements" for r in e.requirements}
        loose = [r for r in loose if r.name not in beside]  # the list beside it is told instead
        loose = [r for r in loose if not _BOUNDED.search(r.specifier)]
    loose = [r for r in loose if r.name not in fixed]
    if loose:
        yield Match(
            loose[0].at,
            f"{_names([r.name for r in loose])} may come in any version: no file fixes it",
            kind="unpinned",
            confidence=Confidence.MEDIUM if environment.kind in ("pyproject", "setup") else Confidence.HIGH,
            related=tuple(Related(r.at, f"`{r.name}{r.specifier}`") for r in loose[1:6]),
            fix="Write exact versions, or commit a lock file.",
        )


def _undeclared(
    project: Project, listed: list[Environment], installed: list[Requirement], used: dict[str, str]
) -> Iterator[Match]:
    """Imports that no list names, where the lists are those of this code."""
    named = {r.name for e in project.repository.environments() for r in e.requirements} | {r.name for r in installed}
    own = [name for name in used if not set(KNOWN.get(name, ())).isdisjoint(named)]
    files = [e for e in listed if not e.is_lock]
    if not own or not files:
        return
    missing = [
        name
        for name, path in used.items()
        if name in KNOWN
        and not path.endswith(".ipynb")
        and set(KNOWN[name]).isdisjoint(named)
        and not any(brought_along(dist, named) for dist in KNOWN[name])
    ]
    if missing:
        place = min(files, key=lambda e: (e.path.count("/"), e.path))
        yield Match(
            Location(place.path),
            f"{_names(missing)} is imported, and no file lists it"
            if len(missing) == 1
            else f"{_names(missing)} are imported, and no file lists them",
            kind="undeclared",
            confidence=Confidence.MEDIUM,
            related=tuple(
                Related(_imported(project, name, used[name]), f"`{name}` is imported here") for name in missing[:5]
            ),
            fix=f"Add {'it with its version' if len(missing) == 1 else 'them with their versions'}.",
        )


def _imported(project: Project, name: str, path: str) -> Location:
    """Where a program imports a package first; its start where an import is not seen as a statement."""
    places = (e.at for e in project.programs[path].of("import") if e.name.partition(".")[0] == name)
    return next((at for at in places if at.path == path), Location(path))


def _covers(lock: str, path: str) -> bool:
    """Whether a file in this folder or above it speaks for another."""
    folder = dirname(lock)
    return not folder or path.startswith(f"{folder}/")


def _installed(project: Project) -> Iterator[Requirement]:
    """What images and notebooks install by name."""
    for path in project.repository.dockerfiles():
        image = project.repository.dockerfile(path)
        for run in image.of("RUN") if image is not None else ():
            yield from _named(run.text, path)
    for path in sorted(project.programs):
        if path.endswith(".ipynb"):
            for _, source in project.repository.code_cells(path):
                for line in source.split("\n"):
                    if line.lstrip().startswith(("!", "%")) and "install" in line:
                        yield from _named(line.strip().lstrip("!%"), path)


def _named(command: str, path: str) -> Iterator[Requirement]:
    for invocation in invocations(command):
        words = invocation.arguments
        is_pip = invocation.tool in ("pip", "pip3", "uv", "conda", "mamba") or invocation.target == "pip"
        if is_pip and "install" in words:
            for word in words[words.index("install") + 1 :]:
                made = None if word.startswith("-") else requirement(word, Location(path))
                if made is not None and made.name:
                    yield made


def _names(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
