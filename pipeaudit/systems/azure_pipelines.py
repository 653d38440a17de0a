"""Azure Pipelines: each job is a stage, with the steps of the templates that lie in the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import basename, dirname

from pipeaudit.model.pipeline import Program, StageKind
from pipeaudit.nesting import Item, flatten
from pipeaudit.read.node import Node
from pipeaudit.system import ConfigSource, Declared, Problem, Sources, Stage, config_system, order_faults, resolve

_MARKS = (b"vmImage:", b"pool:", b"- task:", b"- stage:", b"- deployment:")
_TOP = (b"stages:", b"jobs:", b"steps:", b"extends:")
_OF_A_PIPELINE = ("trigger", "pr", "pool", "schedules", "resources", "extends")
_ENTRIES = frozenset("stage job deployment template task script bash pwsh powershell checkout publish download".split())
_SHELLS = ("script", "bash", "pwsh", "powershell")
_HOOKS = ("preDeploy", "deploy", "routeTraffic", "postRouteTraffic")
_HERE = (
    "$(Build.SourcesDirectory)",
    "$(System.DefaultWorkingDirectory)",
    "$(Build.Repository.LocalPath)",
    "$(Pipeline.Workspace)/s",
    "$(Agent.BuildDirectory)/s",
)
_PARAMETER = re.compile(r"\$\{\{ {0,4}parameters(?:\.([\w-]{1,100})|\['([\w-]{1,100})'\]) {0,4}\}\}")
_MAX_DEPTH = 20
_MAX_ENTRIES = 2_000


@config_system("azure-pipelines", "*.yml", "*.yaml", containing=_MARKS)
def stages(source: ConfigSource) -> Iterator[Declared]:
    data = source.sources.data(source.path) or b""
    if not data.startswith(_TOP) and not any(b"\n" + mark in data for mark in _TOP):
        return  # before it is parsed: the marks stand in many a large file of others
    document = source.document
    if not _is_pipeline(source.path, document):
        return
    expander = _Expander(source.sources)
    top = _Entry(document, source.path, _parameters(document, document.get(""), {}))
    if document.get("extends", "template"):
        items = _stages(expander.included(document.get("extends"), top, "stages"), expander)
    elif document.list("stages"):
        items = _stages(expander.entries(top, "stages"), expander)
    elif document.list("jobs"):
        items = _jobs(expander.entries(top, "jobs"), expander, "")
    else:
        items = [Item(document.get("name").text or basename(source.path).rpartition(".")[0], data=top)]
    yield from _declared(source, document, items, expander)
    yield from expander.problems


def _is_pipeline(path: str, document: Node) -> bool:
    """Whether an engine starts this file itself: one that only others include has neither a trigger nor a pool."""
    started = any(document.get(key) for key in _OF_A_PIPELINE)
    named = basename(path).startswith(("azure-pipeline", ".azure-pipeline")) and not document.get("parameters")
    if not (started or named):
        return False
    entries = [entry for key in ("stages", "jobs", "steps") for entry in document.list(key)]
    return bool(document.get("extends", "template").text) or any(
        key.raw in _ENTRIES or key.raw.startswith("${{") for entry in entries for key, _ in entry.entries
    )


def _stages(entries: list[_Entry], expander: _Expander) -> list[Item]:
    """Stages as groups of their jobs; one that says nothing of its order waits for the one before it."""
    items: list[Item] = []
    for entry in entries:
        name = entry.body.get("stage").text or entry.unknown or f"stage {len(items) + 1}"
        waits = _waits(entry) if entry.body.get("dependsOn") else tuple(item.name for item in items[-1:])
        inside = None if entry.unknown else _jobs(expander.entries(entry, "jobs"), expander, name)
        items.append(Item(name, waits, inside or None, entry))
    expander.problems += _faults(entries, "stage", "stage")
    return items


def _jobs(entries: list[_Entry], expander: _Expander, stage: str) -> list[Item]:
    items: list[Item] = []
    for entry in entries:
        own = entry.body.get("job").text or entry.body.get("deployment").text
        name = own or entry.unknown or entry.body.get("displayName").text or stage or f"job {len(items) + 1}"
        items.append(Item(name, _waits(entry), None, entry))
    expander.problems += _faults(entries, "job", "job", "deployment")
    return items


def _waits(entry: _Entry) -> tuple[str, ...]:
    return tuple(_filled(name, entry.given) for name in entry.body.strings("dependsOn"))


def _faults(entries: list[_Entry], what: str, *keys: str) -> list[Problem]:
    """What is wrong with the order, unless part of it is unknown: a template elsewhere, a name made up when it runs."""
    named: list[tuple[Node, tuple[Node, ...]]] = []
    taken: set[str] = set()
    for entry in entries:
        name = next((entry.body.get(key) for key in keys if entry.body.get(key).text), entry.body.get(keys[0]))
        if not (entry.conditional and name.text in taken):  # of two branches, one is there
            named.append((name, entry.body.each("dependsOn")))
        taken.add(name.text)
    texts = [node.text for name, awaited in named for node in (name, *awaited)]
    if any(entry.unknown for entry in entries) or any("$" in text for text in texts):
        return []
    return list(order_faults(entries[0].path, what, [pair for pair in named if pair[0].text])) if entries else []


def _declared(source: ConfigSource, document: Node, items: list[Item], expander: _Expander) -> Iterator[Stage]:
    leaves = flatten(items)
    keys = [f"{source.path}:{'/'.join((*leaf.path, leaf.name))}" for leaf in leaves]
    schedule = ", ".join(node.get("cron").text for node in document.list("schedules") if node.get("cron").text)
    steps = [_steps(leaf.data, expander) for leaf in leaves]
    read = {name for own in steps for name in _artifacts(own, "download")}
    for key, leaf, own in zip(keys, leaves, steps, strict=True):
        entry: _Entry = leaf.data
        yield Stage(
            name=leaf.name,
            system="azure-pipelines",
            at=entry.body.at,
            key=key,
            reads=tuple(f"azure:{source.path}#{name}" for name in _artifacts(own, "download")),
            writes=tuple(f"azure:{source.path}#{name}" for name in _artifacts(own, "publish") if name in read),
            after=tuple(keys[earlier] for earlier in leaf.after),
            runs=tuple(program for step in own for program in _runs(step)),
            kind=StageKind.DEPLOYMENT if entry.body.get("deployment") else None,
            pipeline=source.path,
            note=_note(entry, own, schedule),
        )


def _note(entry: _Entry, steps: list[_Entry], schedule: str) -> str:
    missing = dict.fromkeys(step.unknown for step in (entry, *steps) if step.unknown)
    said = [f"`{name}` is not part of this repository" for name in missing]
    if entry.conditional:
        said.append("there under a condition only")
    if any(step.body.get("task").text.startswith("ManualValidation") for step in steps):
        said.append("waits for a person")
    return "; ".join([*said, *([f"on the schedule {schedule}"] if schedule else [])])


def _steps(entry: _Entry, expander: _Expander) -> list[_Entry]:
    """The steps of a job, in the order of a deployment's hooks where it has some."""
    if entry.unknown:
        return []
    found = expander.entries(entry, "steps")
    for _, strategy in entry.body.items("strategy"):
        for hook in _HOOKS:
            found += expander.entries(_Entry(strategy.get(hook), entry.path, entry.given), "steps")
    return found


