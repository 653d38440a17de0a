"""A pipeline of TFX in the words of the graph: stages, artifacts, and what its engine would refuse."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pipeaudit.located import located
from pipeaudit.model.pipeline import Program, StageKind
from pipeaudit.pyeval.values import Function, text_of
from pipeaudit.system import Artifact, Declared, Problem, Sources, Stage
from pipeaudit.systems.tfx.components import OUTPUT_KINDS, STAGE_KINDS, Component, Pipeline

_ALWAYS = {  # what a component writes whether or not another one reads it
    "Trainer": "model",
    "Evaluator": "evaluation",
    "Pusher": "pushed_model",
    "ExampleValidator": "anomalies",
    "BulkInferrer": "inference_result",
}
_FUNCTIONS = {
    "Transform": ("preprocessing_fn",),
    "Trainer": ("run_fn", "trainer_fn"),
    "Tuner": ("tuner_fn",),
    "Evaluator": ("custom_eval_shared_model", "custom_extractors"),
}
_PLACES = ("input_base", "input", "schema_file", "source_uri")


@dataclass(slots=True)
class Declaration:
    """One pipeline in the words of the graph."""

    sources: Sources
    pipeline: Pipeline
    prefix: str
    names: dict[Component, str] = field(default_factory=dict)

    def all(self) -> Iterator[Declared]:
        pipeline = self.pipeline
        if not pipeline.components:
            if not isinstance(pipeline.call_site.argument(3, "components", default=[]), list):
                yield Stage(
                    name=pipeline.name,
                    system="tfx",
                    at=pipeline.at,
                    key=self.prefix,
                    pipeline=self.prefix,
                    note="components unknown",
                )
            return
        by_name: dict[str, list[Component]] = {}
        for component in pipeline.components:
            by_name.setdefault(component.name, []).append(component)
            self.names[component] = component.name
        if pipeline.listed:
            yield from self._problems(by_name)
        for alternatives in by_name.values():
            yield from self._stage(alternatives)

    def _problems(self, by_name: dict[str, list[Component]]) -> Iterator[Problem]:
        for name, same in by_name.items():
            for repeated in same[1:]:
                if not (repeated.is_conditional or same[0].is_conditional):
                    yield Problem(
                        repeated.at.path,
                        repeated.at.line,
                        f"two components of pipeline `{self.pipeline.name}` have the id `{name}`",
                    )
        for component in self.pipeline.components:
            for output in component.inputs:
                if output.component.name not in by_name:
                    yield Problem(
                        component.at.path,
                        component.at.line,
                        f"component `{component.name}` reads `{output.key}` of `{output.component.name}`, "
                        f"which pipeline `{self.pipeline.name}` does not list",
                    )

    def _stage(self, alternatives: list[Component]) -> Iterator[Declared]:
        first = alternatives[0]
        inputs = [output for one in alternatives for output in one.inputs]
        before = [*(output.component for output in inputs), *(c for one in alternatives for c in one.before)]
        outputs = {key: kind for one in alternatives for key, kind in one.outputs.items()}
        if always := _ALWAYS.get(first.type):
            outputs.setdefault(always, OUTPUT_KINDS[always])
        names = {key: self._artifact(first.name, key) for key in outputs}
        yield Stage(
            name=first.name,
            system="tfx",
            at=first.at,
            key=f"{self.prefix}:{first.name}",
            reads=tuple(
                dict.fromkeys(
                    [
                        *(self._artifact(o.component.name, o.key) for o in inputs if o.component in self.names),
                        *_places(alternatives),
                    ]
                )
            ),
            writes=(*names.values(), *_destinations(alternatives)),
            after=tuple(
                dict.fromkeys(f"{self.prefix}:{c.name}" for c in before if c in self.names and c.name != first.name)
            ),
            runs=tuple(dict.fromkeys(program for one in alternatives for program in self._programs(one))),
            kind=StageKind.COLLECTION if first.type.endswith("ExampleGen") else STAGE_KINDS.get(first.type),
            pipeline=self.prefix,
            note="one of many" if first.mapped else "",
        )
        yield from (Artifact(names[key], kind) for key, kind in outputs.items())

    def _artifact(self, component: str, key: str) -> str:
        return f"tfx:{self.prefix}#{component}.{key}"

    def _programs(self, component: Component) -> Iterator[Program]:
        if component.program is not None:
            yield component.program
        call, functions = component.call_site, _FUNCTIONS.get(component.type, ())
        folder = call.file.path.rpartition("/")[0]
        path = text_of(call.keywords.get("module_file")) or ""
        module = located(path, folder, self.sources) if path.endswith(".py") else None
        if module is not None:
            defined = _defined(self.sources, module)
            wanted = [name for name in functions if name in defined]
            yield from (Program(path=module, function=name) for name in wanted)
            if not wanted:
                yield Program(path=module)
        for name in functions:
            value = call.keywords.get(name)
            if isinstance(value, Function):
                yield Program(path=value.file.path, function=value.name)
                continue
            dotted, _, function = (text_of(value) or "").rpartition(".")
            found = self.sources.modules.find(dotted, call.file.path) if dotted else None
            if found is not None and found.endswith(".py"):
                yield Program(path=found, function=function)


def _defined(sources: Sources, path: str) -> set[str]:
    file = sources.python(path)
    body = () if file is None else file.tree.body
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


def _places(components: Iterable[Component]) -> Iterator[str]:
    """Where data comes from that no other component makes."""
    for component in components:
        for name in _PLACES:
            text = text_of(component.call_site.keywords.get(name)) or ""
            if text and not text.startswith("{}"):
                yield text


def _destinations(components: Iterable[Component]) -> Iterator[str]:
    """Folders that a pusher fills."""
    for component in components:
        text = text_of(component.call_site.keywords.get("push_destination")) or ""
        if text and not text.startswith("{}"):
            yield text
