"""The repository's code behind a command: `cd src && uv run python -m pkg.train --lr 1` runs src/pkg/train.py with
`--lr 1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import join, normpath

from pipeaudit.located import located
from pipeaudit.model.pipeline import Program
from pipeaudit.read.invocation import Invocation
from pipeaudit.sources import Sources

# What every command that leads to a file of the repository has somewhere: most have nothing of it.
_LEADING = re.compile(r"\.(?:py|ipynb|sh|bash|R|r|jl)\b|\s-m\s|\bg?make\b|\bmlflow\b|\bsubmit\b|\w:\w")
MAX_COMMAND = 20_000
MAX_PROGRAMS = 64
MAX_DEPTH = 3


def programs(command: str, sources: Sources, folder: str = "", depth: int = 0) -> tuple[Program, ...]:
    """The programs that a shell text runs, in order, each once; shell scripts and make targets are followed."""
    if not _LEADING.search(command[:MAX_COMMAND]):
        return ()
    from pipeaudit.read.program import invocations

    found: dict[Program, None] = {}
    for invocation in invocations(command[:MAX_COMMAND]):
        for program in _programs(invocation, sources, folder, depth):
            found.setdefault(program, None)
            if len(found) >= MAX_PROGRAMS:
                return tuple(found)
    return tuple(found)


def _programs(invocation: Invocation, sources: Sources, folder: str, depth: int) -> Iterator[Program]:
    where = _under(folder, invocation.folder)
    if invocation.kind in ("script", "notebook", "shell"):
        path = located(invocation.target, where, sources)
        if path is None:
            return
        yield Program(path, invocation.function, invocation.arguments, invocation.text, where)
        if invocation.kind == "shell" and depth < MAX_DEPTH:
            yield from programs(sources.text(path), sources, where, depth + 1)
    elif invocation.kind == "module":
        path = _module(invocation.target, where, sources)
        if path is not None:
            yield Program(path, "", invocation.arguments, invocation.text, where)
    elif invocation.kind == "make" and depth < MAX_DEPTH:
        yield from _made(invocation.target, where, sources, depth)
    elif invocation.kind == "mlflow" and depth < MAX_DEPTH:
        yield from _entry_point(invocation, where, sources, depth)
    elif invocation.kind == "ray" and depth < MAX_DEPTH:
        path = _under(where, invocation.target)
        for document in sources.yaml(path) if path in sources else ():
            yield from programs(document.get("entrypoint").text, sources, where, depth + 1)


def _under(folder: str, moved: str) -> str:
    if moved.startswith(("/", "~", "$", "{")):
        return moved
    joined = normpath(join(folder, moved))
    return "" if joined == "." else joined


def _made(target: str, folder: str, sources: Sources, depth: int) -> Iterator[Program]:
    """What a make target runs, its prerequisites first."""
    from pipeaudit.read import makefile

    path = next((p for name in ("Makefile", "makefile", "GNUmakefile") if (p := join(folder, name)) in sources), None)
    data = None if path is None else sources.data(path)
    if path is None or data is None:
        return
    parsed = makefile.parse(path, data)
    first = parsed.target(target) if target else parsed.default
    waiting, seen = [first] if first is not None else [], set()
    ordered = []
    while waiting:
        current = waiting.pop()
        if current.name in seen:
            continue
        seen.add(current.name)
        ordered.append(current)
        waiting += [made for name in current.prerequisites if (made := parsed.target(name)) is not None]
    for current in reversed(ordered):
        yield from programs(current.commands, sources, folder, depth + 1)


def _entry_point(invocation: Invocation, folder: str, sources: Sources, depth: int) -> Iterator[Program]:
    """`mlflow run DIR -e ENTRY` on a project of this repository."""
    project = _under(folder, invocation.target.partition("#")[0] or ".")
    path = join(project, "MLproject")
    for document in sources.yaml(path) if path in sources else ():
        command = document.get("entry_points", invocation.function, "command").text
        yield from programs(command, sources, project, depth + 1)


def _module(dotted: str, folder: str, sources: Sources) -> str | None:
    path = sources.modules.find(dotted, join(folder, "x.py"))
    if path is None:
        return None
    if path.endswith("/__init__.py") or path == "__init__.py":
        main = path.removesuffix("__init__.py") + "__main__.py"
        return main if main in sources else path
    return path if path.endswith(".py") else None
