"""Training against serving: which fitted objects and which code both use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from pipeaudit.evidence.calls import short
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_notebook, is_test
from pipeaudit.evidence.programs import (
    Saved,
    in_code,
    load_events,
    model_saves,
    path_of,
    predict_events,
    services,
    serving_paths,
    train_events,
)
from pipeaudit.evidence.signal import signal
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind


@signal("artifact-shared")
def artifact_shared(facts: Facts) -> Iterator[Evidence]:
    """A fitted object that training writes and serving reads, by path or by registered name."""
    served = facts.once(serving_paths)
    written: dict[str, Saved] = {}
    for saved in facts.once(model_saves):
        name = saved.path.rpartition("/")[2]
        if name.strip("{}.") and not is_notebook(saved.event.at.path):
            written.setdefault(name, saved)
    for event in facts.once(load_events):
        if event.at.path not in served:
            continue
        name = path_of(event).rpartition("/")[2]
        if name in written:
            yield Evidence(event.at, f"the service loads `{name}`, which training writes")
            yield Evidence(written[name].event.at, f"training writes `{name}`, which the service loads")
    for artifact in facts.graph.artifacts.values():
        if artifact.kind is ArtifactKind.MODEL:
            readers = [
                node
                for node in facts.graph.readers(artifact)
                if any(p.path in served for p in facts.graph.programs(node))
            ]
            for node in readers:
                if facts.graph.writers(artifact):
                    yield Evidence(node.at, f"`{node.name}` reads `{artifact.name}`, which training writes")


@signal("artifacts-differ")
def artifacts_differ(facts: Facts) -> Iterator[Evidence]:
    """Serving reads a file that nothing writes, while training writes one of nearly that name that nothing reads."""
    served = facts.once(serving_paths)
    events = [e for role in ("save_model", "write_data") for e in facts.calls.of(role)]
    written = {_file(path_of(event)): event for event in events if in_code(event)}
    loads = {_file(path_of(event)): event for event in facts.once(load_events) if in_code(event)}
    for name, event in sorted(loads.items()):
        if not name or name in written or event.at.path not in served:
            continue
        for other, made in sorted(written.items()):
            if other and other not in loads and SequenceMatcher(None, name, other).ratio() > _NEARLY_THE_SAME:
                yield Evidence(made.at, f"training writes `{other}`, serving reads `{name}`, which nothing writes")


_NEARLY_THE_SAME = 0.85


def _file(path: str) -> str:
    name = path.rpartition("/")[2]
    return "" if "{" in name else name


@signal("model-with-preprocessing-served")
def model_with_preprocessing_served(facts: Facts) -> Iterator[Evidence]:
    """The service loads from the registry or store where training keeps a pipeline with its preprocessing."""
    keeps = facts.shows("transformer-in-logged-model") or (
        facts.shows("model-registered", "model-registered-on-log", "model-logged-to-run")
        and facts.shows("pipeline-object", "tokenize")
    )
    if keeps:
        yield from facts.evidence("registry-model-served")
    for path in sorted(facts.once(serving_paths)):
        for event in facts.calls.by_path.get(path, ()):
            if re.search(
                r"(?:get_preprocessor|get_pipeline|load_preprocessor|load_pipeline|\.preprocessor|from_checkpoint)",
                event.name,
            ):
                yield Evidence(event.at, "the service takes the preprocessing from the model's checkpoint")


@signal("embedded-pipeline")
def embedded_pipeline(facts: Facts) -> Iterator[Evidence]:
    """No service here, and what is saved holds its preprocessing."""
    if facts.once(serving_paths):
        return
    for saved in facts.once(model_saves):
        for value in saved.event.arguments.values():
            if value.is_a("sklearn.pipeline.Pipeline", "pyspark.ml.PipelineModel", "imblearn.pipeline.Pipeline"):
                yield Evidence(saved.event.at, "the saved model holds its preprocessing")
    yield from facts.evidence("transformer-in-logged-model")


@signal("preprocessing-within-run")
def preprocessing_within_run(facts: Facts) -> Iterator[Evidence]:
    """Nothing serves here: training and test use the same fitted object or code."""
    if facts.once(serving_paths):
        return
    for event in facts.calls.of("apply_transformer"):
        yield Evidence(event.at, f"`{short(event.name)}` treats training and test data alike", Strength.SUPPORTING)
    for each in facts.evidence("preprocessing-in-code"):
        yield Evidence(each.at, "the same code prepares training and test data", Strength.WEAK)


@signal("nothing-to-share")
def nothing_to_share(facts: Facts) -> Iterator[Evidence]:
    """No service here, and the model takes the data as it is: nothing is fitted that could differ."""
    if not facts.once(serving_paths) and not facts.shows("preprocessing-in-code", "preprocessing-in-notebook"):
        for event in facts.once(train_events)[:1]:
            yield Evidence(
                event.at, "the model takes the data as it is: no preprocessing that could differ", Strength.WEAK
            )


@signal("no-service-here")
def no_service_here(facts: Facts) -> Iterator[Evidence]:
    if not facts.once(serving_paths):
        yield Evidence(Location("."), "nothing is served here", Strength.WEAK)


@signal("model-loaded-in-service")
def model_loaded_in_service(facts: Facts) -> Iterator[Evidence]:
    served = facts.once(serving_paths)
    for event in facts.once(load_events):
        if event.at.path in served:
            yield Evidence(
                event.at, f"the service loads what was fitted with `{short(event.name)}`", Strength.SUPPORTING
            )


@signal("preprocessing-shared")
def preprocessing_shared(facts: Facts) -> Iterator[Evidence]:
    """A module that both a training and a serving program step into."""
    serving = {service.path for service in facts.once(services) if service.predicts or service.loads}
    trained = {event.at.path for event in facts.once(train_events)}
    by_service = {e.at.path for path in serving for e in facts.project.programs[path] if e.at.path != path}
    by_training = {
        e.at.path
        for path, events in facts.project.programs.items()
        if path not in serving
        and not is_test(path)
        and any(x.at.path in trained and ("train" in x.roles) for x in events)
        for e in events
        if e.at.path != path
    }
    for path in sorted(by_service & by_training):
        yield Evidence(Location(path), "training and service share this code", Strength.SUPPORTING)
    for path in sorted(serving & trained):
        yield Evidence(Location(path), "one program trains and serves", Strength.SUPPORTING)
    for event in facts.once(train_events):
        if event.at.path in by_service:
            yield Evidence(event.at, "the service trains with the code that it serves with", Strength.SUPPORTING)


_REQUESTS = re.compile(r"^class \w+\((?:pydantic\.)?BaseModel\)")


@signal("typed-requests")
def typed_requests(facts: Facts) -> Iterator[Evidence]:
    """The service states the form of its requests."""
    if not facts.once(serving_paths):
        return
    for at in facts.mentions(_REQUESTS):
        if not is_notebook(at.path):
            yield Evidence(at, "requests have a declared form", Strength.SUPPORTING)
    for event in facts.once(predict_events):
        if event.at.path in facts.once(serving_paths):
            yield Evidence(event.at, "the service predicts from the request's fields", Strength.WEAK)
