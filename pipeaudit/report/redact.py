"""Key-like strings in shown code are struck out: a report travels further than the file it quotes."""

from __future__ import annotations

import re

STRUCK = "[redacted]"

# Each pattern is a fixed prefix with one bounded run behind it, so that matching stays linear on any input.
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
_ASSIGNED = re.compile(
    r"((?:passw(?:or)?d|passwd|secret|token|api_?key|access_?key|private_?key|credentials?)[A-Za-z0-9_]{0,40}"
    r"[\"']?\]?\s{0,8}[=:]\s{0,8}[rbfu]{0,2}[\"'])([^\"'\n]{4,500})",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"']{0,100}:)([^\s/@\"']{1,200})(@)", re.IGNORECASE)
_KEY_BLOCK = re.compile(r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)(?s:.{0,8000}?)(-----END|\Z)")


def redacted(code: str) -> str:
    """The code with whatever looks like a credential replaced; the length of what was there is not told."""
    code = _KEY_BLOCK.sub(rf"\g<1>{STRUCK}\g<2>", code)
    code = _TOKENS.sub(STRUCK, code)
    code = _ASSIGNED.sub(rf"\g<1>{STRUCK}", code)
    return _IN_URL.sub(rf"\g<1>{STRUCK}\g<3>", code)
