from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, Workload, rule

_ALWAYS_ON = ("Deployment", "StatefulSet", "Rollout")


@rule(
    "PA513",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.DEPLOYMENT,
    controls=("MON-2", "DEP-2"),
    kinds=("probes", "resources", "availability"),
)
def kubernetes_serving_hygiene(project: Project) -> Iterator[Match]:
    """A workload that serves a model has no probes, no resources, or a single replica.

    Requests reach a pod before its model is loaded, the model's memory kills its neighbours, a restart is an outage.

    Kinds: `probes`, `resources`, `availability` (one replica and nothing that scales it: a note).

    Bad, in deployment.yaml:

        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: scorer}
        spec:
          replicas: 2
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
          replicas: 2
          template:
            spec:
              containers:
                - name: scorer
                  image: "registry.example.com/scorer:1.4"
                  readinessProbe: {httpGet: {path: /health, port: 8080}}
                  resources: {requests: {memory: 1Gi}, limits: {memory: 2Gi}}

    And in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            return model.predict(rows).tolist()

    Fix: add a readiness probe that asks for the loaded model, requests and limits, and a second replica or an
    autoscaler.

    Not seen: what a chart or an overlay fills in. Databases, brokers and dashboards, manifests for development, jobs,
    and runtimes that add probes themselves (KServe, Knative) are not counted.

    Source: inference optimization guide; kube-linter.
    """
    if project.profile not in ("full", "service", "platform"):
        return
    for workload in project.workloads:
        is_patch = "patch" in workload.path or not any(c.get("image") for c in workload.containers)
        if workload.kind in _ALWAYS_ON and not (workload.supports or workload.is_for_development or is_patch):
            yield from _judged(project, workload)


def _judged(project: Project, workload: Workload) -> Iterator[Match]:
    at = workload.node.key("kind").at
    containers = [c for c in workload.containers if c.get("image")]
    if not any(c.get(probe) for c in containers for probe in ("readinessProbe", "livenessProbe", "startupProbe")):
        yield _match(workload, "probes", "has neither a readiness nor a liveness probe", "Add a readinessProbe.")
    if not all(c.get("resources").entries for c in containers):
        yield _match(workload, "resources", "states no resources for its containers", "Add requests and limits.")
    replicas = workload.node.get("spec", "replicas")
    if (not replicas or replicas.number == 1) and not _is_scaled(project, workload):
        yield Match(
            replicas.at if replicas else at,
            f"{workload.kind} `{workload.name}` runs one replica, and nothing scales it",
            kind="availability",
            severity=Severity.NOTE,
            confidence=Confidence.HIGH,
            fix="Run two replicas, or add an autoscaler.",
        )


def _match(workload: Workload, kind: str, what: str, fix: str) -> Match:
    return Match(
        workload.node.key("kind").at,
        f"{workload.kind} `{workload.name}` {what}",
        kind=kind,
        confidence=Confidence.HIGH,
        fix=fix,
    )


def _is_scaled(project: Project, workload: Workload) -> bool:
    scalers = [d for d in project.manifests if d.get("kind").text in ("HorizontalPodAutoscaler", "ScaledObject")]
    return any(d.get("spec", "scaleTargetRef", "name").text in ("", workload.name) for d in scalers)
