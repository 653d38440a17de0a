"""Models as files: which version stands behind each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.lineage import orchestrator_artifacts
from pipeaudit.evidence.places import is_model, is_test
from pipeaudit.evidence.programs import (
    Saved,
    model_saves,
    train_events,
)
from pipeaudit.evidence.signal import signal
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind
from pipeaudit.read.node import Node

_VERSIONED = re.compile(
    r"\{[^}]*\}|\$\{[^}]*(?:now|run|version|date|time)[^}]*\}|v\d+(?:\.\d+)*\b|\d{4}-?\d{2}-?\d{2}|%Y", re.IGNORECASE
)
_TRANSFORMER = re.compile(
    r"scaler|encoder|vectori|preproc|proprocess|tokeniz|label|column|features?\b|vocab|transform", re.IGNORECASE
)


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
                if (is_model(out) and not re.search(r"data|feature|matrix", out)) or (
                    artifact is not None and artifact.kind is ArtifactKind.MODEL
                ):
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
        if _VERSIONED.search(saved.path) and not _only_folder(saved.path) and _WORD.search(saved.path):
            yield Evidence(
                saved.event.at, f"the model's name `{saved.path[:80]}` tells its version or run", Strength.STRONG
            )

    for path in facts.paths:
        if is_model(path) and not is_test(path) and _VERSIONED.search(path):
            yield Evidence(Location(path), f"the path `{path[:80]}` tells the model's version", Strength.SUPPORTING)


_WORD = re.compile(r"[A-Za-z]{2,}(?![^/]*\}).*\.|/[A-Za-z]{2,}")  # something of the name is known, not only its ending


def _only_folder(path: str) -> bool:
    """Whether what is unknown is only the folder in front of a fixed name."""
    return re.match(r"^\{\}/[^{}]*$", path) is not None


@signal("model-in-artifact-store")
def model_in_artifact_store(facts: Facts) -> Iterator[Evidence]:
    """An orchestrator keeps the model under its run."""

    from pipeaudit.evidence.programs import training_nodes

    trained = {node.at for node in facts.once(training_nodes)}
    for each in orchestrator_artifacts(facts):
        if each.at in trained or "versioned by Kedro" in each.what:
            yield each


def catalogue_models(facts: Facts) -> tuple[Node, ...]:
    """Entries of Kedro's catalogue that keep a model in a file."""
    return tuple(
        body
        for each in facts.evidence("data-catalog-file")
        for document in facts.nodes(each.at.path)
        for key, body in document.entries
        if is_model(body.get("filepath").text)
        and re.search(r"model|classif|regress", f"{key.raw} {body.get('filepath').text}")
        and not _TRANSFORMER.search(key.raw)
    )


def _fixed(facts: Facts) -> list[Saved]:
    """Saves to a path that is the same in every run and that no tool versions."""
    versioned = {
        each.at
        for signal_id in ("model-in-dvc", "model-registered", "model-registered-on-log")
        for each in facts.evidence(signal_id)
    }
    outs = {
        out
        for node in facts.graph.stages()
        for said in node.declarations
        if said.system == "dvc"
        for out in said.writes
    }
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
    if facts.shows("model-registered", "model-registered-on-log", "model-in-dvc", "model-logged-to-run"):
        return
    for entry in facts.once(catalogue_models):
        if not entry.get("versioned").boolean and not facts.shows("catalog-keeps-models"):
            path = entry.get("filepath")
            yield Evidence(path.at, f"every run overwrites `{path.text[:80]}`", Strength.STRONG)
    for saved in () if facts.shows("model-in-artifact-store") else _fixed(facts):
        yield Evidence(saved.event.at, f"every run overwrites `{saved.path[:80]}`", Strength.STRONG)


@signal("model-committed")
def model_committed(facts: Facts) -> Iterator[Evidence]:
    """A model file in git that no stage makes and whose name tells no version."""
    if facts.shows("model-registered", "model-registered-on-log", "model-in-dvc"):
        return
    for path in facts.paths:
        if not is_model(path) or is_test(path) or _VERSIONED.search(path):
            continue
        if re.search(
            r"model|clf|classif|regress|weights|cluster|checkpoint", path, re.IGNORECASE
        ) and not _TRANSFORMER.search(path.rpartition("/")[2]):
            yield Evidence(Location(path), f"the model `{path}` is committed without a version", Strength.STRONG)


@signal("model-not-kept")
def model_not_kept(facts: Facts) -> Iterator[Evidence]:
    """Models are trained and not written anywhere: nothing is overwritten, and nothing has a version."""
    kept = bool(facts.once(model_saves)) or bool(facts.once(catalogue_models))
    if not kept and facts.once(train_events) and not facts.shows("model-committed"):
        yield Evidence(facts.once(train_events)[0].at, "the model is trained and not kept in a file", Strength.WEAK)
    for saved in facts.once(model_saves):
        if not saved.path:
            yield Evidence(saved.event.at, "the model's path is given from outside", Strength.WEAK)
