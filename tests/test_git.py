"""git is asked, and nothing that the repository configures is run."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from pipeaudit import git
from pipeaudit.cli import run
from pipeaudit.discover import discover
from tests.test_discover import commit, plant


def hostile(root: Path, canary: Path) -> None:
    """Every way that a repository's own configuration has of naming a program."""
    trap = root / "trap.sh"
    trap.write_text(f"#!/bin/sh\necho ran >> {canary}\ncat\n")
    trap.chmod(0o755)
    settings = {
        "core.fsmonitor": str(trap),
        "core.hooksPath": str(root),
        "core.pager": str(trap),
        "core.sshCommand": str(trap),
        "core.editor": str(trap),
        "core.askPass": str(trap),
        "core.alternateRefsCommand": str(trap),
        "diff.external": str(trap),
        "diff.evil.textconv": str(trap),
        "diff.evil.command": str(trap),
        "filter.evil.clean": str(trap),
        "filter.evil.smudge": str(trap),
        "filter.evil.process": str(trap),
        "credential.helper": f"!{trap}",
        "gpg.program": str(trap),
        "alias.ls-files": f"!{trap}",
        "uploadpack.packObjectsHook": str(trap),
        "remote.origin.url": f"ext::{trap}",
    }
    for name, value in settings.items():
        subprocess.run(["git", "config", name, value], cwd=root, check=True)
    (root / ".gitattributes").write_text("* filter=evil diff=evil\n")
    for hook in ("post-index-change", "fsmonitor-watchman", "pre-commit", "post-checkout"):
        (root / hook).symlink_to(trap)


def test_hostile_configuration_never_runs(tmp_path: Path) -> None:
    root, canary = tmp_path / "root", tmp_path / "canary"
    plant(root, "a.py", "b.py")
    commit(root)
    hostile(root, canary)
    (root / "a.py").write_text("changed = 1\n")
    tree = git.work_tree(root)
    assert tree is not None
    assert "a.py" in [file.path for file in discover(root).files]
    git.listed(tree)
    git.ignored(tree)
    git.staged(tree)
    git.merge_base(tree, "HEAD")
    revision = git.revision(tree)
    assert revision is not None
    assert git.committed_blobs(tree, revision.commit)["a.py"] == git.blob_name(b"x = 1\n")
    assert git.committed_file(tree, "HEAD", "a.py") == b"x = 1\n"
    assert not canary.exists()


def test_the_trap_would_run_under_plain_git(tmp_path: Path) -> None:
    root, canary = tmp_path / "root", tmp_path / "canary"
    plant(root, "a.py")
    commit(root)
    hostile(root, canary)
    subprocess.run(["git", "status"], cwd=root, check=False, capture_output=True)
    assert canary.exists()


def test_staged_files_before_and_after_the_first_commit(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "sub/b.py")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "a.py"], cwd=tmp_path, check=True)
    tree = git.work_tree(tmp_path)
    assert tree is not None
    assert git.staged(tree) == {"a.py"}
    commit(tmp_path)
    (tmp_path / "sub/b.py").write_text("y = 2\n")
    subprocess.run(["git", "add", "sub/b.py"], cwd=tmp_path, check=True)
    assert git.staged(tree) == {"sub/b.py"}
    inner = git.work_tree(tmp_path / "sub")
    assert inner is not None
    assert git.staged(inner) == {"b.py"}


def test_worktrees_are_followed_and_foreign_pointers_are_not(tmp_path: Path) -> None:
    main, other, evil = tmp_path / "main", tmp_path / "other", tmp_path / "evil"
    plant(main, "a.py")
    commit(main)
    subprocess.run(["git", "worktree", "add", "-q", str(other)], cwd=main, check=True)
    assert git.work_tree(other) == git.WorkTree(other, "")
    assert [file.path for file in discover(other).files] == ["a.py"]
    plant(evil, "a.py")
    (evil / ".git").write_text(f"gitdir: {main / '.git'}\n")
    with pytest.raises(git.GitUnavailable, match="leads out"):
        git.work_tree(evil)
    found = discover(evil)
    assert [file.path for file in found.files] == ["a.py"]
    assert "git data is unknown" in found.problems[0].message


