"""Views of the project's code that many signals share: where models are trained, judged, saved, served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_notebook, is_test
from pipeaudit.flow.events import MISSING, Event
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import CODE_SYSTEMS, STARTING_SYSTEMS, Node, StageKind


def imports_learner(facts: Facts, path: str) -> bool:
    """Whether a program imports a library that trains models."""
    events = facts.project.programs.get(path)
    return events is not None and any(
        name.partition(".")[0] in facts.names("learning-libraries") for name in events.imports
    )


def train_events(facts: Facts) -> tuple[Event, ...]:
    """Calls that train a model, outside tests."""
    found = list(facts.calls.of("train", "backward"))
    for name, events in facts.calls.by_name.items():
        if facts.is_one("training", name):
            found += events
        elif name in facts.names("training-untyped"):
            found += [event for event in events if imports_learner(facts, event.at.path)]
    return _in_order(found)


def predict_events(facts: Facts) -> tuple[Event, ...]:
    """Calls that predict, outside tests."""
    found = list(facts.calls.of("predict"))
    for name in facts.names("predicting-untyped"):
        found += facts.calls.by_name.get(name, ())
    return _in_order(found)


def training_nodes(facts: Facts) -> tuple[Node, ...]:
    """Declared stages that train."""
    return tuple(
        node for node in facts.graph.stages(StageKind.TRAINING) if set(declared_systems(node)) - STARTING_SYSTEMS
    )


def declared_systems(node: Node) -> list[str]:
    """The pipeline systems that declare a stage; a bare script or notebook declares nothing."""
    return sorted({said.system for said in node.declarations} - CODE_SYSTEMS)


def orchestrated(facts: Facts) -> tuple[Node, ...]:
    """Stages of pipeline definitions: no CI jobs, no images, no bare code."""
    return tuple(node for node in facts.graph.stages() if set(declared_systems(node)) - STARTING_SYSTEMS)


@dataclass(frozen=True, slots=True)
class Saved:
    """A model that is written: where the call stands, and the path with `{}` for what is not known; "" for unknown."""

    event: Event
    path: str


_MODEL_WORDS = re.compile(
    r"model|clf|classifier|regressor|estimator|weights|checkpoint|ckpt|net\b|pipeline|best", re.IGNORECASE
)
_OTHER_WORDS = re.compile(
    r"scaler|encoder|vectori|preproc|proprocess|tokeniz|label|column|feature|transformer\b|vocab", re.IGNORECASE
)


def model_saves(facts: Facts) -> tuple[Saved, ...]:
    """Calls that write a model to a file."""
    found = list(facts.calls.of("save_model"))
    for name, events in facts.calls.by_name.items():
        if facts.is_one("model-saving", name):
            found += events
    saved = [Saved(event, path_of(event)) for event in _in_order(found)]
    return tuple(each for each in saved if _is_model(each))


def _is_model(saved: Saved) -> bool:
    words = f"{saved.path} " + " ".join(s.name for s in saved.event.arguments.values()) + f" {saved.event.function}"
    if "save_model" in saved.event.roles and not saved.path:
        return True
    if _OTHER_WORDS.search(saved.path) and not _MODEL_WORDS.search(saved.path):
        return False
    if saved.event.name.startswith(("pickle", "dill", "cloudpickle", "joblib")) and not _MODEL_WORDS.search(words):
        return any(
            "model" in type_.lower() or "Classifier" in type_ or "Regressor" in type_ for type_ in _types(saved.event)
        )
    return True


def _types(event: Event) -> Iterator[str]:
    for snapshot in (*event.arguments.values(), *((event.receiver,) if event.receiver else ())):
        yield from snapshot.types


def path_of(event: Event) -> str:
    """The path that an event reads or writes, with `{}` for what is not known; "" where nothing is known of it."""
    said = event.detail.get("path")
    if isinstance(said, str):
        return said
    for key in ("writes", "reads", "save", "load"):
        operation = event.detail.get(key)
        if isinstance(operation, str):
            return operation
        if isinstance(operation, list | tuple):
            return next((item for item in operation if isinstance(item, str)), "")
        if isinstance(operation, dict):
            argument = event.arguments.get(str(operation.get("path", "")))
            if argument is not None and isinstance(argument.constant, str):
                return argument.constant
    for name in ("path", "f", "filename", "file", "filepath", "fname", "save_directory", "1", "0"):
        argument = event.arguments.get(name)
        if argument is not None and isinstance(argument.constant, str) and argument.constant is not MISSING:
            return argument.constant
    return ""


@dataclass(frozen=True, slots=True)
class Service:
    """A program that handles requests or shows pages; `predicts` are its calls that reach a model.

    Where no call is seen to reach one, but a route says so and a module behind the imports predicts, `reached` holds
    these modules. `unread` is an imported module that could not be read.
    """

    path: str
    opens: Event
    predicts: tuple[Event, ...]
    loads: tuple[Event, ...]
    is_page: bool
    unread: str = ""
    reached: tuple[str, ...] = ()

    @property
    def serves(self) -> bool:
        """Whether it is known to reach a model."""
        return bool(self.predicts or self.loads)


def services(facts: Facts) -> tuple[Service, ...]:
    """Programs outside tests that are built on a web framework, whether or not they predict."""
    found = []
    for path in sorted(facts.project.programs):
        if is_test(path):
            continue
        events = facts.project.programs[path]
        opened = [e for e in events if facts.is_one("web-frameworks", e.name) or "serve" in e.roles]
        pages = [] if opened else [e for e in events if facts.is_one("page-frameworks", e.name)]
        if not (opened or pages):
            continue
        predicts = tuple(
            e
            for e in events
            if "predict" in e.roles
            or e.name in facts.names("predicting-untyped")
            or facts.is_one("hosted-models", e.name)
        )
        loads = tuple(e for e in events if "load_model" in e.roles or facts.is_one("model-loading", e.name))
        reached: tuple[str, ...] = ()
        if opened and not predicts and any(speaks_of_predictions(event) for event in events):
            reached = _behind(facts, path)
            behind = [event for each in reached for event in facts.calls.by_path.get(each, ())]
            predicts = tuple(
                e
                for e in behind
                if "predict" in e.roles
                or e.name in facts.names("predicting-untyped")
                or facts.is_one("hosted-models", e.name)
            )
            loads += tuple(e for e in behind if "load_model" in e.roles or facts.is_one("model-loading", e.name))
        found.append(Service(path, (opened or pages)[0], predicts, loads, not opened, _unread(facts, path), reached))
    return tuple(found)


_ABOUT = re.compile(
    r"predict|recommend|rating|score|infer|classif|forecast|detect|generate|completion|chat", re.IGNORECASE
)


def speaks_of_predictions(event: Event) -> bool:
    """A route whose address or function is about predictions."""
    if "decorates" not in event.detail:
        return False
    words = [str(value.constant) for value in event.arguments.values() if isinstance(value.constant, str)]
    return _ABOUT.search(" ".join([*words, str(event.detail.get("decorates", ""))])) is not None


def _behind(facts: Facts, path: str) -> tuple[str, ...]:
    """Modules that a program imports, directly or through others, and that hold a model: load, train or ask it."""
    seen = {path}
    waiting = [path]
    while waiting:
        for each in facts.imported(waiting.pop()):
            if each not in seen and not is_test(each):
                seen.add(each)
                waiting.append(each)

    def reaches(event: Event) -> bool:
        named = event.name in facts.names("predicting-untyped") or facts.is_one("model-loading", event.name)
        return named or bool({"predict", "load_model", "train"} & set(event.roles))

    return tuple(each for each in sorted(seen) if any(map(reaches, facts.calls.by_path.get(each, ()))))


def _unread(facts: Facts, path: str) -> str:
    """A module of the project that the program uses and that could not be read, "" where there is none."""
    return next((each for each in facts.imported(path) if each not in facts.project.programs), "")


def load_events(facts: Facts) -> tuple[Event, ...]:
    """Calls that load a model or another fitted object."""
    found = list(facts.calls.of("load_model"))
    for name, events in facts.calls.by_name.items():
        if facts.is_one("model-loading", name):
            found += events
    return _in_order(found)


def serving_paths(facts: Facts) -> frozenset[str]:
    """Files that are stepped into by programs that serve predictions."""
    found: set[str] = set()
    for service in facts.once(services):
        if service.predicts or service.loads:
            found.add(service.path)
            found.update(service.reached)
            found.update(event.at.path for event in facts.project.programs[service.path])
    found.update(script.path for script in facts.once(scoring_scripts))
    return frozenset(found)


def scoring_scripts(facts: Facts) -> tuple[Location, ...]:
    """Entry scripts of model servers: `init` and `run`, or a handler, that load a model or predict."""
    found = []
    for path, events in facts.project.programs.items():
        defined = {name.rpartition(".")[2]: at for name, at in events.functions}
        entry = next(
            (
                defined[name]
                for name in ("run", "predict_fn", "handle", "lambda_handler", "handler", "predict")
                if name in defined
            ),
            None,
        )
        starts = any(
            name in defined
            for name in ("init", "model_fn", "initialize", "load_context", "setup", "lambda_handler", "handler")
        )
        if is_test(path) or events.is_notebook or entry is None or not starts:
            continue
        predicts = any("predict" in e.roles or e.name in facts.names("predicting-untyped") for e in events)
        loads = any("load_model" in e.roles or facts.is_one("model-loading", e.name) for e in events)
        if predicts or loads:
            found.append(entry)
    return tuple(sorted(found, key=lambda at: at.key))


def in_code(event: Event) -> bool:
    return not is_notebook(event.at.path)


def _in_order(events: list[Event]) -> tuple[Event, ...]:
    unique = {(event.at.key, event.name, str(event.detail.get("path", ""))): event for event in events}
    return tuple(unique[key] for key in sorted(unique))
