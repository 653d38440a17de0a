"""What the repository lives with: ignore comments, cell tags, configured ignores, and the baseline.

    # pipeaudit: ignore[PA201, PA305:seed] the reason         this statement, or the next one if the line is its own
    # pipeaudit: ignore-file[PA201] the reason                the whole file
    # pipeaudit: disable[PA201] the reason                    from here to `# pipeaudit: enable[PA201]`

`until=2027-01-31` among the words of the reason ends it after that day.
"""

from __future__ import annotations

import io
import json
import re
import tokenize
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeaudit import __version__
from pipeaudit.ignore import Patterns
from pipeaudit.model.error import UserError
from pipeaudit.model.finding import Finding, Severity
from pipeaudit.model.location import Location
from pipeaudit.model.suppression import Suppression
from pipeaudit.rulebook import Rulebook

MARK = "pipeaudit:"
_LONGEST_COMMENT = 2_000
_COMMENT = re.compile(
    r"#\s{0,20}pipeaudit:\s{0,20}(?P<form>ignore-file|ignore|disable|enable)"
    r"(?:\s{0,20}\[(?P<codes>[^\]\n]{0,500})\])?(?P<rest>(?:(?!\s#\s)[^\n]){0,1000})"
)
_UNTIL = re.compile(r"(?:^|\s)until=(\d{4}-\d{2}-\d{2})(?=\s|$)")
_TAG = re.compile(r"pipeaudit-ignore-([A-Za-z0-9:_-]{1,100})")
_LINE_END = re.compile(r"\r\n|\r|\n")


# Formats where `#` begins no comment: reports of ours, and documents that show how to write a suppression.
_WITHOUT_COMMENTS = (
    ".json",
    ".jsonl",
    ".sarif",
    ".csv",
    ".tsv",
    ".html",
    ".htm",
    ".xml",
    ".svg",
    ".md",
    ".markdown",
    ".rst",
)


@dataclass(frozen=True, slots=True)
class _Comment:
    line: int
    column: int
    text: str
    alone: bool


def in_python(path: str, text: str, cell: int | None = None) -> list[Suppression]:
    """Comments of a Python file or cell; text that only looks like one, inside a string, is none."""
    if MARK not in text:
        return []
    comments, statements = _tokens(text)
    return _suppressions(path, cell, comments, statements)


def in_text(path: str, text: str) -> list[Suppression]:
    """Comments of formats where `#` begins one: YAML, TOML, requirements, shell, Dockerfile."""
    if MARK not in text or path.lower().endswith(_WITHOUT_COMMENTS):
        return []
    comments, statements = _lines(text)
    return _suppressions(path, None, comments, statements)


def in_tags(path: str, cell: int, tags: Iterable[str]) -> list[Suppression]:
    """Cell tags of a notebook; a tag has no room for a reason."""
    found = [match for tag in tags if (match := _TAG.fullmatch(tag))]
    return [Suppression(Location(path, cell=cell), (match[1],)) for match in found]


def configured(path: str, ignores: Mapping[str, Sequence[str]], origin: str) -> list[Suppression]:
    """What `per-file-ignores` says about a file."""
    return [
        Suppression(Location(path), tuple(codes), reason=f"per-file-ignores in {origin}", whole_file=True)
        for pattern, codes in ignores.items()
        if Patterns((pattern,)).match(path)
    ]


def _tokens(text: str) -> tuple[list[_Comment], list[tuple[int, int]]]:
    """Comments, and first and last line of each logical line. Odd code ends the token stream; lines do from there."""
    comments: list[_Comment] = []
    statements: list[tuple[int, int]] = []
    first = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                comments.append(_comment(token.start[0], token.start[1], token.string, token.line))
            elif token.type == tokenize.NEWLINE:
                statements.append((first or token.start[0], token.start[0]))
                first = 0
            elif not first and token.type not in _BETWEEN:
                first = token.start[0]
    except (tokenize.TokenError, SyntaxError):
        rest, lines = _lines(text)
        reached = statements[-1][1] if statements else 0
        known = {comment.line for comment in comments}
        comments += [comment for comment in rest if comment.line > reached and comment.line not in known]
        statements += [line for line in lines if line[0] > reached]
    return comments, statements


