from pipeaudit.rule import CODE_SYSTEMS, Confidence, Iterator, Match, Project, Severity, StageKind, is_test, rule

_RUNS = ("monitoring-scheduled", "monitor-in-service", "drift-monitor-manifest")
_STARTED_BY_HAND = (*CODE_SYSTEMS, "docker", "compose")


@rule(
    "PA605",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.MONITORING,
    controls=("MON-1", "MON-4"),
)
def drift_check_unscheduled(project: Project) -> Iterator[Match]:
    """A drift check is written, and nothing runs it.

    It looked at the data once, on the day it was written.

    Bad, in drift.py:

        import pandas as pd
        from evidently.metric_preset import DataDriftPreset
        from evidently.report import Report

        report = Report(metrics=[DataDriftPreset()])
        report.run(reference_data=pd.read_csv("train.csv"), current_data=pd.read_csv("requests.csv"))
        report.save_html("drift.html")

    Good, in drift.py:

        import pandas as pd
        from evidently.metric_preset import DataDriftPreset
        from evidently.report import Report

        report = Report(metrics=[DataDriftPreset()])
        report.run(reference_data=pd.read_csv("train.csv"), current_data=pd.read_csv("requests.csv"))
        report.save_html("drift.html")

    And in .github/workflows/drift.yml:

        on: {schedule: [{cron: "0 3 * * *"}]}
        jobs:
          drift:
            runs-on: ubuntu-latest
            steps:
              - uses: actions/checkout@v4
              - run: python drift.py

    Fix: run it by a schedule, a DAG or CI.

    Not seen: a cron that lives outside this repository, and a Makefile target that one calls: attest MON-1.

    Source: SE for ML practice 30.
    """
    if project.profile == "library" or project.evidence(*_RUNS):
        return
    for found in project.evidence("drift-check"):
        path = found.at.path
        declared = [
            said
            for node in project.graph.running(path)
            for said in node.declarations
            if said.system not in _STARTED_BY_HAND
        ]
        if not path.endswith(".ipynb") and not is_test(path) and not declared and not _is_imported(project, path):
            yield Match(
                found.at,
                "this drift check is run by no schedule, pipeline or service",
                confidence=Confidence.MEDIUM,
                fix="Run it on a schedule.",
            )
            return


def _is_imported(project: Project, path: str) -> bool:
    """Whether another program steps into it."""
    return any(
        event.at.path == path for other, program in project.programs.items() if other != path for event in program
    )
