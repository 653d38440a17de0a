"""What a command line runs: the script, module, notebook or tool behind `uv run`, `torchrun`, `bash -c` and their like.

It is read off the words; nothing is looked up on a disk and nothing is run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from posixpath import join, normpath

from pipeaudit.read.invocation import SCRIPT, TOOLS, Invocation
from pipeaudit.read.shell import Command, commands

_PYTHON = re.compile(r"(?:i?python|pypy)w?[0-9.]*(?:\.exe)?|py")
_PYTHON_VARIABLE = re.compile(
    r"\$[({]?\{?\w*python\w*[)}]?\}?|\{\{?[^}]*python[^}]*\}?\}|\$\(which python[0-9.]*\)", re.IGNORECASE
)
_SHELLS = frozenset(("bash", "sh", "zsh", "dash", "ksh", "source", "."))
_DEEPEST = 8


def invocations(text: str, line: int = 1) -> tuple[Invocation, ...]:
    """Everything that a shell text runs, in order, with `cd` followed and `bash -c` opened."""
    found: list[Invocation] = []
    _collect(text, line, "", found, 0)
    return tuple(found)


def program(words: tuple[str, ...], line: int = 1) -> Invocation | None:
    """What one command of these words runs; None for no words."""
    command = Command(words, line)
    return _invocation(command, 0) if words else None


def _collect(text: str, line: int, folder: str, found: list[Invocation], depth: int) -> None:
    here = before = folder
    for command in commands(text, line):
        if not command.words:
            continue
        if command.words[0] in ("cd", "pushd") and len(command.words) > 1:
            here, before = before if command.words[1] == "-" else _moved(here, command.words[1]), here
            continue
        if command.words[0] == "popd":
            here = folder
            continue
        invocation = _invocation(command, 0)
        if invocation is None:
            continue
        if invocation.kind == "inline":
            if depth < _DEEPEST:
                _collect(invocation.target, command.line, here, found, depth + 1)
            continue
        inner = _moved(here, invocation.folder) if invocation.folder else here
        found.append(replace(invocation, folder=inner, text=command.text))


def _moved(folder: str, target: str) -> str:
    """Where `cd target` leads; a place outside or unknown stays as it is written."""
    if target.startswith(("/", "~", "$")) or not folder:
        return "" if target == "." else target
    moved = normpath(join(folder, target))
    return "" if moved == "." else moved


def _invocation(command: Command, depth: int) -> Invocation | None:
    words = command.words
    if not words or depth > _DEEPEST:
        return None
    name = words[0].rpartition("/")[2]
    read = _WRAPPERS.get(name)
    if read is None and (_PYTHON.fullmatch(name) or (len(words[0]) < 200 and _PYTHON_VARIABLE.fullmatch(words[0]))):
        read = _python
    found = TOOLS[name](words) if name in TOOLS else read(command, depth) if read else None
    if found is None and SCRIPT.fullmatch(words[0]):
        kind = {"ipynb": "notebook", "sh": "shell", "bash": "shell"}.get(words[0].rpartition(".")[2], "script")
        found = Invocation(kind, words[0], words[1:])
    if found is None:
        found = Invocation("tool", "", words[1:], tool=name)
    return replace(found, line=command.line, environment=command.environment, redirects=command.redirects)


def _inside(command: Command, words: tuple[str, ...], depth: int, wrapper: str, folder: str = "") -> Invocation | None:
    """The command that a wrapper starts; None where there is none."""
    found = _invocation(replace(command, words=words), depth + 1)
    if found is None:
        return None
    folder = _moved(folder, found.folder) if folder and found.folder else folder or found.folder
    return replace(found, wrappers=(wrapper, *found.wrappers), folder=folder)


def _python(command: Command, depth: int) -> Invocation | None:
    words = command.words
    at = 1
    while at < len(words):
        word = words[at]
        if word == "-":
            return Invocation("code", command.heredoc, words[at + 1 :], tool="python")
        if not word.startswith("-"):
            kind = "notebook" if word.endswith(".ipynb") else "script"
            return Invocation(kind, word, words[at + 1 :], tool="python")
        if word in ("-W", "-X", "--check-hash-based-pycs"):
            at += 2
            continue
        if not word.startswith("--") and word[-1] in "mc" and at + 1 < len(words) and word[1:2] not in ("W", "X"):
            if word[-1] == "c":
                return Invocation("code", words[at + 1], words[at + 2 :], tool="python")
            return _module(command, words[at + 1 :], depth)
        if word.startswith("-m") and len(word) > 2:
            return _module(command, (word[2:], *words[at + 1 :]), depth)
        at += 1
    return Invocation("code", command.heredoc, tool="python") if command.heredoc else None


_MODULES_OF_TOOLS = {
    "torch.distributed.run": "torchrun",
    "torch.distributed.launch": "torchrun",
    "accelerate.commands.launch": "accelerate-launch",
    "cProfile": "script-runner",
    "pdb": "script-runner",
    "trace": "script-runner",
    "memory_profiler": "script-runner",
    "kernprof": "script-runner",
    "ipykernel": "tool",
}
_TOOLS_WITH_MODULES = frozenset(
    """papermill jupyter nbconvert coverage debugpy mlflow dvc kedro streamlit uvicorn gunicorn flask fastapi luigi
    celery poetry pipenv hatch pdm uv accelerate deepspeed snakemake""".split()
)


def _module(command: Command, words: tuple[str, ...], depth: int) -> Invocation | None:
    name = words[0]
    tool = _MODULES_OF_TOOLS.get(name) or (name if name in _TOOLS_WITH_MODULES else "")
    if name == "nbconvert":
        return _inside(command, ("jupyter", *words), depth, "python")
    if tool in _WRAPPERS or tool in TOOLS:
        return _inside(command, (tool, *words[1:]), depth, "python")
    return Invocation("module", name, words[1:], tool="python")


def _launcher(command: Command, depth: int) -> Invocation | None:
    """torchrun, deepspeed, spark-submit: many options of their own, then a script or `-m module` with its arguments."""
    words = command.words
    for at, word in enumerate(words[1:], 1):
        if word in ("-m", "--module") and at + 1 < len(words):
            rest = list(words[at + 1 :])
            while rest and rest[0].startswith("-"):
                rest.pop(0)
            return Invocation("module", rest[0], tuple(rest[1:]), wrappers=(words[0],)) if rest else None
        if SCRIPT.fullmatch(word) and not words[at - 1].startswith("--py-files") and not word.startswith("-"):
            return Invocation("script", word, words[at + 1 :], wrappers=(words[0],))
        if _PYTHON.fullmatch(word.rpartition("/")[2]):
            return _inside(command, words[at:], depth, words[0])
    return None


def _prefix(
    *with_value: str, verb: tuple[str, ...] = (), arguments: int = 0
) -> Callable[[Command, int], Invocation | None]:
    """A wrapper like `poetry run`: its subcommands that start something (`verb`), its options that take a word."""

    def read(command: Command, depth: int) -> Invocation | None:
        words = command.words
        at, folder, seen_verb, skipped = 1, "", not verb, 0
        while at < len(words):
            word = words[at]
            if word == "--":
                at += 1
                break
            if word.startswith("-"):
                option, equals, value = word.partition("=")
                if option in with_value and not equals:
                    at += 1
                    value = words[at] if at < len(words) else ""
                if option in ("--directory", "--cwd", "-C", "--chdir"):
                    folder = value
                if option in ("-m", "--module") and seen_verb and at + 1 < len(words):
                    return _inside(command, ("python", *words[at:]), depth, words[0], folder)
            elif not seen_verb:
                if word not in verb:
                    return None
                seen_verb = True
            elif skipped < arguments or _looks_like_assignment(word):
                skipped += not _looks_like_assignment(word)
            else:
                break
            at += 1
        return _inside(command, words[at:], depth, words[0], folder) if seen_verb else None

    return read


def _looks_like_assignment(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()


def _shell(command: Command, depth: int) -> Invocation | None:
    words = command.words
    for at, word in enumerate(words[1:], 1):
        if word.startswith("-") and not word.startswith("--") and word.endswith("c") and at + 1 < len(words):
            return Invocation("inline", words[at + 1])
        if not word.startswith(("-", "+")):
            return Invocation("shell", word, words[at + 1 :], tool=words[0])
    return Invocation("inline", command.heredoc) if command.heredoc else None


def _container(command: Command, depth: int) -> Invocation | None:
    """`docker run image python x.py`: what follows the image is found by its first word."""
    words = command.words
    if not {"run", "exec"} & set(words[1:4]):
        return None
    for at in range(3, len(words)):
        name = words[at].rpartition("/")[2]
        if (_PYTHON.fullmatch(name) or name in _SHELLS) and words[at - 1] != "--entrypoint" and name != ".":
            return _inside(command, words[at:], depth, words[0])
    return None


def _verb_first(verb: str) -> Callable[[Command, int], Invocation | None]:
    def read(command: Command, depth: int) -> Invocation | None:
        return (
            _launcher(replace(command, words=(command.words[0], *command.words[2:])), depth)
            if command.words[1:2] == (verb,)
            else None
        )

    return read


def _submitted(command: Command, depth: int) -> Invocation | None:
    """`ray job submit --working-dir src -- python train.py`, and the same of Anyscale, which also takes a file."""
    words = command.words
    if words[0].endswith("ray") and words[1:2] == ("submit",):  # to a cluster that a file describes
        return _launcher(command, depth)
    if words[1:3] not in (("job", "submit"), ("jobs", "submit")):
        return None
    folder = next((words[at + 1] for at, word in enumerate(words[:-1]) if word == "--working-dir"), "")
    folder = next((word.partition("=")[2] for word in words if word.startswith("--working-dir=")), folder)
    if "--" in words:
        return _inside(command, words[words.index("--") + 1 :], depth, words[0], "" if "://" in folder else folder)
    path = next((word for word in words[3:] if word.endswith((".yaml", ".yml"))), "")
    return Invocation("ray", path, words[3:], f"{words[0]} job submit") if path else None


def _coverage(command: Command, depth: int) -> Invocation | None:
    if command.words[1:2] != ("run",):
        return None
    return _inside(command, ("python", *command.words[2:]), depth, "coverage")


_UV_OPTIONS = (
    *("--with", "--python", "-p", "--extra", "--group", "--directory", "--project", "--env-file", "--index", "--from"),
    *(
        "--with-requirements",
        "--with-editable",
        "--package",
        "--index-url",
        "--only-group",
        "--no-group",
        "--config-file",
    ),
)
_ENVIRONMENT_OPTIONS = (
    "-n",
    "--name",
    "-p",
    "--prefix",
    "--cwd",
    "-e",
    "--environment",
    "--manifest-path",
    "-C",
    "--directory",
)

_WRAPPERS: dict[str, Callable[[Command, int], Invocation | None]] = {
    **dict.fromkeys(
        ("torchrun", "deepspeed", "spark-submit", "horovodrun", "accelerate-launch", "script-runner"), _launcher
    ),
    **dict.fromkeys(
        ("mpirun", "mpiexec", "srun", "kernprof", "viztracer", "scalene", "composer", "databricks"), _launcher
    ),
    "accelerate": _verb_first("launch"),
    **dict.fromkeys(("ray", "anyscale"), _submitted),
    "coverage": _coverage,
    "debugpy": _launcher,
    "uv": _prefix(*_UV_OPTIONS, verb=("run",)),
    "uvx": _prefix(*_UV_OPTIONS),
    **dict.fromkeys(("poetry", "pdm", "rye", "hatch", "pipenv", "pixi"), _prefix(*_ENVIRONMENT_OPTIONS, verb=("run",))),
    **dict.fromkeys(("conda", "mamba", "micromamba"), _prefix(*_ENVIRONMENT_OPTIONS, verb=("run",))),
    **dict.fromkeys(("doppler", "dotenv", "op", "infisical"), _prefix(verb=("run",))),
    "sudo": _prefix("-u", "-g", "-E"),
    "env": _prefix("-u", "-C", "-S"),
    **dict.fromkeys(
        ("nohup", "exec", "command", "eval", "unbuffer", "stdbuf", "ionice", "catchsegv", "tini"), _prefix()
    ),
    **dict.fromkeys(("time", "xvfb-run"), _prefix("-s", "-n", "-f", "-o")),
    "nice": _prefix("-n"),
    "timeout": _prefix("-s", "-k", arguments=1),
    "xargs": _prefix("-n", "-I", "-P", "-L", "-d"),
    **dict.fromkeys(_SHELLS, _shell),
    **dict.fromkeys(("docker", "podman", "docker-compose", "kubectl", "nvidia-docker"), _container),
}
