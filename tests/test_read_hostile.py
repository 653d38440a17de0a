"""No reader runs for long, crashes or raises anything but ReadError, whatever the bytes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeaudit.read import (
    cell_lines,
    depth,
    dockerfile,
    environment,
    hcl,
    jenkinsfile,
    magics,
    makefile,
    markdown,
    notebook,
    pbtxt,
    program,
    python,
    requirements,
    rst,
    setup,
    shell,
    toml,
    yaml,
)
from pipeaudit.read import json as json_reader
from pipeaudit.read.error import ReadError

Reader = Callable[[bytes], object]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


READERS: dict[str, Reader] = {
    "yaml": lambda data: [document.plain() for document in yaml.parse("a.yaml", data)],
    "json": lambda data: json_reader.parse("a.json", data).plain(),
    "toml": lambda data: toml.parse("a.toml", data).plain(),
    "pbtxt": lambda data: pbtxt.parse("config.pbtxt", data).plain(),
    "notebook": lambda data: notebook.parse("a.ipynb", data),
    "cell lines": cell_lines.cell_lines,
    "magics": lambda data: magics.clean(_text(data)),
    "shell": lambda data: shell.commands(_text(data)),
    "program": lambda data: program.invocations(_text(data)),
    "dockerfile": lambda data: dockerfile.parse("Dockerfile", data),
    "jenkinsfile": lambda data: jenkinsfile.parse("Jenkinsfile", data).calls,
    "hcl": lambda data: [list(block.walk()) for block in hcl.parse("main.tf", data)],
    "makefile": lambda data: [target.commands for target in makefile.parse("Makefile", data).targets],
    "markdown": lambda data: [section.key for section in markdown.parse("a.md", data).sections],
    "rst": lambda data: [section.key for section in rst.parse("a.rst", data).sections],
    "requirements": lambda data: requirements.parse("requirements.txt", data),
    "setup.cfg": lambda data: setup.parse_config("setup.cfg", data),
    "setup.py": lambda data: setup.parse_script("setup.py", data),
    "pyproject": lambda data: environment.parse("pyproject.toml", data),
    "poetry.lock": lambda data: environment.parse("poetry.lock", data),
    "Pipfile.lock": lambda data: environment.parse("Pipfile.lock", data),
    "environment.yml": lambda data: environment.parse("environment.yml", data),
    "conda-lock.yml": lambda data: environment.parse("conda-lock.yml", data),
}


def outcome(reader: Reader, data: bytes) -> object:
    """What a reader answers; a refusal is an answer, if it says where and why."""
    try:
        return reader(data)
    except ReadError as error:
        return (error.line >= 1, error.why != "")


REFUSED_WITHOUT_A_REASON = [(True, False), (False, True), (False, False)]
# Words of all formats in any order come closer to the corners of their grammars than random bytes do.
WORDS = r"""
a key: - [ ] { } , : | > & * &a *a <<: ! !!int !Ref ? ' " \ \n ''' \" # % %% ! !! = == := += ; ;; && || ( ) $( ) `
${ } $$ {{ }} {% %} {# #} <!-- --> --- ... ``` ~~~ === +-+ | [a](b) ![a](b) .. :: .. code:: _ * ** < > << <<EOF EOF
1 0x 1e9 -1 nan inf null true 2021-99-99 FROM RUN ENV ARG AS --a=b ["a"] @ -r -c -e --hash= >= a[b] git+https://h/x@v
.PHONY: ifdef define endef include @app.cell marimo.App( # %% # COMMAND ---------- # MAGIC %md %md %%bash %time x = !ls
pip install [[a]] python -m x.py bash -c cd if then fi for do done case in esac cells worksheets "cell_type" "code"
"source" [package] a.b =
""".split()
GAPS = [" ", "\n", "\t", "\r\n", "\x00", "\ufeff", "\xe9", "\u2028", "\x0c"]
SOUP = st.lists(st.sampled_from(WORDS + GAPS * 4), max_size=60)
KEYS = """cells worksheets cell_type source input outputs data text metadata kernelspec package name version default
dependencies pip project tool poetry level tags""".split()
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)
JSON_READERS = ["yaml", "json", "notebook", "cell lines", "Pipfile.lock", "environment.yml", "conda-lock.yml"]


@pytest.mark.property
@pytest.mark.parametrize("name", READERS)
@given(data=st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    assert outcome(READERS[name], data) not in REFUSED_WITHOUT_A_REASON


@pytest.mark.property
@pytest.mark.parametrize("name", READERS)
@given(words=SOUP)
def test_random_words_are_read_or_refused(name: str, words: list[str]) -> None:
    assert outcome(READERS[name], "".join(words).encode()) not in REFUSED_WITHOUT_A_REASON


@pytest.mark.property
@pytest.mark.parametrize("name", JSON_READERS)
@given(tree=TREES)
def test_random_structures_are_read_or_refused(name: str, tree: object) -> None:
    assert outcome(READERS[name], json.dumps(tree).encode()) not in REFUSED_WITHOUT_A_REASON


PIECES = [
    *("[", "{", "(", "- ", "? ", "a: ", "*", "&a ", "<<: ", "!a ", "'", '"', "`", "$(", "${", "{{", "{%", "<!--"),
    *(
        "\\",
        "\\\n",
        "#",
        "# ",
        "%",
        "!",
        "?",
        "%%a\n",
        "|",
        "| a ",
        "|-",
        "---\n",
        "=",
        "= ",
        "a=",
        "a.",
        "a-",
        "1",
        "1.",
    ),
    *(
        "a",
        " ",
        "\t",
        "\n",
        "a\n",
        "a\\\n",
        "[a](",
        "![",
        "](",
        "<a ",
        "<img ",
        "`a <",
        "```\n",
        "- a\n",
        "* ",
        "# a\n",
    ),
    *(
        "<h1>",
        "https://",
        "@",
        "@a",
        "a==1,",
        "-r ",
        "--a ",
        "--a=b ",
        "a;",
        "a&&",
        "<<A ",
        "\r",
        "\x00",
        "\x0c",
        "\xe9",
    ),
    *('"\\', "'\\", "\\u0000", "a: b: ", "a:\n\t", "[[a]]\n", "[a.b]\n", 'a="""', "a='''", "a = [", "a = {b = "),
    *(
        "0x",
        "1e",
        "nan",
        "2021-",
        "FROM a\n",
        "ENV a=$a$a\n",
        "RUN \\\n",
        '{"a":',
        '["',
        '{"cells":[',
        "a = $(a)$(a)\n",
    ),
    *("a:\n\t$(a)\n", "python ", "sudo ", "bash -c '", "a\n===\n", "+-+\n", ".. a::\n", "   a\n", "cd a\n", "=! "),
    *("x = !a\\\n", "if a\n", "a(", "a?", "&a [*a]\n", "//", "/*", "%a\\\n", "# MAGIC %a\n", "# a\n## a\n"),
]
PREFIXES = {
    "json": ["", "[", '"', '{"a":"'],
    "notebook": ["", '{"cells":[', '{"cells":[{"source":"'],
    "yaml": ["", "a: ", "a: '", 'a: "', "a: |\n ", "{{ a }}\n{% if %}\na: "],
    "pbtxt": ["", "a: ", "a: '", 'a: "', "a [", "a {"],
    "toml": ["", "a = ", "a = '", 'a = "', 'a = """', "[", "{{ a }}\n"],
    "dockerfile": ["", "FROM a\nRUN ", "FROM a\nENV ", "FROM ", "FROM a\nRUN <<A\n"],
    "makefile": ["", "a:", "a:\n\t", "a = "],
    "jenkinsfile": ["", "pipeline {\n", "a(", "a(b: {", 'sh "', "x = /", "/*"],
    "hcl": ["", "a = ", 'a = "', 'a = "${', "a {\n", "a = <<A\n", "a = [", "/*"],
    "markdown": ["", "# ", "| a |\n|-|\n"],
    "magics": ["", "%time ", "!", "x = ", "%%"],
    "shell": ["", "python ", "a $(", '"'],
    "program": ["", "python ", "uv run ", "torchrun ", "papermill "],
    "requirements": ["", "a", "a==", "git+https://"],
}


@pytest.mark.parametrize("name", READERS)
def test_costs_grow_with_the_input_and_no_faster(name: str) -> None:
    """The same on inputs that are small enough for every run."""
    slow = []
    for prefix in PREFIXES.get(name, [""]):
        for piece in PIECES:
            data = (prefix + piece * (6_000 // len(piece))).encode()
            start = time.process_time()
            outcome(READERS[name], data)
            if time.process_time() - start > 0.5:
                slow.append((prefix, piece))
    assert slow == []


def test_a_cell_of_marimo_that_takes_all_names_costs_no_more_than_the_cells_that_give_them() -> None:
    names = [f"a{number}" for number in range(3_000)]
    makers = [f"@app.cell\ndef _():\n    return {name}\n" for name in names]
    taker = f"@app.cell\ndef _({', '.join(names)}):\n    pass\n"
    start = time.process_time()
    python.read("a.py", "".join(("app = marimo.App()\n", taker, *makers)).encode())
    assert time.process_time() - start < 0.6


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"x = " + b"[\n" * 101 + b"]\n" * 101, "brackets nest deeper than 100"),
        (b"x = " + b"(" * 101 + b"1" + b")" * 101, "brackets nest deeper than 100"),
        (b"x = '(' + " + b"(" * 100 + b"1" + b")" * 100, ""),
        (b"x = [" + b"'((((', # [[[[\n" * 100 + b"]", ""),
        (b"x = '''" + b"(\n" * 300 + b"'''", ""),
        (b"\n".join(b" " * level + b"if x:" for level in range(102)), "blocks nest deeper than 100"),
        (b"x = (\n" + b" " * 300 + b"1)\n", ""),
    ],
)
def test_depth_is_told_before_the_parser_sees_it(data: bytes, why: str) -> None:
    with pytest.raises(ReadError, match=why) if why else nullcontext():
        depth.refuse("a.py", data)
