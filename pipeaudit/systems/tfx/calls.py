"""What calls of TFX's names make: components, pipelines, conditions, contexts of notebooks."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from pipeaudit.model.pipeline import ArtifactKind, Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Library
from pipeaudit.pyeval.values import NOT_KNOWN, Class, Function, Unknown, Value, carried, strings, text_of
from pipeaudit.systems.tfx.components import (
    OUTPUT_KINDS,
    STAGE_KINDS,
    Component,
    Decorator,
    Executor,
    Factory,
    Interactive,
    Output,
    Outputs,
    Pipeline,
    Scope,
    components_in,
)

PACKAGES = ("tfx", "tfx_addons")
_NO_COMPONENTS = frozenset(("types", "proto", "placeholders", "placeholder", "experimental_placeholders"))
_BASES = ("BaseComponent", "BaseBeamComponent", "BaseNode", *STAGE_KINDS)


class Tfx(Library):
    packages = PACKAGES

    def __init__(self) -> None:
        self.pipelines: list[Pipeline] = []
        self.scopes: list[Scope] = []

    def call(self, call: Call) -> Value:
        if call.name.partition(".")[0] not in PACKAGES:
            return NOT_KNOWN
        last = call.name.rpartition(".")[2]
        if last == "Pipeline":
            return self._pipeline(call)
        if last == "InteractiveContext":
            name = text_of(call.argument(0, "pipeline_name", default=None)) or "interactive"
            made = Pipeline(name, call.at, call, [])
            self.pipelines.append(made)
            return Interactive(made)
        if last == "component" and "component" in call.name.split(".")[-2]:
            return self.decorated(call.args[0]) if call.args else Decorator(self)
        if last == "create_container_component":
            command = " ".join(strings(call.keywords.get("command")))
            outputs = call.keywords.get("outputs")
            keys = [key for key in outputs if isinstance(key, str)] if isinstance(outputs, dict) else []
            return Factory(
                text_of(call.argument(0, "name", default=None)) or "container",
                self,
                Program(command=command) if command else None,
                {key: OUTPUT_KINDS.get(key, ArtifactKind.OTHER) for key in keys},
            )
        if last in ("Cond", "ForEach"):
            asked = tuple(leaf for leaf in carried(*call.values) if isinstance(leaf, Output))
            return Scope(self, asked, last == "ForEach")
        if last == "RuntimeParameter":
            return Unknown(text=text_of(call.keywords.get("default")))
        if last in ("Filesystem", "PushDestination"):
            return Unknown(text=text_of(call.argument(0, "base_directory", "filesystem", default=None)))
        if last in ("ExecutorClassSpec", "BeamExecutorSpec"):
            cls = call.argument(0, "executor_class", default=None)
            return Executor(cls) if isinstance(cls, Class) else NOT_KNOWN
        if _is_component(call.name) or (last[:1].isupper() and _takes_channels(call)):
            return self.component(call, last, None)
        return NOT_KNOWN

    def construct(self, call: Call) -> Value:
        """A component class of the repository."""
        assert call.cls is not None
        bases = [base for base in call.cls.external_bases() if base.partition(".")[0] in PACKAGES]
        if not any(base.rpartition(".")[2] in _BASES or _is_component(base) for base in bases):
            return NOT_KNOWN
        spec = call.cls.find("EXECUTOR_SPEC")
        executor = spec.cls if isinstance(spec, Executor) else None
        program = Program(path=executor.file.path, function=f"{executor.name}.Do") if executor else None
        made = self.component(call, call.cls.name, program)
        made.type = next((base.rpartition(".")[2] for base in bases if _is_component(base)), made.type)
        return made

    def decorated(self, function: Value) -> Value:
        if not isinstance(function, Function) or isinstance(function.node, ast.Lambda):
            return NOT_KNOWN
        program = Program(path=function.file.path, function=function.name)
        return Factory(function.name, self, program, dict(_annotated(function.node)))

    def component(self, call: Call, kind: str, program: Program | None) -> Component:
        own = text_of(call.keywords.get("instance_name"))
        made = Component(f"{kind}.{own}" if own else kind, kind, call.at, call, self, program)
        made.inputs.update((leaf, None) for leaf in carried(*call.values) if isinstance(leaf, Output))
        for scope in self.scopes:
            made.before.update((output.component, None) for output in scope.asked)
            made.mapped |= scope.repeats
        return made

    def _pipeline(self, call: Call) -> Value:
        name = text_of(call.argument(0, "pipeline_name", default=None)) or "pipeline"
        given = call.argument(3, "components", default=[])
        written = next((k.value for k in getattr(call.node, "keywords", ()) if k.arg == "components"), None)
        listed = (
            isinstance(written, ast.List)
            and isinstance(given, list)
            and not any(isinstance(element, ast.Starred) for element in written.elts)
            and all(components_in(value) for value in given)
        )
        made = Pipeline(name, call.at, call, components_in(given), listed)
        self.pipelines.append(made)
        return made


def _is_component(name: str) -> bool:
    parts = name.split(".")
    return (
        parts[-1] in STAGE_KINDS
        or parts[-1].endswith("ExampleGen")
        or (parts[0] == "tfx_addons" and parts[-1].istitle())
    )


def _takes_channels(call: Call) -> bool:
    """Whether the call makes a component that nobody here has heard of: it is given what another one makes."""
    return _NO_COMPONENTS.isdisjoint(call.name.split(".")) and any(
        isinstance(value, Output | Outputs) for value in call.keywords.values()
    )


def _annotated(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, ArtifactKind]]:
    """Outputs that the signature of a component function says: `model: OutputArtifact[Model]`."""
    for argument in (*node.args.args, *node.args.kwonlyargs):
        annotation = argument.annotation
        if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("OutputArtifact"):
            kind = {"Model": ArtifactKind.MODEL, "Examples": ArtifactKind.DATASET}
            yield argument.arg, kind.get(ast.unparse(annotation.slice).rpartition(".")[2], ArtifactKind.OTHER)
