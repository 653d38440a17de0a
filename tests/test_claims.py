"""What systems claim and rules are is known without importing them; only what is needed is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from pipeaudit import resources, rulebook
from pipeaudit import systems as package
from pipeaudit.rule import Rule
from pipeaudit.system import System, systems

IMPORTED = """
import sys
from pathlib import Path
from pipeaudit.engine import audit
from pipeaudit.request import Request
audit(Request(Path(sys.argv[1])))
print(*sorted(name.split(".")[2] for name in sys.modules if name.startswith("pipeaudit.systems.")))
"""


def test_what_is_compiled_is_what_the_modules_declare() -> None:
    modules = [
        import_module(f"pipeaudit.systems.{name}") for name in sorted(m.name for m in iter_modules(package.__path__))
    ]
    values = [getattr(value, "__system__", None) for module in modules for value in vars(module).values()]
    declared = tuple(system for system in values if isinstance(system, System))
    assert systems() == declared == systems()
    assert all(callable(system.read) for system in declared)


def test_a_system_costs_nothing_where_nobody_uses_it(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import pandas as pd\n\nprint(pd.read_csv('rows.csv').mean())\n")
    (tmp_path / "dvc.yaml").write_text("stages:\n  train:\n    cmd: python train.py\n    deps: [rows.csv]\n")
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", IMPORTED, str(tmp_path)]
    for _ in range(2):  # the first run in a checkout compiles
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["dvc", "notebook", "papermill", "script"]


def test_a_compiled_rule_is_the_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = resources.folder("rules")
    rulebook.load([ours])
    compiled = rulebook.load([ours])
    monkeypatch.setattr(resources, "folder", lambda name: tmp_path)  # another's folder is not compiled
    imported = rulebook.load([ours])
    assert [said(rule) for rule in compiled.rules] == [said(rule) for rule in imported.rules]
    assert compiled.digest == imported.digest


def said(rule: Rule) -> list[object]:
    return [rule.name, rule.doc, *(getattr(rule, item.name) for item in fields(rule) if item.name != "check")]
