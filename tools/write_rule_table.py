"""Writes the table of rules in rules/README.md anew, from the rules themselves.

python tools/write_rule_table.py
"""

from __future__ import annotations

from pathlib import Path

from pipeaudit import resources, rulebook
from pipeaudit.model.choice import Choice
from pipeaudit.report.rules import markdown_table

README = Path(__file__).parent.parent / "rules" / "README.md"

if __name__ == "__main__":
    infos = rulebook.load([resources.folder("rules")]).chosen(Choice()).infos()
    introduction = README.read_text(encoding="utf-8").partition("\n| ")[0]
    README.write_text(f"{introduction}\n{markdown_table(infos)}", encoding="utf-8")
