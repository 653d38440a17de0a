"""Data: where it comes from, who says so, in which form and version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.documents import named_in_documents
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_data, is_model, is_test
from pipeaudit.evidence.programs import declared_systems, orchestrated, path_of, training_nodes
from pipeaudit.evidence.prose import around, at_offset, says
from pipeaudit.evidence.signal import signal
from pipeaudit.flow.events import Event
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind

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
    read |= {artifact.name.rpartition("/")[2] for artifact in facts.graph.artifacts.values() if facts.graph.readers(artifact)}
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
                if body.is_mapping and any(body.get(k) for k in ("filepath", "type", "sql", "table_name", "path", "driver")):
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
                    yield Evidence(described.at, f"`{key.raw}` is described: {described.text[:80]}", Strength.SUPPORTING)


@signal("data-source-in-code")
def data_source_in_code(facts: Facts) -> Iterator[Evidence]:
    for event, path in facts.once(reads):
        if path and path.strip("{}/. "):
            yield Evidence(event.at, f"the code reads `{_safe(path)}`", Strength.SUPPORTING)


def _safe(path: str) -> str:
    """A path or address without what could be a secret."""
    return re.sub(r"//[^/@]*@", "//", path.partition("?")[0])[:120]


@signal("data-remote-read")
def data_remote_read(facts: Facts) -> Iterator[Evidence]:
    for event, path in facts.once(reads):
        if _REMOTE.match(path):
            yield Evidence(event.at, f"the data is read from `{_safe(path)}`", Strength.STRONG)


_URL = re.compile(r"(?:https?://|s3://|gs://)[^\s\"'<>)\]]+\.(?:csv|zip|tar|gz|tgz|parquet|json|jsonl|tsv|xml|data|xlsx|txt|npz|h5)\b", re.IGNORECASE)


@signal("data-url-in-command")
def data_url_in_command(facts: Facts) -> Iterator[Evidence]:
    """An address of a data file in a command, a configuration or a notebook's call."""
    for command in facts.commands:
        match = _URL.search(command.text)
        if match and command.source != "document" and not any(word in command.text for word in ("pip install", "apt-get")):
            yield Evidence(command.at_offset(match.start()), f"the data's address: `{_safe(match.group())}`", Strength.STRONG)
    for path in facts.paths:
        if path.lower().endswith((".yaml", ".yml", ".toml")) and not path.startswith(".") and not is_test(path):
            for document in facts.nodes(path):
                for _, value in document.pairs():
                    if value.is_scalar and _URL.match(value.raw):
                        yield Evidence(value.at, f"the data's address: `{_safe(value.raw)}`", Strength.STRONG)


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
                    yield Evidence(at_offset(section, found.start()), "the model's description names its data", Strength.SUPPORTING)
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
                    yield Evidence(at, f"names the data's source: {_safe(link.target)}", Strength.SUPPORTING)
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
    for event in facts.calls.named("torchvision.datasets.*", "tensorflow.keras.datasets.*", "keras.datasets.*", "torchtext.datasets.*"):
        parts = event.name.split(".")
        found.add(parts[parts.index("datasets") + 1])
    return tuple(sorted(found))


_SHORTEST_NAME = 3
_COMMON = frozenset(
    "data train test valid validation dataset input output raw features labels target model config params sample file x_train "
    "x_test y_train y_test train_data test_data processed final result results metrics predictions submission df table "
    "path csv train_set test_set values reference current".split()
)


