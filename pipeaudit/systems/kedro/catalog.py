"""Where Kedro's datasets lie, and of what kind they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.model.pipeline import ArtifactKind
from pipeaudit.system import Artifact, Sources, resolve
from pipeaudit.systems.kedro.calls import without_transcoding

_LAYERS = (
    (
        ArtifactKind.MODEL,
        re.compile(r"model|regressor|classifier|sklearn|tensorflow|torch|mlflow.*model", re.IGNORECASE),
    ),
    (ArtifactKind.METRICS, re.compile(r"metric", re.IGNORECASE)),
    (ArtifactKind.REPORT, re.compile(r"plotly|matplotlib|report|html", re.IGNORECASE)),
)


def catalogued(sources: Sources) -> Iterator[Artifact]:
    """Where datasets lie, as far as plain entries of the base and local catalogs say."""
    for path in sources.paths:
        _folder, _, name = path.rpartition("/")
        if not re.fullmatch(r"catalog.*\.ya?ml", name) and "/catalog/" not in path:
            continue
        if not re.search(r"(^|/)conf/", path) or not path.endswith((".yml", ".yaml")):
            continue
        root = path.partition("conf/")[0].rstrip("/")
        for document in sources.yaml(path):
            for key, entry in document.entries:
                file = entry.get("filepath").text
                if not file or "{" in key.raw or "${" in file or key.raw.startswith("_"):
                    continue
                kind = entry.get("type").text
                layer = entry.get("layer").text or entry.get("metadata", "kedro-viz", "layer").text
                words = f"{kind} {layer} {file}"
                told = next((found for found, pattern in _LAYERS if pattern.search(words)), ArtifactKind.OTHER)
                yield Artifact(
                    f"kedro:{without_transcoding(key.raw)}", told, resolve(root, file) if "{" not in file else ""
                )
