"""Versions of data, and what says which data a model was made from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_data, is_model
from pipeaudit.evidence.programs import (
    declared_systems,
    orchestrated,
    training_nodes,
)
from pipeaudit.evidence.signal import signal
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location


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
                        if dependency.get("md5").text and not source.endswith(
                            (".py", ".sh", ".ipynb", ".r", ".R", ".yaml")
                        ):
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


# What Kedro's catalogue keeps where, by the data set's type.
_KEPT = {
    "catalog-keeps-metrics": re.compile(
        r"MetricsData|MetricHistory|MetricData|tracking\.|Neptune\w*Metric", re.IGNORECASE
    ),
    "catalog-keeps-models": re.compile(r"Mlflow\w*Model|NeptuneModel|wandb\w*Model", re.IGNORECASE),
    "catalog-keeps-runs": re.compile(r"kedro_mlflow|kedro_neptune|kedro_wandb|tracking\.", re.IGNORECASE),
}


@signal("catalog-keeps-metrics")
def catalog_keeps_metrics(facts: Facts) -> Iterator[Evidence]:
    return _kept(facts, "catalog-keeps-metrics", "metrics")


@signal("catalog-keeps-models")
def catalog_keeps_models(facts: Facts) -> Iterator[Evidence]:
    return _kept(facts, "catalog-keeps-models", "models")


@signal("catalog-keeps-runs")
def catalog_keeps_runs(facts: Facts) -> Iterator[Evidence]:
    return _kept(facts, "catalog-keeps-runs", "run's outputs")


def _kept(facts: Facts, name: str, what: str) -> Iterator[Evidence]:
    for each in facts.evidence("data-catalog-file"):
        for document in facts.nodes(each.at.path):
            for key, body in document.entries:
                if _KEPT[name].search(body.get("type").text):
                    yield Evidence(key.at, f"the catalogue keeps `{key.raw}` among the {what}")


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


_DECLARES_DATA = frozenset(
    (
        "dvc",
        "kedro",
        "kfp",
        "vertex",
        "snakemake",
        "luigi",
        "dagster",
        "azureml",
        "mlflow-recipes",
        "sagemaker",
        "tfx",
        "flyte",
        "metaflow",
        "zenml",
    )
)
