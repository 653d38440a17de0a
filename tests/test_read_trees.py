"""YAML, JSON and TOML: the same tree for all three, with lines, and nothing that a hostile file could make of it."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from pipeaudit.limits import DEFAULT
from pipeaudit.model.location import Location
from pipeaudit.read import json as json_reader
from pipeaudit.read import toml, yaml
from pipeaudit.read.error import ReadError
from pipeaudit.read.node import Node

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def one(text: str) -> Node:
    [document] = yaml.parse("a.yaml", text.encode())
    return document


def refusal(read: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(ReadError) as caught:
        read()
    return caught.value.line, caught.value.why


WORKFLOW = """\
on:
  push: {branches: [main]}
  schedule: [{cron: "0 3 * * *"}]
jobs:
  train:
    needs: data
    timeout-minutes: 30
    continue-on-error: yes
    steps:
      - run: |
          pip install .
          python train.py
      - uses: actions/checkout@v4
"""


def test_values_know_where_they_stand() -> None:
    step = one(WORKFLOW).get("jobs", "train", "steps", 0, "run")
    assert step.at == Location("a.yaml", 10, 14)
    assert step.text_line == 11
    assert step.text == "pip install .\npython train.py\n"
    assert one(WORKFLOW).key("jobs").at == Location("a.yaml", 4, 1)


def test_what_is_missing_answers_with_nothing_and_with_a_place_to_look() -> None:
    gone = one(WORKFLOW).get("jobs", "deploy", "steps", 3, "run")
    assert not gone
    assert (gone.text, gone.number, gone.value, gone.list(), gone.items(), gone.strings()) == (
        "",
        None,
        None,
        (),
        (),
        (),
    )
    assert gone.at == Location("a.yaml", 5, 3)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-1_000", -1000),
        ("0x1F", 31),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("true", True),
        ("yes", "yes"),
        ("~", None),
        ("", None),
        ("'3'", "3"),
        ("!!str 3", "3"),
        ("2021-99-99", "2021-99-99"),
        ("1" * 5000, "1" * 5000),
        ("12:30:45", "12:30:45"),
        ("!!binary not base64", "not base64"),
        (".", "."),
        ("e", "e"),
    ],
)
def test_scalars_resolve_to_what_they_mean(text: str, value: object) -> None:
    assert one(f"a: {text}").get("a").value == value


def test_words_for_true_are_true_where_one_asks_and_text_where_one_does_not() -> None:
    node = one(WORKFLOW).get("jobs", "train", "continue-on-error")
    assert (node.boolean, node.text) == (True, "yes")
    assert [key.text for key, _ in one(WORKFLOW).entries] == ["on", "jobs"]


def test_one_or_many_and_what_is_named() -> None:
    document = one("one: a\nmany: [a, 1, {b: 2}, ~]\nouts:\n- m.pkl\n- m.json: {cache: false}\nmap: {x: 1, y: 2}\n")
    assert document.strings("one") == ("a",)
    assert document.strings("many") == ("a", "1")
    assert [node.text for node in document.names("outs")] == ["m.pkl", "m.json"]
    assert [node.text for node in document.names("map")] == ["x", "y"]
    assert [node.line for node in document.names("outs")] == [4, 5]


def test_merge_keys_give_way_to_own_ones_and_to_earlier_ones() -> None:
    document = one("a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc:\n  <<: [*a, *b]\n  y: 3\n")
    assert document.get("c").plain() == {"y": 3, "x": 1, "z": 2}


def test_an_alias_is_the_node_it_names() -> None:
    document = one("a: &a {x: [1]}\nb: *a\nc: *a\n")
    assert document.get("b") is document.get("c")
    assert [node.raw for node in document.walk() if node.is_scalar] == ["1"]


def test_tags_of_the_file_are_marks_and_make_no_objects() -> None:
    document = one("a: !Ref bucket\nb: !!python/object/apply:os.system [true]\n")
    assert (document.get("a").text, document.get("a").tag) == ("bucket", "!Ref")
    assert document.get("b").strings() == ("true",)


def test_documents_are_kept_apart() -> None:
    documents = yaml.parse("a.yaml", b"--- {a: 1}\n--- &x b\n---\n")
    assert [document.plain() for document in documents] == [{"a": 1}, "b", None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a: {{ .b }}:{{ .c | default "x: y" }}\n', {"a": '{{ .b }}:{{ .c | default "x: y" }}'}),
        ("{{- if .Values.on }}\na: 1\n{{- end }}\n", {"a": 1}),
        ("{% if x %}\nb: [{{ y }}]\n{% endif %}\nc: 'it is {{ z }}'\n", {"b": ["{{ y }}"], "c": "it is {{ z }}"}),
        ("a: {{ x }}\n", {"a": "{{ x }}"}),
        ("run: echo ${{ github.sha }}\n", {"run": "echo ${{ github.sha }}"}),
    ],
)
def test_templates_are_read_with_their_marks_as_text(text: str, expected: object) -> None:
    assert one(text).plain() == expected


def test_lines_of_a_template_stay_where_they_are() -> None:
    assert one("{{- /* two\nlines */}}\n{{ if a }}\nb: 1 {{ c\n}}\n\nd: {{ e }}\n").get("d").line == 7


PAIRS = list(zip("abcdefgh", "bcdefghi", strict=True))
ALIASES = "a: &a [1, 1]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 40)}]\n" for a, b in PAIRS)
MERGES = "a: &a {k: 1}\n" + "".join(f"{b}: &{b} {{<<: [{', '.join([f'*{a}'] * 40)}]}}\n" for a, b in PAIRS)


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a: [\n", 2, "not valid YAML: did not find expected node content"),
        ("a:\n\tb: 1\n", 2, "not valid YAML: found character that cannot start any token"),
        ("a: \x01\n", 1, "not valid YAML: control characters are not allowed"),
        ("a: &a [*a]\n", 1, "alias `a` stands inside what it names"),
        ("a: *b\n", 1, "alias `b` names nothing"),
        ("[" * 101, 1, "nests deeper than 100 levels"),
        ("x: &a [[[1]]]\n" + "y: " + "[" * 98 + "*a" + "]" * 98, 2, "nests deeper than 100 levels with its aliases"),
        (ALIASES, 4, "holds more than 100000 values with its aliases"),
        (MERGES, 4, "holds more than 100000 values with its aliases"),
        ("a: &a {k: 1}\nb:\n" + "  <<: *a\n" * 1001, 3, "has more than 1000 merge keys"),
    ],
)
def test_bad_yaml_is_refused_with_its_line(text: str, line: int, why: str) -> None:
    assert refusal(lambda: yaml.parse("a.yaml", text.encode())) == (line, why)


def test_files_over_the_limit_are_refused_unread() -> None:
    data = b"#" * (DEFAULT.text_bytes + 1)
    for read in (yaml.parse, json_reader.parse, toml.parse):
        assert refusal(lambda read=read: read("a", data)) == (1, f"larger than {DEFAULT.text_bytes} bytes")  # type: ignore[misc]


@pytest.mark.property
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
        lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
        max_leaves=20,
    )
)
def test_json_is_read_as_the_standard_library_reads_it(value: object) -> None:
    text = json.dumps(value)
    assert json_reader.parse("a.json", text.encode()).plain() == json.loads(text)


def test_half_a_character_becomes_a_replacement_mark() -> None:
    assert json_reader.parse("a.json", b'["\\ud800 \\ud83d\\ude00"]').strings() == ("\ufffd \U0001f600",)


def test_json_of_editors_may_hold_comments_and_trailing_commas() -> None:
    node = json_reader.parse("a.json", b'// head\n{\n  "a": [1, 2,], /* x */\n  "b": "//no",\n}\n')
    assert node.plain() == {"a": [1, 2], "b": "//no"}
    assert node.get("b").at == Location("a.json", 4, 8)


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 1, "is empty"),
        ('{"a": 1', 1, "ends in the middle"),
        ('{"a": 1\n"b": 2}', 2, "expected `,` or `}`"),
        ("{a: 1}", 1, "expected a key in double quotes"),
        ("[1]\n[2]", 2, "goes on after its value has ended"),
        ("[" * 201, 1, "nests deeper than 200 levels"),
        ("[0" + ",0" * 100_000 + "]", 1, "holds more than 100000 values"),
        ('["\\x"]', 1, "Invalid \\escape"),
    ],
)
def test_bad_json_is_refused_with_its_line(text: str, line: int, why: str) -> None:
    assert refusal(lambda: json_reader.parse("a.json", text.encode())) == (line, f"not valid JSON: {why}")


TOML = '''\
# comment
title = "a \\"b\\" \\u00e9"
path = 'C:\\x'
[tool."a.b".c]
n = [1, 0x1f,
  2.5e3, -inf, true, 2020-01-02 03:04:05,  # more
]
inline = {x = {y = 1}, z.w = "v"}
text = """
first \\
   joined
