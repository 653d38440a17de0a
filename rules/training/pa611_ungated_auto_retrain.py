from pipeaudit.rule import CODE_SYSTEMS, Confidence, Iterator, Match, Node, Project, Related, Severity, StageKind, rule

_GATES = ("metric-gate", "champion-challenger", "model-approval-required", "approval-gate", "retraining-threshold")


@rule(
    "PA611",
    Severity.ERROR,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.TRAINING,
    controls=("MON-4", "DEP-2", "ANT-4"),
)
def ungated_auto_retrain(project: Project) -> Iterator[Match]:
    """A schedule trains the model and puts it into service, and no evaluation stands between.

    One night with broken data, and the service answers with what it has learned from it.

    Bad, in dag.py:

        from airflow import DAG
        from airflow.operators.bash import BashOperator

        with DAG("retrain", schedule="@weekly") as dag:
            train = BashOperator(task_id="train", bash_command="python train.py")
            deploy = BashOperator(task_id="deploy_model", bash_command="python deploy.py")
            train >> deploy

    And in train.py:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        joblib.dump(LogisticRegression().fit(rows[["a"]], rows["b"]), "model.pkl")

    Good, in dag.py:

        from airflow import DAG
        from airflow.operators.bash import BashOperator

        with DAG("retrain", schedule="@weekly") as dag:
            train = BashOperator(task_id="train", bash_command="python train.py")
            evaluate = BashOperator(task_id="evaluate", bash_command="python evaluate.py")
            deploy = BashOperator(task_id="deploy_model", bash_command="python deploy.py")
            train >> evaluate >> deploy

    And in train.py:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        joblib.dump(LogisticRegression().fit(rows[["a"]], rows["b"]), "model.pkl")

    Fix: let an evaluation against a threshold, or against the model in service, decide.

    Not seen: gates inside a script that is run as one step. An evaluation stage in between is taken for a gate, and so
    are branches.

    Source: ML Test Score, Infra 4; Sculley et al. 2015, feedback loops.
    """
    scheduled = {found.at.path for found in project.evidence("training-scheduled")}
    for node in project.graph.stages(StageKind.DEPLOYMENT):
        trainings = [earlier for earlier in project.graph.upstream(node) if earlier.kind is StageKind.TRAINING]
        runs_alone = node.at.path in scheduled and _is_orchestrated(node)
        if runs_alone and trainings and not _is_judged(project, node) and not project.evidence(*_GATES):
            yield Match(
                node.at,
                f"`{node.name}` releases what a schedule has trained, and nothing judges it before",
                confidence=Confidence.MEDIUM,
                related=(Related(trainings[-1].at, f"`{trainings[-1].name}` trains it"),),
                fix="Evaluate it first, and go on only above a threshold.",
                symbol=node.name,
            )


def _is_orchestrated(node: Node) -> bool:
    return node.system not in (*CODE_SYSTEMS, "docker", "compose", "make")


def _is_judged(project: Project, node: Node) -> bool:
    kinds = (StageKind.EVALUATION, StageKind.MONITORING)
    words = ("branch", "gate", "check", "valid", "approve", "compare", "eval", "best", "select", "champion", "test")
    if any(word in f"{node.at.path} {node.name}".lower() for word in words):
        return True
    return any(
        earlier.kind in kinds
        or any(word in earlier.name.lower() for word in words)
        or any(said.note.startswith("a condition") for said in earlier.declarations)
        for earlier in project.graph.upstream(node)
    )
