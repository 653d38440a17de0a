"""One program that a command line runs, and how to read it off the words of tools that start their own kind only."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from posixpath import join, normpath

SCRIPT = re.compile(r".*\.(?:py|ipynb|sh|bash|R|r|jl)")


@dataclass(frozen=True, slots=True)
class Invocation:
    """One program that a command line runs.

    `kind`: script (Python, R or Julia by path), module (`target` is dotted, `function` stood behind a colon), code
    (`-c`), notebook (`output` is the executed copy), shell (a script of commands), make (`target` is the first),
    mlflow, dvc, kedro, ray (`target` is a file that describes a job), or tool for everything else, `tool` being its
    name. `folder` is where `cd` and the like have led from the start. `wrappers` are what it was started through.
    """

    kind: str
    target: str
    arguments: tuple[str, ...] = ()
    tool: str = ""
    function: str = ""
    output: str = ""
    folder: str = ""
    wrappers: tuple[str, ...] = ()
    line: int = 1
    environment: tuple[tuple[str, str], ...] = ()
    redirects: tuple[tuple[str, str], ...] = ()
    text: str = ""

    @property
    def path(self) -> str:
        """The target as a path from where the first command started; "" where it is no file."""
        if self.kind not in ("script", "notebook", "shell") or not self.target:
            return ""
        return self.target if self.target.startswith(("/", "$", "~", "{")) else normpath(join(self.folder, self.target))


def papermill(words: tuple[str, ...]) -> Invocation | None:
    taking_two = ("-p", "--parameters", "-r", "--parameters_raw")
    taking_one = ("-f", "-y", "-b", "-k", "-l", "--kernel", "--language", "--engine", "--cwd", "--log-level")
    paths: list[str] = []
    at = 1
    while at < len(words):
        if words[at] in taking_two:
            at += 2
        elif words[at] in taking_one:
            at += 1
        elif not words[at].startswith("-"):
            paths.append(words[at])
        at += 1
    if not paths:
        return None
    return Invocation("notebook", paths[0], words[1:], "papermill", output=paths[1] if len(paths) > 1 else "")


def jupyter(words: tuple[str, ...]) -> Invocation | None:
    """`jupyter nbconvert`, and `nbconvert` or `jupyter-nbconvert` alone."""
    if not words[0].endswith("jupyter"):
        words = ("jupyter", words[0].rpartition("/")[2].removeprefix("jupyter-"), *words[1:])
    runs = {"nbconvert": "--execute", "execute": "", "run": "", "jupytext": "--execute"}
    verb = words[1] if len(words) > 1 else ""
    if verb not in runs or (runs[verb] and runs[verb] not in words):
        return None
    notebook = next((word for word in words[2:] if word.endswith((".ipynb", ".py", ".md"))), "")
    output = next((words[at + 1] for at, word in enumerate(words[:-1]) if word == "--output"), "")
    return Invocation("notebook", notebook, words[2:], f"jupyter {verb}", output=output) if notebook else None


def first_script(words: tuple[str, ...]) -> Invocation | None:
    """Tools that run their first word with a script's name: `streamlit run app.py`, `pyflyte run flow.py wf`."""
    for at, word in enumerate(words[1:], 1):
        path, _, function = word.partition("::" if "::" in word else ":")
        if SCRIPT.fullmatch(path) and not word.startswith("-"):
            kind = "notebook" if path.endswith(".ipynb") else "script"
            return Invocation(kind, path, words[at + 1 :], words[0], function=function)
    return None


def application(words: tuple[str, ...]) -> Invocation | None:
    """Servers that are given `module:object`."""
    for at, word in enumerate(words[1:], 1):
        module, colon, name = word.partition(":")
        if colon and name and all(part.isidentifier() for part in module.split(".")):
            return Invocation("module", module, words[at + 1 :], words[0], function=name.partition("(")[0])
        if word in ("-A", "--app") and at + 1 < len(words):
            module, _, name = words[at + 1].removesuffix(".py").partition(":")
            return Invocation("module", module, words[at + 2 :], words[0], function=name)
    return first_script(words)


def luigi(words: tuple[str, ...]) -> Invocation | None:
    module = next((words[at + 1] for at, word in enumerate(words[:-1]) if word == "--module"), "")
    task = next(
        (word for at, word in enumerate(words[1:], 1) if not word.startswith("-") and words[at - 1] != "--module"), ""
    )
    return Invocation("module", module, words[1:], "luigi", function=task) if module else None


def make(words: tuple[str, ...]) -> Invocation | None:
    targets: list[str] = []
    folder = ""
    at = 1
    while at < len(words):
        word = words[at]
        if word in ("-C", "--directory") and at + 1 < len(words):
            at += 1
            folder = words[at]
        elif word in ("-f", "--file", "-j", "-o", "-W", "-I") and at + 1 < len(words):
            at += 1
        elif not word.startswith("-") and "=" not in word:
            targets.append(word)
        at += 1
    return Invocation("make", targets[0] if targets else "", tuple(targets[1:]), words[0], folder=folder)


def mlflow(words: tuple[str, ...]) -> Invocation | None:
    if len(words) < 3 or words[1] != "run":
        return None
    entry, uri = "main", ""
    at = 2
    while at < len(words):
        if words[at] in ("-e", "--entry-point") and at + 1 < len(words):
            entry = words[at + 1]
        if words[at].startswith("-"):
            at += 1
        elif not uri:
            uri = words[at]
        at += 1
    return Invocation("mlflow", uri, words[2:], "mlflow run", function=entry)


def dvc(words: tuple[str, ...]) -> Invocation | None:
    runs = words[1:2] == ("repro",) or words[1:3] == ("exp", "run")
    if not runs:
        return None
    rest = words[2:] if words[1] == "repro" else words[3:]
    valued = (
        "-S",
        "--set-param",
        "-n",
        "--name",
        "-m",
        "--message",
        "-C",
        "--copy-paths",
        "-R",
        "--rev",
        "-j",
        "--jobs",
    )
    target = next(
        (word for at, word in enumerate(rest) if not word.startswith("-") and (not at or rest[at - 1] not in valued)),
        "",
    )
    return Invocation("dvc", target, rest, "dvc")


def kedro(words: tuple[str, ...]) -> Invocation | None:
    if words[1:2] != ("run",):
        return None
    named = next(
        (words[at + 1] for at, word in enumerate(words[:-1]) if word in ("--pipeline", "-p", "--pipelines")), ""
    )
    joined = next((word.partition("=")[2] for word in words if word.startswith(("--pipeline=", "--pipelines="))), "")
    return Invocation("kedro", named or joined or "__default__", words[2:], "kedro")


TOOLS: dict[str, Callable[[tuple[str, ...]], Invocation | None]] = {
    "papermill": papermill,
    **dict.fromkeys(("jupyter", "nbconvert", "jupytext", "jupyter-nbconvert", "jupyter-execute"), jupyter),
    **dict.fromkeys(("streamlit", "chainlit", "modal", "pyflyte", "runipy", "marimo", "voila"), first_script),
    **dict.fromkeys(("Rscript", "julia"), first_script),
    **dict.fromkeys(
        ("uvicorn", "gunicorn", "hypercorn", "celery", "flask", "fastapi", "bentoml", "litestar", "serve"), application
    ),
    "luigi": luigi,
    **dict.fromkeys(("make", "gmake"), make),
    "mlflow": mlflow,
    "dvc": dvc,
    "kedro": kedro,
}
