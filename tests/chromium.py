"""A page in headless Chromium, and what a script outside the page sees of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium")
in_chromium = [pytest.mark.chromium, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --allow-file-access-from-files --disable-web-security "
    "--virtual-time-budget=3000 --dump-dom"
).split()


def ask(folder: Path, page: str, question: str, width: int = 1280) -> object:
    """The answer of a script's body to a page that runs under its own policy."""
    (folder / "report.html").write_text(page, encoding="utf-8")
    (folder / "outside.html").write_text(
        f'<!doctype html><iframe id="f" src="report.html" width="{width}" height="800"></iframe>'
        '<pre id="out"></pre>'
        "<script>f.onload = () => { const page = f.contentDocument, view = f.contentWindow;"
        f"setTimeout(() => {{ out.textContent = JSON.stringify((() => {{ {question} }})()); }}, 300); }};</script>",
        encoding="utf-8",
    )
    profile = folder / "profile"
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", (folder / "outside.html").as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    [answer] = re.findall(r'<pre id="out">(.*?)</pre>', shown.stdout, re.DOTALL)
    return json.loads(answer.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
