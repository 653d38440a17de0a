"""Runs and what they leave: trackers, run folders, notebooks that hold or drive the work."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_notebook
from pipeaudit.evidence.programs import (
    in_code,
    load_events,
    model_saves,
    orchestrated,
    path_of,
    services,
    serving_paths,
    train_events,
)
from pipeaudit.evidence.signal import signal
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location


@signal("run-folders")
def run_folders(facts: Facts) -> Iterator[Evidence]:
    """Outputs in a folder or file that each run names anew."""
    for event in facts.calls.named("os.makedirs", "pathlib.Path.mkdir", "transformers.TrainingArguments", "?.mkdir"):
        path = str(event.constant("output_dir", "") or path_of(event))
        if "{}" in path and re.search(r"run|out|result|exp|checkpoint|model", path):
            yield Evidence(event.at, "each run names its output anew", Strength.SUPPORTING)
    for path in facts.paths:
        if path.lower().endswith((".yaml", ".yml")):
            for document in facts.nodes(path):
                folder = document.get("hydra", "run", "dir")
                if folder.text:
                    yield Evidence(folder.at, "Hydra gives each run a folder", Strength.SUPPORTING)
    for event in facts.calls.named("hydra.main"):
        yield Evidence(event.at, "Hydra gives each run a folder", Strength.WEAK)


@signal("production-in-scripts")
def production_in_scripts(facts: Facts) -> Iterator[Evidence]:
    """What trains, prepares or serves is code in files, and no required step is missing there."""
    trained = [event for event in facts.once(train_events) if in_code(event)]
    for event in trained:
        yield Evidence(event.at, "training is code in a file")
    for service in facts.once(services):
        if not is_notebook(service.path) and (service.predicts or service.loads):
            yield Evidence(service.opens.at, "the service is code in a file")
    for at in sorted((Location(path) for path in facts.once(serving_paths)), key=lambda at: at.key):
        if not is_notebook(at.path):
            yield Evidence(at, "serving is code in a file")
    if not trained and not facts.once(services):
        for node in facts.once(orchestrated):
            if any(program.path.endswith((".py", ".sh", ".R", ".r", ".sql")) for program in facts.graph.programs(node)):
                yield Evidence(node.at, f"stage `{node.name}` runs code in a file")
    for each in facts.evidence("training-stage-declared"):
        yield Evidence(each.at, "training is a declared stage")


@signal("study-in-notebooks")
def study_in_notebooks(facts: Facts) -> Iterator[Evidence]:
    if facts.shows("production-in-scripts"):
        return
    for event in facts.once(train_events):
        if is_notebook(event.at.path):
            yield Evidence(event.at, "the study trains in a notebook", Strength.SUPPORTING)


@signal("notebooks-with-helpers")
def notebooks_with_helpers(facts: Facts) -> Iterator[Evidence]:
    """Notebooks that call the repository's own modules."""
    for path in facts.notebooks:
        events = facts.project.programs.get(path)
        if events is not None:
            used = next((e for e in events if e.at.path != path and e.at.path.endswith(".py")), None)
            if used is not None:
                yield Evidence(Location(path), f"the notebook uses `{used.at.path}`", Strength.SUPPORTING)


@signal("notebook-holds-stage")
def notebook_holds_stage(facts: Facts) -> Iterator[Evidence]:
    """A step that the product needs is only in a notebook: the search, or the training of what a script serves."""
    if any(in_code(event) for event in facts.once(train_events)):
        return
    for event in facts.once(train_events):
        if is_notebook(event.at.path) and facts.shows("production-in-scripts"):
            yield Evidence(event.at, "training is only in a notebook", Strength.SUPPORTING)


@signal("notebook-drives")
def notebook_drives(facts: Facts) -> Iterator[Evidence]:
    """A notebook is executed by a pipeline or a document's instructions, or starts the scripts itself."""
    for command in facts.commands:
        if command.source == "notebook":
            found = re.search(r"\bpython3?\s+[\w./-]+\.py\b", command.text)
            if found and re.search(
                r"train|hpo|regist|process|prepar|feature|model|download|pipeline|run", found.group()
            ):
                yield Evidence(
                    command.at_offset(found.start()), f"a notebook starts `{found.group()}`", Strength.SUPPORTING
                )
        elif re.search(r"\bpapermill\b|nbconvert\b.*--execute", command.text) and command.source != "document":
            yield Evidence(command.at, "a step executes a notebook", Strength.SUPPORTING)
    for event in facts.calls.named("papermill.execute_notebook", "airflow.providers.papermill.*"):
        yield Evidence(event.at, "a step executes a notebook", Strength.SUPPORTING)


@signal("served-model-from-notebook")
def served_model_from_notebook(facts: Facts) -> Iterator[Evidence]:
    """The model file that a service loads is written by a notebook and by nothing else."""

    served = facts.once(serving_paths)
    loaded = {path_of(event).rpartition("/")[2] for event in facts.once(load_events) if event.at.path in served}
    writers: dict[str, list[Location]] = {}
    for saved in facts.once(model_saves):
        writers.setdefault(saved.path.rpartition("/")[2], []).append(saved.event.at)
    for name in sorted(loaded - {""}):
        places = writers.get(name, [])
        if places and all(is_notebook(at.path) for at in places):
            yield Evidence(places[0], f"the served model `{name}` comes out of a notebook")
