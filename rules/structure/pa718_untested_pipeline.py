import re

from pipeaudit.rule import Confidence, Iterator, Location, Match, Project, Related, Severity, StageKind, is_test, rule

_STAGES = (
    StageKind.PREPROCESSING,
    StageKind.TRAINING,
    StageKind.EVALUATION,
    StageKind.DEPLOYMENT,
    StageKind.COLLECTION,
)
_CI = ("/.github/workflows/*.yml", "/.github/workflows/*.yaml", "/.gitlab-ci.yml", "/.circleci/config.yml")
_RUNNER = re.compile(
    r"^[ \t]*(?:- *)?(?:run: *)?(?:mise|just|task|invoke|inv|poe|doit|earthly|pixi run|pdm run|hatch run|moon) +[\w+-]",
    re.MULTILINE,
)


@rule(
    "PA718",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=None,
    controls=("TIP-2",),
    kinds=("component", "no-smoke-run"),
)
def untested_pipeline(project: Project) -> Iterator[Match]:
    """No test reaches the code of the stages, or CI never runs the pipeline.

    A mistake in a feature shows as a slightly worse score, weeks later, if at all.

    Kinds: `component` (no test imports the code of a stage), `no-smoke-run` (CI runs neither the tests nor the pipeline
    on a sample).

    Bad, in dvc.yaml:

        stages:
          train:
            cmd: python train.py
            deps: [train.py, rows.csv]
            outs: [model.pkl]

    And in train.py:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("rows.csv")
        joblib.dump(LogisticRegression().fit(rows[["a"]], rows["b"]), "model.pkl")

    Good, in dvc.yaml:

        stages:
          train:
            cmd: python train.py
            deps: [train.py, rows.csv]
            outs: [model.pkl]

    And in train.py:

        import joblib
        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        def fit(rows):
            return LogisticRegression().fit(rows[["a"]], rows["b"])

        if __name__ == "__main__":
            joblib.dump(fit(pd.read_csv("rows.csv")), "model.pkl")

    And in tests/test_train.py:

        import pandas as pd
        from train import fit

        def test_fits():
            assert fit(pd.DataFrame({"a": [1, 2], "b": [0, 1]})).coef_.shape == (1, 1)

    Fix: test the feature code on small frames with known answers; run the pipeline on a sample in CI.

    Not seen: tests in another repository: attest TIP-2. What a task runner (mise, just, poe) does in CI is taken for
    tests. Studies without a pipeline are not counted.

    Source: ML Test Score, Data 7, Infra 2 and 3.
    """
    if project.profile not in ("full", "training", "service"):
        return
    if not project.evidence("component-tests", "service-tests", "data-tests"):
        yield from _untested(project)
    workflows = project.repository.glob(*_CI)
    hidden = any(_RUNNER.search(project.repository.text(path)) for path in workflows)
    if workflows and not hidden and not project.evidence("ci-tests", "ci-runs-pipeline", "pipeline-smoke-run"):
        yield Match(
            Location(workflows[0]),
            "CI runs neither tests nor the pipeline",
            kind="no-smoke-run",
            confidence=Confidence.MEDIUM,
            fix="Run the tests, and the pipeline on a sample, on every change.",
        )


def _untested(project: Project) -> Iterator[Match]:
    code: dict[str, Location] = {}
    for node in project.graph.stages(*_STAGES):
        for program in project.graph.programs(node):
            if program.path in project.programs and not program.path.endswith(".ipynb"):
                code.setdefault(program.path, node.at)
    for event in project.training:
        if not event.at.path.endswith(".ipynb"):
            code.setdefault(event.at.path, event.at)
    paths = [path for path in sorted(code) if not is_test(path)]
    if paths:
        shown = ", ".join(f"`{path}`" for path in paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
        yield Match(
            Location(paths[0]),
            f"no test reaches the code of the stages: {shown}",
            kind="component",
            confidence=Confidence.MEDIUM,
            related=tuple(Related(code[path], "a stage runs this code") for path in paths[:5]),
            fix="Test the functions of these stages on small inputs with known answers.",
        )
