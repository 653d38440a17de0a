"""What kind of project this is, by the first profile that fits, and whether it hands its model on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeaudit.evidence.candidates import candidates
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_example, is_notebook, is_test
from pipeaudit.evidence.programs import orchestrated, predict_events, services, train_events, training_nodes
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.pipeline import StageKind

_DEPLOYS = (
    "serving-endpoint",
    "serving-resource",
    "served-by-call",
    "packaged-by-call",
    "service-image",
    "bentofile",
    "batch-call",
    "cog-file",
    "triton-model",
)
_HANDS_ON = ("model-registered", "model-registered-on-log", "model-exported", "serving-documented")


_FEWEST_STAGES = 2


@dataclass(frozen=True, slots=True)
class Profile:
    """`name` is one of the profiles of the checklist; `handed_on` shows a model that leaves this repository."""

    name: str
    reason: str
    handed_on: tuple[Evidence, ...] = ()


def detect(facts: Facts) -> Profile:
    trained = facts.once(train_events)
    nodes = facts.once(training_nodes)
    deployment = list(_deployment(facts))
    if not (trained or nodes or deployment or _models(facts)):
        return _without_model(facts)
    if _is_library(facts):
        return Profile("library", "an installable package of model classes that reads no data of its own")
    if not (trained or nodes):
        if deployment:
            return Profile("service", f"a model is served ({deployment[0].what}) and none is trained")
        if _judged(facts):
            return Profile("study", "models are judged, none is deployed")
        return _without_model(facts)
    if deployment:
        return Profile("full", f"a model is trained and deployed ({deployment[0].what})")
    handed = tuple(each for signal_id in _HANDS_ON for each in facts.evidence(signal_id))
    if not handed and not _orchestrated_training(facts):
        return Profile(
            "study", "models are trained in scripts or notebooks, without a pipeline, a registry or a service"
        )
    return Profile("training", "models are trained by a pipeline and not deployed here", handed)


def _without_model(facts: Facts) -> Profile:
    if facts.shows("serving-resource", "weighted-traffic-manifest", "drift-monitor-manifest"):
        return Profile("platform", "only configuration that runs models, no model code")
    if len(facts.once(orchestrated)) >= _FEWEST_STAGES:
        return Profile("study", "a pipeline of data; no model is trained, judged or served here")
    return Profile("none", "no model is trained, judged or served here")


def _models(facts: Facts) -> bool:
    return bool(facts.once(candidates)) or _judged(facts)


def _judged(facts: Facts) -> bool:
    return any(True for _ in facts.calls.of("metric", "search")) and bool(facts.once(predict_events))


def _deployment(facts: Facts) -> Iterator[Evidence]:
    """Evidence that something here serves, deploys or packages a model."""
    for signal_id in _DEPLOYS:
        for each in facts.evidence(signal_id):
            if each.strength is not Strength.WEAK and not is_test(each.at.path) and not is_notebook(each.at.path):
                yield each
    for service in facts.once(services):
        page = service.is_page or service.opens.name.startswith("gradio")
        if page and not is_notebook(service.path) and (service.predicts or service.loads):
            yield Evidence(service.opens.at, "a page shows predictions")
    for node in facts.graph.stages(StageKind.DEPLOYMENT):
        systems = {said.system for said in node.declarations}
        if systems & {"kserve", "seldon", "bentoml", "ray-serve"}:
            yield Evidence(node.at, f"`{node.name}` is deployed")
    if len(facts.once(train_events)) + len(facts.once(training_nodes)):
        for each in facts.evidence("ci-deploys"):
            yield each


def _orchestrated_training(facts: Facts) -> bool:
    """Whether a pipeline definition, or CI, runs the training."""
    places = {event.at.path for event in facts.once(train_events)}
    for node in facts.once(orchestrated):
        if node.kind is StageKind.TRAINING or any(program.path in places for program in facts.graph.programs(node)):
            return True
    return facts.shows("ci-runs-pipeline") and bool(places)


_ESTIMATORS = re.compile(
    r"\b(?:BaseEstimator|TransformerMixin|nn\.Module|keras\.Model|LightningModule|ClassifierMixin|RegressorMixin|"
    r"PreTrainedModel)\b"
)


def _is_library(facts: Facts) -> bool:
    """An installable package with public model classes, no reads outside examples, no pipeline."""
    if not any(path in facts.known for path in ("pyproject.toml", "setup.py", "setup.cfg")) or facts.once(orchestrated):
        return False
    packages = {path.rpartition("/")[0] for path in facts.paths if path.endswith("/__init__.py") and not is_test(path)}
    if not packages:
        return False
    for event in facts.calls.of("read", "load_dataset", "query"):
        outside = (
            not is_example(event.at.path) and not event.name.startswith("builtins.") and not is_notebook(event.at.path)
        )
        if outside and event.at.path.rpartition("/")[0] in packages and _literal(event):
            return False
        if outside and event.at.path.rpartition("/")[0] not in packages:
            return False
    if any(
        not is_example(e.at.path) and e.at.path.rpartition("/")[0] not in packages for e in facts.once(train_events)
    ):
        return False
    return any(True for _ in _public_classes(facts, packages))


def _literal(event) -> bool:  # type: ignore[no-untyped-def] # an event of a read
    return any(isinstance(value.constant, str) and "{" not in value.constant for value in event.arguments.values())


def _public_classes(facts: Facts, packages: set[str]) -> Iterator[str]:
    for path in facts.paths:
        if path.endswith(".py") and path.rpartition("/")[0] in packages and not is_test(path):
            for found in re.finditer(r"^class\s+([A-Z]\w*)\s*\(([^)]*)\)", facts.text(path), re.MULTILINE):
                if _ESTIMATORS.search(found.group(2)):
                    yield found.group(1)