_BETWEEN = frozenset((tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER))


def _comment(line: int, column: int, text: str, whole: str) -> _Comment:
    return _Comment(line, column + 1, text[:_LONGEST_COMMENT], not whole[:column].strip())


def _lines(text: str) -> tuple[list[_Comment], list[tuple[int, int]]]:
    comments: list[_Comment] = []
    statements: list[tuple[int, int]] = []
    for number, line in enumerate(_LINE_END.split(text), start=1):
        bare = line.strip()
        if bare and not bare.startswith("#"):
            statements.append((number, number))
        if MARK in line:
            column = _comment_column(line)
            if column >= 0:
                comments.append(_comment(number, column, line[column:], line))
    return comments, statements


def _comment_column(line: str) -> int:
    """Where the comment with our mark begins: at a `#` that stands first or behind a space."""
    column = line.rfind("#", 0, line.index(MARK))
    return column if column == 0 or (column > 0 and line[column - 1].isspace()) else -1


def _suppressions(
    path: str, cell: int | None, comments: list[_Comment], statements: list[tuple[int, int]]
) -> list[Suppression]:
    statements = sorted(statements)
    starts = [first for first, _ in statements]
    found: list[Suppression] = []
    for comment in comments:
        match = _COMMENT.match(comment.text)
        if match is None:
            continue
        codes = tuple(code.strip() for code in (match["codes"] or "").split(",") if code.strip())
        at = Location(path, comment.line, comment.column, comment.line, comment.column + len(match[0].rstrip()), cell)
        words = match["rest"].strip()
        until = _UNTIL.search(words)
        reason = _UNTIL.sub("", words).strip() if until else words
        suppression = Suppression(at, codes, reason, until[1] if until else "")
        if match["form"] == "ignore-file":
            found.append(replace(suppression, whole_file=True))
        elif match["form"] == "disable":
            found.append(replace(suppression, first=comment.line))
        elif match["form"] == "enable":
            found = [_ended(earlier, codes, comment.line) for earlier in found]
        else:
            first, last = _covered(comment, statements, starts)
            found.append(replace(suppression, first=first, last=last))
    return found


def _ended(earlier: Suppression, codes: tuple[str, ...], line: int) -> Suppression:
    is_range = earlier.last is None and earlier.first > 1
    same = not codes or set(codes) == set(earlier.codes)
    return replace(earlier, last=line) if is_range and same else earlier


def _covered(comment: _Comment, statements: list[tuple[int, int]], starts: list[int]) -> tuple[int, int]:
    """The statement that a comment stands in or behind, or the next one where its line is its own."""
    at = bisect_left(starts, comment.line + 1) - 1
    if at >= 0 and statements[at][1] >= comment.line:
        return statements[at]
    if comment.alone and at + 1 < len(statements):
        return statements[at + 1]
    return comment.line, comment.line


@dataclass(frozen=True, slots=True)
class Outcome:
    """Findings parted by whether the repository lives with them, and the suppressions with what each of them did."""

    open: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    suppressions: tuple[Suppression, ...]


