"""Preprocessing: which fields need what, where it is written, and whether its result has a version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.calls import short
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_notebook
from pipeaudit.evidence.programs import declared_systems, orchestrated, serving_paths, train_events
from pipeaudit.evidence.signal import signal
from pipeaudit.flow.events import Event
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.pipeline import Node, StageKind

_PREPARES = ("impute", "scale", "transform-features", "encode", "tokenize", "vision-transform", "text-cleaning")
_CHECKS = re.compile(r"(?:^|[-_:/ .])(?:tests?|lint|format|check|validate|quality|build)(?:$|[-_: .])", re.IGNORECASE)


@signal("no-categories", "scale-free-model")
def scale_free_model(facts: Facts) -> Iterator[Evidence]:
    """Trees ask for no scaling, and for numbers as they are."""
    for event in (*facts.calls.of("construct_model"), *facts.once(train_events)):
        if facts.is_one("tree-models", event.name):
            yield Evidence(event.at, f"`{short(event.name)}` needs no scaled features", Strength.WEAK)
            return


@signal("interaction-data")
def interaction_data(facts: Facts) -> Iterator[Evidence]:
    """Ids and ratings hold nothing to encode or scale."""
    for event in facts.calls.named("*"):
        if facts.is_one("interaction-models", event.name):
            yield Evidence(
                event.at, f"the input are ids and ratings (`{short(event.name)}`): nothing to encode or scale"
            )
            return


@signal("unstructured-data")
def unstructured_data(facts: Facts) -> Iterator[Evidence]:
    """Images, sound or text, and no table: outliers would be corrupt items."""
    reads_tables = any(
        event.name.startswith(("pandas.", "polars.", "pyspark.sql")) for event in facts.calls.of("read", "query")
    )
    if reads_tables:
        return
    for signal_id in ("vision-transform", "tokenize"):
        for each in facts.evidence(signal_id)[:1]:
            yield Evidence(each.at, "the input is no table: nothing there that could lie out of range")
            return


@signal("outliers-inspected")
def outliers_inspected(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("outliers-inspected-call")
    yield from facts.evidence("outliers-section")


@signal("domain-filter")
def domain_filter(facts: Facts) -> Iterator[Evidence]:
    """Rows are dropped by a condition."""
    for each in facts.evidence("domain-filter-call"):
        yield Evidence(each.at, each.what, Strength.SUPPORTING)


_CORRUPT = re.compile(r"corrupt|broken|invalid|skip|bad|malform|malformed|empty", re.IGNORECASE)


@signal("bad-record-filter")
def bad_record_filter(facts: Facts) -> Iterator[Evidence]:
    """Records that can't be read are passed over, and the loop goes on."""
    for event in facts.calls.of("except"):
        inside = event.loops and not event.detail.get("reraises")
        if inside and any(e.loops and "read" in e.roles for e in facts.calls.by_path[event.at.path]):
            yield Evidence(event.at, "records that fail are skipped", Strength.WEAK)
    for event in facts.calls.named("logging.*", "print"):
        words = [str(value.constant) for value in event.arguments.values() if isinstance(value.constant, str)]
        if event.loops and any("skip" in word.lower() and _CORRUPT.search(word) for word in words):
            yield Evidence(event.at, "broken records are skipped", Strength.WEAK)


def prepared(facts: Facts) -> list[Evidence]:
    """Every place where features are prepared."""
    return [each for signal_id in _PREPARES for each in facts.evidence(signal_id)]


@signal("outlier-treatment")
def outlier_treatment(facts: Facts) -> Iterator[Evidence]:
    """Limits on values; not the guard of a logarithm or of a probability (`clip(p, 1e-15, 1 - 1e-15)`)."""
    guards = {event.at for event in facts.calls.named("*.clip") if _is_guard(event)}
    for each in facts.evidence("outlier-call"):
        if each.at not in guards:
            yield each


_TINY = 1e-3


def _is_guard(event: Event) -> bool:
    values = (*event.arguments.values(), *((event.receiver,) if event.receiver is not None else ()))
    bounds = [value.constant for value in event.arguments.values() if isinstance(value.constant, int | float)]
    return any(value.models or value.output for value in values) or any(0 < bound < _TINY for bound in bounds)


@signal("preprocessing-in-code")
def preprocessing_in_code(facts: Facts) -> Iterator[Evidence]:
    """Preprocessing in scripts and modules, which git versions."""
    nodes = [node for node in facts.graph.stages(StageKind.PREPROCESSING) if not is_notebook(node.at.path)]
    for node in nodes:
        if _CHECKS.search(node.name):
            continue  # it runs that code to test it
        yield Evidence(node.at, f"preprocessing `{node.name}` is code under version control")
    for each in prepared(facts):
        if not is_notebook(each.at.path):
            yield Evidence(each.at, each.what + " in code under version control")
    for signal_id in ("parsing", "drop-missing"):
        for each in facts.evidence(signal_id):
            if not is_notebook(each.at.path) and each.at.path not in facts.once(serving_paths):
                yield Evidence(each.at, each.what + " in code under version control", Strength.WEAK)


