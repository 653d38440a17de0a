"""Data: where it comes from, and who says so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.documents import named_in_documents
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_data, is_model, is_test
from pipeaudit.evidence.programs import (
    path_of,
)
from pipeaudit.evidence.prose import at_offset, says
from pipeaudit.evidence.signal import signal
from pipeaudit.flow.events import Event
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location

_REMOTE = re.compile(r"^(?:https?|s3a?|gs|gcs|abfss?|wasbs?|az|hdfs|ftp|dbfs|hf|wandb|minio)://", re.IGNORECASE)
_HOSTS = (
    "kaggle.com",
    "archive.ics.uci.edu",
    "huggingface.co/datasets",
    "openml.org",
    "zenodo.org",
    "grouplens.org",
    "data.gov",
    "dataverse",
    "figshare.com",
    "paperswithcode.com/dataset",
    "physionet.org",
    "image-net.org",
    "cocodataset.org",
    "data.world",
    "opendata",
    "datahub.io",
    "kdd.org",
    "drivendata",
    "nyc.gov",
    "registry.opendata.aws",
    "datasetsearch",
    "tensorflow.org/datasets",
    "yann.lecun.com",
    "stat.duke.edu",
    "cs.toronto.edu",
)


def reads(facts: Facts) -> tuple[tuple[Event, str], ...]:
    """Reads of data with their paths ("" where unknown); configuration and models are no data."""
    found = []
    for event in facts.calls.of("read", "load_dataset", "query"):
        path = path_of(event)
        if event.name.startswith("builtins.file") and not (is_data(path) or "data" in path.lower()):
            continue
        if path and (is_model(path) and not is_data(path)):
            continue
        found.append((event, path))
    return tuple(found)


@signal("data-in-repository")
def data_in_repository(facts: Facts) -> Iterator[Evidence]:
    """Data files of the tree: those that code reads are strong, others in a data folder supporting."""
    read = {path.removeprefix("./").rpartition("/")[2] for _, path in facts.once(reads) if path}
    read |= {
        artifact.name.rpartition("/")[2] for artifact in facts.graph.artifacts.values() if facts.graph.readers(artifact)
    }
    for path in facts.paths:
        if not is_data(path) or is_test(path):
            continue
        if path.rpartition("/")[2] in read:
            yield Evidence(Location(path), "the data that the code reads is in the repository", Strength.STRONG)
        elif _DATA_FOLDER.search(path.lower()):
            yield Evidence(Location(path), "a data file is in the repository", Strength.SUPPORTING)


_DATA_FOLDER = re.compile(r"(?:^|/)(?:data|dataset|datasets|raw|input|inputs)(?:/|_|\.)")


@signal("data-tracked-by-dvc")
def data_tracked_by_dvc(facts: Facts) -> Iterator[Evidence]:
    """Files that DVC imports or holds, if it has a remote to get them from."""
    remote = _remote(facts)
    for path in facts.paths:
        if not path.endswith(".dvc") or path.startswith(".dvc/"):
            continue
        for document in facts.nodes(path):
            source = document.get("deps", 0, "path")
            if source:
                yield Evidence(source.at, "DVC imports the data from its source", Strength.STRONG)
            elif document.get("outs"):
                strength = Strength.STRONG if remote else Strength.WEAK
                yield Evidence(document.get("outs").at, "the data is tracked by DVC", strength)
    if remote and facts.shows("dvc-lineage", "dvc-project-unlocked"):
        yield Evidence(remote, "a DVC remote holds the data", Strength.STRONG)


def _remote(facts: Facts) -> Location | None:
    if ".dvc/config" not in facts.known:
        return None
    for number, line in enumerate(facts.text(".dvc/config").split("\n"), 1):
        if re.match(r"\s*url\s*=\s*\S", line):
            return Location(".dvc/config", number)
    return None


@signal("data-catalog")
def data_catalog(facts: Facts) -> Iterator[Evidence]:
    """Catalog files with at least one entry that names a path, a query or a source."""
    for each in facts.evidence("data-catalog-file"):
        for document in facts.nodes(each.at.path):
            for key, body in document.entries:
                if body.is_mapping and any(
                    body.get(k) for k in ("filepath", "type", "sql", "table_name", "path", "driver")
                ):
                    yield Evidence(key.at, f"the catalogue declares `{key.raw}`", Strength.STRONG)
            for source in document.list("sources"):
                yield Evidence(source.at, f"the source `{source.get('name').text}` is declared", Strength.STRONG)
            if document.get("registry") or document.get("project"):
                yield Evidence(document.at, "a feature store is declared", Strength.SUPPORTING)


@signal("data-catalog-described")
def data_catalog_described(facts: Facts) -> Iterator[Evidence]:
    for each in facts.evidence("data-catalog-file"):
        for document in facts.nodes(each.at.path):
            for key, value in document.pairs():
                if key.raw in ("description", "metadata") and (value.text or value.is_mapping):
                    yield Evidence(key.at, "the catalogue describes its sources", Strength.SUPPORTING)


@signal("dvc-artifact-described")
def dvc_artifact_described(facts: Facts) -> Iterator[Evidence]:
    for path in facts.paths:
        name = path.rpartition("/")[2]
        if name != "dvc.yaml" and not name.endswith(".dvc"):
            continue
        for document in facts.nodes(path):
            bodies = [(key, body) for key, body in document.items("artifacts")]
            bodies += [(out.key("path"), out) for out in (document, *document.list("outs"))]
            for key, body in bodies:
                described = body.get("desc")
                if described.text and (body.get("type").text in ("", "dataset", "data") or name.endswith(".dvc")):
                    yield Evidence(
                        described.at, f"`{key.raw}` is described: {described.text[:80]}", Strength.SUPPORTING
                    )


@signal("data-source-in-code")
def data_source_in_code(facts: Facts) -> Iterator[Evidence]:
    for event, path in facts.once(reads):
        if path.strip("{}/. ") and not re.search(r"\s", path.strip()):
            yield Evidence(event.at, f"the code reads `{safe(path)}`", Strength.SUPPORTING)


def safe(path: str) -> str:
    """A path or address without what could be a secret."""
    return re.sub(r"//[^/@]*@", "//", path.partition("?")[0])[:120]


@signal("data-remote-read")
def data_remote_read(facts: Facts) -> Iterator[Evidence]:
    for event, path in facts.once(reads):
        if _REMOTE.match(path):
            yield Evidence(event.at, f"the data is read from `{safe(path)}`", Strength.STRONG)


_URL = re.compile(
    r"(?:https?://|s3://|gs://)[^\s\"'<>)\]]+\.(?:csv|zip|tar|gz|tgz|parquet|json|jsonl|tsv|xml|data|xlsx|txt|npz|"
    r"h5)\b",
    re.IGNORECASE,
)


@signal("data-url-in-command")
def data_url_in_command(facts: Facts) -> Iterator[Evidence]:
    """An address of a data file in a command, a configuration or a notebook's call."""
    for command in facts.commands:
        match = _URL.search(command.text)
        if (
            match
            and command.source != "document"
            and not any(word in command.text for word in ("pip install", "apt-get"))
        ):
            yield Evidence(
                command.at_offset(match.start()), f"the data's address: `{safe(match.group())}`", Strength.STRONG
            )
    for path in facts.paths:
        if path.lower().endswith((".yaml", ".yml", ".toml")) and not path.startswith(".") and not is_test(path):
            for document in facts.nodes(path):
                for _, value in document.pairs():
                    if value.is_scalar and _URL.match(value.raw):
                        yield Evidence(value.at, f"the data's address: `{safe(value.raw)}`", Strength.STRONG)


