"""Settings: where they come from, and what is said of wrong ones."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeaudit import config
from pipeaudit.cli import run
from pipeaudit.config import Config, ConfigError, load
from tests.conftest import FIXTURES


def settings(root: Path, text: str, name: str = "pyproject.toml") -> Config:
    (root / name).write_text(text)
    return load(root)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load(tmp_path) == Config()
    assert settings(tmp_path, "[project]\nname = 'x'\ndependencies = ['pipeaudit']\n") == Config()


def test_the_own_file_wins_and_two_are_refused(tmp_path: Path) -> None:
    settings(tmp_path, "[tool.pipeaudit]\npacks = ['smells']\n")
    assert load(tmp_path).packs == ("smells",)
    assert settings(tmp_path, "packs = ['repro']\n", "pipeaudit.toml").packs == ("repro",)
    assert load(tmp_path, isolated=True) == Config()
    assert load(tmp_path, tmp_path / "pyproject.toml").packs == ("smells",)
    with pytest.raises(ConfigError, match="keep one of them"):
        settings(tmp_path, "", ".pipeaudit.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[tool.pipeaudit]\n\nselct = ['PA2']\n",
            "pyproject.toml:3: there is no setting 'selct'; did you mean 'select'?",
        ),
        ("[tool.pipeaudit]\nselect = 'PA2'\n", "pyproject.toml:2: select: expected a list of texts"),
        ("[tool.pipeaudit]\nfail-on = 'eror'\n", "did you mean 'error'"),
        ("[tool.pipeaudit.limits]\nfiles = 200001\n", "must lie between 1 and 200000"),
        ("[tool.pipeaudit.limits]\nfils = 5\n", "did you mean 'files'"),
        ("[tool.pipeaudit]\nselect = [\n", "pyproject.toml:2: is not TOML"),
        ("[tool]\npipeaudit = 3\n", "is not a table"),
        ("[tool.pipeaudit]\nweights = {'TRN-1' = true}\n", "weights: expected a number"),
        ("[tool.pipeaudit]\nextend = '../x.toml'\n", "leads out of the audited root"),
        ("[tool.pipeaudit]\nextend = '/etc/passwd'\n", "by a relative path"),
        ("[tool.pipeaudit]\nextend = 'https://example.org/x.toml'\n", "by a relative path"),
        ("[tool.pipeaudit]\nextend = 'pyproject.toml'\n", "in a circle"),
        ("[tool.pipeaudit]\nx = " + "[" * 5000 + "\n", "pyproject.toml:"),
        ("[tool.pipeaudit]\na" + ".a" * 20_000 + " = 1\n", "too long"),
        ("[tool.pipeaudit]\nx = " + "1" * 9_000 + "\n", "pyproject.toml:"),
    ],
)
def test_wrong_settings_name_file_line_and_what_to_write(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, text)
    assert said in str(caught.value)


def test_a_file_extends_another_and_comes_first(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    settings(tmp_path, "packs = ['smells']\nignore = ['PA301']\n", "team/shared.toml")
    found = settings(tmp_path, "extend = 'team/shared.toml'\npacks = ['repro']\n", "pipeaudit.toml")
    assert (found.packs, found.ignore) == (("repro",), ("PA301",))
    assert found.origin == "pipeaudit.toml <- team/shared.toml"


def test_settings_of_the_call_come_over_the_file() -> None:
    assert config.changed(Config(), ("packs=['repro']", "fail-on=error")).packs == ("repro",)
    with pytest.raises(ConfigError, match="did you mean 'fail-on'"):
        config.changed(Config(), ("fail_on=error",))


VALUES = st.recursive(
    st.one_of(st.text(max_size=5), st.integers(), st.booleans(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@pytest.mark.property
@given(st.sampled_from(sorted(config.KEYS)), VALUES)
def test_the_schema_accepts_no_less_than_the_program(key: str, value: object) -> None:
    try:
        config.KEYS[key].read(value)
    except ValueError:
        return
    jsonschema.validate({key: value}, config.schema())


def test_the_first_settings_name_every_key_and_are_valid(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path)]) == 0
    text = (tmp_path / "pipeaudit.toml").read_text()
    assert config.load(tmp_path) == replace(
        config.Config(), origin="pipeaudit.toml", digest=config.load(tmp_path).digest
    )
    settings = re.sub(r"(?m)^# (?=[a-z-]+ = |\[|\"|[A-Z-]+\d+ = )", "", text)
    named = tomllib.loads(settings)
    assert set(named) == set(config.KEYS)
    (tmp_path / "pipeaudit.toml").write_text("\n".join(line for line in settings.split("\n") if "extend =" not in line))
    assert config.load(tmp_path).fail_on == "core"
    assert run(["init", str(tmp_path)]) == 2
    assert "pipeaudit.toml holds settings already" in capfd.readouterr().err


def test_settings_are_shown_with_their_origin(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pipeaudit.toml").write_text('\nignore = ["PA301"]\n')
    assert run(["check", str(tmp_path), "--show-settings", "--set", "fail-on=never"]) == 0
    shown = capfd.readouterr().out
    assert {'ignore = ["PA301"]  # pipeaudit.toml:2', 'fail-on = "never"  # --set', "select = []  # default"} <= set(
        shown.splitlines()
    )
    assert set(tomllib.loads(shown)) == set(config.KEYS) - {"extend"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_calls(shell: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["completions", shell]) == 0
    assert "_PIPEAUDIT_COMPLETE" in capfd.readouterr().out


def test_rules_are_tried_on_settings_that_the_program_takes() -> None:
    files = [*FIXTURES.glob("rules/**/pipeaudit.toml"), *FIXTURES.glob("rules/**/pyproject.toml")]
    assert files
    for file in files:
        load(file.parent)
