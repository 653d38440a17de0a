"""The script behind a command: `cd src && uv run python -m pkg.train --lr 1` runs src/pkg/train.py with `--lr 1`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from posixpath import basename, join, normpath

from pipeaudit.model.pipeline import Program
from pipeaudit.sources import Sources

MAX_COMMAND = 10_000
MAX_PROGRAMS = 64
_SCRIPTS = (".py", ".ipynb", ".R", ".r", ".sh", ".jl", ".Rmd", ".qmd", ".scala")
_PYTHON = re.compile(r"(python|pypy)[0-9.]*(\.exe)?$")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SEPARATORS = frozenset(("&&", "||", ";", "|", "&", "|&", ";;"))

# Words that run the command after them, with the options of theirs that take a value.
_WRAPPERS: dict[str, frozenset[str]] = {
    "sudo": frozenset(("-u", "-g")),
    "time": frozenset(),
    "nohup": frozenset(),
    "exec": frozenset(),
    "env": frozenset(("-u",)),
    "command": frozenset(),
    "nice": frozenset(("-n",)),
    "timeout": frozenset(("-s", "-k")),
    "xvfb-run": frozenset(),
    "srun": frozenset(("-n", "-p", "-c")),
    "mpirun": frozenset(("-np", "-n", "-x")),
    "horovodrun": frozenset(("-np",)),
    "tini": frozenset(),
    "dumb-init": frozenset(),
    "set": frozenset(),
}
_RUNNERS: dict[tuple[str, ...], frozenset[str]] = {
    ("uv", "run"): frozenset(
        ("--with", "-p", "--python", "--project", "--group", "--extra", "--directory", "--env-file")
    ),
    ("poetry", "run"): frozenset(),
    ("pipenv", "run"): frozenset(),
    ("pdm", "run"): frozenset(),
    ("hatch", "run"): frozenset(),
    ("pixi", "run"): frozenset(("-e", "--environment")),
    ("rye", "run"): frozenset(),
    ("conda", "run"): frozenset(("-n", "--name", "-p", "--prefix")),
    ("mamba", "run"): frozenset(("-n", "--name", "-p", "--prefix")),
    ("micromamba", "run"): frozenset(("-n", "--name", "-p", "--prefix")),
    ("dvc", "exp", "exec"): frozenset(),
}
# Programs whose first argument that is no option is a Python script.
_LAUNCHERS: dict[tuple[str, ...], frozenset[str]] = {
    ("accelerate", "launch"): frozenset(("--config_file", "--num_processes", "--num_machines", "--mixed_precision", "--gpu_ids")),
    ("torchrun",): frozenset(("--nproc_per_node", "--nproc-per-node", "--nnodes", "--node_rank", "--master_addr", "--master_port")),
    ("deepspeed",): frozenset(("--num_gpus", "--include", "--hostfile", "--master_port")),
    ("spark-submit",): frozenset(("--master", "--deploy-mode", "--conf", "--packages", "--jars", "--name", "--py-files", "--driver-memory", "--executor-memory")),
    ("coverage", "run"): frozenset(("--source",)),
    ("streamlit", "run"): frozenset(),
    ("fastapi", "run"): frozenset(),
    ("fastapi", "dev"): frozenset(),
    ("chainlit", "run"): frozenset(),
    ("papermill",): frozenset(("-k", "--kernel", "--cwd")),
    ("jupyter", "nbconvert"): frozenset(("--to", "--output", "--output-dir")),
    ("jupyter", "execute"): frozenset(),
    ("Rscript",): frozenset(("-e",)),
    ("bash",): frozenset(("-c", "-o")),
    ("sh",): frozenset(("-c", "-o")),
    ("zsh",): frozenset(("-c",)),
    ("julia",): frozenset(("-e", "-p", "-t")),
    ("ipython",): frozenset(("-c", "-m")),
    ("quarto", "render"): frozenset(("--to",)),
    ("ray", "job", "submit", "--"): frozenset(),
}  # fmt: skip
_SERVERS = frozenset(("uvicorn", "gunicorn", "hypercorn", "daphne", "celery", "granian"))


def programs(command: str, sources: Sources, folder: str = "") -> tuple[Program, ...]:
    """The repository's programs that a command line runs, in order, each once."""
    found: dict[Program, None] = {}
    for words, where in commands(command, folder):
        for program in _program(words, where, sources):
            found.setdefault(program, None)
            if len(found) >= MAX_PROGRAMS:
                return tuple(found)
    return tuple(found)


def commands(command: str, folder: str = "") -> Iterator[tuple[list[str], str]]:
    """The simple commands of a line or script, each with the folder that it runs in as far as `cd` tells."""
    for line in _lines(command[:MAX_COMMAND]):
        current: list[str] = []
        for word in [*_words(line), ";"]:
            if word not in _SEPARATORS:
                current.append(word)
                continue
            if current and current[0] == "cd" and len(current) > 1:
                folder = _moved(folder, current[1])
            elif current:
                yield current, folder
            current = []


def _moved(folder: str, path: str) -> str:
    if path.startswith(("/", "~", "$")):
        return path if path.startswith("/") else folder
    moved = normpath(join(folder, path))
    return "" if moved == "." else moved


