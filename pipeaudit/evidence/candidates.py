"""Which models are tried: baselines, candidates, architectures, and whether any is."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from pipeaudit.evidence.calls import short
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_test
from pipeaudit.evidence.programs import (
    train_events,
    training_nodes,
)
from pipeaudit.evidence.signal import signal
from pipeaudit.flow.events import Event
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location


def candidates(facts: Facts) -> dict[str, Event]:
    """Model classes that are built, by name, each with the first place; methods of a class count as the class."""
    found: dict[str, Event] = {}
    for name, events in facts.calls.by_name.items():
        if facts.is_one("no-candidates", name):
            continue
        constructed = [e for e in events if "construct_model" in e.roles]
        owner = (
            name.rpartition(".")[0]
            if name.rpartition(".")[2][:1].islower() and name.rpartition(".")[0].rpartition(".")[2][:1].isupper()
            else name
        )
        if constructed:
            found.setdefault(name, constructed[0])
        elif facts.is_one("models", owner) and not facts.is_one("no-candidates", owner):
            found.setdefault(owner, events[0])
    return found


@signal("candidate-models")
def candidate_models(facts: Facts) -> Iterator[Evidence]:
    """At least two model classes that are built."""
    found = facts.once(candidates)
    if len({short(name) for name in found}) < 2:
        return
    for name in sorted(found):
        role = "a baseline among" if facts.is_one("baseline-models", name) else "one of"
        yield Evidence(found[name].at, f"`{short(name)}` is {role} the candidates")


@signal("candidate-architectures")
def candidate_architectures(facts: Facts) -> Iterator[Evidence]:
    """A folder of network definitions, at least three modules of them."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in facts.paths:
        folder, _, name = path.rpartition("/")
        if folder.rpartition("/")[2] in ("models", "model", "architectures", "networks", "nets") and name.endswith(
            ".py"
        ):
            events = facts.project.programs.get(path)
            networks = events is not None and any(
                i.startswith(("torch.nn", "torch", "keras", "tensorflow", "flax")) for i in events.imports
            )
            if networks and not is_test(path):
                folders[folder].append(path)
    for folder, paths in sorted(folders.items()):
        if len([path for path in paths if not path.endswith("__init__.py")]) >= _FEWEST_ARCHITECTURES:
            start = next((path for path in paths if path.endswith("__init__.py")), paths[0])
            yield Evidence(Location(start), f"{len(paths)} architectures in `{folder}`")


_FEWEST_ARCHITECTURES = 3


@signal("model-configurations")
def model_configurations(facts: Facts) -> Iterator[Evidence]:
    """A configuration group with at least two alternatives for the model."""
    groups: dict[str, list[str]] = defaultdict(list)
    for path in facts.paths:
        folder, _, name = path.rpartition("/")
        if name.lower().endswith((".yaml", ".yml")) and re.search(
            r"(?:^|/)(?:conf|configs?|config)/(?:[\w/-]+)$", folder
        ):
            groups[folder].append(path)
    for folder, paths in sorted(groups.items()):
        named = [path for path in paths if _MODEL_FILE.search(path.rpartition("/")[2]) or _MODEL_GROUP.search(folder)]
        if len(named) >= 2:
            for path in named[:2]:
                yield Evidence(
                    Location(path), f"one of {len(named)} model configurations in `{folder}`", Strength.SUPPORTING
                )


_MODEL_GROUP = re.compile(r"/(?:models?|estimators?|algorithms?|architectures?|networks?|classifiers?)$")
_MODEL_FILE = re.compile(
    r"^(?:\w*(?:forest|boost|xgb|lgbm|svm|regression|kmeans|dbscan|knn|bayes|tree|net|bert|resnet|lstm|gru|cnn|"
    r"clustering|birch|optics|mean_?shift)\w*)\.ya?ml$",
    re.IGNORECASE,
)


@signal("model-comparison-documented")
def model_comparison_documented(facts: Facts) -> Iterator[Evidence]:
    """A section or notebook that compares models with figures."""
    yield from facts.evidence("model-comparison-section")
    for path in facts.notebooks:
        if re.search(r"benchmark|baseline|compar|model[_ -]selection", path.rpartition("/")[2], re.IGNORECASE):
            yield Evidence(Location(path), "a notebook compares approaches", Strength.SUPPORTING)


@signal("no-model-here")
def no_model_here(facts: Facts) -> Iterator[Evidence]:
    """A pipeline of data, and no model that it trains or judges."""
    if (
        facts.profile == "study"
        and not facts.once(train_events)
        and not facts.once(training_nodes)
        and not facts.once(candidates)
    ):
        yield Evidence(Location("."), "no model is trained here")


@signal("unsupervised-only")
def unsupervised_only(facts: Facts) -> Iterator[Evidence]:
    """All that is trained finds groups or projections; nothing is predicted that a split could judge."""
    found = facts.once(candidates)
    trained = facts.once(train_events)
    if trained and found and all(facts.is_one("unsupervised-models", name) for name in found):
        yield Evidence(trained[0].at, "only clusters or projections are learned: no split to judge them")
    elif trained and not found and _unsupervised_configurations(facts):
        yield Evidence(trained[0].at, "only clusters are learned: no split to judge them")


def _unsupervised_configurations(facts: Facts) -> bool:
    targets = [
        value.raw
        for path in facts.paths
        if path.lower().endswith((".yaml", ".yml"))
        for document in facts.nodes(path)
        for key, value in document.pairs()
        if key.raw == "_target_" and value.is_scalar
    ]
    models = [target for target in targets if target.startswith("sklearn.")]
    imports = {
        name for events in facts.project.programs.values() for name in events.imports if not is_test(events.path)
    }
    if models:
        return all(facts.is_one("unsupervised-models", target) for target in models)
    learners = [
        name
        for name in imports
        if re.match(r"sklearn\.(?:cluster|ensemble|linear_model|svm|tree|neighbors|mixture)", name)
    ]
    return bool(learners) and all(name.startswith(("sklearn.cluster", "sklearn.mixture")) for name in learners)
