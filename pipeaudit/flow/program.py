"""Programs: each module or notebook of a repository run once, top to bottom, then what nobody called on its own."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pipeaudit.apis import Knowledge
from pipeaudit.flow.calls import instance
from pipeaudit.flow.events import Events, is_test
from pipeaudit.flow.imports import names_of
from pipeaudit.flow.interpret import Interpreter, OutOfSteps
from pipeaudit.flow.rows import Rows
from pipeaudit.flow.scopes import Module, Scope
from pipeaudit.flow.values import ClassRef, Closure, Value
from pipeaudit.model.finding import Problem
from pipeaudit.model.location import Location
from pipeaudit.read.python import Function, PythonFacts

STEPS = 2_000_000
_DEEPEST_ALONE = 4  # a function that nobody calls is run with unknown arguments: what lies deep below says little
_DEEPEST_TEST = 1  # what a test calls says what is tested; what happens inside is that code's own program


class Unreadable(Exception):
    """A file that looked like one to import can't be read: whoever reads files on demand begins anew without it."""


class Modules:
    """Finds the module that an import means: relative to the importing file, or from one of the source roots."""

    def __init__(self, facts: Mapping[str, PythonFacts]) -> None:
        self.facts = facts
        self._by_name: dict[str, list[str]] = {}
        self._found: dict[tuple[str, str], str | None] = {}
        for path in sorted(facts):
            if path.endswith(".py"):
                dotted = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                parts = dotted.split(".")
                for start in range(len(parts)):
                    self._by_name.setdefault(".".join(parts[start:]), []).append(path)
        self._folders = {f for p in facts if p.endswith(".py") for f in _parents(p)}

    def path_of(self, importer: str, dotted: str) -> str | None:
        """The file behind `dotted` (leading dots for relative imports) as `importer` would import it."""
        known = self._found.get((importer, dotted), "")
        if known != "":
            return known
        found = self._found[(importer, dotted)] = self._search(importer, dotted)
        return found

    def _search(self, importer: str, dotted: str) -> str | None:
        folder = posixpath.dirname(importer)
        level = len(dotted) - len(dotted.lstrip("."))
        name = dotted[level:]
        if level or importer.endswith("/"):
            base = folder if not importer.endswith("/") else importer.rstrip("/")
            for _ in range(max(level, 1) - 1):
                base = posixpath.dirname(base)
            return self._file(posixpath.join(base, name.replace(".", "/")) if name else base)
        beside = self._file(posixpath.join(folder, name.replace(".", "/")))
        if beside is not None and beside != importer:
            return beside
        candidates = [p for p in self._by_name.get(name, ()) if p != importer]
        return min(candidates, key=lambda p: (_distance(folder, p), p), default=None)

    def _file(self, stem: str) -> str | None:
        stem = posixpath.normpath(stem) if stem else "."
        for path in (f"{stem}.py", f"{stem}/__init__.py" if stem != "." else "__init__.py"):
            if path in self.facts:
                return path
        return None


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]


def _distance(folder: str, path: str) -> int:
    """How far a file is from a folder: steps up and down the tree."""
    mine, theirs = folder.split("/") if folder else [], path.split("/")[:-1]
    common = 0
    while common < min(len(mine), len(theirs)) and mine[common] == theirs[common]:
        common += 1
    return len(mine) + len(theirs) - 2 * common


