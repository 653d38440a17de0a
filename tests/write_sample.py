"""Writes reports/sample/report.html, the finished report that visitors open first."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

if __name__ == "__main__":
    from pipeaudit.report import html
    from tests import churn

    (ROOT / "reports" / "sample" / "report.html").write_text(html.render(churn.audit()), encoding="utf-8")
