"""All edits that can be made to the files at once, as new bytes of each; what has to wait, and what can't be made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeaudit.fix import addition, notebook, withdrawal
from pipeaudit.fix.change import Change, Refused, applied, line_starts
from pipeaudit.fix.contained import Job, rewritten
from pipeaudit.model.edit import Addition, Edit, Rewrite, Withdrawal
from pipeaudit.model.finding import Finding
from pipeaudit.model.location import Location
from pipeaudit.read import magics
from pipeaudit.read.error import ReadError
from pipeaudit.read.notebook import parse
from pipeaudit.texts import decoded
from pipeaudit.tree import Tree

_CODECS = ("utf-8", "utf-8-sig", "latin-1", "cp1252", "iso-8859-15")


@dataclass(frozen=True, slots=True)
class Draft:
    """`files`: new bytes by path. `made`, `waiting` and `refused` part the findings by what became of their edits."""

    files: Mapping[str, bytes]
    made: tuple[Finding, ...]
    waiting: tuple[Finding, ...]
    refused: tuple[tuple[Finding, str], ...]


@dataclass(slots=True)
class _Unit:
    """A text that is edited as one: a file, or a cell of a notebook."""

    path: str
    cell: int | None
    text: str
    findings: list[Finding] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def offset(self, line: int, column: int) -> int:
        starts = line_starts(self.text)
        return starts[line - 1] + column - 1 if line <= len(starts) else len(self.text)


def draft(findings: Iterable[Finding], tree: Tree) -> Draft:
    """The edits of these findings, each with those of its file that it does not meet."""
    refused: list[tuple[Finding, str]] = []
    units = _units(findings, tree, refused)
    made: list[Finding] = []
    waiting: list[Finding] = []
    for unit, wanted in zip(units, _wanted(units, tree, refused), strict=True):
        for finding, change in wanted:
            if change not in unit.changes and any(change.meets(other) for other in unit.changes):
                waiting.append(finding)
                continue
            if change not in unit.changes:
                unit.changes.append(change)
            made.append(finding)
    files, failed = _files(units, tree)
    refused += [(finding, failed[edit_of(finding).at.path]) for finding in made if edit_of(finding).at.path in failed]
    kept = tuple(finding for finding in made if edit_of(finding).at.path not in failed)
    return Draft(files, kept, tuple(waiting), tuple(refused))


def edit_of(finding: Finding) -> Edit:
    """Of one that is known to carry an edit."""
    if finding.match.edit is None:
        raise ValueError(f"{finding.rule} at {finding.at} carries no edit")
    return finding.match.edit


def _units(findings: Iterable[Finding], tree: Tree, refused: list[tuple[Finding, str]]) -> list[_Unit]:
    units: dict[tuple[str, int], _Unit] = {}
    for finding in findings:
        at = edit_of(finding).at
        key = (at.path, -1 if at.cell is None else at.cell)
        try:
            if key not in units:
                units[key] = _Unit(at.path, at.cell, _text(at, tree))
            units[key].findings.append(finding)
        except Refused as refusal:
            refused.append((finding, str(refusal)))
    return [units[key] for key in sorted(units)]


def _text(at: Location, tree: Tree) -> str:
    try:
        data = tree.data(at.path)
        if at.path.endswith(".ipynb"):
            if at.cell is None:
                raise Refused("it is about the notebook as a whole")
            return parse(at.path, data, tree.limits).cells[at.cell].source
    except ReadError as error:
        raise Refused(error.why) from error
    _codec(data)
    return decoded(data)


def _codec(data: bytes) -> str:
    """How the file's text is written, so that writing it again gives the same bytes."""
    text = decoded(data)
    for codec in _CODECS:
        try:
            if text.encode(codec) == data:
                return codec
        except UnicodeEncodeError:
            continue
    raise Refused("the file's encoding is not known for sure")


def _wanted(
    units: Sequence[_Unit], tree: Tree, refused: list[tuple[Finding, str]]
) -> list[list[tuple[Finding, Change]]]:
    """For each unit its findings with their changes, in the order of the text."""
    codes = [magics.clean(unit.text).code if unit.cell is not None else unit.text for unit in units]
    rewrites = [[f for f in unit.findings if isinstance(f.match.edit, Rewrite)] for unit in units]
    asked = [place for place, found in enumerate(rewrites) if found]
    jobs = [Job(codes[place], tuple(f.match.edit for f in rewrites[place])) for place in asked]  # type: ignore[misc] # they are
    answers = dict(zip(asked, rewritten(jobs, tree.limits), strict=True))
    wanted: list[list[tuple[Finding, Change]]] = []
    for place, unit in enumerate(units):
        found: list[tuple[Finding, Change]] = []
        results: list[tuple[Finding, Change | str]] = list(zip(rewrites[place], answers.get(place, ()), strict=True))
        others = [f for f in unit.findings if not isinstance(f.match.edit, Rewrite)]
        results += [(finding, _other(unit, finding, tree)) for finding in others]
        for finding, answer in results:
            change = _in_source(unit, codes[place], answer) if isinstance(answer, Change) else answer
            if isinstance(change, Change):
                found.append((finding, change))
            else:
                refused.append((finding, change))
        wanted.append(sorted(found, key=lambda pair: (pair[1], pair[0].rule)))
    return wanted


def _in_source(unit: _Unit, code: str, change: Change) -> Change | str:
    """A change of a cell's Python as one of the cell, whose lines may hold what only IPython understands."""
    if code == unit.text:
        return change
    ours, theirs = code.split("\n"), unit.text.split("\n")
    first, last = code.count("\n", 0, change.start), code.count("\n", 0, change.end)
    if ours[first : last + 1] != theirs[first : last + 1]:
        return "a line of it is no plain Python"
    shift = len("\n".join(theirs[:first])) - len("\n".join(ours[:first]))
    return Change(change.start + shift, change.end + shift, change.text)


def _other(unit: _Unit, finding: Finding, tree: Tree) -> Change | str:
    edit = edit_of(finding)
    try:
        if isinstance(edit, Addition):
            return addition.change(unit.path, unit.text, edit, tree.limits)
        if isinstance(edit, Withdrawal) and edit.at.end_column is not None:
            start = unit.offset(edit.at.line, edit.at.column)
            end = unit.offset(edit.at.line, edit.at.end_column)
            others = [f.match.edit for f in unit.findings]
            codes = frozenset(o.code for o in others if isinstance(o, Withdrawal) and o.at == edit.at)
            return withdrawal.change(unit.text, start, end, codes, keeps_lines=unit.cell is not None)
    except Refused as refusal:
        return str(refusal)
    return "it is no comment"


def _files(units: Iterable[_Unit], tree: Tree) -> tuple[dict[str, bytes], dict[str, str]]:
    """New bytes of the files that change, and why others can't."""
    files: dict[str, bytes] = {}
    failed: dict[str, str] = {}
    cells: dict[str, dict[int, tuple[str, str]]] = {}
    for unit in units:
        if not unit.changes:
            continue
        text = applied(unit.text, unit.changes)
        try:
            if unit.cell is not None:
                cells.setdefault(unit.path, {})[unit.cell] = (unit.text, text)
            else:
                files[unit.path] = text.encode(_codec(tree.data(unit.path)))
        except UnicodeEncodeError:
            failed[unit.path] = "the file's encoding has no room for the new text"
    for path, sources in cells.items():
        try:
            files[path] = notebook.changed(tree.data(path), sources)
        except Refused as refusal:
            failed[path] = str(refusal)
    return files, failed
