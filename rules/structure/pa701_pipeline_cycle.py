from pipeaudit.rule import Confidence, Cycle, Iterator, Match, Project, Related, Severity, StageKind, Wait, cycles, rule


@rule(
    "PA701",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.OTHER,
    controls=("TIP-2", "COL-4"),
    tier="core",
)
def pipeline_cycle(project: Project) -> Iterator[Match]:
    """Stages of one pipeline wait for each other: none of them can be the first to run.

    The engine refuses such a definition, or a stage silently reads what the last run left behind.

    Bad, in dvc.yaml:

        stages:
          train:
            cmd: python train.py
            deps: [train.py, reports/eval.json]
            outs: [model.pkl]
          evaluate:
            cmd: python evaluate.py
            deps: [evaluate.py, model.pkl]
            metrics: [reports/eval.json]

    Good, in dvc.yaml:

        stages:
          tune:
            cmd: python tune.py
            deps: [tune.py]
            outs: [reports/search.json]
          train:
            cmd: python train.py
            deps: [train.py, reports/search.json]
            outs: [model.pkl]
          evaluate:
            cmd: python evaluate.py
            deps: [evaluate.py, model.pkl]
            metrics: [reports/eval.json]

    Fix: split the artifact in two, or give it a version for each run when the loop across runs is meant.

    Not seen: circles through tables and services that no stage names; loops that lead through code without a pipeline.
    A stage whose own code updates a file in place is none, and neither are an engine's constructs for loops.

    Source: Sculley et al. 2015, hidden feedback loops.
    """
    for cycle in cycles(project.graph):
        first = cycle.waits[0].earlier
        yield Match(
            first.at,
            _told(cycle),
            confidence=Confidence.HIGH if cycle.declared else Confidence.MEDIUM,
            related=tuple(
                Related(wait.later.at, f"`{wait.later.name}` waits for `{wait.earlier.name}`")
                for wait in cycle.waits[:-1]
            ),
            fix="Let one of these stages read an artifact that none of them writes.",
            symbol=first.name,
        )


def _told(cycle: Cycle) -> str:
    if len(cycle.waits) == 1:
        return f"`{cycle.waits[0].earlier.name}` waits for itself{_what(cycle.waits[0])}"
    steps = [f"`{wait.later.name}` waits for `{wait.earlier.name}`{_what(wait)}" for wait in cycle.waits]
    return "stages wait for each other: " + ", ".join(reversed(steps))


def _what(wait: Wait) -> str:
    return f" (`{wait.artifact.name}`)" if wait.artifact is not None else ""
