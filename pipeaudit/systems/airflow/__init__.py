"""Airflow: each operator and each call of a TaskFlow function inside a DAG is a stage; `>>` and passed results are its
order.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeaudit.system import Declared, PythonSource, Stage, python_system
from pipeaudit.systems.airflow.calls import Airflow, datasets_in
from pipeaudit.systems.airflow.tasks import Group


@python_system("airflow", package="airflow")
def stages(source: PythonSource) -> Iterator[Declared]:
    library = Airflow()
    _evaluator, _, problems = source.run(library)
    yield from problems
    for dag in library.dags:
        if dag.owner == source.path:
            yield from _dag_stages(source, dag)


def _dag_stages(source: PythonSource, dag: Group) -> Iterator[Declared]:
    tasks = dag.tasks()
    keys = {task: f"{source.path}:{dag.name}:{task.name}" for task in tasks}
    for task in tasks:
        is_root = not task.before
        yield Stage(
            name=task.name,
            system="airflow",
            at=task.at,
            key=keys[task],
            reads=tuple(
                dict.fromkeys([*datasets_in(task.keywords.get("inlets")), *(dag.waits_for if is_root else ())])
            ),
            writes=tuple(dict.fromkeys(datasets_in(task.keywords.get("outlets")))),
            after=tuple(keys[earlier] for earlier in task.before if earlier in keys),
            runs=task.runs,
            pipeline=dag.name,
            note="mapped at run time" if task.is_mapped or "{}" in task.name else "",
        )
