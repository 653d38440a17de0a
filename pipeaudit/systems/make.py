"""Makefiles: a target that makes a file or runs code of the repository is a stage, its prerequisites come before it."""

from __future__ import annotations

from collections.abc import Iterator

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program
from pipeaudit.read import makefile
from pipeaudit.read.makefile import Makefile, Target
from pipeaudit.read.program import invocations
from pipeaudit.system import ConfigSource, Declared, Stage, config_system

_CODE = frozenset(("script", "notebook", "module", "dvc", "mlflow", "kedro", "ray"))
_CHORES = frozenset(
    """clean install lint format test tests help docs build venv env setup requirements check all publish release
    coverage typecheck mypy black ruff flake8 isort pre-commit""".split()
)


@config_system("make", "Makefile", "makefile", "GNUmakefile", "*.mk")
def stages(source: ConfigSource) -> Iterator[Declared]:
    data = source.sources.data(source.path)
    if data is None:
        return
    parsed = makefile.parse(source.path, data)
    wanted = {target.name: target for target in parsed.targets if _is_stage(target)}
    for name, target in wanted.items():
        before = _before(parsed, target, wanted)
        yield Stage(
            name=name,
            system="make",
            at=Location(source.path, target.line),
            key=f"{source.path}:{name}",
            reads=tuple(source.resolve(p) for p in target.prerequisites if _is_file(parsed, p) and "%" not in p),
            writes=(source.resolve(name),) if _is_file(parsed, name) and "%" not in name else (),
            after=tuple(f"{source.path}:{other}" for other in before),
            runs=(Program(command=target.commands, folder=source.folder),),
            pipeline=source.path,
        )


def _is_stage(target: Target) -> bool:
    if not target.recipe or target.name.startswith(".") or target.name.lower() in _CHORES:
        return False
    return any(one.kind in _CODE for one in invocations(target.commands))


def _is_file(parsed: Makefile, name: str) -> bool:
    target = parsed.target(name)
    if target is not None and target.phony:
        return False
    return "/" in name or "." in name.rpartition("/")[2].strip(".")


def _before(parsed: Makefile, target: Target, wanted: dict[str, Target]) -> list[str]:
    """The nearest stages among the prerequisites, through targets that only gather others."""
    found: dict[str, None] = {}
    waiting, seen = list(target.prerequisites), {target.name}
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if name in wanted:
            found[name] = None
        elif (inner := parsed.target(name)) is not None:
            waiting += inner.prerequisites
    return list(found)
