import re
from posixpath import basename

from pipeaudit.rule import (
    ArtifactKind,
    Confidence,
    Environment,
    Iterator,
    Location,
    Match,
    Project,
    Severity,
    StageKind,
    is_test,
    rule,
)

_CI = (
    "/.github/workflows/*.yml /.github/workflows/*.yaml /.gitlab-ci.yml /.circleci/config.yml /.travis.yml "
    "/Jenkinsfile azure-pipelines*.yml /.azure-pipelines/ /.pipelines/*.yml /bitbucket-pipelines.yml /.drone.yml "
    "/.woodpecker* "
    "/.buildkite/ cloudbuild.y*ml buildspec.y*ml /.semaphore/ /.tekton/"
).split()
_LINTERS = (
    "/.flake8 /.pylintrc /pylintrc /ruff.toml /.ruff.toml /mypy.ini /.isort.cfg /.bandit /.pre-commit-config.yaml "
    "/.style.yapf"
).split()
_TOOLS = frozenset(
    """pytest pytest-cov tox nox pylint flake8 black isort mypy ruff bandit pre-commit autopep8 yapf coverage pyright
    pycodestyle pydocstyle nbqa mllint""".split()
)
_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_tests?|tests?)\.py$")
_TEST_FOLDER = re.compile(r"(^|/)tests?/")
_STEM = re.compile(r"(^|/)(setup|conftest|__init__|__main__)\.py$")
_DATA = (ArtifactKind.MODEL, ArtifactKind.DATASET, ArtifactKind.FEATURES)
_VERSIONED = ("dataset-version", "dataset-version-logged", "model-registered", "model-registered-on-log", "data-in-lfs")


@rule(
    "PA722",
    Severity.NOTE,
    ceiling=Confidence.HIGH,
    stage=StageKind.OTHER,
    controls=("PRE-3", "COL-4", "TIP-2", "TRN-3"),
    tier="pack:repository",
    kinds=(
        "no-version-control",
        "no-ci",
        "ci-config-untracked",
        "no-data-version-control",
        "dvc-folder-not-committed",
        "dvc-no-remote",
        "dvc-no-tracked-files",
        "dvc-lock-not-committed",
        "no-tests",
        "too-few-tests",
        "tests-outside-tests-folder",
        "dependency-manager-missing",
        "dependency-manager-weak",
        "several-dependency-managers",
        "dev-dependencies-mixed",
        "no-code-quality-tools",
        "committed-artifact",
    ),
)
def repository_hygiene(project: Project) -> Iterator[Match]:
    """The repository lacks what keeps a project in order: versions, CI, tests, one list of dependencies, linters.

    Each kind is one habit; switch off those that your team does not share (`PA722:no-ci`).

    Bad, in main.py:

        print("no tests, no CI, no linter, no list of dependencies")

    Good, in main.py:

        def double(number):
            return 2 * number

    And in tests/test_main.py:

        from main import double

        def test_double():
            assert double(2) == 4

    And in .github/workflows/ci.yml:

        on: push
        jobs:
          test:
            runs-on: ubuntu-latest
            steps:
              - run: pytest

    And in pyproject.toml:

        [project]
        name = "example"
        version = "1.0"

        [tool.ruff]
        line-length = 100

    Fix: as each message names it.

    Not seen: what a monorepo keeps above the audited folder. A folder without git gives `no-version-control` only.

    Source: van Oort et al. 2022, project smells (mllint).
    """
    here = _place(project)
    if not project.repository.in_git:
        yield _match(here, "no-version-control", "this folder is not under version control")
        return
    if not project.repository.prefix:
        yield from _ci(project, here)
        yield from _quality(project, here)
    yield from _data(project, here)
    yield from _dvc(project, here)
    yield from _tests(project, here)
    yield from _dependencies(project, here)
    yield from _artifacts(project)


def _match(at: Location, kind: str, message: str, fix: str = "") -> Match:
    return Match(at, message, kind=kind, confidence=Confidence.HIGH, fix=fix)


def _place(project: Project) -> Location:
    """The README, which speaks for the whole; else the first file."""
    readmes = sorted(project.repository.glob("/README*"))
    return Location((*readmes, *project.repository.paths, ".")[0])


def _ci(project: Project, here: Location) -> Iterator[Match]:
    files = project.repository.glob(*_CI)
    if not files:
        yield _match(here, "no-ci", "no CI is configured", "Run the tests on every push.")
    for path in files:
        if project.repository.tracked(path) is False:
            yield _match(Location(path), "ci-config-untracked", f"git does not track `{path}`", "Commit it.")


def _quality(project: Project, here: Location) -> Iterator[Match]:
    configured = project.repository.glob(*_LINTERS) or project.evidence("quality-tools", "pre-commit", "ci-lints")
    listed = any(r.name in _TOOLS for e in project.repository.environments() for r in e.requirements)
    if not configured and not listed:
        yield _match(here, "no-code-quality-tools", "no linter or formatter is configured", "Configure one, say ruff.")


def _data(project: Project, here: Location) -> Iterator[Match]:
    uses = any(
        artifact.kind in _DATA for node in project.graph.stages() for artifact in project.graph.reads(node)
    ) or any(reader.event.name.rpartition(".")[2].startswith("read_") for reader in project.read)
    kept = project.repository.glob("/.dvc/", "*.dvc", "dvc.yaml", ".lakectl.yaml") or project.evidence(*_VERSIONED)
    lfs = any("filter=lfs" in project.repository.text(path) for path in project.repository.glob(".gitattributes"))
    if uses and not kept and not lfs and not project.repository.prefix:
        yield _match(
            here, "no-data-version-control", "data is used, and nothing keeps its versions", "Track it with DVC or LFS."
        )


