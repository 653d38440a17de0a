"""Training: scripts, seeds, environments, candidates and searches."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from pipeaudit.evidence.calls import names, short
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.phrases import first
from pipeaudit.evidence.places import is_notebook, is_test
from pipeaudit.evidence.programs import in_code, orchestrated, train_events, training_nodes
from pipeaudit.evidence.signal import signal
from pipeaudit.flow.events import MISSING, Event
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location
from pipeaudit.read.node import Node as Tree


@signal("no-model-here")
def no_model_here(facts: Facts) -> Iterator[Evidence]:
    """A pipeline of data, and no model that it trains or judges."""
    if facts.profile == "study" and not facts.once(train_events) and not facts.once(training_nodes) and not facts.once(candidates):
        yield Evidence(Location("."), "no model is trained here")


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
_SEEDABLE = ("xgboost.*", "lightgbm.*", "catboost.*", "transformers.TrainingArguments", "pyspark.*", "torch.Generator.manual_seed", "?.randomSplit", "?.train_test_split")


def _fixed(event: Event) -> bool:
    return any((value := event.argument(name)) is not None and value.constant is not None for name in _SEEDS)


@signal("deterministic-training")
def deterministic_training(facts: Facts) -> Iterator[Evidence]:
    """Everything that trains draws nothing at random."""
    events = facts.once(train_events)
    drawing = any(event.detail.get("draws") for role in ("construct_model", "train", "split") for event in facts.calls.of(role))
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
                entries = [*document.strings("dependencies"), *(e for d in document.list("dependencies") for e in d.strings("pip"))]
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
    phrases = [*facts.declared["steps"]["pipeline"]["commands"], *(f"python .. *{name}" for name in sorted(scripts | entries))]
    for command in facts.commands:
        match = first(command.text, phrases)
        if match and command.source != "image":
            line = " ".join(command.line_of(match.start()).split())[:80]
            yield Evidence(command.at_offset(match.start()), f"the command is told: `{line}`", Strength.SUPPORTING)
    modules = {name.removesuffix(".py") for name in scripts | entries if name.endswith(".py")}
    for command in facts.commands:
        found = re.search(r"python3?\s+(?:-m\s+)?([\w./]+)", command.text)
        if found and found.group(1).rpartition(".")[2] in modules and " -m " in command.text:
            yield Evidence(command.at_offset(found.start()), f"the command is told: `{found.group()}`", Strength.SUPPORTING)


def _keys(events: tuple[Event, ...]) -> Iterator[tuple[object, str]]:
    return ((event.at.key, event.name) for event in events)


def train_set(facts: Facts) -> frozenset[tuple[object, str]]:
    return frozenset((event.at.key, event.name) for event in facts.once(train_events))


_BASELINES = names("*.LinearRegression *.LogisticRegression *.Dummy* *.Naive* *.GaussianNB *.MultinomialNB".split())
_NOT_CANDIDATES = names(
    "sklearn.pipeline.* sklearn.compose.* sklearn.model_selection.* *.Pipeline *.ColumnTransformer torch.nn.* keras.layers.* keras.Input "
    "keras.optimizers.* torch.optim.* *.VotingClassifier *.VotingRegressor *.StackingClassifier *.StackingRegressor keras.Sequential keras.Model "
    "sklearn.preprocessing.* sklearn.impute.* *Config sklearn.feature_selection.* sklearn.decomposition.*".split()
)
_MODELS = names(
    "xgboost.XGB* lightgbm.LGBM* catboost.CatBoost* sklearn.ensemble.* sklearn.linear_model.* sklearn.svm.* sklearn.tree.* sklearn.neighbors.*Classifier "
    "sklearn.neighbors.*Regressor sklearn.naive_bayes.* sklearn.neural_network.* sklearn.cluster.* sklearn.discriminant_analysis.* sklearn.mixture.* "
    "xgboost.train lightgbm.train torchvision.models.* timm.create_model keras.applications.* prophet.Prophet statsmodels.*".split()
)


def candidates(facts: Facts) -> dict[str, Event]:
    """Model classes that are built, by name, each with the first place; methods of a class count as the class."""
    found: dict[str, Event] = {}
    for name, events in facts.calls.by_name.items():
        if _NOT_CANDIDATES(name):
            continue
        constructed = [e for e in events if "construct_model" in e.roles]
        owner = name.rpartition(".")[0] if name.rpartition(".")[2][:1].islower() and name.rpartition(".")[0].rpartition(".")[2][:1].isupper() else name
        if constructed:
            found.setdefault(name, constructed[0])
        elif _MODELS(owner) and not _NOT_CANDIDATES(owner):
            found.setdefault(owner, events[0])
    return found


@signal("candidate-models")
def candidate_models(facts: Facts) -> Iterator[Evidence]:
    """At least two model classes that are built."""
    found = facts.once(candidates)
    if len({short(name) for name in found}) < 2:
        return
    for name in sorted(found):
        yield Evidence(found[name].at, f"`{short(name)}` is {'a baseline among' if _BASELINES(name) else 'one of'} the candidates")


@signal("candidate-architectures")
def candidate_architectures(facts: Facts) -> Iterator[Evidence]:
    """A folder of network definitions, at least three modules of them."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in facts.paths:
        folder, _, name = path.rpartition("/")
        if folder.rpartition("/")[2] in ("models", "model", "architectures", "networks", "nets") and name.endswith(".py"):
            events = facts.project.programs.get(path)
            networks = events is not None and any(i.startswith(("torch.nn", "torch", "keras", "tensorflow", "flax")) for i in events.imports)
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
        if name.lower().endswith((".yaml", ".yml")) and re.search(r"(?:^|/)(?:conf|configs?|config)/(?:[\w/-]+)$", folder):
            groups[folder].append(path)
    for folder, paths in sorted(groups.items()):
        named = [path for path in paths if _MODEL_FILE.search(path.rpartition("/")[2]) or _MODEL_GROUP.search(folder)]
        if len(named) >= 2:
            for path in named[:2]:
                yield Evidence(Location(path), f"one of {len(named)} model configurations in `{folder}`", Strength.SUPPORTING)


