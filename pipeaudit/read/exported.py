"""Scripts that are notebooks in other clothes: with the cell marks of an export, or jupytext's header."""

from __future__ import annotations

import re

CELL_MARK = re.compile(rb"^(?:# In ?\[[ \d]*\]|# ?%%|# COMMAND -{3,})", re.MULTILINE)
_HEADER = re.compile(rb"\A(?:#[^\n]*\n)*?#\s+jupytext:", re.MULTILINE)
_LONGEST_HEADER = 2_000
_OTHER_FORM = {"py": "ipynb", "ipynb": "py"}


def twin(path: str) -> str:
    """Where tools keep the notebook of a script, and the script of a notebook: beside it, under the same name."""
    stem, dot, ending = path.rpartition(".")
    return f"{stem}{dot}{_OTHER_FORM[ending]}" if ending in _OTHER_FORM else ""


def is_exported(data: bytes) -> bool:
    return CELL_MARK.search(data) is not None or _HEADER.match(data[:_LONGEST_HEADER]) is not None
