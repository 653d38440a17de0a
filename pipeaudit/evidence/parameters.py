"""Hyperparameters: searches with ranges, files, options."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.calls import short
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_test
from pipeaudit.evidence.programs import (
    train_events,
    training_nodes,
)
from pipeaudit.evidence.signal import signal
from pipeaudit.flow.events import MISSING
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location
from pipeaudit.read.node import Node


@signal("hyperparameter-search")
def hyperparameter_search(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("hyperparameter-search-call")
    for event in facts.calls.named("?.suggest_*", "optuna.*.suggest_*", "hyperopt.hp.*"):
        yield Evidence(event.at, "a range is given for a hyperparameter")


@signal("sweep-configuration")
def sweep_configuration(facts: Facts) -> Iterator[Evidence]:
    for each in facts.evidence("sweep-file"):
        for document in facts.nodes(each.at.path):
            if document.get("method") and document.get("parameters"):
                yield Evidence(document.get("parameters").at, "a sweep with its ranges is declared")
    for path in facts.paths:
        if not path.lower().endswith((".yaml", ".yml")) or is_test(path):
            continue
        for document in facts.nodes(path):
            if (
                document.get("hydra", "sweeper", "params")
                or document.get("search_space")
                or document.get("hyperopt_params")
            ):
                yield Evidence(document.at, "ranges for a search are declared")
            if document.get("kind").text == "Experiment" and document.get("spec", "parameters"):
                yield Evidence(document.get("spec", "parameters").at, "a Katib experiment declares its ranges")
            if document.get("type").text == "sweep" and document.get("search_space"):
                yield Evidence(document.get("search_space").at, "a sweep job declares its ranges")


@signal("manual-parameter-loop")
def manual_parameter_loop(facts: Facts) -> Iterator[Evidence]:
    """A model that is built or trained in a loop from settings that the loop changes."""
    for path in sorted(facts.project.programs):
        if is_test(path):
            continue
        settings: dict[tuple[object, ...], set[tuple[object, ...]]] = {}
        for event in facts.project.programs[path]:
            if not (event.loops and {"construct_model", "train"} & set(event.roles)):
                continue
            if facts.is_one("no-candidates", event.name):
                continue  # layers of a network, steps of a pipeline
            numbers = tuple(v.constant for v in event.arguments.values() if isinstance(v.constant, int | float))
            known = settings.setdefault(event.at.key, set())
            known.add(numbers)
            changing = any(v.constant is MISSING and _PARAMETER.search(n) for n, v in event.arguments.items())
            if changing or len(known) > 1:
                yield Evidence(event.at, "a model is built anew for each setting", Strength.WEAK)


_PARAMETER = re.compile(
    r"(?:^|[_.-])(?:lr|learning_?rate|epochs?|num_epochs|batch_?size|n_?estimators|max_?depth|alpha|lambda|"
    r"dropout\w*|weight_?decay|momentum|"
    r"hidden\w*|num_?layers|n_?neighbors|n_?clusters|k|c|gamma|kernel|max_?iter\w*|iterations|min_?samples\w*|"
    r"max_?features|ngrams|subsample|"
    r"colsample\w*|reg_\w+|test_?size|split|optimizer|eta|rank|regularization\w*|max_?len\w*|embedding\w*|n_?est|"
    r"min_?split|lr_factor|num_samples|l1_ratio|steps)$",
    re.IGNORECASE,
)


def _parameters(document: Node) -> list[Node]:
    return [key for key, value in document.pairs() if value.is_scalar and _PARAMETER.search(key.raw)]


@signal("parameters-file")
def parameters_file(facts: Facts) -> Iterator[Evidence]:
    """Hyperparameters in a configuration file."""
    for path in facts.paths:
        name = path.rpartition("/")[2].lower()
        if not name.endswith((".yaml", ".yml", ".json", ".toml")) or is_test(path) or path.startswith("."):
            continue
        if not (_CONFIG_NAME.search(name) or _CONFIG_FOLDER.search(path)) or name in (
            "package.json",
            "pyproject.toml",
            "mkdocs.yml",
        ):
            continue
        for document in facts.nodes(path):
            found = _parameters(document)
            if found:
                yield Evidence(found[0].at, f"`{found[0].raw}` stands in a parameter file", Strength.SUPPORTING)


_CONFIG_NAME = re.compile(r"param|config|conf|settings|hyper|args|train|model|main|default|experiment")
_CONFIG_FOLDER = re.compile(r"(?:^|/)(?:conf|configs?|params|parameters|hparams)/")


@signal("parameters-from-command-line")
def parameters_from_command_line(facts: Facts) -> Iterator[Evidence]:
    """At least two hyperparameters among a program's options."""
    for path in facts.paths:
        if not path.endswith(".py") or is_test(path):
            continue
        text = facts.text(path)
        found = [match for match in _OPTION.finditer(text) if _PARAMETER.search(match.group(1).replace("-", "_"))]
        if len(found) >= _FEWEST_OPTIONS:
            at = Location(path, text.count("\n", 0, found[0].start()) + 1)
            yield Evidence(at, "hyperparameters are options of the command", Strength.SUPPORTING)


_FEWEST_OPTIONS = 2
# An option as argparse, click, typer or absl declare it, at the beginning of a line or after a call's dot.
_OPTION = re.compile(
    r"^[^#\n]*(?:add_argument|\.option|Option|DEFINE_\w+)\(\s*(?:[\"']-\w[\"'],\s*)?[\"'](?:--)?([\w-]+)", re.MULTILINE
)


@signal("parameters-configured")
def parameters_configured(facts: Facts) -> Iterator[Evidence]:
    """Parameters that come from a configuration system: Hydra, DVC params, Kedro, dataclasses of arguments."""
    for event in facts.calls.named(
        "hydra.main",
        "hydra.*",
        "omegaconf.*",
        "transformers.HfArgumentParser*",
        "dvc.api.params_show",
        "mlflow.log_params",
        "mlflow.log_param",
    ):
        yield Evidence(event.at, f"parameters are taken from outside the code (`{short(event.name)}`)", Strength.WEAK)
    for node in facts.once(training_nodes):
        for said in node.declarations:
            if said.params:
                yield Evidence(said.at, f"stage `{said.name}` declares its parameters", Strength.SUPPORTING)
    for event in facts.once(train_events):
        settings = [v for v in event.arguments.values() if v.constant is not MISSING and isinstance(v.constant, dict)]
        if settings:
            yield Evidence(event.at, "parameters are gathered in one place", Strength.WEAK)
