"""The GitHub action: its step runs as the runner would run it, and its file holds nothing to inject into."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
GAP = 'import numpy as np\nimport pandas as pd\n\nprint(pd.read_csv("rows.csv")["a"] == np.nan)\n'


def test_the_step_reports_counts_and_leaves_the_verdict_to_the_gate(tmp_path: Path) -> None:
    program = tmp_path / "pipeaudit/bin/pipeaudit"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipeaudit "$@"\n')
    program.chmod(0o755)
    (tmp_path / "a tree").mkdir()
    (tmp_path / "a tree/gaps.py").write_text(GAP)
    names = ("FAIL_ON", "CONFIG", "BASELINE", "SINCE")
    settings = {
        "AUDITED": "a tree",
        "WORDS": "--select PA220",
        "FORMAT": "text",
        "ANNOTATIONS": "true",
        "SUMMARY": "true",
    }
    files = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    done = subprocess.run(
        ["bash", str(ROOT / "tools/action.sh")],
        cwd=tmp_path,
        env={
            **os.environ,
            **dict.fromkeys(names, ""),
            **settings,
            **files,
            "RUNNER_TEMP": str(tmp_path),
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    outputs = dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())
    assert (outputs["exit-code"], outputs["findings"], outputs["errors"]) == ("1", "1", "0")
    assert all(Path(outputs[name]).is_file() for name in ("sarif-file", "html-file"))
    assert "::error file=gaps.py,line=4" in done.stdout
    assert (tmp_path / "summary").read_text().startswith("# pipeaudit check")


def test_no_input_reaches_a_shell_but_through_the_environment() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    steps = action["runs"]["steps"]
    assert not [step for step in steps if "${{" in step.get("run", "")]
    passed = set(re.findall(r"inputs\.([a-z-]+)", (ROOT / "action.yml").read_text()))
    assert passed == set(action["inputs"])
