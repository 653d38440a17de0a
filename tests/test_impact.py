"""What changes when a file changes: its importers, the stages it touches and all after them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from pipeaudit import cli, engine, resources
from pipeaudit.link.imports import imports
from pipeaudit.request import Request
from pipeaudit.sources import Sources

FILES = {
    "dvc.yaml": """
stages:
  clean:
    cmd: python -m churn.clean
    deps: [data/raw.csv, params.yaml]
    outs: [data/clean.csv]
  train:
    cmd: python churn/train.py
    deps: [data/clean.csv]
    outs: [models/churn.pkl]
  report:
    cmd: python report.py
    deps: [models/churn.pkl]
    outs: [report.html]
""",
    "params.yaml": "rate: 0.1\n",
    "data/raw.csv": "a,b\n",
    "churn/__init__.py": "",
    "churn/columns.py": "NAMES = ['a', 'b']\n",
    "churn/frames.py": "from .columns import NAMES\n",
    "churn/clean.py": "from churn import frames\n",
    "churn/train.py": "import json\n\n\ndef run():\n    from churn.clean import frames\n",
    "report.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import churn.columns\n",
    "tests/test_frames.py": "import churn.frames as frames\n",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("impact")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def found(root: Path, *paths: str) -> tuple[list[str], list[str], list[str]]:
    """Importing files, stages with how far away they are, artifacts."""
    audit, _ = engine.audit(Request(root=root, impact=paths))
    assert audit.impact is not None
    return (
        [f"{file.path}:{file.at.line}" for file in audit.impact.files],
        [f"{one.stage.name} {one.steps}" for one in audit.impact.stages],
        [one.artifact.name for one in audit.impact.artifacts],
    )


@pytest.mark.parametrize(
    ("path", "files", "stages"),
    [
        (
            "churn/columns.py",
            ["churn/frames.py:1", "churn/clean.py:1", "tests/test_frames.py:1", "churn/train.py:5"],
            ["clean 0", "train 0", "report 1"],
        ),
        ("churn/clean.py", ["churn/train.py:5"], ["clean 0", "train 0", "report 1"]),
        ("churn/train.py", [], ["train 0", "report 1"]),
        ("params.yaml", [], ["clean 0", "train 1", "report 2"]),
        ("data", [], ["clean 0", "train 0", "report 1"]),
        ("models/churn.pkl", [], ["report 0"]),
        ("report.html", [], []),
    ],
)
def test_a_change_reaches_whoever_imports_runs_or_reads_it(
    root: Path, path: str, files: list[str], stages: list[str]
) -> None:
    assert found(root, path)[:2] == (files, stages)


def test_what_changed_stages_write_is_listed(root: Path) -> None:
    assert found(root, "churn/train.py")[2] == ["models/churn.pkl", "report.html"]


def test_several_files_change_together(root: Path) -> None:
    assert found(root, "report.py", "churn/train.py")[1] == ["train 0", "report 0"]


def test_imports_are_followed_as_python_runs_them() -> None:
    files = {
        "lib/__init__.py": b"from lib.one import a",
        "lib/one.py": b"try:\n    from .sub import two\nexcept ImportError:\n    pass",
        "lib/sub/two.py": b"import numpy, lib.one",
        "run.py": b"import lib.sub.two as two\nimport lib.one",
        "broken.py": b"import lib.one (",
    }
    found = [(one.importer, one.imported, one.line) for one in imports(Sources(_Files(files)))]
    assert found == [
        ("lib/__init__.py", "lib/one.py", 1),
        ("lib/one.py", "lib/sub/two.py", 2),
        ("lib/sub/two.py", "lib/__init__.py", 1),
        ("lib/sub/two.py", "lib/one.py", 1),
        ("run.py", "lib/__init__.py", 1),
        ("run.py", "lib/sub/two.py", 1),
        ("run.py", "lib/one.py", 2),
    ]


class _Files:
    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files
        self.paths = tuple(files)

    def data(self, path: str) -> bytes:
        return self._files[path]


def test_the_command_tells_people_and_programs_the_same(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["graph", str(root), "--impact", str(root / "churn" / "train.py"), "--no-cache"]) == 0
    told = capfd.readouterr().out
    assert "2 of 3 stages" in told
    assert "reads `models/churn.pkl`, which `train` writes  dvc.yaml:11" in told
    assert cli.run(["graph", str(root), "--impact", "churn/train.py", "--format", "json", "--no-cache"]) == 0
    document = json.loads(capfd.readouterr().out)
    schema = (resources.folder("reports") / "schema" / "impact-1.json").read_text()
    jsonschema.Draft202012Validator(json.loads(schema)).validate(document)
    assert [stage["name"] for stage in document["stages"]] == ["train", "report"]


@pytest.mark.parametrize(
    "words",
    [["--impact", "churn/trian.py"], ["--impact", "report.py", "--format", "dot"], ["--format", "text"]],
)
def test_a_call_that_can_not_be_meant_is_refused(
    root: Path, words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["graph", str(root), *words]) == 2
    said = capfd.readouterr()
    assert (said.out, said.err.startswith("error: --")) == ("", True)
