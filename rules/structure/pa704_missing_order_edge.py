from pipeaudit.rule import Confidence, Iterator, Match, Project, Related, Severity, StageKind, rule


@rule(
    "PA704",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.OTHER,
    controls=("COL-4", "TIP-2"),
)
def missing_order_edge(project: Project) -> Iterator[Match]:
    """A task reads the file that another task of its pipeline writes, and nothing makes it wait.

    Whether it reads today's file or yesterday's depends on the scheduler's mood.

    Bad, in dag.py:

        import pandas as pd
        from airflow import DAG
        from airflow.operators.python import PythonOperator

        def clean():
            pd.read_csv("raw.csv").dropna().to_csv("clean.csv")

        def train():
            print(pd.read_csv("clean.csv").shape)

        with DAG("pipeline", schedule=None) as dag:
            first = PythonOperator(task_id="clean", python_callable=clean)
            second = PythonOperator(task_id="train", python_callable=train)

    Good, in dag.py:

        import pandas as pd
        from airflow import DAG
        from airflow.operators.python import PythonOperator

        def clean():
            pd.read_csv("raw.csv").dropna().to_csv("clean.csv")

        def train():
            print(pd.read_csv("clean.csv").shape)

        with DAG("pipeline", schedule=None) as dag:
            first = PythonOperator(task_id="clean", python_callable=clean)
            second = PythonOperator(task_id="train", python_callable=train)
            first >> second

    Fix: add the edge, or hand the file over as an output.

    Not seen: files whose path is computed, and tables that another schedule fills: those need a sensor.

    Source: Sculley et al. 2015.
    """
    seen = set()
    for writer, reader, artifact in project.graph.unordered_readers():
        if "{}" not in artifact.name and (reader.id, writer.id) not in seen:
            seen.add((reader.id, writer.id))
            yield Match(
                reader.at,
                f"`{reader.name}` reads `{artifact.name}`, and does not wait for `{writer.name}`, which writes it",
                confidence=Confidence.MEDIUM,
                related=(Related(writer.at, f"`{writer.name}` writes it"),),
                fix=f"Let `{reader.name}` run after `{writer.name}`.",
                symbol=reader.name,
            )
