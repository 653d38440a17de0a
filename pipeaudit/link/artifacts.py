"""When two names are one artifact: paths normalised, folders holding files, templates with holes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from posixpath import dirname, normpath

from pipeaudit.model.pipeline import ArtifactKind

_EXTENSIONS = {
    extension: kind
    for kind, extensions in (
        (
            ArtifactKind.MODEL,
            "pkl pickle joblib pt pth ckpt h5 keras onnx safetensors mar bst cbm pmml tflite mlmodel gguf",
        ),
        (
            ArtifactKind.DATASET,
            "csv tsv parquet feather orc avro arrow xlsx xls jsonl ndjson npy npz tfrecord db sqlite",
        ),
        (ArtifactKind.REPORT, "html pdf md"),
        (ArtifactKind.IMAGE, "png jpg jpeg svg gif webp"),
        (ArtifactKind.PARAMS, "yaml yml toml ini cfg properties"),
    )
    for extension in extensions.split()
}
_CODE = frozenset("py ipynb r rmd sh bash sql jl scala java js ts go c cpp h smk lock".split())
_NAMED = (
    (ArtifactKind.METRICS, re.compile(r"metric|score|eval", re.IGNORECASE)),
    (ArtifactKind.MODEL, re.compile(r"(^|[/_.-])models?([/_.-]|$)|checkpoint|classifier|regressor", re.IGNORECASE)),
    (ArtifactKind.FEATURES, re.compile(r"feature", re.IGNORECASE)),
    (ArtifactKind.REPORT, re.compile(r"report|plot", re.IGNORECASE)),
    (ArtifactKind.PARAMS, re.compile(r"(^|[/_.-])(params|config|hparams)([/_.-]|$)", re.IGNORECASE)),
    (ArtifactKind.DATASET, re.compile(r"data|train|test|valid|split|raw|clean|sample", re.IGNORECASE)),
)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://")
MAX_NAME = 4096


def normal(name: str) -> str:
    """The one spelling of an artifact's name: POSIX, without `./`, credentials, query and trailing slash."""
    name = name.strip()[:MAX_NAME]
    if _URI.match(name):
        scheme, _, rest = name.partition("://")
        if scheme == "file":
            return normal(rest)
        host, slash, path = rest.partition("/")
        host = host.rpartition("@")[2]
        return f"{scheme.lower()}://{host}{slash}{path.split('?', 1)[0].split('#', 1)[0]}".rstrip("/")
    if re.match(r"[a-z]{2,20}:[^/\\]", name):  # a name of a system's own
        return name
    name = name.replace("\\", "/")
    joined = normpath(name) if name else ""
    return "" if joined == "." else joined


def shown(name: str) -> str:
    """A name without its system and the scope it is unique in: `kedro:companies`, `dagster:defs#orders`."""
    own = re.match(r"[a-z]{2,20}:(?=[^/\\])", name)
    return name[own.end() :].rpartition("#")[2] or name if own else name


def kind_of(name: str) -> ArtifactKind:
    """What a name alone tells; what produces the artifact tells more."""
    last = name.rpartition("/")[2]
    stem, dot, extension = last.rpartition(".")
    if dot and extension.lower() in _CODE:
        return ArtifactKind.OTHER
    if dot and extension.lower() not in _EXTENSIONS and extension.lower() not in ("json", "txt", "log"):
        stem, dot = last, ""  # a name of a system's own, such as `small.model`
    by_extension = _EXTENSIONS.get(extension.lower()) if dot else None
    if extension.lower() == "json" or by_extension in (ArtifactKind.PARAMS, ArtifactKind.DATASET, None):
        for kind, words in _NAMED:
            if by_extension is ArtifactKind.DATASET and kind not in (ArtifactKind.METRICS, ArtifactKind.FEATURES):
                continue
            if by_extension is ArtifactKind.PARAMS and kind is not ArtifactKind.METRICS:
                continue
            if words.search(stem or last) or (not dot and words.search(name)):
                return kind
    return by_extension or ArtifactKind.OTHER


class Overlaps:
    """Finds written artifacts that a read one lies in, contains, or fits as a template."""

    def __init__(self, written: Iterable[str]) -> None:
        self._written = dict.fromkeys(written)
        self._inside: dict[str, list[str]] = {}
        self._templates: list[tuple[re.Pattern[str], str]] = []
        for name in self._written:
            for folder in _folders(name):
                self._inside.setdefault(folder, []).append(name)
            if "{}" in name and (pattern := _template(name)) is not None:
                self._templates.append((pattern, name))

    def of(self, name: str) -> list[str]:
        """Other written names that hold what `name` names, in part or in whole."""
        found = [folder for folder in _folders(name) if folder in self._written]
        found += self._inside.get(name, ())
        if "{}" not in name:
            found += [other for pattern, other in self._templates if pattern.fullmatch(name)]
        return [other for other in dict.fromkeys(found) if other != name]


def _folders(name: str) -> Iterator[str]:
    """Folders around a path; the bucket of a URI is none."""
    if _URI.match(name):
        scheme, _, rest = name.partition("://")
        folder = dirname(rest)
        while "/" in folder.strip("/"):
            yield f"{scheme}://{folder}"
            folder = dirname(folder)
        return
    folder = dirname(name)
    while folder.strip("/"):  # the folder above `//host` is `//`, and above that as well
        yield folder
        folder = dirname(folder)


def _template(name: str) -> re.Pattern[str] | None:
    """A pattern for a template that says enough to be recognised: a folder and a file name that is not all hole."""
    folder, _, last = name.rpartition("/")
    if not folder.replace("{}", "").strip("/") or len(last.replace("{}", "").strip("._-")) < 3 or len(name) > 300:
        return None
    return re.compile("[^/]*".join(re.escape(part) for part in name.split("{}")))
