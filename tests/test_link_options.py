"""The words of a command bound to the options of its script."""

from __future__ import annotations

import shlex

import pytest

from pipeaudit.link.options import Scripts
from pipeaudit.model.pipeline import Program
from pipeaudit.sources import Sources

SCRIPT = b"""
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("source")
parser.add_argument("more", nargs="*")
group = parser.add_argument_group("files")
group.add_argument("-o", "--out-dir", default="out")
group.add_argument("--rows", dest="table")
parser.add_argument("-v", action="store_true")
parser.add_argument("--rate", type=float, default=0.1)
"""


class _Files:
    paths = ("run.py",)

    def data(self, path: str) -> bytes:
        return SCRIPT


@pytest.mark.parametrize(
    ("command", "option", "path", "bound"),
    [
        ("a.csv", "--source", "{}", "a.csv"),
        ("-v a.csv b.csv c.csv", "--source", "{}", "a.csv"),
        ("a.csv b.csv", "--more", "{}", "b.csv"),
        ("a.csv -o parts", "--out_dir", "out/x.csv", "parts/x.csv"),
        ("a.csv --out-dir=parts", "--out_dir", "out", "parts"),
        ("a.csv --out-dir parts", "--out_dir", "outer/x.csv", "outer/x.csv"),
        ("a.csv --rows ${DATA}/t.csv", "--table", "{}", "{}/t.csv"),
        ("a.csv --rows $TABLE", "--table", "{}", "{}"),
        ("a.csv --rows data", "--table", "{}/{}.csv", "data/{}.csv"),
        ("a.csv --rows data", "--table", "x-{}-{}.csv", "x-{}-{}.csv"),
        ("a.csv", "--out_dir", "out/x.csv", "out/x.csv"),
        ("a.csv b.csv", "--2", "{}", "b.csv"),
        ("{input} {output}", "--1", "{}", "{}"),
        ("a.csv --unknown b.csv", "--table", "{}", "{}"),
        ("a.csv --rows", "--table", "{}", "{}"),
    ],
)
def test_a_path_is_what_the_command_says(command: str, option: str, path: str, bound: str) -> None:
    program = Program("run.py", arguments=tuple(shlex.split(command)))
    options = Scripts(Sources(_Files())).options(program)
    assert options is not None
    assert options.path(path, option) == bound