@signal("preprocessing-in-notebook")
def preprocessing_in_notebook(facts: Facts) -> Iterator[Evidence]:
    for each in (*prepared(facts), *facts.evidence("parsing"), *facts.evidence("drop-missing")):
        if is_notebook(each.at.path):
            yield Evidence(each.at, each.what + " in a notebook", Strength.SUPPORTING)


@signal("preprocessing-in-notebook-only")
def preprocessing_in_notebook_only(facts: Facts) -> Iterator[Evidence]:
    if not facts.shows("preprocessing-in-code"):
        yield from facts.evidence("preprocessing-in-notebook")


@signal("split-in-code")
def split_in_code(facts: Facts) -> Iterator[Evidence]:
    for each in facts.evidence("data-split-call"):
        if not is_notebook(each.at.path):
            yield Evidence(each.at, each.what + " in code under version control", Strength.SUPPORTING)


@signal("preprocessing-stage-tracked")
def preprocessing_stage_tracked(facts: Facts) -> Iterator[Evidence]:
    """A DVC stage that prepares data, with its lock file."""
    locked = {path.rpartition("/")[0] for path in facts.paths if path.rpartition("/")[2] == "dvc.lock"}
    for node in _preparing(facts):
        for said in node.declarations:
            if said.system == "dvc":
                folder = said.at.path.rpartition("/")[0]
                strength = Strength.STRONG if folder in locked else Strength.WEAK
                yield Evidence(said.at, f"stage `{said.name}` is tracked by DVC", strength)


@signal("preprocessing-orchestrated")
def preprocessing_orchestrated(facts: Facts) -> Iterator[Evidence]:
    """A stage of an orchestrator that keeps what its stages give to each other."""
    for node in _preparing(facts):
        for system in declared_systems(node):
            if system in _KEEPS_ARTIFACTS:
                yield Evidence(node.at, f"stage `{node.name}` is run and kept by {system}")


_KEEPS_ARTIFACTS = frozenset(
    (
        "kedro",
        "kfp",
        "vertex",
        "tfx",
        "zenml",
        "metaflow",
        "flyte",
        "dagster",
        "mlflow-recipes",
        "dbt",
        "azureml",
        "sagemaker",
        "pachyderm",
        "snakemake",
    )
)


def _preparing(facts: Facts) -> list[Node]:
    """Declared stages that prepare data: by kind, or because their code does."""
    places = {each.at.path for each in prepared(facts)}
    return [
        node
        for node in facts.once(orchestrated)
        if node.kind is StageKind.PREPROCESSING or any(program.path in places for program in facts.graph.programs(node))
    ]


_PIPELINE_TYPES = (
    "sklearn.pipeline.Pipeline",
    "sklearn.pipeline.make_pipeline",
    "sklearn.compose.ColumnTransformer",
    "pyspark.ml.Pipeline",
    "pyspark.ml.PipelineModel",
    "imblearn.pipeline.Pipeline",
)


@signal("transformer-in-logged-model")
def transformer_in_logged_model(facts: Facts) -> Iterator[Evidence]:
    """What is logged or registered is a pipeline that holds the fitted transformers."""
    keeps = [
        event
        for signal_id in ("model-logged-to-run", "model-registered", "model-registered-on-log")
        for event in _events(facts, signal_id)
    ]
    for event in keeps:
        values = (*event.arguments.values(), *((event.receiver,) if event.receiver else ()))
        if any(value.is_a(*_PIPELINE_TYPES) for value in values):
            yield Evidence(event.at, "the fitted transformers are logged inside the model's pipeline")
    autologged = [e for e in _events(facts, "model-logged-to-run") if e.name.endswith("autolog")]
    for event in autologged:
        if facts.shows("pipeline-object"):
            yield Evidence(event.at, "autologging keeps the pipeline with its fitted transformers")


def _events(facts: Facts, signal_id: str) -> list[Event]:
    return facts.calls.matching(facts.call_rules[signal_id])


@signal("serving-preprocessing")
def serving_preprocessing(facts: Facts) -> Iterator[Evidence]:
    """Where nothing is trained: requests are prepared in the service's code."""
    if facts.once(train_events):
        return
    for path in sorted(facts.once(serving_paths)):
        for event in facts.calls.by_path.get(path, ()):
            if "predict" in event.roles or event.name in ("?.predict", "numpy.array", "pandas.DataFrame"):
                yield Evidence(event.at, "requests are prepared in code under version control", Strength.STRONG)
                break


@signal("processed-data-without-code")
def processed_data_without_code(facts: Facts) -> Iterator[Evidence]:
    """A data set with the name of a finished one that training reads and nothing here makes."""
    for artifact in facts.graph.artifacts.values():
        readers = facts.graph.readers(artifact)
        finished = _FINISHED.search(artifact.name.lower())
        if finished and readers and not facts.graph.writers(artifact) and artifact.name in facts.known:
            yield Evidence(
                facts.at(artifact.name, "").at,
                f"`{artifact.name}` looks prepared, and no code here makes it",
                Strength.WEAK,
            )


_FINISHED = re.compile(r"(?:^|[/_.-])(?:clean(?:ed)?|processed|preprocessed|prepared|final)(?:[/_.-]|$)")
