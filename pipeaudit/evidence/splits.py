"""How data is parted for training and evaluation: by a call, by files, by time, or as the data set comes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeaudit.evidence.calls import short
from pipeaudit.evidence.data import reads
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.places import is_test
from pipeaudit.evidence.programs import imports_learner, orchestrated, train_events
from pipeaudit.evidence.signal import signal
from pipeaudit.flow.events import MISSING
from pipeaudit.model.control import Evidence, Strength


@signal("data-split")
def data_split(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("data-split-call")
    for event in facts.calls.named("keras.*.fit", "?.fit"):
        for name in ("validation_split", "validation_data"):
            if event.argument(name) is not None and imports_learner(facts, event.at.path):
                yield Evidence(event.at, f"`{short(event.name)}` is given `{name}`", Strength.STRONG)


@signal("predefined-split")
def predefined_split(facts: Facts) -> Iterator[Evidence]:
    """Data sets that come in parts: `train=False`, `split="test"`, a loader that returns both parts."""
    for event in facts.calls.named("torchvision.datasets.*", "torchtext.datasets.*", "torchaudio.datasets.*"):
        if event.constant("train", MISSING) is False or event.constant("split") in ("test", "val", "valid"):
            yield Evidence(event.at, f"`{short(event.name)}` has a test part of its own")
    for event in facts.calls.named("keras.datasets.*.load_data", "tensorflow.keras.datasets.*.load_data"):
        yield Evidence(event.at, "the data set comes with a test part")
    for event in facts.calls.named("datasets.load_dataset", "tensorflow_datasets.load"):
        split = event.constant("split")
        if (isinstance(split, str | list) and "test" in str(split)) or "val" in str(split or ""):
            yield Evidence(event.at, f"`{short(event.name)}` loads a test part")
    for event in facts.calls.named("datasets.load_dataset"):
        if event.argument("split") is None:
            yield Evidence(event.at, "the data set comes in parts", Strength.WEAK)


_TEST_FILE = re.compile(
    r"(?:^|[/_.-])(?:test|holdout|hold_out|valid|validation|val|eval|dev)(?:[/_.-]|$)", re.IGNORECASE
)
_TRAIN_FILE = re.compile(r"(?:^|[/_.-])(?:train|training)(?:[/_.-]|$)", re.IGNORECASE)


def _in_query(path: str) -> str:
    """The file that a query names (`... read_csv('train.csv', header=true)`), else the path as it is."""
    named = re.search(r"['\"]([^'\"\s]+\.\w{2,8})['\"]", path)
    return named[1] if named else path


@signal("files-by-role")
def files_by_role(facts: Facts) -> Iterator[Evidence]:
    """A file for training and another one for the test, both read; or both declared as inputs."""
    if not (facts.once(train_events) or facts.shows("training-stage")):
        return
    known = [(event.at, _in_query(path).rpartition("/")[2]) for event, path in facts.once(reads) if path]
    for node in facts.once(orchestrated):
        known += [(node.at, artifact.name.rpartition("/")[2]) for artifact in facts.graph.reads(node)]
    tests = [(at, name) for at, name in known if _TEST_FILE.search(name)]
    trains = [(at, name) for at, name in known if _TRAIN_FILE.search(name)]
    for path in facts.paths:
        if path.lower().endswith((".yaml", ".yml")) and not path.startswith("."):
            for document in facts.nodes(path):
                train, test = (
                    document.get("train"),
                    document.get("val") or document.get("test") or document.get("valid"),
                )
                if train.text and test.text and ("/" in train.text or "." in train.text):
                    yield Evidence(test.at, f"judges on `{test.text[:60]}`, trains on `{train.text[:60]}`")
    if trains and tests:
        yield Evidence(trains[0][0], f"trains on `{trains[0][1]}`")
        yield Evidence(tests[0][0], f"judges on `{tests[0][1]}`")


@signal("temporal-split")
def temporal_split(facts: Facts) -> Iterator[Evidence]:
    yield from facts.evidence("temporal-split-call")
    for event in facts.calls.of("split", "filter"):
        if event.constant("shuffle") is False and "split" in event.roles:
            yield Evidence(event.at, "the split keeps the order of time", Strength.WEAK)
    for event in facts.calls.of("compare"):
        words = " ".join(value.name for value in event.arguments.values()).lower()
        if re.search(r"cutoff|cut_off|split_date|train_end|test_start|train_until|holdout_(?:date|start)", words):
            yield Evidence(event.at, "the test part is later than the training part")
    for path, events in facts.project.programs.items():
        for name, at in events.functions:
            if not is_test(path) and re.search(
                r"(?:temporal|time|date|chronological)_?(?:based_)?(?:train_test_)?split|split_by_(?:date|time)",
                name,
                re.IGNORECASE,
            ):
                yield Evidence(at, f"`{name.rpartition('.')[2]}` splits by time")
