"""The HTML report as a browser has it: its policy holds, its links lead somewhere, it fits a narrow screen."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeaudit.model.audit import Audit
from pipeaudit.report import graph_page, html
from tests import churn
from tests.chromium import CHROMIUM, FLAGS, ask, in_chromium

TEMPLATES = Path(__file__).parent.parent / "reports" / "html"
MIB = 1 << 20


@pytest.fixture(scope="module")
def page() -> str:
    return html.render(churn.audit())


def test_policy_allows_the_one_style_and_the_one_script_by_hash(page: str) -> None:
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    for kind, tag in (("style", "style"), ("script", "script")):
        [block] = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
        assert f"{kind}-src &#39;sha256-{digest}&#39;" in policy
    assert "default-src &#39;none&#39;" in policy


def test_page_asks_for_nothing(page: str) -> None:
    assert not re.search(
        r"""\b(src|srcset|poster|data)=|@import|url\((?!#)|<link\b|<(iframe|object|embed|img)\b""", page
    )


def test_templates_mark_nothing_as_safe() -> None:
    assert not [path.name for path in TEMPLATES.glob("*.html") if re.search(r"\|\s*safe\b|Markup", path.read_text())]


@pytest.mark.parametrize(
    "kept", [{}, {"controls": (), "scores": None}, {"findings": ()}], ids=["all", "check", "clean"]
)
def test_ids_are_unique_and_links_lead_somewhere(kept: dict[str, Any]) -> None:
    page = html.render(replace(churn.audit(), **kept))
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    assert set(" ".join(re.findall(r'aria-labelledby="([^"]+)"', page)).split()) <= set(ids)


def test_page_names_no_folder_of_this_machine_and_no_clock(page: str) -> None:
    assert str(Path.cwd()) not in page
    assert html.render(churn.audit()) == page


def test_order_is_that_of_a_reader_in_a_hurry(page: str) -> None:
    sections = re.findall(r'<(?:section|header) id="([a-z]+)"', page)
    assert sections == [
        "verdict", "pipeline", "controls", "findings", "inputs", "suppressions", "attestations", "method",
    ]  # fmt: skip


def test_no_conformity_with_law_is_ever_claimed(page: str) -> None:
    assert "neither a certificate nor a statement of conformity" in page
    assert not re.search(r"\b(compliant|certified|complies)\b", page, re.IGNORECASE)


def test_a_repository_without_a_pipeline_is_told_so_and_gets_no_scores() -> None:
    page = html.render(Audit(churn.audit().identification, profile="none"))
    assert 'id="controls"' not in page
    assert "The checklist was not part of this run" in page


def test_large_reports_stay_small_enough_to_send() -> None:
    audit = churn.audit()
    many = tuple(replace(found, fingerprint=f"{n:064x}") for n in range(450) for found in audit.findings)
    assert len(html.render(replace(audit, findings=many)).encode()) < 5 * MIB


class TestInChromium:
    pytestmark = in_chromium

    @pytest.mark.parametrize("width", [360, 640, 1280])
    def test_nothing_is_wider_than_the_screen(self, tmp_path: Path, page: str, width: int) -> None:
        question = (
            "for (const entry of page.querySelectorAll('details')) entry.open = true;"
            "return page.documentElement.scrollWidth;"
        )
        assert ask(tmp_path, page, question, width) <= width  # type: ignore[operator] # it is a number

    def test_filter_and_search_hide_findings(self, tmp_path: Path, page: str) -> None:
        question = """
            const form = page.querySelector('.filters'), shown = () =>
              [...page.querySelectorAll('.finding')].filter((one) => !one.hidden).map((one) => one.dataset.rule).sort();
            const type = (name, value) => { form.elements[name].value = value;
              form.dispatchEvent(new view.Event('input', {bubbles: true})); };
            const answers = [form.hidden];
            type('search', 'isna missing'); answers.push(shown());
            type('search', ''); type('rule', 'PA201'); answers.push(shown());
            type('rule', ''); page.querySelector('[value=error]').click(); answers.push(shown().length);
            return answers;"""
        found = ask(tmp_path, page, question)
        assert found == [False, ["PA220"], ["PA201"], 7]

    def test_a_wide_picture_can_be_fitted_to_the_width(self, tmp_path: Path) -> None:
        audit = churn.audit()
        long = tuple(replace(stage, name=stage.name * 4) for stage in audit.graph.stages)
        page = html.render(replace(audit, graph=replace(audit.graph, stages=long)))
        question = """
            const picture = page.querySelector('.pipeline'), box = page.querySelector('.drawing');
            const before = picture.clientWidth > box.clientWidth;
            page.querySelector('[data-whole]').click();
            return [before, picture.clientWidth <= box.clientWidth];"""
        assert ask(tmp_path, page, question) == [True, True]

    def test_deep_link_opens_what_is_closed(self, tmp_path: Path, page: str) -> None:
        question = """
            view.location.hash = '#control-MON-1';
            view.dispatchEvent(new view.HashChangeEvent('hashchange'));
            return page.getElementById('control-MON-1').open;"""
        assert ask(tmp_path, page, question) is True

    def test_policy_stops_what_would_be_injected(self, tmp_path: Path, page: str) -> None:
        hostile = page.replace(
            "</main>", '<script>document.title = "run"</script><b id="x" style="color: red">x</b></main>'
        )
        question = "return [page.title, view.getComputedStyle(page.getElementById('x')).color === 'rgb(255, 0, 0)'];"
        assert ask(tmp_path, hostile, question) == ["Pipeline audit: churn", False]

    def test_every_colour_scheme_of_the_page_is_used(self, tmp_path: Path, page: str) -> None:
        question = "return view.getComputedStyle(page.body).backgroundColor;"
        assert ask(tmp_path, page, question) == "rgb(244, 245, 247)"


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node")
    packages = ["@microsoft/sarif-multitool@5.7.0", "axe-core@4.14.1"]
    subprocess.run(["npm", "install", "--silent", "--prefix", str(folder), *packages], check=True, timeout=300)
    return folder / "node_modules"


@pytest.mark.node
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
class TestWithNode:
    def test_code_scanning_accepts_the_sarif(self, modules: Path, tmp_path: Path) -> None:
        """The validator exits 0 even for errors, so its own report is read."""
        from pipeaudit.report import sarif

        [program] = modules.glob("@microsoft/sarif-multitool-*/Sarif.Multitool")
        program.chmod(0o755)
        (tmp_path / "in.sarif").write_text(sarif.render(churn.audit(), sarif.Settings(show_suppressed=True)))
        kinds = ["--rule-kind", "Sarif;Gh;Ghas", "--level", "Error;Warning;Note", "--log", "ForceOverwrite"]
        command = [str(program), "validate", str(tmp_path / "in.sarif"), *kinds, "-o", str(tmp_path / "out.sarif")]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        results = json.loads((tmp_path / "out.sarif").read_text(encoding="utf-8-sig"))["runs"][0].get("results", [])
        accepted = {"SARIF2002", "SARIF2006", "SARIF2013"}  # ids of messages, a network, whole files inside
        assert {result["ruleId"] for result in results} <= accepted
        assert {result["level"] for result in results} <= {"note"}

    @pytest.mark.chromium
    @pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("shown", [html.render, graph_page.render], ids=["report", "graph"])
    def test_axe_finds_no_violation(
        self, modules: Path, tmp_path: Path, shown: Callable[[Audit], str], scheme: str
    ) -> None:
        """axe has to run inside the page, so this copy goes without its policy."""
        page = shown(churn.audit())
        axe = (modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
        opened = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page).replace(
            "<details ", "<details open "
        )
        if scheme == "dark":
            opened = opened.replace("@media (prefers-color-scheme: dark)", "@media all")
        script = (
            f"<script>{axe}</script><script>axe.run(document.body).then((found) => {{"
            "const out = document.createElement('pre'); out.id = 'axe';"
            "out.textContent = JSON.stringify(found.violations.map((one) =>"
            " [one.id, one.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))]));"
            "document.body.append(out); });</script></body>"
        )
        (tmp_path / "axe.html").write_text(opened.replace("</body>", script), encoding="utf-8")
        flags = [flag for flag in FLAGS if not flag.startswith("--virtual")]
        command = [str(CHROMIUM), *flags, "--virtual-time-budget=60000", f"--user-data-dir={tmp_path / 'profile'}"]
        opened_page = subprocess.run(
            [*command, (tmp_path / "axe.html").as_uri()], capture_output=True, text=True, timeout=120
        )
        [answer] = re.findall(r'<pre id="axe">(.*?)</pre>', opened_page.stdout, re.DOTALL)
        assert answer == "[]"