def _runs(step: _Entry) -> Iterator[Program]:
    body, given = step.body, step.given
    inputs = {key.raw.lower(): _filled(value.text, given) for key, value in body.items("inputs")}
    where = _filled(body.get("workingDirectory").text, given) or inputs.get("workingdirectory", "")
    folder = resolve("", _here(where) or ".")
    task = body.get("task").text.partition("@")[0].lower()
    written = next((body.get(key).text for key in _SHELLS if body.get(key).text), "")
    path = inputs.get("scriptpath") or inputs.get("filepath") or ""
    if written:
        yield Program(command=_filled(written, given), folder=folder)
    elif task == "pythonscript":
        if path:
            yield Program(command=f"python {_here(path)} {inputs.get('arguments', '')}".strip(), folder=folder)
    elif inline := inputs.get("inlinescript") or inputs.get("script"):
        yield Program(command=inline, folder=folder)
    elif path:
        shell = "pwsh" if path.endswith(".ps1") else "bash"
        yield Program(command=f"{shell} {_here(path)} {inputs.get('arguments', '')}".strip(), folder=folder)


def _here(path: str) -> str:
    """A path as it is written from the top of the repository."""
    for variable in _HERE:
        if path.lower().startswith(variable.lower()):
            return path[len(variable) :].lstrip("/\\") or "."
    return path