def _dvc(project: Project, here: Location) -> Iterator[Match]:
    config = ".dvc/config"
    if config in project.repository:
        at = Location(config)
        if project.repository.tracked(config) is False:
            yield _match(at, "dvc-folder-not-committed", "git does not track `.dvc/config`", "Commit the .dvc folder.")
        if "remote " not in project.repository.text(config):
            yield _match(
                at, "dvc-no-remote", "DVC has no remote: data stays on one machine", "Add one: dvc remote add."
            )
        if not any(said.system == "dvc" and said.writes for n in project.graph.stages() for said in n.declarations):
            yield _match(at, "dvc-no-tracked-files", "DVC is set up and tracks nothing", "Add the data: dvc add.")
    for path in project.repository.glob("dvc.lock"):
        if project.repository.tracked(path) is False:
            yield _match(Location(path), "dvc-lock-not-committed", f"git does not track `{path}`", "Commit it.")


def _tests(project: Project, here: Location) -> Iterator[Match]:
    code = [p for p in project.repository.paths if p.endswith(".py") and not _STEM.search(p)]
    tests = [path for path in code if _TEST_FILE.search(path)]
    sources = [path for path in code if not is_test(path) and path not in tests]
    if sources and not tests:
        yield _match(here, "no-tests", "there is no test", "Test the functions that make features first.")
    elif 4 * len(tests) < len(sources):
        yield _match(here, "too-few-tests", f"{len(tests)} test files for {len(sources)} source files")
    outside = [path for path in tests if not _TEST_FOLDER.search(path)]
    if outside:
        yield _match(
            Location(outside[0]), "tests-outside-tests-folder", f"{len(outside)} test files lie outside a tests folder"
        )


def _dependencies(project: Project, here: Location) -> Iterator[Match]:
    if not any(path.endswith((".py", ".ipynb")) for path in project.repository.paths):
        return
    environments = [e for e in project.repository.environments() if not is_test(e.path)]
    top = [e for e in environments if "/" not in e.path and not e.is_lock]
    managers = {_manager(project, environment): environment for environment in reversed(top)}
    managers.pop("", None)
    if not environments and not project.repository.prefix:
        yield _match(here, "dependency-manager-missing", "no file lists what has to be installed")
    elif environments and all(not e.is_lock and _manager(project, e) in ("pip", "setuptools") for e in environments):
        yield _match(
            Location(environments[0].path),
            "dependency-manager-weak",
            f"`{environments[0].path}` alone locks nothing",
            "Use a manager with a lock file.",
        )
    if len(managers) > 1 and not _is_derived(project, set(managers)):
        names = " and ".join(f"`{e.path}`" for e in sorted(managers.values(), key=lambda e: e.path))
        yield _match(
            Location(min(e.path for e in managers.values())),
            "several-dependency-managers",
            f"{names} list dependencies",
        )
    for environment in environments:
        yield from _mixed(environment)


def _manager(project: Project, environment: Environment) -> str:
    """What installs by this file; "" for a file that only configures tools."""
    if environment.kind == "pyproject":
        tree = project.repository.nodes(environment.path)[0]
        backend = tree.get("build-system", "build-backend").text
        if tree.get("tool", "poetry") or "poetry" in backend:
            return "poetry"
        return "pyproject" if tree.get("project", "dependencies") or tree.get("tool", "pdm") else ""
    name = basename(environment.path)
    if environment.kind in ("requirements", "constraints"):
        return "pip" if re.fullmatch(r"requirements?\.(txt|in)", name) else ""
    return {"setup": "setuptools", "pipfile": "pipenv", "conda": "conda"}.get(environment.kind, "")


def _is_derived(project: Project, managers: set[str]) -> bool:
    """Whether one list is made from the other: setup.py reads the requirements, conda takes in pip's."""
    if managers == {"pip", "setuptools"}:
        return any("requirements" in project.repository.text(path) for path in project.repository.glob("/setup.py"))
    if managers == {"pip", "conda"}:
        return any(e.includes for e in project.repository.environments() if e.kind == "conda")
    return False


def _mixed(environment: Environment) -> Iterator[Match]:
    if environment.is_lock or _manager_is_aside(environment.path):
        return
    tools = [r for r in environment.main if r.name in _TOOLS]
    if tools and len(tools) < len(environment.main):
        names = ", ".join(f"`{r.name}`" for r in tools)
        yield _match(tools[0].at, "dev-dependencies-mixed", f"{names} among what the program needs at run time")


def _manager_is_aside(path: str) -> bool:
    return bool(re.search(r"dev|test|doc|lint|ci[_-]|[_-]ci", path, re.IGNORECASE))


def _artifacts(project: Project) -> Iterator[Match]:
    written = {place: touch for touch in project.written for place in touch.places if not is_test(touch.program)}
    for node in project.graph.stages():
        for artifact in project.graph.writes(node):
            if artifact.kind in _DATA:
                written.setdefault(artifact.name, None)  # type: ignore[arg-type] # only the names matter below
    for path in sorted(written):
        small = path.endswith((".json", ".txt", ".md", ".html", ".png", ".yaml", ".yml", ".svg", ".py"))
        if project.repository.tracked(path) and not small and not is_test(path):
            yield _match(
                Location(path),
                "committed-artifact",
                f"`{path}` is written by a stage and committed to git",
                "Track it with DVC or LFS, or ignore it.",
            )