_MODEL_GROUP = re.compile(r"/(?:models?|estimators?|algorithms?|architectures?|networks?|classifiers?)$")
_MODEL_FILE = re.compile(
    r"^(?:\w*(?:forest|boost|xgb|lgbm|svm|regression|kmeans|dbscan|knn|bayes|tree|net|bert|resnet|lstm|gru|cnn|clustering|birch|optics|mean_?shift)\w*)\.ya?ml$",
    re.IGNORECASE,
)


@signal("model-comparison-documented")
def model_comparison_documented(facts: Facts) -> Iterator[Evidence]:
    """A section or notebook that compares models with figures."""
    yield from facts.evidence("model-comparison-section")
    for path in facts.notebooks:
        if re.search(r"benchmark|baseline|compar|model[_ -]selection", path.rpartition("/")[2], re.IGNORECASE):
            yield Evidence(Location(path), "a notebook compares approaches", Strength.SUPPORTING)


@signal("hyperparameter-search")
def hyperparameter_search(facts: Facts) -> Iterator[Evidence]:
    for each in facts.evidence("hyperparameter-search-call"):
        yield each
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
            if document.get("hydra", "sweeper", "params") or document.get("search_space") or document.get("hyperopt_params"):
                yield Evidence(document.at, "ranges for a search are declared")
            if document.get("kind").text == "Experiment" and document.get("spec", "parameters"):
                yield Evidence(document.get("spec", "parameters").at, "a Katib experiment declares its ranges")
            if document.get("type").text == "sweep" and document.get("search_space"):
                yield Evidence(document.get("search_space").at, "a sweep job declares its ranges")


@signal("manual-parameter-loop")
def manual_parameter_loop(facts: Facts) -> Iterator[Evidence]:
    """Training inside a loop over settings; loops over epochs and batches do not count."""
    for event in facts.once(train_events):
        if event.loops and not event.name.endswith("backward"):
            yield Evidence(event.at, "training is repeated in a loop", Strength.WEAK)


