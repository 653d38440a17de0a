"""Python files that are notebooks in another form: `# %%` cells, Databricks sources, nbconvert exports, marimo.

Their code is plain Python and is read as such. The cells tell where it is parted, and hold what comments hide: prose
and magics (`# MAGIC %pip install x`, `# !pip install x`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from pipeaudit.read.magics import Magic, clean

_PERCENT = re.compile(r"#[ \t]?%%(?!%)[ \t]*(.*)")
_EXPORTED = re.compile(r"# (?:In\[[\d ]*\]:|<codecell>|<markdowncell>)")
_DATABRICKS_HEAD = "# Databricks notebook source"
_DATABRICKS_CELL = re.compile(r"# COMMAND -{10}")
_DATABRICKS_MAGIC = re.compile(r"# MAGIC ?(.*)")
_MARIMO_CELL = re.compile(r"@app\.(?:cell|function|class_definition)\b")
_KIND = re.compile(r"\[(markdown|md|raw)\]")
_HIDDEN_MAGIC = re.compile(r"#[ \t]?([%!][A-Za-z!].*)")


@dataclass(frozen=True, slots=True)
class ScriptCell:
    """`kind` is code, markdown or raw; `line` and `end_line` count in the file; `text` of prose is without its `#`."""

    kind: str
    line: int
    end_line: int
    text: str
    title: str = ""
    magics: tuple[Magic, ...] = ()
    shell: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Script:
    """`form` is percent, databricks, exported, marimo, or "" for a program that is no notebook (then without cells)."""

    form: str
    cells: tuple[ScriptCell, ...] = ()


def script_cells(data: bytes) -> Script:
    """The cells of a Python file, if it is a notebook in text form."""
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    form = _form(text)
    if not form:
        return Script("")
    lines = text.split("\n")
    marks = {"percent": _PERCENT, "databricks": _DATABRICKS_CELL, "exported": _EXPORTED, "marimo": _MARIMO_CELL}[form]
    starts = [number for number, line in enumerate(lines) if marks.match(line)]
    if form != "marimo":
        starts = [0, *starts]
    cells: list[ScriptCell] = []
    for start, end in pairwise([*starts, len(lines)]):
        cell = _cell(form, lines, start, end)
        if cell is not None:
            cells.append(cell)
    return Script(form, tuple(cells))


def _form(text: str) -> str:
    if text.startswith(_DATABRICKS_HEAD):
        return "databricks"
    if "marimo.App(" in text and "@app.cell" in text:
        return "marimo"
    if re.search(r"^# In\[[\d ]*\]:|^# <codecell>", text, re.MULTILINE):
        return "exported"
    return "percent" if re.search(r"^#[ \t]?%%(?!%)(?:[ \t]|$)", text, re.MULTILINE) else ""


def _cell(form: str, lines: list[str], start: int, end: int) -> ScriptCell | None:
    """None for a stretch before the first mark that holds nothing."""
    head = lines[start]
    mark = _PERCENT.match(head) if form == "percent" else None
    title = mark[1].strip() if mark else ""
    kind = "markdown" if "<markdowncell>" in head else "code"
    if named := _KIND.search(title):
        kind = "raw" if named[1] == "raw" else "markdown"
        title = title.replace(named[0], "").strip()
    body = lines[start:end]
    if form == "databricks":
        return _databricks(body, start, end)
    if not "".join(body).strip():
        return None
    if kind != "code":
        return ScriptCell(
            kind, start + 1, end, "\n".join(line.removeprefix("#").removeprefix(" ") for line in body[1:]), title
        )
    hidden = [(number, found[1]) for number, line in enumerate(body, start + 1) if (found := _HIDDEN_MAGIC.match(line))]
    magics, shell = _uncovered(hidden)
    return ScriptCell("code", start + 1, end, "\n".join(body), title, magics, shell)


def _databricks(body: list[str], start: int, end: int) -> ScriptCell | None:
    hidden = [
        (number, found[1]) for number, line in enumerate(body, start + 1) if (found := _DATABRICKS_MAGIC.match(line))
    ]
    if hidden and hidden[0][1].startswith("%md"):
        prose = "\n".join(text for _, text in hidden)
        return ScriptCell(
            "markdown", start + 1, end, prose.removeprefix("%md-sandbox").removeprefix("%md").lstrip("\n ")
        )
    rest = "".join(line for line in body if not line.startswith(("# COMMAND ---", _DATABRICKS_HEAD)))
    if not rest.strip():
        return None
    magics, shell = _uncovered(hidden)
    return ScriptCell("code", start + 1, end, "\n".join(body), "", magics, shell)


def _uncovered(hidden: list[tuple[int, str]]) -> tuple[tuple[Magic, ...], tuple[tuple[int, str], ...]]:
    """What the commented lines would be to IPython, at the lines of the file."""
    if not hidden:
        return (), ()
    found = clean("\n".join(text for _, text in hidden))
    place = [number for number, _ in hidden]
    magics = tuple(Magic(place[magic.line - 1], magic.name, magic.argument) for magic in found.magics)
    return magics, tuple((place[min(line, len(place)) - 1], command) for line, command in found.shell)
