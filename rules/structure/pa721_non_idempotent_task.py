from pipeaudit.rule import Confidence, Event, Iterator, Match, Node, Project, Related, Severity, is_test, rule

_NOW = (
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "datetime.date.today",
    "time.time",
    "time.strftime",
    "pandas.Timestamp.now",
    "pandas.Timestamp.today",
    "pandas.to_datetime.now",
)
_WHENEVER = ("python", "notebook", "docker", "compose", "make", "dvc", "github-actions", "gitlab-ci")


@rule(
    "PA721",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=None,
    controls=("TRB-3", "COL-4"),
)
def non_idempotent_task(project: Project) -> Iterator[Match]:
    """A scheduled task chooses its data by the clock of the machine, or appends to what its last try has left.

    Run again for last week, it does the work of today; retried after a failure, it counts rows twice.

    Bad, in dag.py:

        from datetime import datetime, timedelta

        import pandas as pd
        from airflow import DAG
        from airflow.operators.python import PythonOperator

        def load():
            day = datetime.now() - timedelta(days=1)
            rows = pd.read_csv(f"in/{day:%Y%m%d}.csv")
            rows.to_csv("all.csv", mode="a")

        with DAG("load", schedule="@daily") as dag:
            task = PythonOperator(task_id="load", python_callable=load)

    Good, in dag.py:

        import pandas as pd
        from airflow import DAG
        from airflow.operators.python import PythonOperator

        def load(ds_nodash):
            rows = pd.read_csv(f"in/{ds_nodash}.csv")
            rows.to_csv(f"out/{ds_nodash}.csv")

        with DAG("load", schedule="@daily") as dag:
            task = PythonOperator(task_id="load", python_callable=load)

    Fix: take the day from the run (`data_interval_start`, a parameter), and overwrite one partition for each run.

    Not seen: clocks of databases. Times in logs and names of run folders are not counted.

    Source: Airflow, best practices; Sculley et al. 2015.
    """
    seen = set()
    for node in project.graph.stages():
        if node.system in _WHENEVER:
            continue
        for program in project.graph.programs(node):
            events = project.programs.get(program.path)
            if events is None or not program.function or is_test(program.path):
                continue
            inside = [
                e for e in events if e.function == program.function or e.function.startswith(f"{program.function}.")
            ]
            for match in (_by_the_clock(node, inside), _appends(node, inside)):
                if match is not None and match.at not in seen:
                    seen.add(match.at)
                    yield match


def _by_the_clock(node: Node, events: list[Event]) -> Match | None:
    """A read whose path or query holds a time that was asked for in the task."""
    clocks = [event for event in events if event.name in _NOW and not _is_told(event, events)]
    for event in events if clocks else ():
        computed = {"read", "query"} & set(event.roles) and "{}" in str(event.detail.get("path", ""))
        if computed and clocks[0].id < event.id:
            return Match(
                event.at,
                f"task `{node.name}` chooses what it reads by the clock of the machine",
                confidence=Confidence.MEDIUM,
                related=(Related(clocks[0].at, "the clock is asked here"),),
                fix="Take the day from the run: data_interval_start, or a parameter.",
                symbol=event.function,
            )
    return None


def _is_told(clock: Event, events: list[Event]) -> bool:
    """Whether the time only goes into a message."""
    last = clock.name.rpartition(".")[2]
    told = [e for e in events if e.at.line == clock.at.line and e.id > clock.id and e is not clock]
    return any(f"{last}(" in value.name for event in told[:2] for value in event.arguments.values()) and bool(told)


def _appends(node: Node, events: list[Event]) -> Match | None:
    for event in events:
        mode = event.constant("mode", event.constant("if_exists"))
        if "write_data" in event.roles and mode in ("a", "append") and not event.name.startswith("builtins."):
            return Match(
                event.at,
                f"task `{node.name}` appends: a retry leaves its rows twice",
                confidence=Confidence.MEDIUM,
                fix="Overwrite the partition of the run.",
                symbol=event.function,
            )
    return None
