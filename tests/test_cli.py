"""The command line keeps its contract: exit status, streams, roots, formats, the same bytes every time."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from pipeaudit import resources
from pipeaudit.cli import run
from pipeaudit.cli.formats import CHECK_FORMATS
from tests.conftest import FIXTURES
from tests.test_discover import commit

LEAK = """\
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

rows = pd.read_csv("rows.csv")
scaled = StandardScaler().fit_transform(rows.drop(columns="label"))
train, test, y_train, y_test = train_test_split(scaled, rows["label"], random_state=0)
model = LogisticRegression().fit(train, y_train)
print(model.score(test, y_test))
"""
CLEAN = "import pandas as pd\n\nprint(pd.read_csv('rows.csv').describe())\n"
CHECK = ("check", "--select", "PA201")  # whatever other rules there are
ROOT = Path(__file__).parent.parent
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def leaky(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src/train.py").write_text(LEAK)
    (root / "src/look.py").write_text(CLEAN)
    return root


def start(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The program as its users start it: `python -m pipeaudit`, from anywhere."""
    return subprocess.run(
        [sys.executable, "-m", "pipeaudit", *words],
        cwd=cwd,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=120,
    )


def rules(printed: str) -> list[tuple[str, str]]:
    return [(found["rule"], found["path"]) for found in json.loads(printed)["findings"]]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ([], 1),
        (["--exit-zero"], 0),
        (["--fail-on", "never"], 0),
        (["--fail-on", "note"], 1),
        (["--ignore", "PA201"], 0),
        (["--select", "PA301"], 0),
        (["--set", "fail-on=never"], 0),
        (["--max-errors", "0"], 1),
    ],
)
@pytest.mark.parametrize("format_", ["text", "json", "sarif"])
def test_the_gate_decides_whatever_the_format(
    leaky: Path, capfd: Capture, options: list[str], status: int, format_: str
) -> None:
    assert run([*CHECK, str(leaky), "--format", format_, *options]) == status
    assert capfd.readouterr().err == ""


