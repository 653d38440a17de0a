"""Shell text to commands, commands to programs; and the files that hold commands: Dockerfiles and Makefiles."""

from __future__ import annotations

import pytest

from pipeaudit.read import dockerfile, makefile
from pipeaudit.read.error import ReadError
from pipeaudit.read.invocation import Invocation
from pipeaudit.read.program import invocations
from pipeaudit.read.shell import Command, commands, split


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a 'b c' \"d $E\" f\\ g", [("a", "b c", "d $E", "f g")]),
        ("a && b || c; d | e & f", [("a",), ("b",), ("c",), ("d",), ("e",), ("f",)]),
        ("a # b\n#c\nd#e", [("a",), ("d#e",)]),
        ("if [ -f x ]; then a; else b; fi", [("[", "-f", "x", "]"), ("a",), ("b",)]),
        ("for i in 1 2; do a $i; done", [("a", "$i")]),
        ("(cd a && b)", [("cd", "a"), ("b",)]),
        ("a ${{ b.c && 'd' }} {{ e | f }} ${g:-h i}", [("a", "${{ b.c && 'd' }}", "{{ e | f }}", "${g:-h i}")]),
        ("a $(b 'c)') `d`", [("a", "$(b 'c)')", "`d`"), ("b", "c)"), ("d",)]),
        ('a "$(b)" $((1 + 2))', [("a", "$(b)", "$((1 + 2))"), ("b",)]),
        ("cat <<EOF | a\nnot; a command\nEOF\nb", [("cat",), ("a",), ("b",)]),
        ("a 'not closed\nb", [("a", "not closed"), ("b",)]),
        ("", []),
    ],
)
def test_text_falls_into_simple_commands(text: str, words: list[tuple[str, ...]]) -> None:
    assert [command.words for command in commands(text)] == words


def test_commands_know_their_line_and_what_stands_around_them() -> None:
    text = "A=1 B='2 3' a \\\n  b > out.txt 2>> log\n\nc <<- X\n\tbody\n\tX\nd && e"
    assert commands(text, 10) == (
        Command(("a", "b"), 10, (("A", "1"), ("B", "2 3")), ((">", "out.txt"), ("2>>", "log"))),
        Command(("c",), 13, redirects=(("<<-", "X"),), heredoc="\tbody"),
        Command(("d",), 16),
        Command(("e",), 16),
    )
    assert split("a 'b c'; d") == ("a", "b c")