"quoted"""" # four quotes
raw = \'\'\'
\\n'\'\'\'
[[package]]
name = "p"
[package.sub]
k = 1
[[package]]
name = "q"
'''


def test_toml_is_read_as_the_standard_library_reads_it_and_with_lines() -> None:
    node = toml.parse("a.toml", TOML.encode())
    expected = tomllib.loads(TOML)
    expected["tool"]["a.b"]["c"]["n"][-1] = "2020-01-02 03:04:05"
    assert node.plain() == expected
    assert [package.get("name").line for package in node.list("package")] == [16, 20]
    assert [item.line for item in node.list("tool", "a.b", "c", "n")] == [5, 5, 6, 6, 6, 6]


TOML_VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab." ', max_size=4), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.property
@given(st.dictionaries(st.text(max_size=4).filter(lambda key: key.isprintable()), TOML_VALUES, max_size=4))
def test_any_toml_value_is_read_as_the_standard_library_reads_it(value: dict[str, object]) -> None:
    text = "".join(f"{_quoted(key)} = {_written(item)}\n" for key, item in value.items())
    assert toml.parse("a.toml", text.encode()).plain() == tomllib.loads(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _written(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(key)} = {_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    return str(value).lower()


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a = 1\nb\n", 2, "expected `=` after a key"),
        ("a = \n", 1, "expected a value"),
        ("a = yes\n", 1, "expected a value"),
        ('a = "x\n', 1, "a string is not closed"),
        ("a = 1 2\n", 1, "expected the end of the line"),
        ("a = 1\na = 2\n", 2, "`a` is given twice"),
        ("a = 1\n[a]\n", 2, "`a` is already something else than a table"),
        ("[a\n", 1, "expected `]` after the name of a table"),
        ('a = "\\ud800"\n', 1, "an escape stands for no character"),
        ("a = " + "[" * 51, 1, "nests deeper than 50 levels"),
        (".".join("a" * 51) + " = 1", 1, "a key has more than 50 parts"),
    ],
)
def test_bad_toml_is_refused_with_its_line(text: str, line: int, why: str) -> None:
    assert refusal(lambda: toml.parse("a.toml", text.encode())) == (line, f"not valid TOML: {why}")


@pytest.mark.property
@given(st.binary(max_size=60))
def test_yaml_is_refused_only_where_the_usual_reader_refuses_it_too(data: bytes) -> None:
    try:
        ours: object = len(yaml.parse("a.yaml", data))
    except ReadError:
        ours = None
    try:
        theirs: object = len(list(pyyaml.compose_all(data, Loader=pyyaml.CBaseLoader)))
    except (pyyaml.YAMLError, ValueError):
        theirs = None
    assert ours == theirs or (ours is not None and b"{" in data)
