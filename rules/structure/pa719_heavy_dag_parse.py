from pipeaudit.rule import Confidence, Event, Iterator, Match, Project, Severity, StageKind, is_test, rule

_WORKS = ("read", "query", "download", "train", "predict", "write_data", "save_model", "load_model", "load_dataset")
_ASKS = (
    "airflow.models.Variable.get",
    "airflow.models.variable.Variable.get",
    "airflow.sdk.Variable.get",
    "airflow.models.Connection.get_connection_from_secrets",
    "airflow.hooks.base.BaseHook.get_connection",
    "requests.get",
    "requests.post",
    "psycopg2.connect",
    "sqlalchemy.create_engine",
)
_CONFIGURATION = ("yaml.", "json.", "tomllib.", "builtins.", "pathlib.", "configparser.")


@rule(
    "PA719",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.OTHER,
    controls=("TIP-2",),
)
def heavy_dag_parse(project: Project) -> Iterator[Match]:
    """A DAG file reads data, asks a database or trains when the scheduler parses it, which is every few seconds.

    The scheduler grows slow for all pipelines, and a table that is away makes the DAG vanish.

    Bad, in dag.py:

        import pandas as pd
        from airflow import DAG
        from airflow.models import Variable
        from airflow.operators.bash import BashOperator

        rows = pd.read_csv("rows.csv")
        target = Variable.get("target")
        with DAG("pipeline", schedule="@daily") as dag:
            train = BashOperator(task_id="train", bash_command=f"python train.py {target}")

    Good, in dag.py:

        from airflow import DAG
        from airflow.operators.bash import BashOperator

        with DAG("pipeline", schedule="@daily") as dag:
            train = BashOperator(task_id="train", bash_command="python train.py {{ var.value.target }}")

    Fix: move the work into a task; use templates (`{{ var.value.x }}`) for variables.

    Not seen: imports that take long. Small configuration files that make a DAG are not counted.

    Source: Airflow, best practices.
    """
    files = {said.at.path for node in project.graph.of_system("airflow") for said in node.declarations}
    for path in sorted(files):
        program = project.programs.get(path)
        if program is None or is_test(path):
            continue
        seen = set()
        for event in program:
            if not event.function and event.at.path == path and event.at not in seen and _is_heavy(event):
                seen.add(event.at)
                yield Match(
                    event.at,
                    f"`{_short(event.name)}` runs whenever the scheduler parses this file",
                    confidence=Confidence.HIGH if event.strong else Confidence.MEDIUM,
                    fix="Move it into a task.",
                )


def _is_heavy(event: Event) -> bool:
    if event.name in _ASKS:
        return True
    return any(role in event.roles for role in _WORKS) and not event.name.startswith(_CONFIGURATION)


def _short(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[-2:]) if len(parts) > 1 else name