def test_unreadable_input_is_an_entry_and_fails_only_when_asked(leaky: Path, capfd: Capture) -> None:
    (leaky / "src/train.py").write_text("def broken(:\n")
    assert run([*CHECK, str(leaky), "--format", "json"]) == 0
    errors = json.loads(capfd.readouterr().out)["errors"]
    assert [(error["path"], error["line"]) for error in errors] == [("src/train.py", 1)]
    assert run([*CHECK, str(leaky), "--max-errors", "0"]) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "nowhere"], "nowhere: there is no such file or folder"),
        (["check", "--formt", "json"], "No such option"),
        (["check", "--format", "yaml"], "is not one of"),
        (["check", "--select", "PA2O1"], "there is no rule 'PA2O1'; did you mean"),
        (["check", "--select", "PA201:scalin"], "has no kind 'scalin'"),
        (["check", "--packs", "smell"], "there is no pack 'smell'"),
        (["check", "--rules", "nowhere"], "there is no rule folder"),
        (["check", "--set", "selct=1"], "did you mean 'select'"),
        (["check", "--as-of", "yesterday"], "expected a day as YYYY-MM-DD"),
        (["check", "--staged"], "there is none here"),
        (["check", "--baseline", "nowhere.json"], "can't be read"),
        (["check", "--config", "nowhere.toml"], "nowhere.toml"),
        (["check", "-o", "json:"], "the file is missing"),
        (["check", "-o", "nowhere/x.json"], "can't be written"),
        (["explain", "PA999"], "there is no rule 'PA999'"),
        (["chek"], "No such command"),
    ],
)
def test_a_wrong_call_exits_2_and_says_what_to_write(
    leaky: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(leaky)
    assert run(words) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert "Traceback" not in captured.err


def test_wrong_settings_exit_2_with_file_and_line(leaky: Path, capfd: Capture) -> None:
    (leaky / "pyproject.toml").write_text("[tool.pipeaudit]\nselct = []\n")
    assert run([*CHECK, str(leaky)]) == 2
    assert "pyproject.toml:2: there is no setting 'selct'; did you mean 'select'?" in capfd.readouterr().err
    assert run([*CHECK, str(leaky), "--isolated"]) == 1


def test_files_are_found_under_the_top_of_their_work_tree(
    leaky: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(leaky / "src/train.py", leaky / "again.py")
    commit(leaky)
    monkeypatch.chdir(leaky / "src")
    assert run([*CHECK, "train.py", "--format", "json"]) == 1
    assert rules(capfd.readouterr().out) == [("PA201", "src/train.py")]
    assert run([*CHECK, "look.py", "--format", "json"]) == 0
    assert rules(capfd.readouterr().out) == []
    assert run([*CHECK, ".", "--format", "json"]) == 1
    assert rules(capfd.readouterr().out) == [("PA201", "train.py")]


def test_staged_shows_what_is_staged(leaky: Path, capfd: Capture) -> None:
    commit(leaky)
    assert run([*CHECK, str(leaky), "--staged"]) == 0
    capfd.readouterr()
    (leaky / "src/more.py").write_text(LEAK)
    subprocess.run(["git", "add", "src/more.py"], cwd=leaky, check=True)
    assert run([*CHECK, str(leaky), "--staged", "--format", "json"]) == 1
    assert rules(capfd.readouterr().out) == [("PA201", "src/more.py")]


def test_one_analysis_writes_many_reports(leaky: Path, tmp_path: Path, capfd: Capture) -> None:
    files = {name: tmp_path / f"report.{name}" for name in ("json", "sarif", "html")}
    words = [word for name, file in files.items() for word in ("-o", f"{name}:{file}")]
    assert run([*CHECK, str(leaky), *words]) == 1
    assert capfd.readouterr().out == ""
    assert json.loads(files["json"].read_text())["findings"][0]["rule"] == "PA201"
    assert json.loads(files["sarif"].read_text())["version"] == "2.1.0"
    assert files["html"].read_text().startswith("<!doctype html>")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_a_report_never_replaces_a_link_or_a_tracked_file(leaky: Path, tmp_path: Path, capfd: Capture) -> None:
    commit(leaky)
    (tmp_path / "link.json").symlink_to(leaky / "src/train.py")
    for target in (tmp_path / "link.json", leaky / "src/train.py", leaky):
        assert run([*CHECK, str(leaky), "-o", f"json:{target}"]) == 2
    assert (leaky / "src/train.py").read_text() == LEAK
    capfd.readouterr()
    assert run([*CHECK, str(leaky), "--force", "-o", f"json:{leaky / 'src/look.py'}"]) == 1


@pytest.mark.parametrize("name", ["findings", "graph", "audit"])
def test_machine_formats_keep_their_schema(name: str, capfd: Capture) -> None:
    command = {"findings": "check", "graph": "graph", "audit": "audit"}[name]
    assert run([command, str(FIXTURES / "repositories/wine-quality"), "--format", "json"]) in (0, 1)
    document = json.loads(capfd.readouterr().out)
    assert run(["schema", name]) == 0
    jsonschema.validate(document, json.loads(capfd.readouterr().out))


def test_every_rule_is_listed_and_explained(capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert run(["rules", "--format", "json"]) == 0
    listed = json.loads(capfd.readouterr().out)["rules"]
    assert listed == sorted(listed, key=lambda rule: rule["id"])
    for rule in listed:
        assert run(["explain", rule["name"]]) == 0
        head, *prose = [line for line in capfd.readouterr().out.splitlines() if not line.startswith("    ")]
        assert head == f"{rule['id']} {rule['name']}"
        assert max(len(line) for line in prose[:-1]) <= 72  # the last is an address


def test_what_is_read_and_what_not_can_be_listed(leaky: Path, capfd: Capture) -> None:
    (leaky / ".gitignore").write_text("out/\n")
    (leaky / "out").mkdir()
    (leaky / "node_modules").mkdir()
    (leaky / "link").symlink_to("/etc/passwd")
    assert run([*CHECK, str(leaky), "--show-files"]) == 0
    assert capfd.readouterr().out.splitlines() == [
        ".gitignore  read",
        "link  is a symbolic link that leads out of the audited root; it is not followed",
        "link  left out: a symbolic link that leads out of the tree",
        "node_modules/  left out: vendored",
        "out/  left out: ignored by .gitignore",
        "src/look.py  read",
        "src/train.py  read",
    ]


def test_a_baseline_lets_new_findings_through_only(leaky: Path, tmp_path: Path, capfd: Capture) -> None:
    baseline = tmp_path / "baseline.json"
    assert run([*CHECK, str(leaky), "--write-baseline", str(baseline)]) == 0
    assert run([*CHECK, str(leaky), "--baseline", str(baseline)]) == 0
    (leaky / "src/train.py").write_text("# moved down\n\n" + LEAK)
    assert run([*CHECK, str(leaky), "--baseline", str(baseline)]) == 0
    (leaky / "src/more.py").write_text(LEAK)
    capfd.readouterr()
    assert run([*CHECK, str(leaky), "--baseline", str(baseline), "--format", "json"]) == 1
    assert rules(capfd.readouterr().out) == [("PA201", "src/more.py")]


def test_a_rule_folder_of_the_users_own_runs_beside_ours(leaky: Path, tmp_path: Path, capfd: Capture) -> None:
    rule = (resources.folder("rules") / "preprocessing/pa201_preprocessing_leakage.py").read_text()
    (tmp_path / "own").mkdir()
    own = rule.replace('"PA201"', '"TEAM201"').replace("def preprocessing_leakage", "def our_leakage")
    (tmp_path / "own/team201_our_leakage.py").write_text(own)
    assert (
        run([*CHECK, str(leaky), "--rules", str(tmp_path / "own"), "--select", "our-leakage", "--format", "json"]) == 1
    )
    assert rules(capfd.readouterr().out) == [("TEAM201", "src/train.py")]


def test_a_rule_that_fails_is_named_and_the_others_stand(leaky: Path, tmp_path: Path, capfd: Capture) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/bad001_broken.py").write_text(
        "from pipeaudit.rule import *\n"
        "@rule('BAD001', Severity.NOTE, ceiling=Confidence.LOW, stage=None, controls=())\n"
        "def broken(project):\n    raise KeyError('x')\n"
    )
    assert (
        run([*CHECK, str(leaky), "--rules", str(tmp_path / "own"), "--extend-select", "BAD001", "--format", "json"])
        == 2
    )
    captured = capfd.readouterr()
    assert "rule BAD001 failed (KeyError: 'x')" in captured.err
    assert rules(captured.out) == [("PA201", "src/train.py")]


def test_nothing_of_the_tree_is_imported(leaky: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for name in (
        "yaml",
        "json",
        "click",
        "ast",
        "sitecustomize",
        "conftest",
        "setup",
        "jinja2",
        "networkx",
        "pipeaudit_rules",
    ):
        (leaky / f"{name}.py").write_text(f"open({str(canary)!r}, 'a').write({name!r})\n")
    for words in (["check", "."], ["audit", ".", "--format", "html"], ["graph", "."]):
        assert start(*words, cwd=leaky).returncode in (0, 1)
    assert not canary.exists()


@pytest.mark.parametrize("command", ["check", "audit", "graph"])
def test_the_same_bytes_whatever_surrounds_the_run(command: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(FIXTURES / "repositories/wine-quality", tree)
    cache = tmp_path / "cache"
    printed = {
        start(command, str(tree), "--format", "json", cwd=where, PIPEAUDIT_CACHE_DIR=str(cache), **environment).stdout
        for where, environment in (
            (tmp_path, {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "UTC"}),
            (tree, {"PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"}),
            (tree, {"PYTHONHASHSEED": "3", "LC_ALL": "tr_TR.UTF-8"}),
        )
    }
    cold = start(command, str(tree), "--format", "json", "--no-cache", cwd=tmp_path, PYTHONHASHSEED="4").stdout
    assert printed == {cold}
    assert len(cold) > 200


def test_names_and_messages_cannot_steer_a_terminal(tmp_path: Path, capfd: Capture) -> None:
    evil = "esc\x1b]0;title\x07\n::error::x\u202e\x9b.py"
    (tmp_path / evil).write_text("def broken(:\n")
    (tmp_path / "pyproject.toml").write_text('[tool.pipeaudit]\n"\x7f\u202e" = 1\n'.replace("\x7f", ""))
    for words in (["check"], ["check", "--format", "github"], ["check", "--show-files"], ["audit"], ["graph"]):
        run([*words[:1], str(tmp_path), *words[1:], "--isolated"])
        run([*words[:1], str(tmp_path), *words[1:]])
    captured = capfd.readouterr()
    for text in (captured.out, captured.err):
        assert not set("\x1b\x07\x9b\u202e") & set(text)
        assert "\n::error::x" not in text


def test_a_reader_that_goes_away_and_a_stop_are_no_crash(leaky: Path) -> None:
    words = [sys.executable, "-m", "pipeaudit", *CHECK, str(leaky), "--format", "sarif"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (1, b"")
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as stopped:
            time.sleep(0.4)
            stopped.send_signal(number)
            out, err = stopped.communicate(timeout=60)
            assert (stopped.returncode, out, err.strip()) == (2, b"", b"interrupted") or out


def test_the_version_needs_nothing_but_the_command_line() -> None:
    words = "import sys; from pipeaudit.cli import run; run(['--version']); print(*sorted(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    version, modules = printed.splitlines()
    assert version.startswith("pipeaudit ")
    assert not {"yaml", "networkx", "libcst", "nbformat", "jinja2", "pipeaudit.engine"} & set(modules.split())


def test_colour_only_where_it_is_wanted(leaky: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    for words, environment, colored in (
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
    ):
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            run([*CHECK, str(leaky), *words])
        assert ("\x1b[" in capfd.readouterr().out) == colored


def test_every_format_is_offered(leaky: Path, capfd: Capture) -> None:
    for name in CHECK_FORMATS:
        assert run([*CHECK, str(leaky), "--format", name]) == 1, name
        assert capfd.readouterr().out


def test_a_rule_that_never_ends_is_stopped_and_told(leaky: Path, tmp_path: Path, capfd: Capture) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/bad002_endless.py").write_text(
        "from pipeaudit.rule import *\n"
        "@rule('BAD002', Severity.NOTE, ceiling=Confidence.LOW, stage=None, controls=())\n"
        "def endless(project):\n    while True:\n        pass\n"
    )
    words = ["--rules", str(tmp_path / "own"), "--extend-select", "BAD002", "--set", "limits={step-seconds = 1}"]
    assert run([*CHECK, str(leaky), *words, "--format", "json"]) == 1
    printed = capfd.readouterr().out
    assert "rule BAD002 was stopped by the clock after 1 s" in json.loads(printed)["errors"][0]["message"]
    assert rules(printed) == [("PA201", "src/train.py")]


def test_a_report_is_headed_by_the_projects_name_or_its_folders(leaky: Path, capfd: Capture) -> None:
    def name() -> str:
        run(["audit", str(leaky), "--format", "json", "--no-cache"])
        return str(json.loads(capfd.readouterr().out)["identification"]["name"])

    assert name() == "project"
    (leaky / "pyproject.toml").write_text('[tool.black]\nname = "no"\n[project]\nname = "churn"\n')
    assert name() == "churn"


def test_a_report_is_held_against_its_tree(leaky: Path, capfd: Capture, tmp_path: Path) -> None:
    report = tmp_path / "audit.json"
    run(["audit", str(leaky), "--format", "json", "-o", str(report)])
    assert run(["verify", str(report), str(leaky)]) == 0
    assert capfd.readouterr().out == ""
    (leaky / "src/train.py").write_text(CLEAN)
    (leaky / "src/look.py").unlink()
    (leaky / "src/new.py").write_text(CLEAN)
    assert run(["verify", str(report), str(leaky)]) == 1
    assert capfd.readouterr().out == "changed  src/train.py\ngone  src/look.py\nnew  src/new.py\n"
    report.write_text('{"schema": "pipeaudit/audit/1", "files": [{"path": "../x"}]}')
    assert run(["verify", str(report), str(leaky)]) == 2


def test_names_of_files_are_no_commands_to_ci(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "::error::forged.py").write_text("import yaml\nyaml.load(open('a'))  # pipeaudit: ignore[PA201] gone\n")
    (tmp_path / "::warning::broken.py").write_text("x = (\n")
    for words in (["check", "--show-files"], ["check"], ["audit"], ["check", "--fix"], ["check", "--statistics"]):
        run([words[0], str(tmp_path), *words[1:]])
        written = capfd.readouterr()
        assert not re.search(r"(?m)^\s*::", written.out + written.err), words


def test_the_first_baseline_can_be_written_where_settings_name_it(leaky: Path) -> None:
    (leaky / "pipeaudit.toml").write_text('baseline = "known.json"\n')
    baseline = leaky / "known.json"
    assert run([*CHECK, str(leaky)]) == 2
    assert run(["check", str(leaky), "--write-baseline", str(baseline)]) == 0
    first = baseline.read_text()
    assert run(["check", str(leaky)]) == 0
    assert run(["check", str(leaky), "--write-baseline", str(baseline)]) == 0
    assert baseline.read_text() == first
