import re
from posixpath import dirname

from pipeaudit.rule import (
    Confidence,
    Iterator,
    Location,
    Match,
    Project,
    Severity,
    StageKind,
    is_example,
    is_test,
    rule,
)

_CI = (
    "azure-pipelines*.yml",
    "/.pipelines/*.yml",
    "/.azure-pipelines/*.yml",
    "/.github/workflows/*.y*ml",
    ".gitlab-ci.yml",
)

_WORKSHOP = re.compile(r"devcontainer|gitpod|codespace", re.IGNORECASE)  # images that people develop in


@rule(
    "PA512",
    Severity.WARNING,
    ceiling=Confidence.HIGH,
    stage=StageKind.DEPLOYMENT,
    controls=("DEP-1", "DEP-2"),
)
def mutable_image_reference(project: Project) -> Iterator[Match]:
    """An image is named without a tag, or by `latest`: tomorrow the same line means another image.

    A build or a restart brings other libraries, and going back to yesterday's service is not possible.

    Bad, in Dockerfile:

        FROM python
        COPY model.pkl app.py ./
        CMD ["python", "app.py"]

    And in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            return model.predict(rows).tolist()

    Good, in Dockerfile:

        FROM python:3.11.9-slim
        COPY model.pkl app.py ./
        CMD ["python", "app.py"]

    And in app.py:

        import joblib
        from fastapi import FastAPI

        app = FastAPI()
        model = joblib.load("model.pkl")

        @app.post("/predict")
        def predict(rows: list[list[float]]):
            return model.predict(rows).tolist()

    Fix: name the exact version, best with its digest.

    Not seen: names that a template, an argument or an overlay fills in. `scratch`, earlier stages of the same file, and
    services that are built here are not counted; neither are projects without a model.

    Source: SSDF PW.4.
    """
    if project.profile in ("none", "library"):
        return
    seen = set()
    for at, image in sorted(_images(project), key=lambda found: found[0].key):
        if _is_mutable(image) and at not in seen and not _is_built_here(project, image):
            seen.add(at)
            how = "by `latest`" if _tag(image) == "latest" else "without a tag"
            yield Match(
                at,
                f"image `{image}` is named {how}",
                confidence=Confidence.HIGH,
                fix=f"Name a version: `{image.partition(':')[0]}:<version>`.",
            )


def _images(project: Project) -> Iterator[tuple[Location, str]]:
    for path in project.repository.dockerfiles():
        file = project.repository.dockerfile(path)
        if file is not None and not is_test(path) and not is_example(path) and not _WORKSHOP.search(path):
            named = (stage for stage in file.stages if stage.base is None)
            yield from ((Location(path, stage.line, end_line=stage.line), stage.image) for stage in named)
    for workload in project.workloads:
        if not workload.is_for_development:
            for container in workload.containers:
                if not _is_overlaid(project, workload.path, container.get("image").text):
                    yield container.get("image").at, container.get("image").text
    for service in project.services:
        if not service.node.get("build") and not service.is_for_development:
            yield service.node.get("image").at, service.node.get("image").text
    for path in project.repository.glob(*_CI):
        for document in project.repository.nodes(path):
            for key, value in document.pairs():
                if key.raw in ("image", "container") and value.is_scalar and _is_reference(value.text):
                    yield value.at, value.text


def _is_reference(text: str) -> bool:
    """An image of a CI job has a path or a tag; a bare word there may be a name of the file's own."""
    return "/" in text or ":" in text


def _is_overlaid(project: Project, path: str, image: str) -> bool:
    """Whether a kustomization beside it fills in the images, or one elsewhere this image."""
    for file in project.repository.glob("kustomization.yaml", "kustomization.yml"):
        for document in project.repository.nodes(file):
            images = document.get("images")
            if images and dirname(file) == dirname(path):
                return True
            if any(each.get("name").text == image for each in images.list()):
                return True
    return False


def _is_built_here(project: Project, image: str) -> bool:
    """Whether a folder of the image's name holds a Dockerfile: then the name stands for what lies there."""
    name = image.partition(":")[0]
    return "/" not in name and bool(project.repository.glob(f"{name}/Dockerfile", f"Dockerfile.{name}"))


def _tag(image: str) -> str:
    return image.rpartition("/")[2].partition(":")[2]


def _is_mutable(image: str) -> bool:
    if not image or image == "scratch" or "@sha256:" in image or any(sign in image for sign in "${}<>"):
        return False
    return _tag(image) in ("", "latest")
