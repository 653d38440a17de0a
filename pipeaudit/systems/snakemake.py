"""Snakemake: each rule is a stage; an input that fits another rule's output pattern comes from there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice, product
from posixpath import dirname

from pipeaudit.limits import DEFAULT
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Evaluator, Library
from pipeaudit.pyeval.files import PythonFile
from pipeaudit.pyeval.frames import Frame
from pipeaudit.pyeval.values import (
    NOT_KNOWN,
    Bound,
    External,
    Function,
    Model,
    Partial,
    Unknown,
    Value,
    carried,
    elements,
    flat,
    strings,
    text_of,
    unknown,
)
from pipeaudit.read.error import ReadError
from pipeaudit.system import Declared, Problem, Sources, Stage, bounded, repository_system, resolve

_MARKS = frozenset(
    """temp protected directory ancient touch pipe report local repeat unpack temporary ensure service update
    before_update from_queue flag branch""".split()
)
_HELPERS = frozenset(("expand", "multiext", "glob_wildcards", "collect", "lookup", "exists", "subpath", *_MARKS))
_WILDCARD = re.compile(r"\{(?:\w+(?:\.\w+|\[\w+\]){0,4}(?:,[^{}]{0,200}(?:\{\d+(?:,\d*)?\})?[^{}]{0,100})?)?\}")
MAX_RULES = DEFAULT.all_instances

_MAINS = ("Snakefile", "snakefile", "Snakefile.*", "*.snakefile")


@repository_system("snakemake", *_MAINS, "*.smk")
def stages(sources: Sources) -> Iterator[Declared]:
    mains = sources.matching(*_MAINS)
    seen: set[str] = set()
    for path in [*mains, *sources.matching("*.smk")]:
        if path in seen:
            continue
        workflow = _Workflow(sources, path)
        problems: list[Problem] = []
        with bounded(path, problems):
            workflow.run()
        seen |= workflow.files
        yield from workflow.problems
        yield from problems
        yield from _declared(workflow)


class _Files(Model):
    """The input or output of a rule: values in order, some of them named."""

    def __init__(self, values: Sequence[Value], named: dict[str, Value]) -> None:
        self.values = [*values, *named.values()]
        self.named = named

    def elements(self) -> list[Value] | None:
        return list(self.values)

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self.named.get(name, NOT_KNOWN)

    def item(self, key: Value) -> Value:
        if isinstance(key, int) and -len(self.values) <= key < len(self.values):
            return self.values[key]
        return self.named.get(key, NOT_KNOWN) if isinstance(key, str) else NOT_KNOWN


class _Rule(Model):
    def __init__(self, name: str, at: Location, file: str, sections: dict[str, _Files]) -> None:
        self.name = name
        self.at = at
        self.file = file
        self.sections = sections
        self.inputs: list[str] = []
        self.outputs: list[str] = []

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name == "get":
            return _Itself(self)
        return self.sections.get(name, NOT_KNOWN)


class _Itself(Model):
    """`checkpoints.name.get(...)` gives the checkpoint."""

    def __init__(self, rule: _Rule) -> None:
        self.rule = rule

    def call(self, call: Call) -> Value:
        return self.rule


class _Rules(Model):
    def __init__(self, workflow: _Workflow) -> None:
        self.workflow = workflow

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self.workflow.rules.get(name, NOT_KNOWN)


class _Wildcards(Model):
    """What an input function is given: each wildcard stands for itself."""

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return Unknown(text=f"{{{name}}}")

    def item(self, key: Value) -> Value:
        return Unknown(text=f"{{{text_of(key) or ''}}}")


class _Workflow(Library):
    """One Snakefile with all that it includes, run once in one scope, as the engine does."""

    def __init__(self, sources: Sources, path: str) -> None:
        self.sources = sources
        self.path = path
        self.rules: dict[str, _Rule] = {}
        self.modules: dict[str, str] = {}
        self.files: set[str] = set()
        self.problems: list[Problem] = []
        self.prefix = ""
        folder = dirname(path)
        self.folder = dirname(folder) if folder.rpartition("/")[2] == "workflow" else folder
        self.evaluator = Evaluator(sources.modules, self)
        self.names: dict[str, Value] = {
            "config": {},
            "rules": _Rules(self),
            "checkpoints": _Rules(self),
            "workflow": Unknown(),
            **{name: External(f"snakemake.{name}") for name in _HELPERS},
            **{
                name: External(f"snakemake.{name}")
                for name in ("_rule", "_args", "_module", "_use", "_include", "_configfile")
            },
            **{f"_{name}": External("snakemake.nothing") for name in ("workdir", "pepfile", "envvars", "container")},
            **{f"_{name}": External("snakemake.nothing") for name in ("singularity", "containerized")},
        }

    def run(self) -> None:
        self.include(self.path)
        for rule in self.rules.values():
            rule.inputs = self._paths(rule.sections.get("input"))
            rule.outputs = self._paths(rule.sections.get("output"))

    def include(self, path: str) -> None:
        if path in self.files or len(self.files) > 200:
            return
        self.files.add(path)
        file = self._parsed(path)
        if file is None:
            return
        frame = Frame(file, "snakefile", self.names)
        self.evaluator.loaded[path] = frame
        self.evaluator.execute(file.tree.body, frame)

    def _parsed(self, path: str) -> PythonFile | None:
        from pipeaudit.read.python import parse
        from pipeaudit.read.snakefile import to_python

        source = to_python(self.sources.text(path))
        try:
            return PythonFile(path, parse(path, source.encode("utf-8", "replace")), source)
        except ReadError as error:
            self.problems.append(
                Problem(error.path, error.line, error.why.replace("valid Python", "a Snakefile that could be read"))
            )
            return None

    def call(self, call: Call) -> Value:
        scheme, _, name = call.name.rpartition(".")
        if scheme not in ("snakemake", "snakemake.io"):
            return NOT_KNOWN
        if name == "_args":
            return _Files(call.args, call.keywords)
        if name == "_rule":
            self._rule(call)
            return None
        if name == "_module":
            self._module(call)
            return None
        if name == "_use":
            self._use(call)
            return None
        if name == "_include":
            for text in strings(call.args):
                self._include(call, text)
            return None
        if name == "_configfile":
            self._configure(strings(call.args))
            return None
        return self._helper(name, call)

    def _helper(self, name: str, call: Call) -> Value:
        if name in ("expand", "collect"):
            return _expanded(call)
        if name == "multiext":
            base = text_of(call.args[0] if call.args else None)
            return [f"{base}{ending}" for ending in strings(call.args[1:])] if base is not None else unknown(*call.args)
        if name in _MARKS:
            return call.args[0] if call.args else Unknown()
        return unknown(*call.values)

    def _rule(self, call: Call) -> None:
        title = text_of(call.args[0]) or "rule"
        sections = {key: value for key, value in call.keywords.items() if isinstance(value, _Files)}
        given = text_of(sections["name"].values[0]) if "name" in sections and sections["name"].values else None
        self._add(given or title, call, sections)

    def _add(self, name: str, call: Call, sections: dict[str, _Files]) -> None:
        if len(self.rules) < MAX_RULES:
            name = f"{self.prefix}{name}"
            self.rules[name] = _Rule(name, call.at, call.file.path, sections)

    def _module(self, call: Call) -> None:
        files = call.keywords.get("snakefile")
        if isinstance(files, _Files) and files.values and (text := text_of(files.values[0])):
            self.modules[text_of(call.args[0]) or ""] = resolve(dirname(call.file.path), text)

    def _use(self, call: Call) -> None:
        names, module, alias = (text_of(value) or "" for value in call.args[:3])
        sections = {key: value for key, value in call.keywords.items() if isinstance(value, _Files)}
        if module and module in self.modules and module not in self.files:
            path = self.modules[module]
            if path in self.sources and path not in self.files:
                before, self.prefix = self.prefix, alias.replace("*", "") if "*" in alias else ""
                self.include(path)
                self.prefix = before
                return
        if not module and names in self.rules:
            self._add(alias or names, call, {**self.rules[names].sections, **sections})
        elif alias and sections and "*" not in alias:
            self._add(alias, call, sections)

    def _include(self, call: Call, text: str) -> None:
        path = resolve(dirname(call.file.path), text)
        if path in self.sources:
            self.include(path)
        elif "{}" not in path and "://" not in path and not path.startswith(".."):
            self.problems.append(Problem(call.file.path, call.at.line, f"includes `{text}`, which is not there"))

    def _configure(self, paths: list[str]) -> None:
        config = self.names["config"]
        for path in paths:
            for candidate in (resolve(self.folder, path), resolve(dirname(self.path), path)):
                document = self.sources.document(candidate) if candidate in self.sources else None
                plain = None if document is None else document.plain()
                if isinstance(plain, dict) and isinstance(config, dict):
                    config.update(plain)
                    break

    def _paths(self, files: _Files | None) -> list[str]:
        found: list[str] = []
        for value in files.values if files is not None else ():
            if isinstance(value, Function | Bound | Partial):
                value = self.evaluator.call(value, [_Wildcards()])
            for leaf in flat(value):
                if isinstance(leaf, _Files):
                    found += self._paths(leaf)
                elif (text := text_of(leaf)) is not None:
                    found.append(text)
                else:
                    found += [path for part in carried(leaf) if isinstance(part, _Files) for path in self._paths(part)]
        return list(dict.fromkeys(found))


def _expanded(call: Call) -> Value:
    """`expand(pattern, x=[...])`: all combinations; what is not known stays a hole."""
    patterns = strings(call.args[0]) if call.args else []
    zipped = any(isinstance(value, External) and value.name == "builtins.zip" for value in call.args[1:])
    axes: dict[str, list[str]] = {}
    for name, value in call.keywords.items():
        if name == "allow_missing":
            continue
        known = elements(value) if not isinstance(value, str) else [value]
        axes[name] = [text_of(part) or "{}" for part in known] if known is not None else ["{}"]
    rows = zip(*axes.values(), strict=False) if zipped else product(*axes.values())
    combinations = list(islice(rows, DEFAULT.stage_instances)) if axes else [()]
    return [_filled(pattern, dict(zip(axes, row, strict=True))) for pattern in patterns for row in combinations]


def _filled(pattern: str, values: dict[str, str]) -> str:
    text = pattern.replace("{{", "\0").replace("}}", "\1")
    text = re.sub(r"\{(\w+)(?:,[^{}]*)?\}", lambda found: values.get(found.group(1), found.group(0)), text)
    return text.replace("\0", "{").replace("\1", "}")


def _declared(workflow: _Workflow) -> Iterator[Declared]:
    keys = {name: f"{workflow.path}:{name}" for name in workflow.rules}
    producers = [
        (name, pattern)
        for name, rule in workflow.rules.items()
        for output in rule.outputs
        if (pattern := _pattern(output)) is not None
    ]
    for name, rule in workflow.rules.items():
        inputs = [(_WILDCARD.sub("\1", path), path) for path in rule.inputs]
        before = {
            other
            for other, pattern in producers
            if other != name and any(pattern.fullmatch(shape) and _says_enough(shape) for shape, _ in inputs)
        }
        yield Stage(
            name=name,
            system="snakemake",
            at=rule.at,
            key=keys[name],
            reads=tuple(dict.fromkeys(_plain(path) for path in rule.inputs)),
            writes=tuple(dict.fromkeys(_plain(path) for path in rule.outputs)),
            after=tuple(keys[other] for other in workflow.rules if other in before),
            runs=tuple(_runs(workflow, rule)),
            pipeline=workflow.path,
            note="one of many" if any(_WILDCARD.search(path) for path in rule.outputs) else "",
        )


def _plain(path: str) -> str:
    return _WILDCARD.sub("{}", path)


def _says_enough(shape: str) -> bool:
    return len(shape.replace("\1", "").strip("/._-")) >= 2


def _pattern(output: str) -> re.Pattern[str] | None:
    if len(output) > 500 or len(_WILDCARD.findall(output)) > 10 or not _says_enough(_WILDCARD.sub("\1", output)):
        return None
    return re.compile("[^\0]+".join(re.escape(part) for part in _WILDCARD.split(output)))


def _runs(workflow: _Workflow, rule: _Rule) -> Iterator[Program]:
    for section in ("script", "notebook"):
        files = rule.sections.get(section)
        for text in strings(files.values) if files is not None else ():
            path = resolve(dirname(rule.file), text)
            if path in workflow.sources:
                yield Program(path=path, folder=workflow.folder)
    shell = rule.sections.get("shell")
    if shell is not None and (commands := strings(shell.values)):
        yield Program(command="".join(commands), folder=workflow.folder)
