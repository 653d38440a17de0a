"""Azure Machine Learning, first version of its SDK: each step of a pipeline is a stage; data that one step writes and
another takes, `run_after` and sequences are its order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.calls import Call
from pipeaudit.pyeval.evaluator import Evaluator, Library
from pipeaudit.pyeval.values import NOT_KNOWN, Model, Value, carried, text_of, unknown
from pipeaudit.system import Declared, PythonSource, Stage, bounded, python_system, resolve

_STEP = re.compile(r"azureml\.(pipeline|train|contrib)\.[\w.]*?(\w+Step)$")
_DATA = ("PipelineData", "OutputFileDatasetConfig", "OutputDatasetConfig", "PipelineOutputFileDataset")


@python_system("azureml", package=("azureml.pipeline", "azureml.train.automl"))
def stages(source: PythonSource) -> Iterator[Declared]:
    library = _AzureML()
    evaluator, frame, problems = source.run(library, as_main=True)
    with bounded(source.path, problems):
        for function in source.uncalled(evaluator, frame, _makes_pipeline):
            evaluator.call(function)
    yield from problems
    for pipeline in library.pipelines:
        if pipeline.at.path == source.path:
            yield from _declared(source, pipeline)


def _makes_pipeline(name: str) -> bool:
    return name.startswith("azureml.pipeline") and name.endswith(".Pipeline")


class _Data(Model):
    """What one step hands to another; `is_file`: to be given to a step is to be written by it."""

    def __init__(self, name: str, is_file: bool) -> None:
        self.name = name
        self.is_file = is_file

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        if self.is_file and name in ("as_input", "read_delimited_files", "read_parquet_files"):
            return _Read(self)
        return _Same(self)


class _Same(Model):
    """`data.as_dataset()`, `data.as_mount()`: the same data in another form."""

    def __init__(self, data: _Data) -> None:
        self.data = data

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self

    def call(self, call: Call) -> Value:
        return self.data


class _Read(Model):
    """Data of an earlier step as the input of a later one."""

    def __init__(self, data: _Data) -> None:
        self.data = data

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return self

    def call(self, call: Call) -> Value:
        return self


class _Step(Model):
    def __init__(self, name: str, at: Location) -> None:
        self.name = name
        self.at = at
        self.reads: dict[_Data, None] = {}
        self.writes: dict[_Data, None] = {}
        self.before: dict[_Step, None] = {}
        self.program: Program | None = None

    def attribute(self, name: str, evaluator: Evaluator) -> Value:
        return _After(self) if name == "run_after" else NOT_KNOWN


class _After(Model):
    def __init__(self, step: _Step) -> None:
        self.step = step

    def call(self, call: Call) -> Value:
        self.step.before.update((other, None) for other in carried(*call.values) if isinstance(other, _Step))
        return None


class _Pipeline:
    def __init__(self, name: str, at: Location, steps: list[_Step]) -> None:
        self.name = name
        self.at = at
        self.steps = steps


class _AzureML(Library):
    packages = ("azureml",)

    def __init__(self) -> None:
        self.pipelines: list[_Pipeline] = []

    def call(self, call: Call) -> Value:
        if not call.name.startswith("azureml."):
            return NOT_KNOWN
        last = call.name.rpartition(".")[2]
        if last in _DATA:
            name = text_of(call.argument(0, "name", default=None)) or f"output at line {call.at.line}"
            return _Data(name, last != "PipelineData")
        if last == "Pipeline" and "pipeline" in call.name:
            self._pipeline(call)
            return NOT_KNOWN
        if last == "StepSequence":
            listed = call.argument(0, "steps", default=[])
            groups = [_steps([one]) for one in listed] if isinstance(listed, list | tuple) else []
            for earlier, later in pairwise(groups):
                for step in later:
                    step.before.update(dict.fromkeys(earlier))
            return unknown(*call.values)
        if last == "ParallelRunConfig":
            return unknown(text=_command(call, "entry_script"), name=call.name)
        return self._step(call, last) if _STEP.match(call.name) else NOT_KNOWN

    def _pipeline(self, call: Call) -> None:
        name = text_of(call.keywords.get("description")) or f"pipeline at line {call.at.line}"
        steps = dict.fromkeys(_steps([call.argument(1, "steps", default=[])]))
        waiting = list(steps)
        while waiting:  # what its steps wait for belongs to it, listed or not
            for earlier in waiting.pop().before:
                if earlier not in steps:
                    steps[earlier] = None
                    waiting.append(earlier)
        self.pipelines.append(_Pipeline(name, call.at, list(steps)))

    def _step(self, call: Call, kind: str) -> _Step:
        made = _Step((text_of(call.keywords.get("name")) or kind).strip(), call.at)
        outputs = call.keywords.get("outputs", call.keywords.get("output"))
        made.writes.update((leaf, None) for leaf in carried(outputs) if isinstance(leaf, _Data))
        for leaf in carried(*(value for key, value in call.keywords.items() if key not in ("outputs", "output"))):
            if isinstance(leaf, _Read):
                made.reads[leaf.data] = None
            elif isinstance(leaf, _Data) and leaf not in made.writes:
                (made.writes if leaf.is_file else made.reads)[leaf] = None
        command = _command(call, "script_name") or text_of(call.keywords.get("parallel_run_config")) or ""
        if command:
            folder = text_of(call.keywords.get("source_directory")) or ""
            made.program = Program(command=command, folder="" if "{}" in folder else resolve("", folder or "."))
        return made


def _command(call: Call, script: str) -> str:
    path = text_of(call.keywords.get(script)) or ""
    return f"python {path}" if path and "{}" not in path else ""


def _steps(values: Iterable[Value]) -> list[_Step]:
    return list(dict.fromkeys(leaf for leaf in carried(*values) if isinstance(leaf, _Step)))


def _declared(source: PythonSource, pipeline: _Pipeline) -> Iterator[Declared]:
    prefix = f"{source.path}:{pipeline.at.line}"
    keys: dict[_Step, str] = {}
    taken: dict[str, int] = {}
    for step in pipeline.steps:
        taken[step.name] = taken.get(step.name, 0) + 1
        keys[step] = f"{prefix}:{step.name}" + (f"#{taken[step.name]}" if taken[step.name] > 1 else "")
    writers: dict[_Data, list[_Step]] = {}
    for step in pipeline.steps:
        for data in step.writes:
            writers.setdefault(data, []).append(step)
    for step in pipeline.steps:
        before = [*step.before, *(writer for data in step.reads for writer in writers.get(data, ()))]
        yield Stage(
            name=step.name,
            system="azureml",
            at=step.at,
            key=keys[step],
            reads=tuple(f"azureml:{prefix}#{data.name}" for data in step.reads),
            writes=tuple(f"azureml:{prefix}#{data.name}" for data in step.writes),
            after=tuple(dict.fromkeys(keys[one] for one in before if one in keys and one is not step)),
            runs=(step.program,) if step.program is not None else (),
            pipeline=f"{source.path}:{pipeline.name}",
        )
