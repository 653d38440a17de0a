"""Writes `fixtures/fixes` anew: what edits make of the fixtures of rules. Read the difference before you keep it."""

from __future__ import annotations

import shutil

from pipeaudit import mend
from pipeaudit.report import diff
from tests.conftest import FIXTURES
from tests.test_fix import FIXABLE, FOLDERS, asked


def main() -> None:
    folder = FIXTURES / "fixes"
    shutil.rmtree(folder)
    folder.mkdir()
    for rule in FIXABLE:
        name = FOLDERS[rule.id]
        result = mend.mended(asked(FIXTURES / "rules" / name, rule), unsafe=rule.unsafe_fix)
        (folder / f"{name}.diff").write_text(diff.unified(result.files), encoding="utf-8", newline="")


if __name__ == "__main__":
    main()
