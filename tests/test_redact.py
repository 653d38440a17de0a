"""A report does not carry the credentials that it tells of."""

from __future__ import annotations

import pytest

from pipeaudit import engine
from pipeaudit.model.choice import Choice
from pipeaudit.report.frame import snippet
from pipeaudit.report.redact import STRUCK, redacted
from pipeaudit.request import Request
from pipeaudit.resources import folder
from tests.conftest import FIXTURES


def test_what_is_found_is_not_shown() -> None:
    root = FIXTURES / "rules" / "pa905_hardcoded_credential"
    audit, _ = engine.audit(Request(root=root, rule_folders=(folder("rules"),), choice=Choice(select=("PA905",))))
    written = [found for found in audit.findings if "output" not in found.match.message]
    assert written
    for found in written:
        shown = snippet(audit.sources, found.at)
        assert STRUCK in shown, found


@pytest.mark.parametrize(
    "code",
    [
        "token = config.token",
        "token: str",
        "api_key: SecretStr",
        "token = get_token()",
        "for token in tokens:",
        "token = tokens[0]",
        'revision = "d5d98065e5751f75143a5f61debc267b0bc8d3b1"',
    ],
)
def test_code_that_holds_no_credential_stays(code: str) -> None:
    assert redacted(code) == code