def apply(
    findings: Iterable[Finding],
    suppressions: Iterable[Suppression],
    book: Rulebook,
    ran: frozenset[str],
    as_of: str,
    incomplete: frozenset[str] = frozenset(),
) -> Outcome:
    """Holds suppressions against findings.

    `ran` are ids of rules that ran, `incomplete` paths that were not read in full. A dated
    entry counts through its day; where no day is known, it does not count.
    """
    known = set(book.codes())
    names = {rule.name: rule.id for rule in book.rules}
    by_path: dict[str, list[Suppression]] = {}
    for suppression in suppressions:
        by_path.setdefault(suppression.at.path, []).append(suppression)
    used: dict[Suppression, set[str]] = {}
    open_findings: list[Finding] = []
    hidden: list[Finding] = []
    for finding in findings:
        hit: Suppression | None = None
        for suppression in by_path.get(finding.at.path, ()):
            code = _code_for(suppression, finding, names)
            if not code or not suppression.covers(finding.at) or _is_over(suppression, as_of):
                continue
            used.setdefault(suppression, set()).add(code)
            hit = hit or suppression
        if hit is None:
            open_findings.append(finding)
        else:
            hidden.append(replace(finding, suppressed=hit.reason or "no reason given"))
    errors = {rule.id for rule in book.rules if rule.severity is Severity.ERROR}
    judged = []
    for path in sorted(by_path):
        for suppression in sorted(by_path[path], key=lambda item: (item.at.key, item.codes)):
            done = used.get(suppression, set())
            ids = {code: names.get(code.partition(":")[0], code.partition(":")[0]) for code in suppression.codes}
            idle = [c for c in suppression.codes if c in known and c not in done and ids[c] in ran]
            unknown = [(code, book.nearest(code)) for code in suppression.codes if code not in known]
            over = _is_over(suppression, as_of)
            judged.append(
                replace(
                    suppression,
                    unused=() if path in incomplete or over else tuple(idle),
                    unknown=tuple(unknown),
                    hides_errors=any(ids[code] in errors for code in suppression.codes),
                )
            )
    return Outcome(tuple(open_findings), tuple(hidden), tuple(judged))


def _code_for(suppression: Suppression, finding: Finding, names: Mapping[str, str]) -> str:
    """The code of a suppression that names this finding."""
    for code in suppression.codes:
        name, _, kind = code.partition(":")
        if names.get(name, name) == finding.rule and (not kind or kind == finding.match.kind):
            return code
    return ""


def _is_over(suppression: Suppression, as_of: str) -> bool:
    return bool(suppression.until) and (not as_of or as_of > suppression.until)


BASELINE_SCHEMA = "pipeaudit/baseline/1"


class BaselineError(UserError):
    """The baseline file is not one: exit 2 with what is wrong."""


def baseline(findings: Iterable[Finding]) -> str:
    """The findings as a file to keep: sorted, without lines or dates, so that two people's updates merge."""
    counts: dict[tuple[str, str, str], int] = {}
    for finding in findings:
        key = (finding.at.path, finding.rule, finding.fingerprint)
        counts[key] = counts.get(key, 0) + 1
    entries = [
        json.dumps(
            {
                "fingerprint": print_,
                "rule": rule,
                "path": path.encode("utf-8", "backslashreplace").decode(),
                "count": count,
            }
        )
        for (path, rule, print_), count in sorted(counts.items())
    ]
    head = f'{{"schema": {json.dumps(BASELINE_SCHEMA)}, "tool": {json.dumps("pipeaudit " + __version__)}, "entries": ['
    return head + "".join(f"\n  {entry}," for entry in entries).rstrip(",") + "\n]}\n"


def read_baseline(data: bytes, name: str) -> dict[str, int]:
    """How often each fingerprint was known."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"{name}: is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != BASELINE_SCHEMA:
        raise BaselineError(f"{name}: is not a baseline; its `schema` is not {BASELINE_SCHEMA!r}")
    known: dict[str, int] = {}
    entries = document.get("entries")
    for number, entry in enumerate(entries if isinstance(entries, list) else [None]):
        fingerprint, count = (entry.get("fingerprint"), entry.get("count", 1)) if isinstance(entry, dict) else (None, 0)
        if not isinstance(fingerprint, str) or not isinstance(count, int):
            raise BaselineError(f"{name}: entry {number} has no fingerprint or no count")
        known[fingerprint] = known.get(fingerprint, 0) + count
    return known


def against_baseline(
    findings: Iterable[Finding], known: Mapping[str, int]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...], tuple[str, ...]]:
    """New findings, known ones, and the fingerprints of the baseline that nothing matches any more."""
    left = dict(known)
    new: list[Finding] = []
    old: list[Finding] = []
    for finding in findings:
        if left.get(finding.fingerprint, 0) > 0:
            left[finding.fingerprint] -= 1
            old.append(finding)
        else:
            new.append(finding)
    return tuple(new), tuple(old), tuple(sorted(print_ for print_, count in left.items() if count > 0))
