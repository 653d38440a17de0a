"""A wheel carries everything: it is built, installed into an environment of its own, and audits from elsewhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import FIXTURES

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")
    skipped = shutil.ignore_patterns(".git", ".venv", "__pycache__", "*.pyc", ".*_cache", "fixtures", "tests", "dist")
    shutil.copytree(ROOT, source / "pipeaudit", ignore=skipped)
    out = tmp_path_factory.mktemp("dist")
    words = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation", "-w", str(out), "."]
    subprocess.run([sys.executable, *words], cwd=source / "pipeaudit", check=True)
    [built] = out.glob("*.whl")
    return built


@pytest.mark.slow
def test_rules_and_reports_are_in_the_wheel_and_nothing_else_is_beside_the_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"pipeaudit"}
    for folder in ("rules", "reports"):
        there = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert {f"pipeaudit/{name}" for name in there if "__pycache__" not in name} <= set(names)


@pytest.mark.slow
def test_the_wheel_brings_the_compiled_knowledge_of_calls(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = (
        "import sys, yaml; yaml.load = None\n"
        "from pipeaudit import apis, resources\n"
        "folder = resources.folder('rules') / 'apis'\n"
        "print(apis.load(folder, (), resources.Compiled(folder)).entry('pandas.read_csv').roles)"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, check=False, env={"PATH": "", "PYTHONPATH": str(tmp_path)}
    )
    assert (done.stdout, done.stderr) == ("('read',)\n", "")


@pytest.mark.slow
def test_an_installed_wheel_audits_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    site = next((environment / "lib").glob("python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(site)
    # the dependencies come from the environment of the tests, behind the wheel's own files
    dependencies = Path(str(__import__("click").__file__)).parent.parent
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    where = tmp_path / "elsewhere"
    where.mkdir()
    program = "import sys; from pipeaudit.__main__ import main; sys.argv[0] = 'pipeaudit'; main()"
    python = str(environment / "bin/python")
    for command, key in (("check", "findings"), ("graph", "stages"), ("audit", "controls")):
        words = [python, "-I", "-c", program, command, str(FIXTURES / "repositories/wine-quality"), "--format", "json"]
        done = subprocess.run(words, cwd=where, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        assert json.loads(done.stdout)[key]
    found = subprocess.run(
        [python, "-I", "-c", "import pipeaudit; print(pipeaudit.__file__)"], cwd=where, capture_output=True
    )
    assert str(site) in found.stdout.decode()