def _lines(command: str) -> list[str]:
    return command.replace("\\\r\n", " ").replace("\\\n", " ").split("\n")


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    try:
        return list(lexer)
    except ValueError:  # a quote that the line does not close
        return line.split()


def _program(words: list[str], folder: str, sources: Sources) -> Iterator[Program]:
    words = _unwrapped(words)
    if not words:
        return
    command = " ".join(words)
    name = basename(words[0])
    if name in ("bash", "sh", "zsh") and "-c" in words[:4] and words.index("-c") + 1 < len(words):
        yield from programs(words[words.index("-c") + 1], sources, folder)
        return
    found = _launched(name, words, folder, sources)
    if found is None:
        return
    path, rest = found
    yield Program(path=path, arguments=tuple(rest), command=command, folder=folder)


def _unwrapped(words: list[str]) -> list[str]:
    """The command without assignments and the programs that only start another."""
    for _ in range(10):
        while words and (_ASSIGNMENT.match(words[0]) or words[0] in ("!", "(", "{", "then", "do", "if", "@", "-")):
            words = words[1:]
        if not words:
            return []
        words = [words[0].lstrip("@"), *words[1:]]  # make's sign for a silent command
        name = basename(words[0])
        if name in _WRAPPERS:
            rest = _after_options(words[1:], _WRAPPERS[name])
            words = rest[1:] if name == "timeout" else rest
            continue
        for prefix, options in _RUNNERS.items():
            if tuple(words[: len(prefix)]) == prefix:
                words = _after_options(words[len(prefix) :], options)
                break
        else:
            return words
    return words


def _after_options(words: list[str], with_value: frozenset[str]) -> list[str]:
    position = 0
    while position < len(words) and words[position].startswith("-"):
        if words[position] == "--":
            return words[position + 1 :]
        position += 2 if words[position] in with_value else 1
    return words[position:]


def _launched(name: str, words: list[str], folder: str, sources: Sources) -> tuple[str, list[str]] | None:
    if _PYTHON.match(name):
        return _python(words[1:], folder, sources)
    for prefix, options in _LAUNCHERS.items():
        if tuple([name, *words[1 : len(prefix)]]) == prefix:
            if "-m" in words and name in ("torchrun", "coverage", "accelerate", "deepspeed"):
                return _python(words[words.index("-m") :], folder, sources)
            return _first_script(words[len(prefix) :], options, folder, sources)
    if name in _SERVERS:
        return _served(words[1:], folder, sources)
    if words[0].endswith(_SCRIPTS):
        path = located(words[0], folder, sources)
        return None if path is None else (path, words[1:])
    return None


def _python(words: list[str], folder: str, sources: Sources) -> tuple[str, list[str]] | None:
    position = 0
    while position < len(words) and words[position].startswith("-"):
        if words[position] == "-m" and position + 1 < len(words):
            module = words[position + 1]
            if module in ("torch.distributed.launch", "torch.distributed.run", "coverage", "pdb", "cProfile"):
                return _first_script(words[position + 2 :], frozenset(), folder, sources)
            path = _module(module, folder, sources)
            return None if path is None else (path, words[position + 2 :])
        if words[position] == "-c":
            return None
        position += 2 if words[position] in ("-W", "-X") else 1
    if position >= len(words):
        return None
    path = located(words[position], folder, sources)
    return None if path is None else (path, words[position + 1 :])


def _module(dotted: str, folder: str, sources: Sources) -> str | None:
    path = sources.modules.find(dotted, join(folder, "x.py"))
    if path is None:
        return None
    if path.endswith("/__init__.py"):
        main = path.removesuffix("__init__.py") + "__main__.py"
        return main if main in sources else path
    return path if path.endswith(".py") else None


def _first_script(
    words: list[str], options: frozenset[str], folder: str, sources: Sources
) -> tuple[str, list[str]] | None:
    for position, word in enumerate(words):
        before = words[position - 1] if position else ""
        if word.endswith(_SCRIPTS) and before not in options:
            path = located(word, folder, sources)
            if path is not None:
                return path, words[position + 1 :]
    return None


def _served(words: list[str], folder: str, sources: Sources) -> tuple[str, list[str]] | None:
    """`uvicorn package.module:app`."""
    for position, word in enumerate(words):
        if re.fullmatch(r"[A-Za-z_][\w.]*:[\w.()]+", word):
            path = _module(word.partition(":")[0], folder, sources)
            if path is not None:
                return path, words[position + 1 :]
    return None


def located(path: str, folder: str, sources: Sources) -> str | None:
    """A script's path in the repository: from the folder, else from the root, else by the only file that ends so.

    Containers and runners see the tree under other roots (`/app/src/train.py`, `$GITHUB_WORKSPACE/train.py`).
    """
    plain = normpath(path.replace("\\", "/"))
    for candidate in (normpath(join(folder, plain)), plain):
        if candidate in sources:
            return candidate
    parts = [part for part in plain.split("/") if part not in ("", ".", "..")]
    if any(part.startswith("$") for part in parts) or plain.startswith(("/", "..")) or len(parts) > 1:
        for start in range(1, len(parts)):
            tail = "/".join(parts[start:])
            if tail in sources:
                return tail
    name = parts[-1] if parts else ""
    fitting = sources.ending(name)
    return fitting[0] if len(fitting) == 1 else None
