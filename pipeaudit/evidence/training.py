"""Training: scripts and stages, seeds, environments, commands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.calls import short
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.phrases import first
from pipeaudit.evidence.places import is_notebook, is_test
from pipeaudit.evidence.programs import (
    in_code,
    orchestrated,
    train_events,
    training_nodes,
)
from pipeaudit.evidence.signal import signal
from pipeaudit.flow.events import Event
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location


@signal("trains-a-model")
def trains_a_model(facts: Facts) -> Iterator[Evidence]:
    for event in facts.once(train_events):
        yield Evidence(event.at, f"`{short(event.name)}` trains a model", Strength.SUPPORTING)


@signal("training-stage")
def training_stage(facts: Facts) -> Iterator[Evidence]:
    for node in facts.once(training_nodes):
        yield Evidence(node.at, f"stage `{node.name}` trains", Strength.SUPPORTING)


@signal("training-script")
def training_script(facts: Facts) -> Iterator[Evidence]:
    for event in facts.once(train_events):
        if in_code(event):
            yield Evidence(event.at, f"a script trains with `{short(event.name)}`")


@signal("training-stage-declared")
def training_stage_declared(facts: Facts) -> Iterator[Evidence]:
    for node in facts.once(training_nodes):
        if node in facts.once(orchestrated) and not any(is_notebook(p.path) for p in facts.graph.programs(node)):
            yield Evidence(node.at, f"stage `{node.name}` trains without anybody's hand")


@signal("seeded")
def seeded(facts: Facts) -> Iterator[Evidence]:
    """Calls that seed, and constants given as random state to what trains or splits."""
    yield from facts.evidence("seeded-call")
    for role in ("split", "construct_model", "train", "resample", "search", "generate"):
        for event in facts.calls.of(role):
            if _fixed(event):
                yield Evidence(event.at, f"`{short(event.name)}` is given a fixed random state")
    for event in facts.calls.named(*_SEEDABLE):
        if _fixed(event):
            yield Evidence(event.at, f"`{short(event.name)}` is given a fixed random state")


_SEEDS = ("random_state", "seed", "random_seed", "seed_value", "data_seed")
_SEEDABLE = (
    "xgboost.*",
    "lightgbm.*",
    "catboost.*",
    "transformers.TrainingArguments",
    "pyspark.*",
    "torch.Generator.manual_seed",
    "?.randomSplit",
    "?.train_test_split",
)


def _fixed(event: Event) -> bool:
    return any((value := event.argument(name)) is not None and value.constant is not None for name in _SEEDS)


@signal("deterministic-training")
def deterministic_training(facts: Facts) -> Iterator[Evidence]:
    """Everything that trains draws nothing at random."""
    events = facts.once(train_events)
    drawing = any(
        event.detail.get("draws") for role in ("construct_model", "train", "split") for event in facts.calls.of(role)
    )
    known = all("draws" in e.detail or "hard_labels" in e.detail for e in facts.calls.of("construct_model"))
    if events and known and not drawing and facts.calls.by_role.get("construct_model"):
        yield Evidence(events[0].at, "nothing is drawn at random")


@signal("environment-locked")
def environment_locked(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("lock-file")


@signal("environment-pinned")
def environment_pinned(facts: Facts) -> Iterator[Evidence]:
    """Requirements that name one version of every package, and environment files that do."""
    for path in facts.paths:
        name = path.rpartition("/")[2].lower()
        if is_test(path):
            continue
        if name.endswith((".txt", ".in")) and "requirements" in path.lower():
            lines = [line.split("#")[0].strip() for line in facts.text(path).split("\n")]
            wanted = [line for line in lines if line and not line.startswith(("-", "http", "git+"))]
            pinned = [line for line in wanted if "==" in line or " @ " in line]
            if wanted and len(pinned) == len(wanted):
                yield Evidence(Location(path), "every requirement names one version")
            elif wanted and len(pinned) >= _MOST_PINNED * len(wanted):
                yield Evidence(Location(path), "most requirements name one version", Strength.STRONG)
        elif re.fullmatch(r"(?:conda|environment|env|python_env|ci_dependencies|conda_\w+)[\w.-]*\.ya?ml", name):
            for document in facts.nodes(path):
                entries = [
                    *document.strings("dependencies"),
                    *(e for d in document.list("dependencies") for e in d.strings("pip")),
                ]
                packages = [entry for entry in entries if entry not in ("pip", "python")]
                if packages and sum("=" in entry for entry in packages) >= _MOST_PINNED * len(packages):
                    yield Evidence(document.key("dependencies").at, "the environment names its versions")
        elif name in ("pyproject.toml", "setup.py", "setup.cfg"):
            continue


_MOST_PINNED = 0.8


@signal("image-pinned")
def image_pinned(facts: Facts) -> Iterator[Evidence]:
    for image in facts.images:
        for base, at in image.bases:
            if "@sha256:" in base:
                yield Evidence(at, "the image is fixed by its digest")


@signal("training-command-documented")
def training_command_documented(facts: Facts) -> Iterator[Evidence]:
    """A command that trains, in a document, a Makefile, a script or CI."""
    scripts = {event.at.path.rpartition("/")[2] for event in facts.once(train_events) if in_code(event)}
    entries = {
        path.rpartition("/")[2]
        for path, events in facts.project.programs.items()
        if not events.is_notebook and any(event in facts.once(train_set) for event in _keys(events.items))
    }
    phrases = [
        *facts.declared["steps"]["pipeline"]["commands"],
        *(f"python .. *{name}" for name in sorted(scripts | entries)),
    ]
    for command in facts.commands:
        match = first(command.text, phrases)
        if match and command.source != "image":
            line = " ".join(command.line_of(match.start()).split())[:80]
            yield Evidence(command.at_offset(match.start()), f"the command is told: `{line}`", Strength.SUPPORTING)
    modules = {name.removesuffix(".py") for name in scripts | entries if name.endswith(".py")}
    for command in facts.commands:
        found = re.search(r"python3?\s+(?:-m\s+)?([\w./]+)", command.text)
        if found and found.group(1).rpartition(".")[2] in modules and " -m " in command.text:
            yield Evidence(
                command.at_offset(found.start()), f"the command is told: `{found.group()}`", Strength.SUPPORTING
            )


def _keys(events: tuple[Event, ...]) -> Iterator[tuple[object, str]]:
    return ((event.at.key, event.name) for event in events)


def train_set(facts: Facts) -> frozenset[tuple[object, str]]:
    return frozenset((event.at.key, event.name) for event in facts.once(train_events))