@signal("data-path-from-caller")
def data_path_from_caller(facts: Facts) -> Iterator[Evidence]:
    """Reads whose path only the caller knows."""
    known = facts.once(reads)
    if known and not any(path.strip("{}/. ") for _, path in known):
        yield Evidence(known[0][0].at, "the data's path is given from outside", Strength.WEAK)


@signal("data-origin-named")
def data_origin_named(facts: Facts) -> Iterator[Evidence]:
    """Documents that name the data, for people to fetch."""
    yield from facts.evidence("data-source-linked")
    yield from facts.evidence("data-section")
    yield from facts.evidence("model-card-data")


@signal("model-card-data")
def model_card_data(facts: Facts) -> Iterator[Evidence]:
    for each in facts.evidence("model-card"):
        for document in facts.documents:
            if document.path != each.at.path:
                continue
            for section in document.sections:
                found = re.search(r"\bdata ?sets?\b|\btrained on\b", section.body, re.IGNORECASE)
                if found and says(section, 8):
                    yield Evidence(
                        at_offset(section, found.start()), "the model's description names its data", Strength.SUPPORTING
                    )
                    break


@signal("data-source-linked")
def data_source_linked(facts: Facts) -> Iterator[Evidence]:
    """Documents with a link to a known home of data sets, or that name a source which the code reads."""
    for document in facts.documents:
        for section in document.sections:
            for link in section.links:
                target = link.target.lower()
                words = f"{link.text} {section.key}".lower()
                if any(host in target for host in _HOSTS) or ("data" in words and "dataset" in f"{target} {words}"):
                    at = Location(document.path, link.line, cell=section.at.cell)
                    yield Evidence(at, f"names the data's source: {safe(link.target)}", Strength.SUPPORTING)
    for term, each in named_in_documents(facts, facts.once(source_names)):
        yield Evidence(each.at, f"names the data that the code reads: `{term}`", Strength.SUPPORTING)


def source_names(facts: Facts) -> tuple[str, ...]:
    """What the data is called in code: stems of files, hub ids, names of data set classes."""
    found: set[str] = set()
    for event, path in facts.once(reads):
        stem = path.rpartition("/")[2].partition(".")[0].strip("{}_-")
        if len(stem) > _SHORTEST_NAME and stem.lower() not in _COMMON:
            found.add(stem)
        if "load_dataset" in event.roles and "." in event.name:
            loaded = event.name.rpartition(".")[2].removeprefix("load_").removeprefix("fetch_")
            if len(loaded) > _SHORTEST_NAME and loaded not in ("dataset", "load_data", "data"):
                found.add(loaded)
    for event in facts.calls.named(
        "torchvision.datasets.*", "tensorflow.keras.datasets.*", "keras.datasets.*", "torchtext.datasets.*"
    ):
        following = event.name.partition("datasets.")[2].partition(".")[0]
        if following:
            found.add(following)
    return tuple(sorted(found))


_SHORTEST_NAME = 3
_COMMON = frozenset(
    "data train test valid validation dataset input output raw features labels target model config params sample file "
    "x_train "
    "x_test y_train y_test train_data test_data processed final result results metrics predictions submission df table "
    "path csv train_set test_set values reference current".split()
)