@signal("data-schema")
def data_schema(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("data-schema-call")
    for each in facts.evidence("schema-file"):
        yield each
    for path in facts.paths:
        if is_test(path) and path.endswith(".py") and path in facts.project.programs:
            for event in facts.all_calls.by_path.get(path, ()):
                if _EXPECTATION.search(event.name):
                    yield Evidence(event.at, "a test states the data's form", Strength.STRONG)
            for name, at in facts.project.programs[path].functions:
                if _DATA_TEST.search(name):
                    yield Evidence(at, f"`{name.rpartition('.')[2]}` tests the data's form", Strength.STRONG)


_DATA_TEST = re.compile(r"test\w*_(?:schema|columns|dtypes|missing_values|no_nulls?|data_types|null_values)", re.IGNORECASE)
_EXPECTATION = re.compile(r"\.expect_|great_expectations|pandera|validate_schema|check_schema")


@signal("read-with-types")
def read_with_types(facts: Facts) -> Iterator[Evidence]:
    """Reads that state column types, or code that sets a whole schema."""
    for event, _ in facts.once(reads):
        if any(event.argument(name) is not None for name in ("dtype", "dtypes", "schema", "parse_dates", "names", "column_names")):
            yield Evidence(event.at, "the read states columns or their types", Strength.SUPPORTING)


@signal("format-documented")
def format_documented(facts: Facts) -> Iterator[Evidence]:
    """A data section or a notebook's text that tells columns, types or file format."""
    for document in facts.documents:
        for section in document.sections:
            if not says(section, 10) or not _ABOUT_DATA.search(f"{section.key} {section.body[:2000]}"):
                continue
            found = _FORMAT.search(section.body)
            if found:
                yield Evidence(at_offset(section, found.start()), "the data's format is described", Strength.SUPPORTING)
                break


_ABOUT_DATA = re.compile(r"\bdata\b|\bdata ?sets?\b", re.IGNORECASE)
_FORMAT = re.compile(
    r"\b(?:csv|tsv|xml|parquet|json) (?:file|format)|\bfiles? (?:is|are) formatted|\bformatted as\b|\bformat of (?:the|each)|"
    r"\bcolumns?\b.{0,40}\b(?:are|:|contain|describe|rows?)|\b\d+ (?:columns|features|attributes|variables)\b|\bfeatures? (?:are|include)|\bin (?:csv|tsv|xml|json) format|\bcsv\b.{0,30}\bdata",
    re.IGNORECASE,
)


@signal("data-availability-checked")
def data_availability_checked(facts: Facts) -> Iterator[Evidence]:
    """Documents that tell when the data was made, or how to get it; DVC imports that are frozen at a revision."""
    for document in facts.documents:
        for section in document.sections:
            found = _AVAILABLE.search(section.body) if _ABOUT_DATA.search(section.body) else None
            if found and says(section, 10):
                yield Evidence(at_offset(section, found.start()), "the data's availability or date is told", Strength.SUPPORTING)
                break


_AVAILABLE = re.compile(
    r"\blast updated?\b|\bupdated? (?:daily|weekly|monthly|quarterly|yearly|annually|every|on)\b|\brefresh(?:ed|es)?\b|"
    r"\bsnapshot\b|\bas of (?:19|20)\d\d|\b(?:collected|released|published|generated|gathered) (?:in|on|between|from) (?:\w+ )?(?:19|20)\d\d|"
    r"\b(?:daily|hourly|weekly|monthly) (?:data|updates?|batch|ingest\w*)|data (?:is|are) (?:publicly )?available|can be downloaded",
    re.IGNORECASE,
)


@signal("collection-scheduled")
def collection_scheduled(facts: Facts) -> Iterator[Evidence]:
    from pipeaudit.evidence.release import schedules

    for each, words in facts.once(schedules):
        if re.search(r"ingest|collect|download|fetch|scrap|crawl|extract|etl|load_data|data", words):
            yield Evidence(each.at, "the data is collected on a schedule", Strength.STRONG)


@signal("collection-timestamps")
def collection_timestamps(facts: Facts) -> Iterator[Evidence]:
    """Columns that tell when a row came to be: in data files' headers, schemas and constants of reads."""
    for path in facts.paths:
        if path.lower().endswith((".csv", ".tsv")) and not is_test(path):
            header = facts.header(path)
            found = _TIME_COLUMN.search(header)
            if found:
                yield Evidence(Location(path), f"column `{found.group(1)}` tells when a row came to be", Strength.SUPPORTING)
    for event in facts.calls.named("feast.*Source*", "feast.FeatureView"):
        if event.argument("timestamp_field") or event.argument("event_timestamp_column"):
            yield Evidence(event.at, "features carry their event time", Strength.STRONG)
    for event in facts.calls.named("pandas.to_datetime", "pandas.DataFrame.sort_values"):
        words = " ".join(str(value.constant) for value in event.arguments.values()) + " ".join(v.name for v in event.arguments.values())
        named = _TIME_COLUMN.search(words)
        if named:
            yield Evidence(event.at, f"`{named.group(1)}` tells when a row came to be", Strength.SUPPORTING)
    for document in facts.documents:
        for section in document.sections:
            told = _TIME_WORD.search(section.body)
            if told and _ABOUT_ROWS.search(around(section, told.start())):
                yield Evidence(at_offset(section, told.start()), "the data carries time stamps", Strength.SUPPORTING)
                break


_TIME_COLUMN = re.compile(
    r"\b((?:collected|ingested|ingestion|event|created|updated|recorded|extracted|snapshot|scraped|crawl\w*|load)_?(?:at|on|time|date|timestamp|datetime|ts)|timestamp|event_time|datetime)\b",
    re.IGNORECASE,
)
_ABOUT_ROWS = re.compile(r"\bdata ?sets?\b|\bcolumns?\b|\brows?\b|\bformat(?:ted)?\b|\bratings?\b|\brecords?\b|\bcsv\b", re.IGNORECASE)
_TIME_WORD = re.compile(r"[`,*:|(]\s*timestamps?\b|\btimestamps?\s*[`,:|)]", re.IGNORECASE)


@signal("consent-column")
def consent_column(facts: Facts) -> Iterator[Evidence]:
    for path in facts.paths:
        if path.lower().endswith((".csv", ".tsv")) and not is_test(path):
            found = _CONSENT.search(facts.header(path))
            if found:
                yield Evidence(Location(path), f"column `{found.group(1)}` records consent", Strength.SUPPORTING)


_CONSENT = re.compile(r"\b(\w*consent\w*|opt_?in|opt_?out|gdpr\w*|legal_basis|data_use)\b", re.IGNORECASE)


@signal("data-licence-documented")
def data_licence_documented(facts: Facts) -> Iterator[Evidence]:
    """Documents that tell under which licence, consent or legal basis the data is used."""
    yield from facts.evidence("data-licence-section")
    for document in facts.documents:
        for section in document.sections:
            found = _LICENCE.search(section.body)
            if found:
                yield Evidence(at_offset(section, found.start()), "the data's licence or consent is told", Strength.SUPPORTING)
                break


_LICENCE = re.compile(
    r"\bdata(?: ?sets?)?\b[^.\n]{0,80}\b(?:licen[cs]ed?|under (?:the )?(?:cc|creative commons|odbl|public domain)|publicly licen[cs]ed|anonymi[sz]ed|no personal data)\b|"
    r"\b(?:licen[cs]e|consent|gdpr)\b[^.\n]{0,40}\b(?:of|for) (?:the )?data|\bno personal(?:ly identifiable)? (?:data|information)\b",
    re.IGNORECASE,
)


@signal("dataset-metadata")
def dataset_metadata(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("dataset-metadata-call")
    for path in facts.paths:
        if path.endswith(".dvc"):
            for document in facts.nodes(path):
                if document.get("meta"):
                    yield Evidence(document.key("meta").at, "DVC keeps metadata of the data", Strength.SUPPORTING)
    for document in facts.readmes:
        for part in document.parts:
            if "dataset_info:" in part.front_matter or re.search(r"^datasets?:", part.front_matter, re.MULTILINE):
                yield Evidence(Location(document.path), "the front matter names the data sets", Strength.SUPPORTING)
    for each in facts.evidence("data-catalog-described"):
        yield each


@signal("data-locked-by-dvc")
def data_locked_by_dvc(facts: Facts) -> Iterator[Evidence]:
    """Hashes of the data in `.dvc` files and in lock files."""
    for path in facts.paths:
        name = path.rpartition("/")[2]
        if name.endswith(".dvc") and not path.startswith(".dvc/"):
            for document in facts.nodes(path):
                for out in document.list("outs"):
                    if out.get("md5").text or out.get("hash").text or out.get("etag").text:
                        yield Evidence(out.at, f"`{out.get('path').text}` is fixed by its hash")
                for dependency in document.list("deps"):
                    locked = dependency.get("repo", "rev_lock")
                    if locked.text:
                        yield Evidence(locked.at, "the import is fixed at a revision")
        elif name == "dvc.lock":
            for document in facts.nodes(path):
                for _, stage in document.items("stages"):
                    for dependency in stage.list("deps"):
                        source = dependency.get("path").text
                        if dependency.get("md5").text and not source.endswith((".py", ".sh", ".ipynb", ".r", ".R", ".yaml")):
                            yield Evidence(dependency.at, f"`{source}` is fixed by its hash")
                            break


@signal("dvc-lineage")
def dvc_lineage(facts: Facts) -> Iterator[Evidence]:
    """Stages with inputs and outputs, and the lock file that says which gave which."""
    for path in facts.paths:
        if path.rpartition("/")[2] != "dvc.lock":
            continue
        for document in facts.nodes(path):
            for name, stage in document.items("stages"):
                if stage.get("deps") and stage.get("outs"):
                    yield Evidence(name.at, f"stage `{name.raw}` records what it made of what")


@signal("dvc-project")
def dvc_project(facts: Facts) -> Iterator[Evidence]:
    for path in facts.paths:
        if path.rpartition("/")[2] == "dvc.yaml" or (path.endswith(".dvc") and not path.startswith(".dvc/")):
            yield Evidence(Location(path), "the project uses DVC", Strength.SUPPORTING)


@signal("dvc-project-unlocked")
def dvc_project_unlocked(facts: Facts) -> Iterator[Evidence]:
    for path in facts.paths:
        folder, _, name = path.rpartition("/")
        if name == "dvc.yaml" and (f"{folder}/dvc.lock" if folder else "dvc.lock") not in facts.known:
            for document in facts.nodes(path):
                if document.get("stages"):
                    yield Evidence(document.get("stages").at, "stages are declared, without a lock file", Strength.WEAK)


@signal("data-in-lfs")
def data_in_lfs(facts: Facts) -> Iterator[Evidence]:
    from pipeaudit.evidence.declared import glob

    for path in facts.paths:
        if path.rpartition("/")[2] != ".gitattributes":
            continue
        for number, line in enumerate(facts.text(path).split("\n"), 1):
            if "filter=lfs" not in line or line.lstrip().startswith("#"):
                continue
            wanted = line.split()[0].strip('"')
            matcher = glob([wanted.lstrip("/") if "/" in wanted else f"**/{wanted}"])
            covered = [p for p in facts.paths if matcher.fullmatch(p.lower()) and (is_data(p) or is_model(p))]
            if covered:
                yield Evidence(Location(path, number), f"Git LFS versions `{covered[0]}`")


@signal("orchestrator-artifacts")
def orchestrator_artifacts(facts: Facts) -> Iterator[Evidence]:
    """Stages of systems that keep every output under the run's id."""
    for node in facts.once(orchestrated):
        kept = [system for system in declared_systems(node) if system in _KEEPERS]
        if kept:
            yield Evidence(node.at, f"{kept[0]} keeps what `{node.name}` reads and writes")
    for path in facts.paths:
        if re.search(r"catalog[^/]*\.ya?ml$", path):
            for document in facts.nodes(path):
                for key, body in document.entries:
                    if body.get("versioned").boolean:
                        yield Evidence(key.at, f"`{key.raw}` is versioned by Kedro")


_KEEPERS = frozenset(("tfx", "zenml", "metaflow", "flyte", "kfp", "vertex", "kubeflow", "pachyderm"))


@signal("tracked-lineage")
def tracked_lineage(facts: Facts) -> Iterator[Evidence]:
    """A run that names the version of the data it used."""
    yield from facts.evidence("dataset-version-logged")


@signal("pipeline-declares-data")
def pipeline_declares_data(facts: Facts) -> Iterator[Evidence]:
    """Declared stages of which one makes what another one trains on."""
    for node in facts.once(training_nodes):
        if facts.graph.before(node) and set(declared_systems(node)) & _DECLARES_DATA:
            yield Evidence(node.at, f"the pipeline says what `{node.name}` is made from", Strength.WEAK)


_DECLARES_DATA = frozenset(("dvc", "kedro", "kfp", "vertex", "snakemake", "luigi", "dagster", "azureml", "sagemaker", "tfx", "flyte", "metaflow", "zenml"))


def dataset_artifacts(facts: Facts) -> list[str]:
    """Names of data that some stage reads and none writes."""
    return [
        artifact.name
        for artifact in facts.graph.artifacts.values()
        if artifact.kind is ArtifactKind.DATASET and facts.graph.readers(artifact) and not facts.graph.writers(artifact)
    ]