@pytest.mark.parametrize(
    ("text", "kind", "target", "arguments"),
    [
        ("python train.py --lr 1", "script", "train.py", ("--lr", "1")),
        ("python3 -u -W ignore train.py a", "script", "train.py", ("a",)),
        ("python -m src.train a", "module", "src.train", ("a",)),
        ("python -um src.train", "module", "src.train", ()),
        ("python -c 'import x' a", "code", "import x", ("a",)),
        ("python - <<X\nimport a\nX\n", "code", "import a", ()),
        ("$(PYTHON) a.py", "script", "a.py", ()),
        ("${PYTHON_INTERPRETER} a.py", "script", "a.py", ()),
        (".venv/bin/python a.py", "script", "a.py", ()),
        ("./a.py b", "script", "./a.py", ("b",)),
        ("A=1 uv run --with x python a.py b", "script", "a.py", ("b",)),
        ("uv run -m pkg.mod a", "module", "pkg.mod", ("a",)),
        ("uv sync", "tool", "", ("sync",)),
        ("poetry run train --x", "tool", "", ("--x",)),
        ("conda run -n e --no-capture-output python a.py", "script", "a.py", ()),
        ("sudo -u root env B=1 nohup timeout 10 python a.py", "script", "a.py", ()),
        ("accelerate launch --config_file c.yaml --multi_gpu a.py b", "script", "a.py", ("b",)),
        ("accelerate launch -m pkg.mod a", "module", "pkg.mod", ("a",)),
        ("torchrun --nproc_per_node 2 a.py b", "script", "a.py", ("b",)),
        ("python -m torch.distributed.run --nproc_per_node=2 a.py b", "script", "a.py", ("b",)),
        ("deepspeed --num_gpus 2 a.py --deepspeed c.json", "script", "a.py", ("--deepspeed", "c.json")),
        ("spark-submit --master local --py-files dep.py etl.py in", "script", "etl.py", ("in",)),
        ("coverage run -m pytest tests", "module", "pytest", ("tests",)),
        ("ray job submit --working-dir . -- python a.py", "script", "a.py", ()),
        ("ray submit cluster.yaml a.py --start", "script", "a.py", ("--start",)),
        ("anyscale job submit --name=x -f jobs/a.yaml", "ray", "jobs/a.yaml", ("--name=x", "-f", "jobs/a.yaml")),
        ("serve run a.b:app", "module", "a.b", ()),
        ("docker run --rm -v x:y image python -m pkg.mod", "module", "pkg.mod", ()),
        ("jupyter nbconvert --execute a.ipynb", "notebook", "a.ipynb", ("--execute", "a.ipynb")),
        ("jupyter nbconvert --to html a.ipynb", "tool", "", ("nbconvert", "--to", "html", "a.ipynb")),
        ("python -m nbconvert --execute a.ipynb", "notebook", "a.ipynb", ("--execute", "a.ipynb")),
        ("bash run.sh a", "shell", "run.sh", ("a",)),
        ("sh -ec 'python a.py b'", "script", "a.py", ("b",)),
        ("make train LR=1", "make", "train", ()),
        ("dvc repro -f train", "dvc", "train", ("-f", "train")),
        ("dvc exp run -S lr=1", "dvc", "", ("-S", "lr=1")),
        ("dvc pull", "tool", "", ("pull",)),
        ("kedro run --pipeline=ds", "kedro", "ds", ("--pipeline=ds",)),
        ("streamlit run app.py", "script", "app.py", ()),
        ("Rscript a.R b", "script", "a.R", ("b",)),
        ("kubectl apply -f a.yaml", "tool", "", ("apply", "-f", "a.yaml")),
    ],
)
def test_what_a_command_runs(text: str, kind: str, target: str, arguments: tuple[str, ...]) -> None:
    [found] = [one for one in invocations(text) if one.tool not in ("PYTHON",)]
    assert (found.kind, found.target, found.arguments) == (kind, target, arguments)


def test_functions_outputs_and_folders_of_what_is_run() -> None:
    assert _short("mlflow run . -e train -P lr=1") == [("mlflow", ".", "train", "", "")]
    assert _short("uvicorn app.main:api --port 1") == [("module", "app.main", "api", "", "")]
    assert _short("gunicorn -w 4 'app:make()'") == [("module", "app", "make", "", "")]
    assert _short("luigi --module tasks Train") == [("module", "tasks", "Train", "", "")]
    assert _short("papermill -p lr 0.1 in.ipynb out.ipynb") == [("notebook", "in.ipynb", "", "out.ipynb", "")]
    assert _short("make -C sub train") == [("make", "train", "", "", "sub")]


def _short(text: str) -> list[tuple[str, str, str, str, str]]:
    return [(one.kind, one.target, one.function, one.output, one.folder) for one in invocations(text)]


def test_folders_are_followed() -> None:
    text = "cd a\npython b.py && cd ../c && python d.py; uv run --directory e python f.py\nbash -c 'cd g; python h.py'"
    assert [one.path for one in invocations(text)] == ["a/b.py", "c/d.py", "c/e/f.py", "c/g/h.py"]
    assert [one.path for one in invocations("cd /opt && python a.py\npython /b.py")] == ["/opt/a.py", "/b.py"]


def test_lines_count_from_where_the_text_begins() -> None:
    assert [one.line for one in invocations("set -e\n\npython a.py \\\n  b\npython c.py", 20)] == [20, 22, 24]
    assert invocations("A=1 python a.py > log")[0] == Invocation(
        "script", "a.py", (), "python", environment=(("A", "1"),), redirects=((">", "log"),), text="python a.py"
    )


DOCKERFILE = """\
# syntax=docker/dockerfile:1
ARG BASE=python:3.11
FROM ${BASE}-slim AS build
ARG BASE
ENV HOME=/app \\
    # a comment between
    MODEL="$HOME/m.pkl"
WORKDIR $HOME
RUN --mount=type=cache,target=/x pip install \\
      -r requirements.txt \\
 && python train.py
FROM build
COPY --from=build /app /srv
RUN <<EOF
python a.py
EOF
ENV OLD some text
CMD ["python", "-m", "serve"]
"""


