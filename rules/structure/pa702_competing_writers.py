import re

from pipeaudit.rule import (
    CODE_SYSTEMS,
    ArtifactNode,
    Confidence,
    Iterator,
    Match,
    Node,
    Origin,
    Project,
    Related,
    Severity,
    StageKind,
    rule,
)

_SHARED = re.compile(r"(^|/)(logs?|te?mp|\.?cache)(/|$)|\.log$|\.(db|sqlite3?|delta|lance)$", re.IGNORECASE)
_OF_FILES = ("dvc", "snakemake", "make")  # systems whose outputs are paths in this repository


@rule(
    "PA702",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.OTHER,
    controls=("COL-4", "ANT-2", "TRB-3"),
    tier="core",
)
def competing_writers(project: Project) -> Iterator[Match]:
    """Two stages of one pipeline write the same file, and nothing orders them.

    Which of the two versions the next stage reads depends on which finished last.

    Bad, in dvc.yaml:

        stages:
          small:
            cmd: python train_small.py
            outs: [small.json]
          large:
            cmd: python train_large.py
            outs: [large.json]

    And in train_small.py:

        import joblib
        from sklearn.datasets import load_iris
        from sklearn.linear_model import LogisticRegression

        X, y = load_iris(return_X_y=True)
        joblib.dump(LogisticRegression().fit(X, y), "model.pkl")

    And in train_large.py:

        import joblib
        from sklearn.datasets import load_iris
        from sklearn.svm import SVC

        X, y = load_iris(return_X_y=True)
        joblib.dump(SVC().fit(X, y), "model.pkl")

    Good, in dvc.yaml:

        stages:
          small:
            cmd: python train_small.py
            outs: [small.pkl]
          large:
            cmd: python train_large.py
            outs: [large.pkl]

    And in train_small.py:

        import joblib
        from sklearn.datasets import load_iris
        from sklearn.linear_model import LogisticRegression

        X, y = load_iris(return_X_y=True)
        joblib.dump(LogisticRegression().fit(X, y), "small.pkl")

    And in train_large.py:

        import joblib
        from sklearn.datasets import load_iris
        from sklearn.svm import SVC

        X, y = load_iris(return_X_y=True)
        joblib.dump(SVC().fit(X, y), "large.pkl")

    Fix: give each stage a path of its own.

    Not seen: tables of databases. Logs, caches, notebooks and scripts that no pipeline runs together are not counted,
    and neither are writes that depend on a condition.

    Source: Sculley et al. 2015, pipeline jungles.
    """
    for artifact, writers in project.graph.competing_writers():
        if "{}" in artifact.name or _SHARED.search(artifact.name):
            continue
        together = [node for node in writers if _in_pipeline(node) and not _is_conditional(project, node, artifact)]
        pair = next(((a, b) for i, a in enumerate(together) for b in together[i + 1 :] if _share(project, a, b)), None)
        if pair is not None:
            by_code = all(artifact in project.graph.writes(node, Origin.OBSERVED) for node in pair)
            if not by_code and not all(node.system in _OF_FILES for node in pair):
                continue  # outputs that an engine names itself are kept apart by it
            yield Match(
                pair[1].at,
                f"`{pair[1].name}` and `{pair[0].name}` both write `{artifact.name}`, in no order",
                confidence=Confidence.HIGH,
                related=(Related(pair[0].at, f"`{pair[0].name}` writes it too"),),
                fix="Give each stage a path of its own.",
                symbol=pair[1].name,
            )


def _in_pipeline(node: Node) -> bool:
    return any(said.system not in CODE_SYSTEMS for said in node.declarations)


def _share(project: Project, one: Node, other: Node) -> bool:
    """Whether one definition runs both; stages of one name are variants of a project that lie side by side."""
    return one.name != other.name and project.graph.share_pipeline(one, other)


def _is_conditional(project: Project, node: Node, artifact: ArtifactNode) -> bool:
    """Whether the code writes it in a branch only."""
    paths = {program.path for program in project.graph.programs(node)}
    touches = [touch for touch in project.written if touch.program in paths and artifact.name in touch.places]
    return bool(touches) and all(touch.event.conditional for touch in touches)