@pytest.mark.parametrize("wreck", ["HEAD", "index", "config", "all"])
def test_a_broken_repository_is_walked(tmp_path: Path, wreck: str) -> None:
    plant(tmp_path, "a.py")
    commit(tmp_path)
    for name in ("HEAD", "index", "config") if wreck == "all" else (wreck,):
        (tmp_path / ".git" / name).write_bytes(b"\x00broken\xff\n")
    assert [file.path for file in discover(tmp_path).files] == ["a.py"]


def test_without_git_the_tree_is_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "a.py")
    commit(tmp_path)
    monkeypatch.setenv("PATH", os.devnull)
    found = discover(tmp_path)
    assert ([file.path for file in found.files], found.files[0].tracked) == (["a.py"], None)
    assert "not installed" in found.problems[0].message


@pytest.mark.parametrize("ref", ["-x", "--upload-pack=touch x", "a b", "HEAD:..", "x;y", ""])
def test_odd_refs_never_reach_git(ref: str) -> None:
    with pytest.raises(git.GitUnavailable):
        git.check_ref(ref)


def test_blobs_are_named_as_git_names_them() -> None:
    assert git.blob_name(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_only_lines_that_changed_since_a_commit_count(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    gap = 'print(rows[rows["{}"] == np.nan])\n'
    head = 'import numpy as np\nimport pandas as pd\n\nrows = pd.read_csv("rows.csv")\n'
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": head + gap.format(name)} for name in "ab"]
    (tmp_path / "old.py").write_text(head + gap.format("a"))
    (tmp_path / "same.py").write_text(head + gap.format("a"))
    (tmp_path / "old.ipynb").write_text(json.dumps({"nbformat": 4, "metadata": {}, "cells": cells}))
    commit(tmp_path)
    subprocess.run(["git", "branch", "-q", "before"], cwd=tmp_path, check=True)
    (tmp_path / "old.py").write_text("# a comment\n" + head + gap.format("a") + gap.format("b"))
    (tmp_path / "new.py").write_text(head + gap.format("a"))
    cells[1]["source"] = head + gap.format("c")
    (tmp_path / "old.ipynb").write_text(json.dumps({"nbformat": 4, "metadata": {}, "cells": cells}))
    commit(tmp_path)
    run(["check", str(tmp_path), "--select", "PA220", "--since", "before", "--format", "json"])
    found = json.loads(capfd.readouterr().out)["findings"]
    assert [(f["path"], f["cell"], f["line"]) for f in found] == [
        ("new.py", None, 5),
        ("old.ipynb", 1, 5),
        ("old.py", None, 7),
    ]
    assert run(["check", str(tmp_path), "--since", "nowhere"]) == 2
    assert "nowhere: there is no such commit here" in capfd.readouterr().err


def test_findings_of_an_earlier_commit_are_known(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    gap = 'import numpy as np\nimport pandas as pd\n\nprint(pd.read_csv("rows.csv")["{}"] == np.nan)\n'
    (tmp_path / "old.py").write_text(gap.format("a"))
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    commit(tmp_path)
    (tmp_path / "old.py").write_text("\n\n" + gap.format("a"))
    words = ["check", str(tmp_path), "--format", "json", "--baseline-commit"]
    run([*words, "HEAD"])
    assert json.loads(capfd.readouterr().out)["findings"] == []
    (tmp_path / "new.py").write_text(gap.format("b"))
    run([*words, "HEAD", "--select", "PA220"])
    assert [f["path"] for f in json.loads(capfd.readouterr().out)["findings"]] == ["new.py"]
    assert run([*words, "nowhere"]) == 2
