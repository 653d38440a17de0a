"""Elements of XML 1.0, as the two XML formats write them."""

from __future__ import annotations

import re
from html import escape

from pipeaudit.report import text

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'

_FORBIDDEN = re.compile("[\ufdd0-\ufdef\ufffe\uffff]")


def element(name: str, attributes: dict[str, object], *children: str) -> str:
    written = "".join(f' {key}="{words(str(value))}"' for key, value in attributes.items())
    return f"<{name}{written}>{''.join(children)}</{name}>\n" if children else f"<{name}{written}/>\n"


def words(value: str) -> str:
    """Text for an element or a quoted attribute, without what XML 1.0 forbids; a line end stays one in an attribute."""
    shown = _FORBIDDEN.sub("\ufffd", text.visible(text.unicode_form(value)))
    return escape(shown).replace("\n", "&#10;").replace("\t", "&#9;")
