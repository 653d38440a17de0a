"""What every format does to text that came out of the audited tree, which may hold anything."""

from __future__ import annotations

import re
from functools import lru_cache

MESSAGE_LIMIT = 500
SNIPPET_LIMIT = 1_000
PATH_LIMIT = 4_096

# C0 but line feed and tab, DEL and C1, the bidi controls, line and paragraph separators, zero-width and tag characters,
# and what UTF-8 cannot carry.
_ACTIVE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONE = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # not the ones that stand for bytes
# What makes a line of a build's log a command: `::` at its start (GitHub), `##[` and `##vso[` anywhere (Azure, GitHub).
_COMMAND = re.compile(r"(?m)^((?:[^\S\n]|\x1b\[[0-9;]*m)*):(?=:)|#(?=#(?:vso)?\[)")
_LINE_END = re.compile("\r\n|\r|\n")


def visible(text: str) -> str:
    r"""The one way out: whatever could steer a terminal or deceive a reader becomes a visible `\uXXXX`.

    The form is also JSON's own escape, so a finished JSON document passes through and means the same.
    """
    return _ACTIVE.sub(_escape, text)


def one_line(text: str) -> str:
    """Text that cannot begin a line of its own: line ends and tabs are escaped too."""
    return visible(text.replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t"))


def unicode_form(text: str) -> str:
    r"""Valid Unicode: bytes of a name that are not UTF-8 are written as `\xNN`, lone surrogates as `\uNNNN`."""
    return _SURROGATE.sub(_named_surrogate, text)


def valid(value: object) -> object:
    """A JSON value with every string in valid Unicode: names hold whatever bytes the tree holds."""
    if isinstance(value, str):
        return unicode_form(value)
    if isinstance(value, dict):
        return {unicode_form(str(key)): valid(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [valid(entry) for entry in value]
    return value


def raw_bytes(path: str) -> bytes:
    """The name as the file system has it."""
    return _LONE.sub(_named_surrogate, path).encode("utf-8", "surrogateescape")


def inert(text: str) -> str:
    """Text for people that CI prints into its log: no line of it is a command to whoever reads the log."""
    return _COMMAND.sub(lambda found: f"{found[1]}\\u003a" if found[1] is not None else "\\u0023", text)


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def message(text: str) -> str:
    """A message as formats for people show it: valid, bounded, without line ends; JSON escapes by itself."""
    return cut(one_line(unicode_form(text)), MESSAGE_LIMIT)


def path(text: str) -> str:
    return cut(one_line(unicode_form(text)), PATH_LIMIT)


@lru_cache(maxsize=256)
def source_lines(text: str) -> tuple[str, ...]:
    """Python's line ends only: form feed, U+0085 and the like do not end a line. Many places ask for the same file."""
    return tuple(_LINE_END.split(text))


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 finding`, `2 findings`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def _named_surrogate(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    code -= 0x10000  # JSON writes what lies beyond the first plane as a surrogate pair
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
