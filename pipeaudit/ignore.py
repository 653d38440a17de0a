"""Patterns of `.gitignore` files and of our own configuration, matched segment by segment.

One regular expression over a whole path backtracks without bound on hostile patterns; a segment at a time, with the
atomic groups of `fnmatch`, the work is linear in the length of the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate

_LONGEST_PATTERN = 1_000
_MOST_DOUBLE_STARS = 5
_MAGIC = re.compile(r"[*?\[\\]")
_ANY_DEPTH = None


class _Glob:
    """One segment with wildcards, compiled when it is first matched on its own."""

    __slots__ = ("_pattern", "source")

    def __init__(self, text: str) -> None:
        self.source = translate(text)
        self._pattern: re.Pattern[str] | None = None

    def matches(self, name: str) -> bool:
        if self._pattern is None:
            self._pattern = re.compile(self.source)
        return self._pattern.match(name) is not None


_Segment = str | _Glob | None


@dataclass(frozen=True, slots=True)
class _Rule:
    """`segments` is one name for a rule that holds at any depth, else the path from the file's own folder."""

    negated: bool
    folders_only: bool
    anchored: bool
    segments: tuple[_Segment, ...]


class _Group:
    """Consecutive rules of one sign, where order does not matter: names in sets, patterns in one expression."""

    def __init__(self, rules: Sequence[_Rule]) -> None:
        self.negated = rules[0].negated
        names = [rule for rule in rules if not rule.anchored]
        self.paths = [rule for rule in rules if rule.anchored]
        for_files = [rule for rule in names if not rule.folders_only]
        self.literal = _literal(names)
        self.literal_for_files = _literal(for_files)
        self.pattern = _joined(names)
        self.pattern_for_files = self.pattern if len(for_files) == len(names) else _joined(for_files)

    def matches(self, segments: Sequence[str], is_folder: bool) -> bool:
        name = segments[-1]
        if name in (self.literal if is_folder else self.literal_for_files):
            return True
        pattern = self.pattern if is_folder else self.pattern_for_files
        if pattern is not None and pattern.match(name):
            return True
        return any(_path_matches(rule.segments, segments) for rule in self.paths if is_folder or not rule.folders_only)


def _literal(rules: Iterable[_Rule]) -> frozenset[str]:
    return frozenset(rule.segments[0] for rule in rules if isinstance(rule.segments[0], str))


def _joined(rules: Iterable[_Rule]) -> re.Pattern[str] | None:
    patterns = [rule.segments[0].source for rule in rules if isinstance(rule.segments[0], _Glob)]
    return re.compile("|".join(patterns)) if patterns else None


def _path_matches(pattern: Sequence[_Segment], segments: Sequence[str]) -> bool:
    """Greedy with one point of return: what lies between two `**` is matched at the first place where it fits."""
    at = place = 0
    star = star_place = -1
    while place < len(segments):
        if at < len(pattern) and pattern[at] is _ANY_DEPTH:
            star, star_place = at, place
            at += 1
        elif at < len(pattern) and _segment_matches(pattern[at], segments[place]):
            at += 1
            place += 1
        elif star >= 0:
            star_place += 1
            at, place = star + 1, star_place
        else:
            return False
    return all(segment is _ANY_DEPTH for segment in pattern[at:])


def _segment_matches(pattern: _Segment, name: str) -> bool:
    return pattern == name if isinstance(pattern, str) else pattern is not None and pattern.matches(name)


class Patterns:
    """The rules of one file or one setting; `refused` are the lines that would cost too much to match."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.refused: list[str] = []
        groups: list[list[_Rule]] = []
        for line in lines:
            rule = self._rule(line)
            if rule is None:
                continue
            if groups and groups[-1][0].negated == rule.negated:
                groups[-1].append(rule)
            else:
                groups.append([rule])
        self._groups = [_Group(rules) for rules in reversed(groups)]

    def __bool__(self) -> bool:
        return bool(self._groups)

    def _rule(self, line: str) -> _Rule | None:
        pattern = _without_trailing_spaces(line.rstrip("\r\n"))
        if not pattern or pattern.startswith("#"):
            return None
        if len(pattern) > _LONGEST_PATTERN or pattern.count("**") > _MOST_DOUBLE_STARS:
            self.refused.append(line)
            return None
        negated = pattern.startswith("!")
        pattern = pattern.removeprefix("!") if negated else pattern
        folders_only = pattern.endswith("/")
        pattern = pattern.rstrip("/")
        if not pattern:
            return None
        anchored = "/" in pattern
        names = [name for name in pattern.split("/") if name]
        if names[-1] == "**" and len(names) > 1:
            names.append("*")  # `a/**` is all inside `a`, not `a` itself
        if not anchored and names[0] == "**":
            names[0] = "*"
        return _Rule(negated, folders_only, anchored, tuple(_segment(name) for name in names))

    def verdict(self, segments: Sequence[str], is_folder: bool) -> bool | None:
        """True: ignored, False: taken back by a `!` line, None: no rule matches. The last rule that matches counts."""
        for group in self._groups:
            if group.matches(segments, is_folder):
                return not group.negated
        return None

    def match(self, path: str) -> bool:
        """Whether a file, or a folder above it, is named by the patterns."""
        segments = path.split("/")
        for depth in range(1, len(segments)):
            if self.verdict(segments[:depth], is_folder=True):
                return True
        return bool(self.verdict(segments, is_folder=False))


def _without_trailing_spaces(line: str) -> str:
    stripped = line.rstrip(" ")
    cut = len(line) - len(stripped)
    return stripped + " " if cut and stripped.endswith("\\") else stripped


def _segment(name: str) -> _Segment:
    if name == "**":
        return _ANY_DEPTH
    if not _MAGIC.search(name):
        return name
    pieces = []
    at = 0
    while at < len(name):
        if name[at] == "\\" and at + 1 < len(name):
            at += 1
            pieces.append(f"[{name[at]}]" if name[at] in "*?[" else name[at])
        elif name[at] == "[" and name.startswith("[^", at):
            pieces.append("[!")
            at += 1
        else:
            pieces.append(name[at])
        at += 1
    return _Glob("".join(pieces))
