"""A call that is made again over an unchanged tree gives the same bytes without a look inside; any change ends that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeaudit import cli, replay, witnesses
from tests.test_discover import commit

Capture = pytest.CaptureFixture[str]
CHANGES: dict[str, Callable[[Path], object]] = {
    "a file is edited": lambda root: (root / "src/load.py").write_text("import pandas\n\n\n"),
    "a file goes": lambda root: (root / "src/load.py").unlink(),
    "a file comes": lambda root: (root / "src/new.py").write_text(""),
    "a file comes into a folder that was empty": lambda root: (root / "empty/new.py").write_text(""),
    "a folder comes": lambda root: (root / "more").mkdir(),
    "settings come": lambda root: (root / "pipeaudit.toml").write_text('packs = ["all"]\n'),
    "a file is ignored": lambda root: (root / ".gitignore").write_text("src\n"),
    "another commit": commit,
    "a link leads elsewhere": lambda root: (root / "other").replace(root / "link"),
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "src/load.py").write_text("import pandas\n")
    (root / "link").symlink_to("src")
    (root / "other").symlink_to("empty")
    commit(root)
    monkeypatch.setattr(witnesses, "_RACY_NANOSECONDS", 0)  # the files are new, and nobody writes them meanwhile
    return root


def words(root: Path) -> list[str]:
    return ["check", "--format", "json", str(root)]


@pytest.mark.parametrize("change", CHANGES)
def test_only_an_unchanged_tree_is_answered_from_memory(root: Path, change: str, capfd: Capture) -> None:
    assert replay.again(words(root)) is None
    status = cli.run(words(root))
    first = capfd.readouterr().out
    assert first
    assert replay.again(words(root)) == status
    assert capfd.readouterr().out == first
    assert replay.again(["check", "--format", "sarif", str(root)]) is None
    CHANGES[change](root)
    assert replay.again(words(root)) is None
    assert capfd.readouterr().out == ""


def test_a_tree_that_has_just_changed_is_not_remembered(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witnesses, "_RACY_NANOSECONDS", 3_600_000_000_000)
    cli.run(words(root))
    assert replay.again(words(root)) is None


@pytest.mark.parametrize("size", [0, 10, 200])
def test_a_broken_record_is_no_record(root: Path, size: int) -> None:
    cli.run(words(root))
    for record in Path(os.environ["PIPEAUDIT_CACHE_DIR"]).glob("replay-*"):
        record.write_bytes(record.read_bytes()[:size] + b"?")
    assert replay.again(words(root)) is None


def test_memory_needs_next_to_nothing(root: Path) -> None:
    cli.run(words(root))
    code = "import sys; before = set(sys.modules); from pipeaudit import replay; replay.again(sys.argv[1:]);"
    code += "print(*sorted(set(sys.modules) - before), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, *words(root)], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout
    assert set(done.stderr.split()) <= {"pipeaudit", "pipeaudit.replay", "pipeaudit.cache_folder", "zlib", "__future__"}
