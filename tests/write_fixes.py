"""Writes `fixtures/fixes` anew: what edits make of the fixtures of rules. Read the difference before you keep it."""

from __future__ import annotations

import shutil

from pipeaudit import mend
from tests.conftest import FIXTURES
from tests.test_fix import FIXABLE, FOLDERS, asked


def main() -> None:
    shutil.rmtree(FIXTURES / "fixes")
    for rule in FIXABLE:
        name = FOLDERS[rule.id]
        result = mend.mended(asked(FIXTURES / "rules" / name, rule), unsafe=rule.unsafe_fix)
        for path, (_, after) in result.files.items():
            file = FIXTURES / "fixes" / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(after)


if __name__ == "__main__":
    main()
