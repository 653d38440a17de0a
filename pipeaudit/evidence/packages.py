"""How a model is packaged: images, exports, bundles, what a platform is told."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.calls import short
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.images import Image
from pipeaudit.evidence.places import is_model, is_test
from pipeaudit.evidence.programs import (
    load_events,
    services,
    serving_paths,
)
from pipeaudit.evidence.signal import signal
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location


@signal("service-image")
def service_image(facts: Facts) -> Iterator[Evidence]:
    """An image whose build copies the serving code, the model, or the whole project that serves."""
    served = facts.once(serving_paths) | {s.path for s in facts.once(services) if s.serves or s.reached or s.unread}
    for image in facts.images:
        at = _serves(image, served, facts)
        if at is not None:
            yield Evidence(at, f"the image of `{image.path}` holds the service or its model")


def _serves(image: Image, served: frozenset[str], facts: Facts) -> Location | None:
    if not served and not any(facts.shows(signal_id) for signal_id in ("serving-resource", "batch-prediction")):
        return _model_server(image)
    for source, at in image.copies:
        if source in (".", "./", "*") and _runs_something(image):
            folder = image.context
            if not folder or any(path.startswith(folder + "/") for path in served):
                return at
        name = source.removeprefix("./").rstrip("/").rstrip("*").rstrip("/")
        if name and any(
            path == name or path.startswith(name + "/") or path.endswith("/" + name) or f"/{name}/" in f"/{path}"
            for path in served
        ):
            return at
        if is_model(source):
            return at
    return _model_server(image)


def _model_server(image: Image) -> Location | None:
    for words, at in image.commands:
        if re.search(
            r"mlflow models? serve|mlflow models|torchserve|tritonserver|tensorflow_model_server|bentoml serve|"
            r"seldon-core-microservice|mlserver",
            words,
        ):
            return at
    for base, at in image.bases:
        if re.search(
            r"tensorflow/serving|tritonserver|torchserve|mlserver|sagemaker-.*inference|seldonio|bentoml", base
        ):
            return at
    return None


def _runs_something(image: Image) -> bool:
    return any(
        re.search(r"uvicorn|gunicorn|flask|python|streamlit|fastapi|waitress|hypercorn|start|serve|app", words)
        for words, _ in image.commands
    )


@signal("image-other")
def image_other(facts: Facts) -> Iterator[Evidence]:
    """Images that hold neither service nor model."""
    for image in facts.images:
        if not re.search(r"devcontainer|/\.?ci/|(?:^|/)docs?/", image.path):
            yield Evidence(Location(image.path), "an image without the service", Strength.WEAK)


@signal("packaged-by-framework")
def packaged_by_framework(facts: Facts) -> Iterator[Evidence]:
    """A bundle file whose service exists, a model server's configuration, a framework's package call."""
    yield from facts.evidence("triton-model")
    yield from facts.evidence("packaged-by-call")
    for each in facts.evidence("cog-file"):
        for document in facts.nodes(each.at.path):
            module = document.get("predict").text.partition(":")[0]
            if module and module in facts.known:
                yield Evidence(document.get("predict").at, each.what)
    for path, at, exists in _bundles(facts):
        if exists:
            yield Evidence(at, f"`{path}` bundles the service")
    for path in facts.paths:
        name = path.rpartition("/")[2].lower()
        if re.fullmatch(r".*inference_?config.*\.(?:ya?ml|json)|score\.ya?ml", name):
            yield Evidence(Location(path), f"`{path}` says how the model is packed for inference")


def _bundles(facts: Facts) -> Iterator[tuple[str, Location, bool]]:
    """Bentofiles, and whether the module that they name is there."""
    for each in facts.evidence("bentofile"):
        folder = each.at.path.rpartition("/")[0]
        for document in facts.nodes(each.at.path):
            service = document.get("service")
            module = service.text.partition(":")[0].replace(".", "/")
            places = [f"{module}.py", f"{folder}/{module}.py"] if folder else [f"{module}.py"]
            found = any(place in facts.known for place in places) or any(
                path.endswith(f"/{module}.py") for path in facts.paths
            )
            yield each.at.path, service.at, bool(module) and found


@signal("package-broken")
def package_broken(facts: Facts) -> Iterator[Evidence]:
    for path, at, exists in _bundles(facts):
        if not exists:
            yield Evidence(at, f"`{path}` bundles a service whose file is not here", Strength.WEAK)


@signal("registry-model-served")
def registry_model_served(facts: Facts) -> Iterator[Evidence]:
    """The service loads the model from a registry."""
    served = facts.once(serving_paths)
    for event in facts.once(load_events):
        if event.at.path in served and re.match(r"mlflow\.|bentoml\.|wandb\.|azureml\.", event.name):
            yield Evidence(event.at, f"the service loads a registered model with `{short(event.name)}`")
    for signal_id in ("served-by-call", "drift-monitor-call"):
        if facts.shows("model-registered"):
            yield from facts.evidence(signal_id)[:2]


@signal("model-file-with-service")
def model_file_with_service(facts: Facts) -> Iterator[Evidence]:
    """A service that loads a plain file, or model files beside a web application."""
    served = facts.once(serving_paths)
    for event in facts.once(load_events):
        if event.at.path in served:
            yield Evidence(event.at, f"the service loads a file with `{short(event.name)}`", Strength.SUPPORTING)
    if facts.once(services):
        for path in facts.paths:
            if is_model(path) and not is_test(path):
                yield Evidence(Location(path), "a model file beside the service", Strength.WEAK)
                break


@signal("package-metadata-with-service")
def package_metadata_with_service(facts: Facts) -> Iterator[Evidence]:
    """A service that is an installable package."""
    if not facts.once(serving_paths):
        return
    for path in facts.paths:
        if path.rpartition("/")[2] == "pyproject.toml":
            for document in facts.nodes(path):
                if document.get("build-system") and (document.get("project") or document.get("tool", "poetry")):
                    yield Evidence(Location(path), "the service is an installable package", Strength.WEAK)


@signal("platform-environment")
def platform_environment(facts: Facts) -> Iterator[Evidence]:
    """How a platform runs the service, without an image of one's own."""
    if facts.once(services) or facts.shows("serving-resource"):
        for each in facts.evidence("platform-file"):
            yield Evidence(each.at, each.what, Strength.SUPPORTING)
        for service in facts.once(services):
            if service.opens.name.startswith(("ray.serve", "modal.")):
                yield Evidence(
                    service.opens.at, f"`{short(service.opens.name)}` deploys the code as it is", Strength.SUPPORTING
                )
