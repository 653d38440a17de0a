import re

from pipeaudit.rule import (
    CODE_SYSTEMS,
    Confidence,
    Event,
    Iterator,
    Match,
    Node,
    Project,
    Related,
    Severity,
    is_test,
    rule,
)

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
_WHENEVER = (*CODE_SYSTEMS, "docker", "compose", "make", "dvc", "github-actions", "gitlab-ci")

_ASSIGNED = re.compile(r"\s*(\w+)\s*(?::[^=]+)?=(?!=)(.*)")
_WORD = re.compile(r"\b[A-Za-z_]\w*")


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
            for match in (_by_the_clock(project, node, inside), _appends(node, inside)):
                if match is not None and match.at not in seen:
                    seen.add(match.at)
                    yield match


def _by_the_clock(project: Project, node: Node, events: list[Event]) -> Match | None:
    """A read whose path or query is made from a time that was asked for in the task."""
    clocks = [event for event in events if event.name in _NOW]
    for event in events if clocks else ():
        computed = {"read", "query"} & set(event.roles) and "{}" in str(event.detail.get("path", ""))
        clock = next((c for c in clocks if c.at.line <= event.at.line and c.at.path == event.at.path), None)
        if computed and clock is not None and _leads_to(project, clock, event):
            return Match(
                event.at,
                f"task `{node.name}` chooses what it reads by the clock of the machine",
                confidence=Confidence.MEDIUM,
                related=(Related(clock.at, "the clock is asked here"),),
                fix="Take the day from the run: data_interval_start, or a parameter.",
                symbol=event.function,
            )
    return None


def _leads_to(project: Project, clock: Event, read: Event) -> bool:
    """Whether a name that holds the time, or one made from it, stands in the statement that reads."""
    lines = project.repository.text(clock.at.path).split("\n")
    names: set[str] = set()
    for line in lines[clock.at.line - 1 : read.at.line - 1]:
        found = _ASSIGNED.match(line)
        if found and (clock.name.rpartition(".")[2] + "(" in found[2] or names & set(_WORD.findall(found[2]))):
            names.add(found[1])
    statement = "\n".join(lines[read.at.line - 1 : read.at.end_line or read.at.line])
    return bool(names & set(_WORD.findall(statement))) or clock.at.line == read.at.line


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
