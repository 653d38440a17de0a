"""GitLab CI: each job is a stage; it waits for its `needs`, else for all jobs of the stage before its own."""

from __future__ import annotations

from collections.abc import Iterator

from pipeaudit.model.pipeline import Program
from pipeaudit.read.node import Node
from pipeaudit.system import ConfigSource, Declared, Problem, Stage, config_system

_STAGES = (".pre", "build", "test", "deploy", ".post")
_KEYWORDS = frozenset(
    """default include stages variables workflow image services before_script after_script cache pages:deploy
    spec""".split()
)
MAX_EXTENDS = 10


@config_system("gitlab-ci", ".gitlab-ci.yml", ".gitlab-ci.yaml")
def stages(source: ConfigSource) -> Iterator[Declared]:
    entries: dict[str, tuple[Node, Node]] = {}
    listed: tuple[str, ...] = ()
    for path in _files(source):
        for document in source.sources.yaml(path):
            listed = document.strings("stages") or listed
            for key, body in document.entries:
                if body.is_mapping and key.raw not in _KEYWORDS:
                    entries[key.raw] = (key, body)
    jobs = {name: _extended(body, entries) for name, (_, body) in entries.items() if not name.startswith(".")}
    jobs = {name: bodies for name, bodies in jobs.items() if _first(bodies, "script") or _first(bodies, "trigger")}
    order = [".pre", *(listed or _STAGES[1:4]), ".post"]
    by_stage: dict[str, list[str]] = {}
    for name, bodies in jobs.items():
        by_stage.setdefault(_first(bodies, "stage").text or "test", []).append(name)
    for name, bodies in jobs.items():
        key = entries[name][0]
        stage = _first(bodies, "stage").text or "test"
        if stage not in order:
            yield Problem(key.path, key.line, f"job `{name}` is in stage `{stage}`, which `stages` does not list")
        needs = _first(bodies, "needs")
        after = _needs(needs) if needs else _earlier(stage, order, by_stage)
        yield Stage(
            name=name,
            system="gitlab-ci",
            at=key.at,
            key=f"{source.path}:{name}",
            writes=tuple(_plain(_first(bodies, "artifacts").strings("paths"))),
            after=tuple(f"{source.path}:{earlier}" for earlier in after if earlier in jobs),
            runs=tuple(Program(command=line) for line in _script(bodies)),
            pipeline=source.path,
        )


def _files(source: ConfigSource) -> list[str]:
    """The file and its local includes, which come first: what they define may be overridden."""
    included = [item.text or item.get("local").text for item in source.document.each("include")]
    found = [source.resolve(path.lstrip("/")) for path in included if path and "://" not in path]
    return [*(path for path in found if path in source.sources), source.path]


def _extended(body: Node, entries: dict[str, tuple[Node, Node]]) -> list[Node]:
    """A job and what it extends, nearest first."""
    found: list[Node] = []
    waiting = [body]
    while waiting and len(found) < MAX_EXTENDS:
        current = waiting.pop(0)
        found.append(current)
        waiting += [entries[name][1] for name in reversed(current.strings("extends")) if name in entries]
    return found


def _first(bodies: list[Node], key: str) -> Node:
    return next((body.get(key) for body in bodies if body.get(key)), bodies[0].get(key))


def _needs(needs: Node) -> list[str]:
    return [item.text or item.get("job").text for item in needs.each()]


def _earlier(stage: str, order: list[str], by_stage: dict[str, list[str]]) -> list[str]:
    if stage not in order:
        return []
    for name in reversed(order[: order.index(stage)]):
        if name in by_stage:
            return by_stage[name]
    return []


def _script(bodies: list[Node]) -> Iterator[str]:
    for key in ("before_script", "script"):
        for item in _first(bodies, key).walk():
            if item.is_scalar and item.text:
                yield item.text


def _plain(paths: tuple[str, ...]) -> Iterator[str]:
    for path in paths:
        plain = path.removesuffix("/**/*").removesuffix("/**").removesuffix("/*")
        yield plain.replace("*", "{}") if "$" not in plain else "{}"
