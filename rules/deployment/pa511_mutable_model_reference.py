import re

from pipeaudit.rule import (
    Confidence,
    ConfigNode,
    Event,
    Events,
    Iterator,
    Match,
    Project,
    Scope,
    Severity,
    StageKind,
    is_test,
    rule,
)

_REGISTRY = re.compile(r"^models:/(?P<name>[^/@]+)(?:/(?P<version>[^/]*)|@(?P<alias>[^/]*))?")
_LATEST = re.compile(r"(?:^|[/:])latest(?:/|$)", re.IGNORECASE)
_KEYS = frozenset({"storageuri", "modeluri", "model_uri", "model_path", "modelpath", "storage_uri"})


@rule(
    "PA511",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.DEPLOYMENT,
    controls=("ANT-2", "DEP-2"),
    scope=Scope.PROJECT,
)
def mutable_model_reference(project: Project) -> Iterator[Match]:
    """A model is taken by a name that can mean another one tomorrow, and nobody writes down which one it was.

    A restart can put another model into service. Afterwards nobody can say which one answered, or go back to it.

    Bad:

        import mlflow

        model = mlflow.pyfunc.load_model("models:/churn/latest")

    Good:

        import mlflow

        model = mlflow.pyfunc.load_model("models:/churn/17")

    Fix: pin the version in the release, or log at startup which version the name led to.

    Not seen: names that come from the environment. An alias whose version is logged is good practice; models from a
    hub have a rule of their own.
    """
    for path in sorted(project.programs):
        events = project.programs[path]
        if is_test(path) or _says_version(events):
            continue
        for event in events.of("load_model", "artifact_get", "deploy"):
            name = _mutable(_reference(event))
            if name is not None:
                yield Match(
                    event.at,
                    f"`{name}` can mean another model at the next start",
                    confidence=Confidence.MEDIUM,
                    fix="Pin the version, or log the one that was loaded.",
                    symbol=event.function,
                )
    for path in project.repository.paths:
        if path.endswith((".yaml", ".yml")) and not is_test(path):
            data = project.repository.data(path) or b""
            if b"latest" in data and (b"Uri" in data or b"model_" in data or b"modelPath" in data):
                for node in project.repository.nodes(path):
                    yield from _in_manifest(node)


def _reference(event: Event) -> object:
    for operation, field in (("load", "path"), ("reads", "path"), ("deploy", "model")):
        value = event.port(operation, field)
        if value is not None:
            return value.constant
    return next((v.constant for v in event.arguments.values()), None)


def _mutable(name: object) -> str | None:
    """The name, where it leads to whatever is newest or carries a label that moves."""
    if not isinstance(name, str):
        return None
    registry = _REGISTRY.match(name)
    if registry is not None:
        version = registry["version"]
        moving = registry["alias"] or (version and not version.isdigit() and "{}" not in version)
        return name if moving else None
    remote = "://" in name
    return name if remote and _LATEST.search(name) else None


def _says_version(events: Events) -> bool:
    """Whether the program asks for the version behind the name."""
    return any("get_model_version" in event.short or "run_id" in event.short for event in events)


def _in_manifest(node: ConfigNode, depth: int = 0) -> Iterator[Match]:
    if depth > 24:
        return
    for key, value in node.entries:
        if key.text.lower() in _KEYS and "://" in value.text and _LATEST.search(value.text):
            yield Match(
                value.at,
                f"`{value.text}` can mean another model at the next start",
                confidence=Confidence.MEDIUM,
                fix="Name the version's own folder.",
            )
        yield from _in_manifest(value, depth + 1)
    for value in node.elements:
        yield from _in_manifest(value, depth + 1)
