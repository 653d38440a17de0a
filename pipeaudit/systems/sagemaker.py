"""SageMaker Pipelines: each step is a stage; properties handed on, `depends_on` and conditions are its order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Evaluator, Library
from pipeaudit.pyeval.values import NOT_KNOWN, Function, Model, Unknown, Value, carried, flat, strings, text_of
from pipeaudit.system import Declared, PythonSource, Stage, bounded, python_system

if TYPE_CHECKING:
    from collections.abc import Iterable

_STEP = re.compile(r"sagemaker\..*\.(\w*Step|RegisterModel|EstimatorTransformer|MonitorBatchTransformStep)$")
_PARTS = {"ModelStep": "", "RegisterModel": "-RegisterModel"}


@python_system("sagemaker", package="sagemaker")
def stages(source: PythonSource) -> Iterator[Declared]:
    library = _SageMaker()
    evaluator, frame, problems = source.run(library, as_main=True)
    with bounded(source.path, problems):
        for function in source.uncalled(
            evaluator, frame, lambda name: bool(_STEP.match(name)) or name.endswith("pipeline.Pipeline")
        ):
            evaluator.call(function)
    yield from problems
    for pipeline in library.pipelines:
        yield from _declared(source, pipeline)


class _Step(Model):
    def __init__(self, name: str, at: Location, call: Call, kind: str) -> None:
        self.name = name
        self.at = at
        self.kind = kind
        self.before: dict[_Step, None] = {}
        self.names_before: list[str] = []
        self.inside: list[_Step] = []
        self.command = ""
        self.function: Function | None = None
        self.call_site = call

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if name == "name":
            return self.name
        if name == "add_depends_on":
            return _Depends(self)
        if name in ("properties", "steps") or self.kind == "step":
            return _Property(self)
        return Unknown(
            text="{}"
        )  # `arguments` and the like are plain values to the engine, which sees no order in them

    def item(self, key: Value) -> Value:
        return _Property(self)


class _Property(Model):
    """`step.properties.X.Y`, and whatever else is taken from a step."""

    def __init__(self, step: _Step) -> None:
        self.step = step

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self

    def item(self, key: Value) -> Value:
        return self

    def call(self, call: Call) -> Value:
        return self


class _Depends(Model):
    def __init__(self, step: _Step) -> None:
        self.step = step

    def call(self, call: Call) -> Value:
        self.step.before.update(dict.fromkeys(_steps(call.args)))
        self.step.names_before += strings(call.args)
        return None


class _StepFunction(Model):
    """A function under `@step`: its call is a step."""

    def __init__(self, library: _SageMaker, function: Value, options: dict[str, Value]) -> None:
        self.library = library
        self.function = function
        self.options = options

    def call(self, call: Call) -> Value:
        name = text_of(self.options.get("name")) or (
            self.function.name if isinstance(self.function, Function) else "step"
        )
        made = self.library.made(name, call, "step")
        made.function = self.function if isinstance(self.function, Function) else None
        made.before.update(dict.fromkeys(_steps(call.values)))
        return made


class _StepDecorator(Model):
    def __init__(self, library: _SageMaker, options: dict[str, Value]) -> None:
        self.library = library
        self.options = options

    def call(self, call: Call) -> Value:
        return _StepFunction(self.library, call.args[0] if call.args else Unknown(), self.options)


class _Pipeline(Model):
    def __init__(self, name: str, steps: list[_Step]) -> None:
        self.name = name
        self.steps = steps


class _SageMaker(Library):
    packages = ("sagemaker",)

    def __init__(self) -> None:
        self.pipelines: list[_Pipeline] = []
        self.all: list[_Step] = []

    def call(self, call: Call) -> Value:
        if not call.name.startswith("sagemaker"):
            return NOT_KNOWN
        last = call.name.rpartition(".")[2]
        if last == "Pipeline" and "pipeline" in call.name:
            steps = call.argument(None, "steps", default=[])
            made = _Pipeline(text_of(call.argument(0, "name", default=None)) or "pipeline", _steps(steps))
            self.pipelines.append(made)
            return made
        if call.name.endswith("function_step.step"):
            if call.args and isinstance(call.args[0], Function):
                return _StepFunction(self, call.args[0], call.keywords)
            return _StepDecorator(self, dict(call.keywords))
        if last == "JsonGet":
            step = call.argument(0, "step", "step_name", default=None)
            if isinstance(step, str):
                known = next((made for made in self.all if made.name == step), None)
                return _Property(known) if known is not None else Unknown()
            return NOT_KNOWN
        return self._step(call, last) if _STEP.match(call.name) else NOT_KNOWN

    def construct(self, call: Call) -> Value:
        assert call.cls is not None
        base = next((base for base in call.cls.external_bases() if _STEP.match(base)), "")
        return self._step(call, base.rpartition(".")[2]) if base else NOT_KNOWN

    def _step(self, call: Call, kind: str) -> Value:
        name = text_of(call.argument(0, "name", default=None)) or kind
        step = self.made(name + _PARTS.get(kind, ""), call, kind)
        branches = [call.keywords.get("if_steps"), call.keywords.get("else_steps")]
        if kind == "ConditionStep":
            branches += call.args[2:4]
            step.inside = _steps([branch for branch in branches if branch is not None])
            for inner in step.inside:
                inner.before[step] = None
            known = set(step.inside)
            values = [v for v in call.values if not any(v is branch for branch in branches)]
            step.before.update(dict.fromkeys(s for s in _steps(values) if s not in known))
        else:
            step.before.update(dict.fromkeys(_steps(call.values)))
        depends = call.keywords.get("depends_on")
        step.names_before += list(strings(depends))
        step.command = " ".join(strings(call.keywords.get("code"))[:1])
        return step

    def made(self, name: str, call: Call, kind: str) -> _Step:
        step = _Step(name, call.at, call, kind)
        self.all.append(step)
        return step


def _steps(values: Value) -> list[_Step]:
    found: dict[_Step, None] = {}
    for leaf in carried(*flat(values)):
        if isinstance(leaf, _Step):
            found[leaf] = None
        elif isinstance(leaf, _Property | _Depends):
            found[leaf.step] = None
    return list(found)


def _with_branches(steps: Iterable[_Step]) -> list[_Step]:
    found: dict[_Step, None] = {}
    waiting = list(steps)
    while waiting:
        step = waiting.pop(0)
        if step not in found:
            found[step] = None
            waiting += step.inside
            if step.kind == "step":
                waiting += step.before  # a function step brings in what it was given
    return list(found)


def _declared(source: PythonSource, pipeline: _Pipeline) -> Iterator[Declared]:
    steps = _with_branches(pipeline.steps)
    keys = {step: f"{source.path}:{pipeline.name}:{step.name}" for step in steps}
    by_name = {step.name: keys[step] for step in steps}
    for step in steps:
        after = [keys[earlier] for earlier in step.before if earlier in keys and earlier is not step]
        after += [by_name[name] for name in step.names_before if name in by_name]
        runs: tuple[Program, ...] = ()
        if step.function is not None:
            runs = (Program(path=step.function.file.path, function=step.function.name),)
        elif step.command.endswith(".py"):
            runs = (Program(command=f"python {step.command}"),)
        yield Stage(
            name=step.name,
            system="sagemaker",
            at=step.at,
            key=keys[step],
            after=tuple(dict.fromkeys(after)),
            runs=runs,
            pipeline=pipeline.name,
            note="a condition" if step.kind == "ConditionStep" else "",
        )