class Runner:
    """Runs programs of one repository with one body of knowledge.

    `load_config(path)` gives the plain content of a YAML, JSON or TOML file of the repository, or None. `machine` makes
    the interpreter of a program.
    """

    def __init__(
        self,
        facts: Mapping[str, PythonFacts],
        knowledge: Knowledge,
        load_config: Callable[[str], object | None] = lambda path: None,
        steps: int = STEPS,
        machine: Callable[..., Interpreter] = Interpreter,
    ) -> None:
        self.machine = machine
        self.modules = Modules(facts)
        self.facts = facts
        self.knowledge = knowledge
        self.load_config = load_config
        self.steps = steps
        self.problems: list[Problem] = []
        self.unfinished: set[str] = set()
        self.entered_elsewhere: set[Function] = set()

    def top(self, path: str) -> Interpreter:
        """Runs a module or notebook from its first statement to its last."""
        made: dict[str, Module] = {}

        def find(request: str) -> Module | None:
            importer, _, dotted = request.rpartition(":")
            target = self.modules.path_of(importer, dotted)
            if target is None:
                return None
            if target not in made:
                made[target] = Module(target, self.facts[target])
            return made[target]

        machine = self.machine(path, self.knowledge, find, self.steps)
        machine.modules = made
        folder = posixpath.dirname(path)
        machine.load_config = lambda name: self._config(folder, name)
        facts = self.facts[path]
        module = made[path] = Module(path, facts)
        scope = module.scope = Scope(module)
        with self._as_far_as_it_goes(path):
            for block in facts.blocks:
                scope.cell = block.cell
                if facts.is_notebook or len(facts.blocks) > 1:
                    machine.run_cell(block.body, scope)
                else:
                    machine.run(block.body, scope)
        self.entered_elsewhere.update(machine.entered)
        machine.module = module
        machine.started = len(machine.events)
        return machine

    def _config(self, folder: str, name: str) -> object | None:
        for candidate in dict.fromkeys((posixpath.normpath(name), posixpath.normpath(posixpath.join(folder, name)))):
            if not candidate.startswith("..") and not candidate.startswith("/"):
                loaded = self.load_config(candidate)
                if loaded is not None:
                    return loaded
        return None

    def uncalled(self, machine: Interpreter) -> None:
        """Runs the functions and methods of a module that no program stepped into, on unknown arguments."""
        module = machine.module
        assert module is not None
        assert module.scope is not None
        machine.deepest = _DEEPEST_TEST if is_test(module.path) else _DEEPEST_ALONE
        with self._as_far_as_it_goes(module.path):
            for function, closure, owner in _definitions(module.scope, module.path):
                if function in self.entered_elsewhere or function in machine.entered:
                    continue
                _run_alone(machine, function, closure, owner)

    @contextmanager
    def _as_far_as_it_goes(self, path: str) -> Iterator[None]:
        """What ends a program before its last statement is told, and costs that program only."""
        try:
            yield
        except Unreadable:
            raise
        except OutOfSteps:
            why = f"analysis stopped after {self.steps} steps"
        except RecursionError:
            why = "expressions nest too deep"
        except Exception as error:  # noqa: BLE001 # a defect of ours must not hide what other programs do
            why = f"a defect of pipeaudit ends the analysis ({type(error).__name__}: {error})"
        else:
            return
        self.problems.append(Problem(path, 1, f"{why}: the rest of the program is unknown"))
        self.unfinished.add(path)

    def events(self, machine: Interpreter) -> Events:
        module = machine.module
        assert module is not None
        assert module.scope is not None
        functions = tuple(
            (closure.function.name, Location(module.path, f.at[0], f.at[1] + 1))
            for f, closure, _ in _definitions(module.scope, module.path)
        )
        return Events(
            module.path,
            tuple(machine.events),
            machine.rows,
            module.facts.is_notebook,
            True,
            tuple(sorted(machine.external)),
            functions,
            machine.started,
            frozenset(machine.chosen),
            tuple(machine.runs),
            tuple(sorted({d for dotted in machine.external for d in self.knowledge.domains(dotted)})),
            None if module.path in self.unfinished else frozenset(machine.unmade),
        )


def _definitions(scope: Scope, path: str) -> list[tuple[Function, Closure, ClassRef | None]]:
    """The functions and methods that a module defines itself, in the order of its text."""
    found: list[tuple[Function, Closure, ClassRef | None]] = []
    for value in scope.names.values():
        if isinstance(value.ref, Closure) and value.ref.scope.module.path == path and value.ref.receiver is None:
            found.append((value.ref.function, value.ref, None))
        elif isinstance(value.ref, ClassRef) and value.ref.scope.module.path == path:
            members = [member.ref for member in value.ref.attributes.values()]
            found.extend((ref.function, ref, value.ref) for ref in members if isinstance(ref, Closure))
    return sorted(found, key=lambda item: item[0].at)


def _run_alone(machine: Interpreter, function: Function, closure: Closure, owner: ClassRef | None) -> None:
    """One function on arguments of which nothing is known but that they are rows of their own."""
    inner = Scope(
        closure.scope.module, closure.scope, f"{owner.definition.name}.{function.name}" if owner else function.name
    )
    inner.cell = closure.cell
    inner.returns = []
    for position, parameter in enumerate(function.parameters):
        if owner is not None and position == 0 and parameter.name in ("self", "cls"):
            inner.names[parameter.name] = instance(owner)
            continue
        value = machine.annotated(parameter.annotation, closure.scope)
        if not value.types or value.types[0].partition(".")[0] in ("pandas", "numpy", "torch", "scipy", "polars"):
            token = machine.rows.add(Rows("origin", source=f"parameter:{parameter.name}"))
            value.rows = frozenset((token,))
        value.label = parameter.name
        inner.names[parameter.name] = value
    machine.entered[function] = 1
    machine.stack.append(function)
    start = len(machine.events)
    try:
        machine.run(function.body, inner)
    finally:
        machine.runs.append((inner.function, start, len(machine.events), _serves(machine, function, owner)))
    machine.stack.pop()


_SERVING_METHODS = frozenset("predict get post put handle inference __call__ preprocess".split())


def _serves(machine: Interpreter, function: Function, owner: ClassRef | None) -> bool:
    """Whether a server calls this method for each request."""
    if owner is None or function.name not in _SERVING_METHODS:
        return False
    entries = (machine.knowledge.entry(name) for name in owner.all_api_bases())
    return any(entry is not None and "serve" in entry.roles for entry in entries)


def analyse(
    facts: Mapping[str, PythonFacts],
    knowledge: Knowledge,
    load_config: Callable[[str], object | None] = lambda path: None,
    steps: int = STEPS,
    machine: Callable[..., Interpreter] = Interpreter,
) -> tuple[dict[str, Events], list[Problem]]:
    """The events of every program of a repository, by path, and what could not be followed to its end."""
    runner = Runner(facts, knowledge, load_config, steps, machine)
    machines = {path: runner.top(path) for path in sorted(facts)}
    events: dict[str, Events] = {}
    for path in list(machines):
        started = machines.pop(path)
        runner.uncalled(started)
        events[path] = runner.events(started)
        started.forget()
    return events, runner.problems


__all__ = ["Runner", "Value", "analyse", "names_of"]
