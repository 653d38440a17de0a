"""Key-like strings in shown code are struck out: a report travels further than the file it quotes."""

from __future__ import annotations

import re

from pipeaudit.credentials import PROVIDER_KEY

STRUCK = "[redacted]"

# Wider than the keys that a rule reports: here what only looks like one goes, too. Each pattern is a fixed prefix with
# one bounded run behind it, so that matching stays linear on any input.
_TOKENS = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,255}"
    r"|\bgithub_pat_[A-Za-z0-9_]{20,255}"
    r"|\bglpat-[A-Za-z0-9_-]{20,64}"
    r"|\bhf_[A-Za-z0-9]{30,64}"
    r"|\bsk-[A-Za-z0-9_-]{20,255}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,255}"
    r"|\bAIza[A-Za-z0-9_-]{35}"
    r"|\beyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_.-]{10,4000}"
)
_NAME = (
    r"(?:passw(?:or)?d|passwd|passphrase|secret|token|api_?key|access_?key|private_?key|credentials?)[A-Za-z0-9_]{0,40}"
)
_ASSIGNED = re.compile(
    rf"({_NAME}[\"']?\]?(?:\s{{0,4}}:\s{{0,4}}[\w.\[\], |]{{1,40}})?\s{{0,8}}[=:]\s{{0,8}}[rbfu]{{0,2}}[\"'])"
    r"([^\"'\n]{4,500})",
    re.IGNORECASE,
)
# Without quotes, as in settings: to the end of the line, and neither a plain word, a call nor a part of something.
_BARE = re.compile(
    rf"({_NAME}[\"']?(?:=|[ \t]{{0,8}}[=:][ \t]{{0,8}}|[ \t]{{1,8}}))"
    r"(?!(?:str|int|float|bool|bytes|None|null|true|false|[A-Za-z_]\w{0,60}\.[\w.]{1,200})[ \t]*(?:#|$))"
    r"(?![A-Z][a-z][A-Za-z]{0,60}[ \t]*(?:#|$))([^\s\"'#()\[\]{}<>$,;=:]{4,500})(?=[ \t]*(?:#.*)?$)",
    re.IGNORECASE | re.MULTILINE,
)
# The other half of a name and a value that stand on lines of their own.
_VALUE = re.compile(
    r"(^[ \t]{0,40}value:[ \t]{1,8})(?=[A-Za-z]{0,40}[0-9]|[0-9]{1,40}[A-Za-z])([\w+/~=-]{16,500})", re.MULTILINE
)
_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"']{0,100}:)([^\s/@\"']{1,200})(@)", re.IGNORECASE)
_KEY_BLOCK = re.compile(r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)(?s:.{0,8000}?)(-----END|\Z)")


def redacted(code: str) -> str:
    """The code with whatever looks like a credential replaced; the length of what was there is not told."""
    code = _KEY_BLOCK.sub(rf"\g<1>{STRUCK}\g<2>", code)
    code = _TOKENS.sub(STRUCK, code)
    code = PROVIDER_KEY.sub(STRUCK, code)
    for pattern in (_ASSIGNED, _BARE, _VALUE):
        code = pattern.sub(rf"\g<1>{STRUCK}", code)
    return _IN_URL.sub(rf"\g<1>{STRUCK}\g<3>", code)
