from pipeaudit.rule import (
    Confidence,
    Event,
    Iterator,
    Match,
    Project,
    Related,
    Severity,
    StageKind,
    Workload,
    is_test,
    rule,
)

_REMOVES = ("delete_endpoint", "delete_endpoint_config", "delete_model", "undeploy", "undeploy_all")
_CREATES = ("create_endpoint", "create_endpoint_config", "create_model", "deploy")


@rule(
    "PA515",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.DEPLOYMENT,
    controls=("DEP-2", "ANT-4"),
)
def rollback_disabled(project: Project) -> Iterator[Match]:
    """The deployment keeps nothing to go back to.

    When the new model fails, the old one has to be built again while users wait.

    Bad, in deployment.yaml:

        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: scorer}
        spec:
          revisionHistoryLimit: 0
          template:
            spec:
              containers:
                - {name: scorer, image: "registry.example.com/scorer:1.4"}

    And in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            return model.predict(rows).tolist()

    Good, in deployment.yaml:

        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: scorer}
        spec:
          revisionHistoryLimit: 3
          template:
            spec:
              containers:
                - {name: scorer, image: "registry.example.com/scorer:1.4"}

    And in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            return model.predict(rows).tolist()

    Fix: keep former revisions, roll the new one out beside the old one, and remove the old one when the new one is
    well.

    Not seen: deletions in shell scripts and in consoles. `Recreate` is accepted for workloads on GPUs, which often have
    no room for two, and for workloads that serve nobody.

    Source: ML Test Score, Infra 7.
    """
    if project.profile in ("none", "library"):
        return
    for workload in project.workloads:
        if workload.kind in ("Deployment", "Rollout") and not workload.supports and not workload.is_for_development:
            yield from _manifest(workload)
    for path in sorted(project.programs):
        if not is_test(path) and not path.endswith(".ipynb"):
            yield from _script(list(project.programs[path]))


def _manifest(workload: Workload) -> Iterator[Match]:
    limit = workload.node.get("spec", "revisionHistoryLimit")
    if limit.number == 0:
        yield Match(
            limit.at,
            f"`{workload.name}` keeps no former revision",
            confidence=Confidence.HIGH,
            fix="Keep at least one: remove the line, or write 3.",
        )
    strategy = workload.node.get("spec", "strategy", "type")
    serves = any(container.get("ports") for container in workload.containers)
    if strategy.text == "Recreate" and serves and not _needs_gpu(workload):
        yield Match(
            strategy.at,
            f"`{workload.name}` is stopped before its successor runs",
            confidence=Confidence.HIGH,
            fix="Use RollingUpdate.",
        )


def _needs_gpu(workload: Workload) -> bool:
    return any("gpu" in key.raw for container in workload.containers for key, _ in container.get("resources").pairs())


def _script(events: list[Event]) -> Iterator[Match]:
    """A program that removes an endpoint and creates it again afterwards, in one function."""
    for event in events:
        if event.name.rpartition(".")[2] in _REMOVES and not event.conditional:
            later = [
                other
                for other in events
                if other.id > event.id and other.function == event.function and _creates(event, other)
            ]
            if later:
                yield Match(
                    event.at,
                    f"what serves is removed before line {later[0].at.line} makes the new one",
                    confidence=Confidence.MEDIUM,
                    related=(Related(later[0].at, "the new one is made here"),),
                    fix="Make the new one first, check it, then remove the old one.",
                    symbol=event.function,
                )
                return


def _creates(removal: Event, other: Event) -> bool:
    return other.name.rpartition(".")[2] in _CREATES and other.name.partition(".")[0] == removal.name.partition(".")[0]
