"""TFX: each component of a pipeline is a stage; channels from one to another, `add_upstream_node` and `Cond` are its
order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeaudit.system import Declared, PythonSource, Sources, bounded, repository_system
from pipeaudit.systems.tfx.calls import PACKAGES, Tfx
from pipeaudit.systems.tfx.components import Pipeline
from pipeaudit.systems.tfx.declaration import Declaration

if TYPE_CHECKING:
    from pipeaudit.pyeval.evaluator import Evaluator
    from pipeaudit.pyeval.frames import Frame


@repository_system("tfx", package=PACKAGES)
def stages(sources: Sources, files: list[PythonSource]) -> Iterator[Declared]:
    """Runners build one pipeline each from functions of other files: all files are run, and of a pipeline that several
    build the first one stands.
    """
    built: dict[tuple[str, str], Pipeline] = {}
    runs: list[tuple[PythonSource, Tfx, Evaluator, Frame]] = []
    for source in files:
        library = Tfx()
        evaluator, frame, problems = source.run(library, as_main=True)
        for pipeline in library.pipelines:
            built.setdefault((pipeline.place, pipeline.name), pipeline)
        runs.append((source, library, evaluator, frame))
        yield from problems
    called = {place for place, _ in built}  # a function that is called with nothing known tells less than its caller
    for source, library, evaluator, frame in runs:
        problems = []
        library.pipelines.clear()
        with bounded(source.path, problems):
            for function in source.uncalled(evaluator, frame, _makes_pipeline):
                evaluator.call(function)
        for pipeline in library.pipelines:
            if pipeline.place not in called:
                built.setdefault((pipeline.place, ""), pipeline)
        yield from problems
    taken: dict[str, int] = {}
    for pipeline in built.values():
        name = f"{pipeline.at.path}:{pipeline.name}"
        taken[name] = taken.get(name, 0) + 1
        yield from Declaration(sources, pipeline, name if taken[name] == 1 else f"{name}#{taken[name]}").all()


def _makes_pipeline(name: str) -> bool:
    return name.startswith("tfx.") and name.endswith((".Pipeline", ".InteractiveContext"))
