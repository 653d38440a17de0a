"""Protocol buffers in their text form."""

from __future__ import annotations

import pytest

from pipeaudit.read import pbtxt
from pipeaudit.read.error import ReadError


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ('name: "a"', {"name": "a"}),
        ("name: 'it\\'s' ' \\\"b\\\"'", {"name": 'it\'s "b"'}),
        ("a { b: 1 } a { b: 2 }", {"a": [{"b": 1}, {"b": 2}]}),
        ("a: [ { b: 1 }, { b: 2 } ]", {"a": [{"b": 1}, {"b": 2}]}),
        ("dims: [ -1, 3 ]; kind: KIND_GPU # a word", {"dims": [-1, 3], "kind": "KIND_GPU"}),
        ("a: < b: 1.5 > [x.y] { }", {"a": {"b": 1.5}}),
        ("\ufeffa: true", {"a": True}),
        ("", {}),
    ],
)
def test_fields_are_read_without_a_schema(text: str, plain: object) -> None:
    assert pbtxt.parse("config.pbtxt", text.encode()).plain() == plain


def test_fields_know_their_line() -> None:
    read = pbtxt.parse("config.pbtxt", b'# one\nname: "a"\nstep [\n  { model_name: "b" }\n]\n')
    assert read.get("name").at.line == 2
    assert read.get("step", 0, "model_name").at.line == 4


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a {\n  b: 1\n", 1, "`{` is never closed"),
        ("a {\n  b: 1\n]", 3, "`]` closes nothing"),
        ("a [\n" * 101, 100, "nested deeper than 100 brackets"),
    ],
)
def test_brackets_that_do_not_fit_are_told_with_their_line(text: str, line: int, why: str) -> None:
    with pytest.raises(ReadError) as caught:
        pbtxt.parse("config.pbtxt", text.encode())
    assert (caught.value.line, caught.value.why) == (line, why)