_PARAMETER = re.compile(
    r"(?:^|[_.-])(?:lr|learning_?rate|epochs?|num_epochs|batch_?size|n_?estimators|max_?depth|alpha|lambda|dropout\w*|weight_?decay|momentum|"
    r"hidden\w*|num_?layers|n_?neighbors|n_?clusters|k|c|gamma|kernel|max_?iter\w*|iterations|min_?samples\w*|max_?features|ngrams|subsample|"
    r"colsample\w*|reg_\w+|test_?size|split|optimizer|eta|rank|regularization\w*|max_?len\w*|embedding\w*|n_?est|min_?split|lr_factor|num_samples|l1_ratio|steps)$",
    re.IGNORECASE,
)


def _parameters(document: Tree) -> list[Tree]:
    return [key for key, value in document.pairs() if value.is_scalar and _PARAMETER.search(key.raw)]


@signal("parameters-file")
def parameters_file(facts: Facts) -> Iterator[Evidence]:
    """Hyperparameters in a configuration file."""
    for path in facts.paths:
        name = path.rpartition("/")[2].lower()
        if not name.endswith((".yaml", ".yml", ".json", ".toml")) or is_test(path) or path.startswith("."):
            continue
        if not (_CONFIG_NAME.search(name) or _CONFIG_FOLDER.search(path)) or name in ("package.json", "pyproject.toml", "mkdocs.yml"):
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
    by_path: dict[str, list[Event]] = defaultdict(list)
    for event in facts.calls.named("argparse.ArgumentParser.add_argument", "?.add_argument", "click.option", "typer.Option", "argparse.*.add_argument", "absl.flags.DEFINE_*"):
        words = [str(value.constant) for key, value in event.arguments.items() if key.isdigit() or key in ("name_or_flags", "dest")]
        flags = [word.lstrip("-").replace("-", "_") for word in words if isinstance(word, str)]
        if any(_PARAMETER.search(flag) for flag in flags):
            by_path[event.at.path].append(event)
    for path in sorted(by_path):
        if len(by_path[path]) >= 2:
            yield Evidence(by_path[path][0].at, "hyperparameters are options of the command", Strength.SUPPORTING)


@signal("parameters-configured")
def parameters_configured(facts: Facts) -> Iterator[Evidence]:
    """Parameters that come from a configuration system: Hydra, DVC params, Kedro, dataclasses of arguments."""
    for event in facts.calls.named("hydra.main", "hydra.*", "omegaconf.*", "transformers.HfArgumentParser*", "dvc.api.params_show", "mlflow.log_params", "mlflow.log_param"):
        yield Evidence(event.at, f"parameters are taken from outside the code (`{short(event.name)}`)", Strength.WEAK)
    for node in facts.once(training_nodes):
        for said in node.declarations:
            if said.params:
                yield Evidence(said.at, f"stage `{said.name}` declares its parameters", Strength.SUPPORTING)
    for event in facts.once(train_events):
        settings = [v for v in event.arguments.values() if v.constant is not MISSING and isinstance(v.constant, dict)]
        if settings:
            yield Evidence(event.at, "parameters are gathered in one place", Strength.WEAK)


@signal("unsupervised-only")
def unsupervised_only(facts: Facts) -> Iterator[Evidence]:
    """All that is trained finds groups or projections; nothing is predicted that a split could judge."""
    found = facts.once(candidates)
    trained = facts.once(train_events)
    if trained and found and all(_UNSUPERVISED(name) for name in found):
        yield Evidence(trained[0].at, "only clusters or projections are learned: no split to judge them")
    elif trained and not found and _unsupervised_configurations(facts):
        yield Evidence(trained[0].at, "only clusters are learned: no split to judge them")


_UNSUPERVISED = names("sklearn.cluster.* sklearn.mixture.* sklearn.decomposition.* sklearn.manifold.* hdbscan.* umap.* bertopic.* pyspark.ml.clustering.*".split())


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
    imports = {name for events in facts.project.programs.values() for name in events.imports if not is_test(events.path)}
    if models:
        return all(_UNSUPERVISED(target) for target in models)
    learners = [name for name in imports if re.match(r"sklearn\.(?:cluster|ensemble|linear_model|svm|tree|neighbors|mixture)", name)]
    return bool(learners) and all(name.startswith(("sklearn.cluster", "sklearn.mixture")) for name in learners)
