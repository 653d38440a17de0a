"""Models as files: which version stands behind each, and how it is packaged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from pipeaudit.evidence.calls import short
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.images import Image
from pipeaudit.evidence.places import is_model, is_notebook, is_test
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

_VERSIONED = re.compile(
    r"\{[^}]*\}|\$\{[^}]*(?:now|run|version|date|time)[^}]*\}|v\d+(?:\.\d+)*\b|\d{4}-?\d{2}-?\d{2}|%Y", re.IGNORECASE
)
_TRANSFORMER = re.compile(r"scaler|encoder|vectori|preproc|proprocess|tokeniz|label|column|features?\b|vocab|transform", re.IGNORECASE)


@signal("model-in-dvc")
def model_in_dvc(facts: Facts) -> Iterator[Evidence]:
    """Outputs of DVC stages that are models, and artifacts of type model."""
    outs = set()
    for node in facts.graph.stages():
        for said in node.declarations:
            if said.system != "dvc":
                continue
            for out in said.writes:
                artifact = facts.graph.artifact(out)
                if is_model(out) and not re.search(r"data|feature|matrix", out) or (artifact is not None and artifact.kind is ArtifactKind.MODEL):
                    outs.add(out)
                    yield Evidence(said.at, f"`{out}` is an output that DVC versions")
    for path in facts.paths:
        name = path.rpartition("/")[2]
        if name == "dvc.yaml":
            for document in facts.nodes(path):
                for key, body in document.items("artifacts"):
                    if body.get("type").text == "model":
                        yield Evidence(key.at, f"`{key.raw}` is declared as a model")
        elif name.endswith(".dvc") and is_model(name.removesuffix(".dvc")):
            yield Evidence(Location(path), "DVC versions the model")


@signal("model-name-versioned")
def model_name_versioned(facts: Facts) -> Iterator[Evidence]:
    for saved in facts.once(model_saves):
        if _VERSIONED.search(saved.path) and not _only_folder(saved.path):
            yield Evidence(saved.event.at, f"the model's name `{saved.path[:80]}` tells its version or run", Strength.STRONG)


def _only_folder(path: str) -> bool:
    """Whether what is unknown is only the folder in front of a fixed name."""
    return re.match(r"^\{\}/[^{}]*$", path) is not None


@signal("model-in-artifact-store")
def model_in_artifact_store(facts: Facts) -> Iterator[Evidence]:
    """An orchestrator keeps the model under its run."""
    from pipeaudit.evidence.data import orchestrator_artifacts
    from pipeaudit.evidence.programs import training_nodes

    trained = {node.at for node in facts.once(training_nodes)}
    for each in orchestrator_artifacts(facts):
        if each.at in trained or "versioned by Kedro" in each.what:
            yield each


def _fixed(facts: Facts) -> list[Saved]:
    """Saves to a path that is the same in every run and that no tool versions."""
    versioned = {each.at for id in ("model-in-dvc", "model-registered", "model-registered-on-log") for each in facts.evidence(id)}
    outs = {out for node in facts.graph.stages() for said in node.declarations if said.system == "dvc" for out in said.writes}
    names = {out.rpartition("/")[2] for out in outs}
    fixed = []
    for saved in facts.once(model_saves):
        path = saved.path
        if not path or "log_model" in saved.event.name or saved.event.at in versioned:
            continue
        if path.rpartition("/")[2] in names or _TRANSFORMER.search(path.rpartition("/")[2]):
            continue
        if not _VERSIONED.search(path) or _only_folder(path):
            fixed.append(saved)
    return fixed


@signal("model-overwritten")
def model_overwritten(facts: Facts) -> Iterator[Evidence]:
    """A fixed file that every run overwrites, where no registry, tracker or DVC keeps the model too."""
    if facts.shows("model-registered", "model-registered-on-log", "model-in-dvc", "model-logged-to-run", "model-in-artifact-store"):
        return
    for saved in _fixed(facts):
        yield Evidence(saved.event.at, f"every run overwrites `{saved.path[:80]}`", Strength.STRONG)


@signal("model-committed")
def model_committed(facts: Facts) -> Iterator[Evidence]:
    """A model file in git that no stage makes and whose name tells no version."""
    if facts.shows("model-registered", "model-registered-on-log", "model-in-dvc"):
        return
    for path in facts.paths:
        if not is_model(path) or is_test(path) or _VERSIONED.search(path.rpartition("/")[2]):
            continue
        if re.search(r"model|clf|classif|regress|weights|cluster|checkpoint", path, re.IGNORECASE) and not _TRANSFORMER.search(path.rpartition("/")[2]):
            yield Evidence(Location(path), f"the model `{path}` is committed without a version", Strength.STRONG)


@signal("model-not-kept")
def model_not_kept(facts: Facts) -> Iterator[Evidence]:
    """Models are trained and not written anywhere: nothing is overwritten, and nothing has a version."""
    if not facts.once(model_saves) and facts.once(train_events) and not facts.shows("model-committed"):
        yield Evidence(facts.once(train_events)[0].at, "the model is trained and not kept in a file", Strength.WEAK)
    for saved in facts.once(model_saves):
        if not saved.path:
            yield Evidence(saved.event.at, "the model's path is given from outside", Strength.WEAK)


# Packages


@signal("service-image")
def service_image(facts: Facts) -> Iterator[Evidence]:
    """An image whose build copies the serving code, the model, or the whole project that serves."""
    served = facts.once(serving_paths) | {service.path for service in facts.once(services)}
    for image in facts.images:
        at = _serves(image, served, facts)
        if at is not None:
            yield Evidence(at, f"the image of `{image.path}` holds the service or its model")


def _serves(image: Image, served: frozenset[str], facts: Facts) -> Location | None:
    if not served and not any(facts.shows(id) for id in ("serving-resource", "batch-prediction")):
        return _model_server(image)
    for source, at in image.copies:
        if source in (".", "./", "*") and _runs_something(image):
            folder = image.context
            if not folder or any(path.startswith(folder + "/") for path in served):
                return at
        name = source.removeprefix("./").rstrip("/").rstrip("*").rstrip("/")
        if name and any(path == name or path.startswith(name + "/") or path.endswith("/" + name) or f"/{name}/" in f"/{path}" for path in served):
            return at
        if is_model(source):
            return at
    return _model_server(image)


def _model_server(image: Image) -> Location | None:
    for words, at in image.commands:
        if re.search(r"mlflow models? serve|mlflow models|torchserve|tritonserver|tensorflow_model_server|bentoml serve|seldon-core-microservice|mlserver", words):
            return at
    for base, at in image.bases:
        if re.search(r"tensorflow/serving|tritonserver|torchserve|mlserver|sagemaker-.*inference|seldonio|bentoml", base):
            return at
    return None


def _runs_something(image: Image) -> bool:
    return any(re.search(r"uvicorn|gunicorn|flask|python|streamlit|fastapi|waitress|hypercorn|start|serve|app", words) for words, _ in image.commands)


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
            found = any(place in facts.known for place in places) or any(path.endswith(f"/{module}.py") for path in facts.paths)
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
    for id in ("served-by-call", "drift-monitor-call"):
        if facts.shows("model-registered"):
            yield from facts.evidence(id)[:2]


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
                yield Evidence(service.opens.at, f"`{short(service.opens.name)}` deploys the code as it is", Strength.SUPPORTING)


# Training against serving


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
            readers = [node for node in facts.graph.readers(artifact) if any(p.path in served for p in facts.graph.programs(node))]
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
        facts.shows("model-registered", "model-registered-on-log", "model-logged-to-run") and facts.shows("pipeline-object", "tokenize")
    )
    if keeps:
        yield from facts.evidence("registry-model-served")
    for path in sorted(facts.once(serving_paths)):
        for event in facts.calls.by_path.get(path, ()):
            if re.search(r"(?:get_preprocessor|get_pipeline|load_preprocessor|load_pipeline|\.preprocessor|from_checkpoint)", event.name):
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
            yield Evidence(event.at, "the model takes the data as it is: no preprocessing that could differ", Strength.WEAK)


@signal("no-service-here")
def no_service_here(facts: Facts) -> Iterator[Evidence]:
    if not facts.once(serving_paths):
        yield Evidence(Location("."), "nothing is served here", Strength.WEAK)


@signal("model-loaded-in-service")
def model_loaded_in_service(facts: Facts) -> Iterator[Evidence]:
    served = facts.once(serving_paths)
    for event in facts.once(load_events):
        if event.at.path in served:
            yield Evidence(event.at, f"the service loads what was fitted with `{short(event.name)}`", Strength.SUPPORTING)


@signal("preprocessing-shared")
def preprocessing_shared(facts: Facts) -> Iterator[Evidence]:
    """A module that both a training and a serving program step into."""
    serving = {service.path for service in facts.once(services) if service.predicts or service.loads}
    trained = {event.at.path for event in facts.once(train_events)}
    by_service = {e.at.path for path in serving for e in facts.project.programs[path] if e.at.path != path}
    by_training = {
        e.at.path
        for path, events in facts.project.programs.items()
        if path not in serving and not is_test(path) and any(x.at.path in trained and ("train" in x.roles) for x in events)
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