def test_a_dockerfile_has_stages_and_instructions_with_lines() -> None:
    found = dockerfile.parse("Dockerfile", DOCKERFILE.encode())
    assert [(stage.image, stage.name, stage.base, stage.line) for stage in found.stages] == [
        ("python:3.11-slim", "build", None, 3),
        ("build", "", 0, 12),
    ]
    env, run, copy = found.of("ENV")[0], found.of("RUN")[0], found.of("COPY")[0]
    assert env.pairs == (("HOME", "/app"), ("MODEL", "$HOME/m.pkl"))
    assert found.of("WORKDIR")[0].expanded == "/app"
    assert run.flag("mount") == "type=cache,target=/x"
    assert [(one.kind, one.target or one.tool, one.line) for one in invocations(run.script, run.line)] == [
        ("tool", "pip", 9),
        ("script", "train.py", 11),
    ]
    assert (copy.flags, copy.text, copy.stage) == (("--from=build",), "/app /srv", 1)
    assert found.of("ENV")[1].pairs == (("OLD", "some text"),)
    assert (found.of("CMD")[0].words, found.of("CMD")[0].line) == (("python", "-m", "serve"), 18)
    assert [one.keyword for one in found.last_stage] == ["FROM", "COPY", "RUN", "ENV", "CMD"]


def test_the_escape_directive_changes_what_continues_a_line() -> None:
    found = dockerfile.parse("Dockerfile", b"# escape=`\nFROM a\nRUN b `\n  c\nCOPY d\\ e\\\n")
    assert [one.text for one in found.instructions] == ["a", "b    c", "d\\ e\\"]


def test_values_that_double_stay_bounded() -> None:
    text = "FROM a\nENV A=aaaaaaaaaa\n" + "ENV A=$A$A\n" * 60 + "RUN $A\n"
    assert len(dockerfile.parse("Dockerfile", text.encode()).of("RUN")[0].expanded) <= 10_000


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("# only a comment\n", 1, "not a Dockerfile: it holds no instruction"),
        ("FROM a\n\nname: x\n", 3, "not a Dockerfile: `name:` is no instruction"),
        ("FROM a\n" * 2001, 2001, "holds more than 2000 instructions"),
    ],
)
def test_what_is_no_dockerfile_is_refused(text: str, line: int, why: str) -> None:
    with pytest.raises(ReadError) as caught:
        dockerfile.parse("Dockerfile", text.encode())
    assert (caught.value.line, caught.value.why) == (line, why)


MAKEFILE = """\
PYTHON ?= python3
DATA := data
RAW = $(DATA)/raw.csv
.PHONY: all
all: model.pkl ## help

$(DATA)/clean.csv: clean.py $(RAW) | out
\t@$(PYTHON) $< --in $(RAW) \\
    --out $@

model.pkl: $(DATA)/clean.csv
\t-cd src && $(PYTHON) train.py $(ARGS)
model.pkl: params.yaml
ifdef X
include other.mk
endif
define text
not: a rule
endef
one two: ; echo $$HOME
"""


def test_a_makefile_has_targets_with_prerequisites_and_commands() -> None:
    found = makefile.parse("Makefile", MAKEFILE.encode())
    assert [(t.name, t.line, t.prerequisites, t.order_only, t.phony) for t in found.targets] == [
        ("all", 5, ("model.pkl",), (), True),
        ("data/clean.csv", 7, ("clean.py", "data/raw.csv"), ("out",), False),
        ("model.pkl", 11, ("data/clean.csv", "params.yaml"), (), False),
        ("one", 20, (), (), False),
        ("two", 20, (), (), False),
    ]
    clean, model, one = (found.target(name) for name in ("data/clean.csv", "model.pkl", "one"))
    assert clean
    assert model
    assert one
    assert commands(clean.commands, clean.recipe[0][0]) == (
        Command(("python3", "clean.py", "--in", "data/raw.csv", "--out", "data/clean.csv"), 8),
    )
    assert [(run.path, run.arguments, run.line) for run in invocations(model.commands, 12)] == [
        ("src/train.py", ("${ARGS}",), 12)
    ]
    assert one.commands == "echo $HOME"
    assert (found.includes, found.default and found.default.name) == (("other.mk",), "all")