def _artifacts(steps: list[_Entry], verb: str) -> list[str]:
    """Names of the artifacts that steps publish or download within this pipeline."""
    found: dict[str, None] = {}
    for step in steps:
        body = step.body
        task = body.get("task").text.partition("@")[0].lower()
        inputs = {key.raw.lower(): value.text for key, value in body.items("inputs")}
        name = ""
        if body.get(verb).text not in ("", "none"):
            name = body.get("artifact").text
        elif task.startswith(verb) and task.endswith(("pipelineartifact", "buildartifacts")):
            elsewhere = inputs.get("source") == "specific" or inputs.get("buildtype") == "specific"
            name = "" if elsewhere else inputs.get("artifact") or inputs.get("artifactname") or ""
        if name:
            found[_filled(name, step.given)] = None
    return list(found)


@dataclass(frozen=True, slots=True)
class _Entry:
    """An element of `stages`, `jobs` or `steps`, with the file it stands in and the parameters of its template.

    `unknown` names a template whose content is not here; `conditional` tells that an expression decides whether the
    element is there at all.
    """

    body: Node
    path: str
    given: Mapping[str, str] = field(default_factory=dict)
    unknown: str = ""
    conditional: bool = False


def _filled(text: str, given: Mapping[str, str]) -> str:
    """The text with the parameters that are known."""
    return _PARAMETER.sub(lambda match: given.get(match[1] or match[2], match[0]), text) if "${{" in text else text


@dataclass(slots=True)
class _Expander:
    """Follows templates within the repository, each not into itself; `problems` are those that can't be found."""

    sources: Sources
    problems: list[Problem] = field(default_factory=list)
    _made: int = 0

    def entries(self, holder: _Entry, key: str) -> list[_Entry]:
        """All elements of a list, those of its templates in their places."""
        found: list[_Entry] = []
        for element in holder.body.list(key):
            self._add(element, holder, key, found, (holder.path,), holder.conditional)
        return found

    def included(self, reference: Node, holder: _Entry, key: str) -> list[_Entry]:
        """The elements that `template: path` stands for."""
        found: list[_Entry] = []
        self._include(reference, holder, key, found, (holder.path,), holder.conditional)
        return found

    def _add(
        self, body: Node, holder: _Entry, key: str, found: list[_Entry], trail: tuple[str, ...], conditional: bool
    ) -> None:
        self._made += 1
        if self._made > _MAX_ENTRIES or len(trail) > _MAX_DEPTH:
            return
        if body.get("template").text:
            self._include(body, holder, key, found, trail, conditional)
        elif len(body.entries) == 1 and body.entries[0][0].raw.startswith("${{"):
            for element in body.entries[0][1].elements:
                self._add(element, holder, key, found, (*trail, holder.path), True)
        elif body.is_scalar:
            name = _filled(body.text, holder.given)
            if name:
                found.append(_Entry(body, holder.path, holder.given, unknown=name, conditional=conditional))
        else:
            found.append(_Entry(body, holder.path, holder.given, conditional=conditional))

    def _include(
        self, body: Node, holder: _Entry, key: str, found: list[_Entry], trail: tuple[str, ...], conditional: bool
    ) -> None:
        written = _filled(body.get("template").text, holder.given)
        name, _, repository = written.partition("@")
        path = name.lstrip("/") if name.startswith("/") else resolve(dirname(holder.path), name)
        document = self.sources.document(path) if repository in ("", "self") and path in self.sources else None
        if document is None or path in trail[1:] or path == holder.path:
            if repository in ("", "self") and "$" not in name and path not in self.sources:
                at = body.get("template")
                self.problems.append(Problem(holder.path, at.line, f"template `{written}` is not in the tree"))
            found.append(_Entry(body, holder.path, holder.given, unknown=written, conditional=conditional))
            return
        inner = _Entry(document, path, _parameters(document, body, holder.given), conditional=conditional)
        for element in document.list(key):
            self._add(element, inner, key, found, (*trail, path), conditional)


def _parameters(document: Node, body: Node, outer: Mapping[str, str]) -> dict[str, str]:
    """What a template is given, over what it takes where nothing is given."""
    declared = document.get("parameters")
    known = {key.raw: value.text for key, value in declared.entries if value.is_scalar}
    known |= {entry.get("name").text: entry.get("default").text for entry in declared.elements if entry.get("default")}
    known |= {key.raw: _filled(value.text, outer) for key, value in body.items("parameters") if value.is_scalar}
    return known
