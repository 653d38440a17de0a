"""The evaluator: modules, budget and the way between expressions, statements and calls."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from posixpath import dirname

from pipeaudit.pyeval import calls, expressions, imports, statements
from pipeaudit.pyeval.bounds import MAX_DEPTH, MAX_STEPS
from pipeaudit.pyeval.files import ModuleIndex, PythonFile
from pipeaudit.pyeval.frames import Flow, Frame
from pipeaudit.pyeval.values import (
    NOT_KNOWN,
    Bound,
    Choice,
    Class,
    Function,
    Lazy,
    Module,
    Partial,
    Unknown,
    Value,
    choose,
    unknown,
)


class Exhausted(Exception):
    """The budget of steps is spent: what was found so far stands, the rest stays unknown."""


class Library:
    """What a system knows of its package; the evaluator asks it first about every call of a name from outside.

    `packages`: top-level names that always mean the library, even where the repository holds a folder of that name.
    """

    packages: tuple[str, ...] = ()

    def call(self, call: calls.Call) -> Value:
        """The result of calling the external name `call.name`; NOT_KNOWN leaves it unknown."""
        return NOT_KNOWN

    def construct(self, call: calls.Call) -> Value:
        """An instance of the repository's own class `call.cls`; NOT_KNOWN makes a plain instance."""
        return NOT_KNOWN

    def called(self, call: calls.Call, result: Value) -> Value:
        """A function of the repository was stepped into and gave `result`."""
        return result


class Evaluator:
    """Runs modules of the repository over partly known values.

    Each module is run once, its imports as they are met. `main` is the path that runs as `__main__`, if any. `running`
    holds the modules whose own statements are being run, outermost first; `entered` the functions that were stepped
    into.
    """

    def __init__(self, modules: ModuleIndex, library: Library, main: str = "") -> None:
        self.modules = modules
        self.library = library
        self.main = main
        self.steps = 0
        self.depth = 0
        self.site: tuple[PythonFile, ast.AST] | None = None
        self.loaded: dict[str, Frame] = {}
        self.calling: list[object] = []
        self.running: list[str] = []
        self.entered: set[ast.AST] = set()

    def run(self, path: str) -> Frame | None:
        """Runs a file of the repository top to bottom, once; None where there is no such Python file."""
        if path in self.loaded:
            return self.loaded[path]
        file = self.modules.file(path)
        return None if file is None else self.run_file(file)

    def run_file(self, file: PythonFile) -> Frame:
        if file.path in self.loaded:
            return self.loaded[file.path]
        frame = Frame(file, module_name(file.path))
        frame.names["__name__"] = "__main__" if file.path == self.main else frame.module_name
        frame.names["__file__"] = file.path
        self.loaded[file.path] = frame
        self.running.append(file.path)
        try:
            self.execute(file.tree.body, frame)
        finally:
            self.running.pop()
        return frame

    def module(self, path: str, dotted: str) -> Module:
        """The value of a module of the repository at a path that the index gave."""
        if not path.endswith(".py"):
            return Module(dotted, "", path)
        return Module(dotted, path, dirname(path) if path.endswith("__init__.py") else "")

    def force(self, value: Value) -> Value:
        """A value that may be an import not yet looked up."""
        if isinstance(value, Choice) and any(isinstance(option, Lazy) for option in value.options):
            return choose([self.force(option) for option in value.options])
        if not isinstance(value, Lazy):
            return value
        if not value.is_known:
            value.is_known, value.value = True, Unknown(name=f"{value.module.name}.{value.name}")
            value.value = self.force(imports.member(self, value.module, value.name))
        return value.value

    def global_value(self, frame: Frame, name: str) -> Value:
        """What a module has under this name; None where it has none."""
        return self.force(frame.names.get(name))

    def evaluate(self, node: ast.expr, frame: Frame) -> Value:
        self.step()
        if self.depth >= MAX_DEPTH:
            return Unknown()
        self.depth += 1
        try:
            return expressions.evaluate(self, node, frame)
        finally:
            self.depth -= 1

    def execute(self, body: Sequence[ast.stmt], frame: Frame) -> Flow:
        if self.depth >= MAX_DEPTH:
            return Flow.ON
        self.depth += 1
        try:
            return statements.execute(self, body, frame)
        finally:
            self.depth -= 1

    def call(
        self,
        function: Value,
        args: Sequence[Value] = (),
        keywords: dict[str, Value] | None = None,
        node: ast.AST | None = None,
    ) -> Value:
        """Calls a value from outside the code, as an engine does."""
        inner = function
        while isinstance(inner, Bound | Partial):
            inner = inner.function
        file = inner.file if isinstance(inner, Function | Class) else self.site[0] if self.site else None
        if file is None:
            return unknown(function, *args)
        at = node or getattr(function, "node", None) or file.tree
        return calls.call(self, calls.Call(self, function, list(args), dict(keywords or {}), file, at))

    def step(self) -> None:
        self.steps += 1
        self.modules.steps_left -= 1
        if self.steps > MAX_STEPS or self.modules.steps_left < 0:
            raise Exhausted


def module_name(path: str) -> str:
    stem = path.removesuffix(".py").removesuffix("/__init__")
    return stem.replace("/", ".")
