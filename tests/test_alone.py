"""Rules that need one file only, asked for one: it is judged by itself and what it imports, as in a tree of those."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeaudit import engine, resources
from pipeaudit.model.audit import Audit
from pipeaudit.model.choice import Choice
from pipeaudit.model.finding import Finding
from pipeaudit.request import Request
from tests.conftest import FIXTURES

REPOSITORIES = FIXTURES / "repositories"
LEAKAGE = FIXTURES / "rules" / "pa201_preprocessing_leakage"
FOLDERS = [*sorted(path for path in REPOSITORIES.iterdir() if path.is_dir()), LEAKAGE]


def audited(root: Path, only: str | None) -> Audit:
    choice = Choice(packs=("all",))
    rules = (resources.folder("rules"),)
    named = None if only is None else frozenset((only,))
    audit, failures = engine.audit(
        Request(root.resolve(), choice=choice, rule_folders=rules, only=named, file_rules_only=True)
    )
    assert failures == ()
    return audit


def those_in(path: str, audit: Audit) -> list[Finding]:
    return [finding for finding in audit.findings if finding.at.path == path]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_file_alone_is_judged_as_in_a_tree_of_what_it_imports(folder: Path, tmp_path: Path) -> None:
    paths = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.suffix in (".py", ".ipynb")]
    for number, path in enumerate(paths):
        alone = audited(folder, path)
        for used in alone.files:
            copy = tmp_path / str(number) / used.path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / used.path, copy)
        assert list(alone.findings) == those_in(path, audited(tmp_path / str(number), None))


def test_a_file_that_nobody_imports_is_judged_as_in_its_repository() -> None:
    whole = audited(LEAKAGE, None)
    alone = {path: audited(LEAKAGE, path) for path in sorted({finding.at.path for finding in whole.findings})}
    imported = {used.path for path, audit in alone.items() for used in audit.files if used.path != path}
    judged = {path: list(audit.findings) for path, audit in alone.items() if path not in imported}
    assert judged == {path: those_in(path, whole) for path in judged}
    assert len(judged) > len(imported) > 0


def test_a_module_that_can_not_be_read_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    rows = (
        "from sklearn.preprocessing import StandardScaler\n\n\n"
        "def scaled(rows):\n    return StandardScaler().fit_transform(rows)\n"
    )
    main = (
        "import pandas as pd\nfrom sklearn.linear_model import LogisticRegression\n"
        "from sklearn.model_selection import train_test_split\n\nfrom scaling import scaled\n\n"
        "table = pd.read_csv('rows.csv')\nx = scaled(table.drop(columns='y'))\n"
        "a, b, c, d = train_test_split(x, table['y'], random_state=0)\n"
        "print(LogisticRegression().fit(a, c).score(b, d))\n"
    )
    for name, text in (("app/main.py", main), ("app/scaling.py", "def scaled(:\n"), ("app/deep/scaling.py", rows)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    alone = audited(tmp_path, "app/deep/scaling.py"), audited(tmp_path, "app/main.py")
    assert [error.path for error in alone[1].problems] == ["app/scaling.py"]
    assert list(alone[1].findings) == those_in("app/main.py", audited(tmp_path, None))
    assert {used.path for used in alone[1].files} == {"app/main.py", "app/deep/scaling.py"}


def test_a_script_is_looked_at_with_the_notebook_that_tells_what_it_holds_if_it_can_be_read(tmp_path: Path) -> None:
    for name, text in (
        ("kept.py", "# %%\nprint(1)\n"),
        ("plain.py", "print(1)\n"),
        ("large.py", "# %%\n" + "\n" * 2**21),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).with_suffix(".ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4}')
    audits = {name: audited(tmp_path, name) for name in ("kept.py", "plain.py", "large.py")}
    looked_at = {name: {used.path for used in audit.files} for name, audit in audits.items()}
    assert looked_at == {"kept.py": {"kept.py", "kept.ipynb"}, "plain.py": {"plain.py"}, "large.py": set()}
    assert [problem.path for problem in audits["large.py"].problems] == ["large.py"]
