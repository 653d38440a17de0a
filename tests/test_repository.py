"""The repository's files as rules ask for them."""

from __future__ import annotations

import subprocess
import sys

from pipeaudit.model.finding import Problem
from pipeaudit.repository import Repository

FILES = {
    "b.yaml": b"a: 1\n---\nb: 2\n",
    "conf/a.toml": b"[x]\ny = 1\n",
    "conf/bad.json": b'{"a": \n',
    "nb.ipynb": b'{"cells": [{"cell_type": "markdown", "source": "# Data"}, {"cell_type": "code", "source": "x = 1"}]}',
    "Makefile": b"all: ; echo\n",
    "requirements.txt": b"numpy==1.0\n",
    "sub/pyproject.toml": b'[project]\ndependencies = ["pandas"]\n',
    "empty.md": b" \n",
}


def test_files_are_parsed_once_and_by_their_format() -> None:
    repository = Repository.of(FILES)
    assert repository.paths == tuple(sorted(FILES))
    assert [document.plain() for document in repository.nodes("b.yaml")] == [{"a": 1}, {"b": 2}]
    assert repository.nodes("conf/a.toml")[0].get("x", "y").number == 1
    assert repository.nodes("b.yaml") is repository.nodes("b.yaml")
    assert list(repository.code_cells("nb.ipynb")) == [(1, "x = 1")]
    assert [(d.title, d.cell) for d in repository.markdown_cells("nb.ipynb")] == [("Data", 0)]
    makefile = repository.makefile("Makefile")
    assert makefile
    assert makefile.target("all")
    assert [(one.path, [r.name for r in one.requirements]) for one in repository.environments()] == [
        ("requirements.txt", ["numpy"]),
        ("sub/pyproject.toml", ["pandas"]),
    ]


def test_what_can_not_be_read_answers_with_nothing_and_is_noted_once() -> None:
    repository = Repository.of(FILES)
    assert (repository.nodes("conf/bad.json"), repository.nodes("conf/bad.json")) == ((), ())
    assert (repository.data("gone"), repository.text("gone"), repository.notebook("gone")) == (None, "", None)
    assert repository.problems == [Problem("conf/bad.json", 2, "not valid JSON: ends in the middle")]


def test_paths_are_found_as_ignore_files_find_them() -> None:
    repository = Repository.of(FILES, tracked={"b.yaml": True, "Makefile": False})
    assert repository.glob("*.toml") == ("conf/a.toml", "sub/pyproject.toml")
    assert repository.glob("/*.yaml", "conf/") == ("b.yaml", "conf/a.toml", "conf/bad.json")
    assert (repository.tracked("b.yaml"), repository.tracked("Makefile"), repository.tracked("nb.ipynb")) == (
        True,
        False,
        None,
    )
    assert ("b.yaml" in repository, "c.yaml" in repository) == (True, False)
    assert (repository.is_empty("empty.md"), repository.is_empty("b.yaml"), repository.is_empty("gone")) == (
        True,
        False,
        False,
    )


def test_readers_are_imported_when_they_are_asked_for() -> None:
    code = "import sys; from pipeaudit.repository import Repository; r = Repository.of({}); print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {"yaml", "nbformat", "json", "pipeaudit.read.yaml", "pipeaudit.read.notebook"}
