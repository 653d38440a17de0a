"""`explain-flow` tells of the values on a line what really happened to them, in the program that made them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from pipeaudit import cli, resources

HELPER = """\
from sklearn.preprocessing import StandardScaler


def scaled(frame):
    scaler = StandardScaler()
    return scaler.fit_transform(frame)


def unused(table):
    return table.dropna()
"""
TRAIN = """\
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from helper import scaled

rows = pd.read_csv("rows.csv")
rows = rows[rows.age > 17]
features = scaled(rows.drop(columns="label"))
train, test, y_train, y_test = train_test_split(features, rows["label"], random_state=0)
model = LogisticRegression().fit(train, y_train)
predicted = model.predict(test)
score = accuracy_score(y_test, predicted)
print("done", 1)
"""
CLEAN = """\
import pandas as pd
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

rows = pd.read_csv("rows.csv")
for kept, held in KFold(5).split(rows):
    scaler = StandardScaler().fit(rows.iloc[kept])
    test = scaler.transform(rows.iloc[held])
"""
CELLS = [
    "# Wine",
    "import pandas as pd\nfrom sklearn.model_selection import train_test_split\nwine = pd.read_csv('wine.csv')",
    "mean = wine.acid.mean()\nwine.acid = wine.acid - mean\ntrain, test = train_test_split(wine)",
]
Told = Callable[..., list[str]]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {"helper.py": HELPER, "train.py": TRAIN, "clean.py": CLEAN, "broken.py": "x = (\n"}.items():
        (tmp_path / name).write_text(text)
    code: dict[str, object] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**code, "source": text} for text in CELLS]
    cells[0] = {"cell_type": "markdown", "metadata": {}, "source": CELLS[0]}
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "wine.ipynb").write_text(json.dumps(notebook))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def told(root: Path, capfd: pytest.CaptureFixture[str]) -> Told:
    """The steps of one value: what they are about, in words, and the line."""

    def ask(place: str, name: str) -> list[str]:
        assert cli.run(["explain-flow", place, "--name", name, "--format", "json"]) == 0
        document = json.loads(capfd.readouterr().out)
        schema = (resources.folder("reports") / "schema" / "flow-1.json").read_text()
        jsonschema.Draft202012Validator(json.loads(schema)).validate(document)
        [value] = document["values"]
        assert value["name"] == name
        steps = [(step["about"], step["message"], step["at"]) for step in value["steps"]]
        return [f"{about}: {message}" + (f" ({at['path']}:{at['line']})" if at else "") for about, message, at in steps]

    return ask


def test_rows_are_followed_from_their_file_through_filter_and_split_into_model_and_figure(told: Told) -> None:
    assert told("train.py:11", "y_test") == [
        "rows: `read_csv` reads `rows.csv` (train.py:8)",
        "rows: some rows are taken out of `rows.csv`: `rows.age > 17`",
        "rows: `train_test_split` takes the `test` rows out of some rows of `rows.csv`, at random (train.py:11)",
        "use: `model.predict` predicts on these rows (train.py:13)",
        "use: `accuracy_score` judges the model on these rows (train.py:14)",
    ]


def test_what_an_imported_helper_learned_on_the_rows_of_both_sides_is_told_as_a_leak(told: Told) -> None:
    steps = told("train.py:12", "train")
    assert "learned: `scaler` learns scaling on some rows of `rows.csv`: the `test` rows were among them" in steps[3]
    leak = "leak: what `scaler` learned came from rows that judge the model at line 14 of `train.py` (helper.py:6)"
    assert steps[-1] == leak
    assert told("train.py:14", "score") == [
        "metric: `accuracy_score` judges the model on the `test` part of some rows of `rows.csv` (train.py:14)",
        leak,
    ]


def test_what_is_learned_on_one_side_of_a_fold_is_no_leak(told: Told) -> None:
    [step] = [step for step in told("clean.py:8", "test") if not step.startswith("rows:")]
    learned = "`StandardScaler()` learns scaling on the `train` part of `rows.csv`"
    assert step == f"learned: {learned}, none of which is among these rows (clean.py:7)"


def test_a_cell_is_named_as_reports_name_it(told: Told) -> None:
    assert told("wine.ipynb:3:3", "train")[-1] == (
        "learned: `wine.acid.mean()` learns a figure on `wine.csv`: the `test` rows were among them (wine.ipynb:1)"
    )


def test_a_function_tells_of_its_callers_values_and_without_callers_of_its_arguments(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["explain-flow", "helper.py:4:1"]) == 0
    told = capfd.readouterr().out
    assert "- `frame` (pandas.DataFrame), when train.py runs, called at train.py:10:12\n" in told
    assert "train.py:8:8: `read_csv` reads `rows.csv`" in told
    assert cli.run(["explain-flow", "helper.py:10"]) == 0
    assert "the argument `table` of a function that nothing here calls" in capfd.readouterr().out
    assert cli.run(["explain-flow", "train.py:15"]) == 0
    assert "No value is known here" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train.py"], "expected FILE:LINE, as in train.py:12"),
        (["wine.ipynb:3"], "for a notebook FILE:CELL:LINE"),
        (["wine.ipynb:1:1"], "wine.ipynb has no Python in cell 1; there is some in 2, 3"),
        (["wine.ipynb:3:9"], "there are 3 lines"),
        (["train.py:7"], "no statement stands there; the nearest is on line 6"),
        (["train.py:0"], "there are"),
        (["gone.py:7"], "there is no such file"),
        (["broken.py:1"], "broken.py:1: not valid Python"),
        (["train.py:12", "--name", "trian"], "--name trian: no value of that name is known at train.py:12"),
    ],
)
def test_a_place_that_can_not_be_meant_is_refused_with_what_to_write(
    root: Path, words: list[str], expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["explain-flow", *words]) == 2
    said = capfd.readouterr()
    assert (said.out, expected in said.err) == ("", True), said.err
