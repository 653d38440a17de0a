"""Kubeflow Pipelines in Python, v1 and v2, and Vertex AI Pipelines: each call of a component inside a pipeline is a
stage.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from pipeaudit.model.pipeline import ArtifactKind, Program
from pipeaudit.system import Artifact, Declared, PythonSource, Stage, bounded, python_system
from pipeaudit.systems.kubeflow.calls import Kubeflow
from pipeaudit.systems.kubeflow.tasks import Built, Task

_KINDS = {
    "Dataset": ArtifactKind.DATASET,
    "Model": ArtifactKind.MODEL,
    "Metrics": ArtifactKind.METRICS,
    "ClassificationMetrics": ArtifactKind.METRICS,
    "SlicedClassificationMetrics": ArtifactKind.METRICS,
    "HTML": ArtifactKind.REPORT,
    "Markdown": ArtifactKind.REPORT,
}


@python_system("kfp", package=("kfp", "google_cloud_pipeline_components", "kfp_server_api"))
def stages(source: PythonSource) -> Iterator[Declared]:
    library = Kubeflow(source.sources)
    evaluator, frame, problems = source.run(library, as_main=True)
    with bounded(source.path, problems):
        for function in source.uncalled(evaluator, frame, _makes_pipeline):
            evaluator.call(function)
        for pipeline in list(library.pipelines):
            if pipeline.function.file.path == source.path or not pipeline.decorated:
                library.build(evaluator, pipeline)
    yield from problems
    for built in library.built:
        if built.nested_in is None and not built.pipeline.is_part:
            yield from _declared(source, built)


def _makes_pipeline(name: str) -> bool:
    return name.startswith("kfp") and name.endswith(".pipeline")


def _outputs_of(task: Task) -> list[tuple[str, ArtifactKind]]:
    """Artifacts that the component's signature says it writes."""
    function = task.component.function
    if function is None or isinstance(function.node, ast.Lambda):
        return []
    found = []
    for argument in (*function.node.args.args, *function.node.args.kwonlyargs):
        annotation = argument.annotation
        if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).rpartition(".")[2] == "Output":
            found.append(
                (argument.arg, _KINDS.get(ast.unparse(annotation.slice).rpartition(".")[2], ArtifactKind.OTHER))
            )
        elif annotation is not None and "OutputPath" in ast.unparse(annotation):
            name = re.sub(r"_(file_)?path$|_file$", "", argument.arg)
            found.append((name, ArtifactKind.OTHER))
    return found


def _declared(source: PythonSource, built: Built) -> Iterator[Declared]:
    keys = {task: f"{source.path}:{task.key}" for task in built.tasks}
    for task in built.tasks:
        prefix = f"kfp:{keys[task]}#{task.name}"
        function = task.component.function
        runs: tuple[Program, ...] = ()
        if function is not None:
            runs = (Program(path=function.file.path, function=function.name),)
        elif task.component.command:
            runs = (Program(command=task.component.command),)
        yield Stage(
            name=task.name,
            system="kfp",
            at=task.at,
            key=keys[task],
            reads=tuple(
                dict.fromkeys(
                    f"kfp:{keys[o.task]}#{o.task.name}.{o.name}"
                    for o in task.reads
                    if o.task in keys and any(o.name == name for name, _ in _outputs_of(o.task))
                )
            ),
            writes=tuple(f"{prefix}.{name}" for name, _ in _outputs_of(task)),
            after=tuple(keys[earlier] for earlier in task.before if earlier in keys and earlier is not task),
            runs=runs,
            pipeline=built.name,
            note="one of many" if task.mapped else task.component.title,
        )
        for name, kind in _outputs_of(task):
            yield Artifact(f"{prefix}.{name}", kind)
