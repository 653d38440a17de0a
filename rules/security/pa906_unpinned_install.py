import re

from pipeaudit.rule import (
    Confidence,
    Iterator,
    Location,
    Match,
    Project,
    Severity,
    invocations,
    is_example,
    is_test,
    requirement,
    rule,
)

_CI = ("github-actions", "gitlab-ci", "azure-pipelines", "circleci", "jenkins", "cloud-build", "codebuild")
_INSTALLERS = ("pip", "pip3", "conda", "mamba", "micromamba")
_TAKING = frozenset(
    """-r --requirement -c --constraint -i --index-url --extra-index-url -f --find-links -t --target --prefix --root
    --platform --python-version --trusted-host -n --name -p --channel --proxy --timeout --retries --cache-dir
    --root-user-action --only-binary --no-binary --progress-bar --upgrade-strategy --file""".split()
)
# What installs the rest is often wanted in its newest form.
_BOOTSTRAP = frozenset(
    """pip setuptools wheel uv pipenv poetry pipx virtualenv conda mamba pip-tools build twine tox nox pre-commit python
    pytest pytest-cov flake8 black ruff mypy pylint isort cython ninja""".split()
)
_WORKSHOP = re.compile(r"devcontainer|gitpod|codespace", re.IGNORECASE)  # images that people develop in
_COMMIT = re.compile(r"@[0-9a-f]{7,40}(#|$)|@v?\d+(\.\d+)+")


@rule(
    "PA906",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("TRN-3", "DEP-1"),
    security_severity="4.0",
)
def unpinned_install(project: Project) -> Iterator[Match]:
    """An image, a job or a notebook installs a package in whatever version is the newest that day.

    The same file builds another image tomorrow, and whoever takes over a package runs code in it.

    Bad, in Dockerfile:

        FROM python:3.11.9-slim
        RUN pip install torch scikit-learn

    And in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        LogisticRegression().fit(rows[["a"]], rows["b"])

    Good, in Dockerfile:

        FROM python:3.11.9-slim
        COPY requirements.txt .
        RUN pip install --upgrade pip && pip install -r requirements.txt scikit-learn==1.5.2

    And in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        LogisticRegression().fit(rows[["a"]], rows["b"])

    Fix: install from a locked file (`-r`), or name exact versions; of a repository name the commit.

    Not seen: what a script that is fetched installs; `unpinned-environment` speaks of requirement files. Tools that
    install or check the rest (pip, uv, pytest), the project itself, and installs under a constraints file are not
    counted; CI counts where it trains or deploys.

    Source: SSDF PW.4; hadolint DL3013.
    """
    if project.profile in ("none", "library"):
        return
    yield from _images(project)
    yield from _jobs(project)
    yield from _notebooks(project)
    yield from _components(project)


def _images(project: Project) -> Iterator[Match]:
    for path in project.repository.dockerfiles():
        aside = is_test(path) or is_example(path) or _WORKSHOP.search(path) is not None
        file = None if aside else project.repository.dockerfile(path)
        for run in file.of("RUN") if file is not None else ():
            yield from _match(Location(path, run.line), _loose(run.expanded or run.text), "the image")


def _jobs(project: Project) -> Iterator[Match]:
    """Jobs of CI files that run the pipeline or deploy."""
    files = {e.at.path for e in project.evidence("ci-runs-pipeline", "ci-deploys")}
    for node in project.graph.of_system(*_CI):
        for stage in node.declarations:
            if stage.at.path in files:
                loose = [word for run in stage.runs for word in _loose(run.command)]
                yield from _match(stage.at, loose, f"job `{stage.name}`")


def _notebooks(project: Project) -> Iterator[Match]:
    for path in sorted(project.programs):
        if path.endswith(".ipynb") and not is_test(path) and not is_example(path):
            for cell, source in project.repository.code_cells(path):
                for number, line in enumerate(source.split("\n"), start=1):
                    command = line.strip()
                    if command.startswith(("!", "%")) and "install" in command:
                        place = Location(path, number, cell=cell)
                        yield from _match(place, _loose(command.lstrip("!%")), "this cell")


def _components(project: Project) -> Iterator[Match]:
    """Packages that a pipeline's components ask for."""
    seen = set()
    for event in project.events("stage", "decorator", "pipeline"):
        listed = event.constant("packages_to_install")
        if isinstance(listed, list | tuple) and event.at not in seen and not is_test(event.at.path):
            seen.add(event.at)
            loose = [word for word in listed if isinstance(word, str) and _is_loose(word)]
            yield from _match(event.at, loose, "this component")


def _match(at: Location, loose: list[str], who: str) -> Iterator[Match]:
    if loose:
        shown = ", ".join(f"`{word}`" for word in loose[:5]) + (f" and {len(loose) - 5} more" if len(loose) > 5 else "")
        yield Match(
            at,
            f"{who} installs {shown} without a fixed version",
            confidence=Confidence.HIGH,
            fix="Install from a locked file, or name exact versions.",
        )


def _loose(command: str) -> list[str]:
    found: list[str] = []
    for invocation in invocations(command):
        words = invocation.arguments
        is_installer = invocation.tool in _INSTALLERS or invocation.target == "pip"
        # What fixes the versions: a constraints file of pip's, an environment file of conda's.
        fixing = ("-f", "--file") if invocation.tool in ("conda", "mamba", "micromamba") else ("-c", "--constraint")
        if not is_installer or "install" not in words or any(word in fixing for word in words):
            continue
        after = words[words.index("install") + 1 :]
        for position, word in enumerate(after):
            if not (position and after[position - 1] in _TAKING) and _is_loose(word):
                found.append(word)
    return found


def _is_loose(word: str) -> bool:
    if word.startswith(("-", ".", "/", "$", "~", "%")) or "{" in word or "$" in word:
        return False
    if "git+" in word:
        return not _COMMIT.search(word)
    if "://" in word or word.endswith((".whl", ".tar.gz", ".txt", ".zip")):
        return False
    made = requirement(word.strip("'\""), Location(""))
    if made is None or made.name in _BOOTSTRAP or made.pinned or made.source:
        return False
    return not re.search(r"(?<![<>!])=\s*\d|[<~]", made.specifier)
