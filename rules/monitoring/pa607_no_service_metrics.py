from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, rule

_MEASURES = (
    "service-metrics",
    "metrics-resource",
    "metrics-manifest",
    "telemetry-on",
    "dashboards",
    "request-timing-logged",
)
_PLATFORMS = ("serving-resource", "served-by-call", "triton-model", "bentofile", "error-tracker")


@rule(
    "PA607",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.MONITORING,
    controls=("MON-2",),
)
def no_service_metrics(project: Project) -> Iterator[Match]:
    """A service answers requests, and nothing measures how long that takes or how much it bears.

    That it is slow or overloaded is heard from its users.

    Bad, in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            return model.predict(rows).tolist()

    Good, in app.py:

        import joblib
        from fastapi import FastAPI
        from prometheus_fastapi_instrumentator import Instrumentator

        app = FastAPI()
        model = joblib.load("model.pkl")
        Instrumentator().instrument(app).expose(app)

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            return model.predict(rows).tolist()

    Fix: add an instrumentator or OpenTelemetry: latency, throughput, errors.

    Not seen: metrics of a service mesh or of a gateway. Platforms that measure what they run (KServe, Triton,
    SageMaker, Vertex AI, BentoML) are not counted.

    Source: ML Test Score, Monitoring 6.
    """
    if project.profile not in ("full", "service") or project.evidence(*_MEASURES, *_PLATFORMS):
        return
    for found in [e for e in project.evidence("serving-endpoint") if _has_routes(project, e.at.path)][:1]:
        yield Match(
            found.at,
            f"this service ({found.what}) measures neither latency nor throughput",
            confidence=Confidence.MEDIUM,
            fix="Add an instrumentator.",
        )


def _has_routes(project: Project, path: str) -> bool:
    """Whether it answers requests of programs; a page has no routes."""
    program = project.programs.get(path)
    if program is None or program.is_notebook:
        return False
    return any("decorates" in event.detail for event in program.of("serve"))
