"""Which files are looked at, whatever lies in the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeaudit.discover import Discovery, FileProblem, discover, read_bytes
from pipeaudit.ignore import Patterns
from pipeaudit.limits import DEFAULT


def plant(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x = 1\n")


def commit(root: Path) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "all", "--allow-empty"],
    ):
        subprocess.run(["git", *words], cwd=root, env=environment, check=True)


def paths(found: Discovery) -> list[str]:
    return [file.path for file in found.files]


def reasons(found: Discovery) -> dict[str, str]:
    return {entry.path: entry.reason for entry in found.left_out}


@pytest.mark.parametrize("with_git", [False, True])
def test_ignored_vendored_and_own_files_are_told_apart(tmp_path: Path, with_git: bool) -> None:
    plant(tmp_path, "src/a.py", "data/raw.csv", "build/b.py", "deep/build/c.py", "keep/build.py")
    plant(tmp_path, "node_modules/m/x.py", "env/lib/y.py", "env/pyvenv.cfg", "sub/z.tmp", "sub/keep.tmp")
    (tmp_path / ".gitignore").write_text("build/\n/data/*\n*.tmp\n")
    (tmp_path / "sub/.gitignore").write_text("!keep.tmp\n")
    if with_git:
        (tmp_path / ".gitignore").write_text("build/\n/data/*\n*.tmp\nenv/\nnode_modules/\n")
        commit(tmp_path)
    assert paths(discover(tmp_path)) == [".gitignore", "keep/build.py", "src/a.py", "sub/.gitignore", "sub/keep.tmp"]


def test_untracked_files_count_and_deleted_ones_are_told(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "gone.py")
    commit(tmp_path)
    (tmp_path / "gone.py").unlink()
    plant(tmp_path, "new.py")
    found = discover(tmp_path)
    assert [(file.path, file.tracked) for file in found.files] == [("a.py", True), ("new.py", False)]
    assert reasons(found) == {"gone.py": "tracked, but not in the work tree"}


def test_a_folder_of_a_repository_is_a_root_of_its_own(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "inner/b.py")
    commit(tmp_path)
    found = discover(tmp_path / "inner")
    assert paths(found) == ["b.py"]
    assert found.work_tree is not None
    assert found.work_tree.prefix == "inner/"


def test_a_root_that_the_repository_around_it_ignores_is_walked(tmp_path: Path) -> None:
    plant(tmp_path, "a.py", "out/b.py")
    (tmp_path / ".gitignore").write_text("out/\n")
    commit(tmp_path)
    assert paths(discover(tmp_path / "out")) == ["b.py"]


@pytest.mark.parametrize("with_git", [False, True])
def test_links_are_never_followed(tmp_path: Path, with_git: bool) -> None:
    outside = tmp_path / "outside"
    plant(outside, "secret.py")
    root = tmp_path / "root"
    plant(root, "a.py", "folder/b.py")
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / "alias.py").symlink_to("a.py")
    (root / "leak.py").symlink_to(outside / "secret.py")
    (root / "zero.py").symlink_to("/dev/zero")
    (root / "dangling.py").symlink_to("nowhere")
    if with_git:
        commit(root)
    found = discover(root)
    assert paths(found) == ["a.py", "folder/b.py"]
    assert [problem.path for problem in found.problems] == ["leak.py", "zero.py"]
    assert set(reasons(found)) == {"loop", "alias.py", "leak.py", "zero.py", "dangling.py"}


def test_a_folder_replaced_by_a_link_hides_what_git_knows_there(tmp_path: Path) -> None:
    root = tmp_path / "root"
    plant(root, "folder/b.py")
    commit(root)
    plant(tmp_path, "outside/b.py")
    shutil.rmtree(root / "folder")
    (root / "folder").symlink_to(tmp_path / "outside", target_is_directory=True)
    assert paths(discover(root)) == []
    with pytest.raises(FileProblem):
        read_bytes(root, "folder/b.py", 100)


def test_pipes_in_place_of_files_never_block(tmp_path: Path) -> None:
    plant(tmp_path, "a.py")
    for name in ("train.py", ".gitignore", "pyproject.toml"):
        os.mkfifo(tmp_path / name)
    found = discover(tmp_path)
    assert paths(found) == ["a.py"]
    assert ".gitignore" in {problem.path for problem in found.problems}
    with pytest.raises(FileProblem, match="not a regular file"):
        read_bytes(tmp_path, "train.py", 100)


def test_size_is_decided_before_reading(tmp_path: Path) -> None:
    with (tmp_path / "huge.py").open("wb") as file:
        file.truncate(3 * 1024**3)
    assert discover(tmp_path).files[0].size == 3 * 1024**3
    with pytest.raises(FileProblem, match="over the limit"):
        read_bytes(tmp_path, "huge.py", DEFAULT.text_bytes)


def test_depth_and_number_of_files_end_with_an_entry(tmp_path: Path) -> None:
    plant(tmp_path, *("/".join(["d"] * depth) + "/a.py" for depth in (1, 5)), "b.py")
    from dataclasses import replace

    deep = discover(tmp_path, limits=replace(DEFAULT, depth=3))
    assert paths(deep) == ["b.py", "d/a.py"]
    assert "deeper than 3" in deep.problems[0].message
    few = discover(tmp_path, limits=replace(DEFAULT, files=1))
    assert (len(few.files), few.problems[0].message) == (1, "only the first 1 files are looked at")


def test_odd_names_keep_their_identity(tmp_path: Path) -> None:
    names = [b"new\nline.py", b"bad\xff.py", b"-rf.py", b"%2e%2e.py", b"esc\x1b[31m.py"]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("x = 1\n")
    assert {os.fsencode(path) for path in paths(discover(tmp_path))} == set(names)
    for path in paths(discover(tmp_path)):
        assert read_bytes(tmp_path, path, 100) == b"x = 1\n"


def test_costly_patterns_are_refused_or_cheap(tmp_path: Path) -> None:
    plant(tmp_path, "a" * 200 + ".py")
    (tmp_path / ".gitignore").write_text("*a" * 60 + "z\n" + "**/" * 9 + "x\n" + "y" * 2000 + "\n")
    found = discover(tmp_path)
    assert len(found.files) == 2
    assert "2 patterns are too costly" in found.problems[0].message


SEGMENT = st.text("ab*?.", min_size=1, max_size=4).filter(lambda name: "**" not in name)
PATTERN = st.builds(
    lambda start, names, end: start + "/".join(names) + end,
    st.sampled_from(["", "/", "!", "**/"]),
    st.lists(SEGMENT, min_size=1, max_size=3),
    st.sampled_from(["", "/", "/**"]),
)
PATH = st.lists(st.text("ab.", min_size=1, max_size=3), min_size=1, max_size=3).map("/".join)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository to ask git itself what its patterns mean."""
    root = tmp_path_factory.mktemp("asked")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


@pytest.mark.property
@given(patterns=st.lists(PATTERN, max_size=4), path=PATH)
def test_patterns_mean_what_they_mean_to_git(asked: Path, patterns: list[str], path: str) -> None:
    assume(not {".", ".."} & set(path.split("/")))
    (asked / ".gitignore").write_text("".join(f"{pattern}\n" for pattern in patterns))
    said = subprocess.run(["git", "check-ignore", "-q", "--no-index", path], cwd=asked, check=False)
    assert Patterns(patterns).match(path) == (said.returncode == 0)
