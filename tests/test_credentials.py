"""The plain words that a quick look goes by stand in all that the patterns behind them fit."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeaudit.credentials import KEY_FORMS, KEY_MARKS
from pipeaudit.report.redact import redacted


@pytest.mark.parametrize("form", KEY_FORMS)
@settings(max_examples=20)
@given(data=st.data())
def test_every_key_is_marked_in_its_first_word_and_struck_out_of_a_report(form: str, data: st.DataObject) -> None:
    key = data.draw(st.from_regex(re.compile(KEY_FORMS[form][1], re.ASCII), fullmatch=True))
    assert any(re.match(rf"[A-Za-z0-9+_-]{{0,40}}?{re.escape(mark)}", key) for mark in KEY_MARKS)
    assert key[-8:] not in redacted(f"print('{key}')")
