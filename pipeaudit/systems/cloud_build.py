"""Google Cloud Build: each step is a stage; it waits for its `waitFor`, else for all steps before it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeaudit.model.pipeline import Program
from pipeaudit.read.node import Node
from pipeaudit.system import ConfigSource, Declared, Stage, config_system, order_faults, resolve

_SUBSTITUTION = re.compile(r"\$(?:\{(_\w{1,100})\}|(_[A-Z0-9_]{1,100}))")
_AT_ONCE = "-"  # what `waitFor` holds where a step waits for nothing
_SHELLS = frozenset(("bash", "sh"))
_WORDS_OF_A_NAME = 2


@dataclass(frozen=True, slots=True)
class _Step:
    key: str
    body: Node
    after: tuple[str, ...]


@config_system("cloud-build", "/*cloud*build*.y*ml", "/*cloud*build*.json", containing=(b"steps",))
def stages(source: ConfigSource) -> Iterator[Declared]:
    document = source.document
    bodies = tuple(body for body in document.list("steps") if body.get("name").text)
    if not bodies or document.get("apiVersion"):
        return
    named = [body for body in bodies if body.get("id").text]
    yield from order_faults(source.path, "step", [(body.get("id"), _awaited(body)) for body in named])
    known = {key.raw: value.text for key, value in document.items("substitutions")}
    for step in _ordered(bodies):
        yield Stage(
            name=_name(step.body),
            system="cloud-build",
            at=(step.body.get("id") or step.body).at,
            key=f"{source.path}:{step.key}",
            after=tuple(f"{source.path}:{earlier}" for earlier in step.after),
            runs=tuple(_runs(step.body, known)),
            pipeline=source.path,
        )


def _awaited(body: Node) -> list[Node]:
    return [node for node in body.each("waitFor") if node.text not in ("", _AT_ONCE)]


def _ordered(bodies: tuple[Node, ...]) -> Iterator[_Step]:
    """Steps with what directly precedes them: one without `waitFor` follows all that nobody has waited for yet."""
    keys = [body.get("id").text or f"step {number}" for number, body in enumerate(bodies, 1)]
    known = frozenset(keys)
    ends: dict[str, None] = {}
    for key, body in zip(keys, bodies, strict=True):
        if body.get("waitFor"):
            after = tuple(node.text for node in _awaited(body) if node.text in known)
        else:
            after = tuple(ends)
        for earlier in after:
            ends.pop(earlier, None)
        ends[key] = None
        yield _Step(key, body, after)


def _name(body: Node) -> str:
    """The step's own name, else the tool of its image with its verb: `docker build`."""
    if name := body.get("id").text:
        return name
    words = [word for word in body.strings("args") if not word.startswith("-") and " " not in word]
    entry = body.get("entrypoint").text.rpartition("/")[2]
    is_shell = entry in _SHELLS or body.get("script").text
    return _image(body) if is_shell else " ".join([entry or _image(body), *words[: _WORDS_OF_A_NAME - 1]])


def _image(body: Node) -> str:
    return body.get("name").text.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _runs(body: Node, known: Mapping[str, str]) -> Iterator[Program]:
    folder = resolve("", _filled(body.get("dir").text, known) or ".")
    if script := body.get("script").text:
        yield Program(command=script, folder=folder)
        return
    tool = body.get("entrypoint").text or _image(body)
    words = [_filled(word, known) for word in body.strings("args")]
    if tool.rpartition("/")[2] in _SHELLS and len(words) > 1 and words[0].startswith("-"):
        yield Program(command="\n".join(words[1:]), folder=folder)
    elif words:
        yield Program(command=shlex.join([tool, *words]), folder=folder)


def _filled(text: str, known: Mapping[str, str]) -> str:
    """The text with what the file itself says of `$_NAME`; a trigger may say otherwise."""
    return _SUBSTITUTION.sub(lambda match: known.get(match[1] or match[2]) or match[0], text)
