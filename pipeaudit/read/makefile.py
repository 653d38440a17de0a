"""Makefiles to targets with prerequisites and recipes; simple variables are filled in, functions never run."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pipeaudit.limits import DEFAULT
from pipeaudit.read.error import ReadError

_ASSIGNMENT = re.compile(r"(?:export[ \t]+|override[ \t]+)*([\w.-]+)[ \t]*(::?:?=|\?=|\+=|!=|=)[ \t]*(.*)")
_VARIABLE = re.compile(r"\$(?:\(([\w.-]+)\)|\{([\w.-]+)\}|([\w@<^*+?%]))|\$\$")
_DIRECTIVES = frozenset(
    ("ifeq", "ifneq", "ifdef", "ifndef", "else", "endif", "include", "-include", "sinclude", "vpath")
)


@dataclass(frozen=True, slots=True)
class Target:
    """`recipe` are its lines as they are written, without the tab, and their numbers; `expanded` is filled in."""

    name: str
    line: int
    prerequisites: tuple[str, ...] = ()
    order_only: tuple[str, ...] = ()
    recipe: tuple[tuple[int, str], ...] = ()
    phony: bool = False
    expanded: tuple[tuple[int, str], ...] = ()

    @property
    def commands(self) -> str:
        """The recipe as one shell text, beginning on the line of the first command."""
        if not self.expanded:
            return ""
        first = self.expanded[0][0]
        lines = [""] * (self.expanded[-1][0] - first + 1)
        for line, text in self.expanded:
            lines[line - first] = text
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Makefile:
    path: str
    targets: tuple[Target, ...]
    variables: tuple[tuple[str, str], ...] = ()
    includes: tuple[str, ...] = ()

    def target(self, name: str) -> Target | None:
        return next((target for target in self.targets if target.name == name), None)

    @property
    def default(self) -> Target | None:
        """What `make` alone makes."""
        return next((target for target in self.targets if not target.name.startswith(".")), None)


@dataclass(slots=True)
class _Open:
    names: list[str]
    line: int
    prerequisites: list[str]
    order_only: list[str]
    recipe: list[tuple[int, str]] = field(default_factory=list)


def parse(path: str, data: bytes) -> Makefile:
    """The file's explicit rules; a target named twice appears once, with both its parts."""
    if len(data) > DEFAULT.text_bytes:
        raise ReadError(path, 1, f"larger than {DEFAULT.text_bytes} bytes")
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return _Reader(path, text.split("\n")).read()


class _Reader:
    def __init__(self, path: str, lines: list[str]) -> None:
        self.path = path
        self.lines = lines
        self.variables: dict[str, str] = {}
        self.rules: list[_Open] = []
        self.includes: list[str] = []

    def read(self) -> Makefile:
        number = 0
        while number < len(self.lines):
            number = self._statement(number)
        targets = self._targets()
        return Makefile(self.path, targets, tuple(self.variables.items()), tuple(self.includes))

    def _statement(self, number: int) -> int:
        line = self.lines[number]
        if line.startswith("\t"):
            return self._recipe(number)
        text, end = self._joined(number)
        text = text.partition(" #")[0].strip()
        if not text or text.startswith("#"):
            return end
        word = text.split(None, 1)[0]
        if word == "define":
            while end < len(self.lines) and not self.lines[end].lstrip().startswith("endef"):
                end += 1
            return end + 1
        if word in _DIRECTIVES:
            if word.endswith("include"):
                self.includes += text.split()[1:]
            return end
        if assignment := _ASSIGNMENT.match(text):
            self._assign(assignment[1], assignment[2], assignment[3])
        else:
            names, colon, rest = text.partition(":")
            if colon and names.strip() and "=" not in names:
                self._rule(number + 1, names, rest.removeprefix(":"))
        return end

    def _recipe(self, number: int) -> int:
        """A line of a recipe, with those that a backslash at its end makes part of it, whatever they begin with."""
        goes_on = True
        while goes_on and number < len(self.lines):
            line = self.lines[number]
            if self.rules and line.strip():
                self.rules[-1].recipe.append((number + 1, line.removeprefix("\t")))
            goes_on = (len(line) - len(line.rstrip("\\"))) % 2 == 1
            number += 1
        return number

    def _joined(self, number: int) -> tuple[str, int]:
        parts = [self.lines[number]]
        while parts[-1].endswith("\\") and number + 1 < len(self.lines):
            parts[-1] = parts[-1][:-1].rstrip()
            number += 1
            parts.append(self.lines[number].strip())
        return " ".join(parts), number + 1

    def _assign(self, name: str, sign: str, value: str) -> None:
        if sign == "?=" and name in self.variables:
            return
        if sign == "+=":
            value = f"{self.variables.get(name, '')} {value}".strip()
        if sign != "!=" and len(value) <= DEFAULT.constant_size:
            self.variables[name] = value

    def _rule(self, line: int, names: str, rest: str) -> None:
        rest, semicolon, command = rest.partition(";")
        normal, _, order_only = self._filled(rest).partition("|")
        rule = _Open(self._filled(names).split(), line, normal.split(), order_only.split())
        if semicolon and command.strip():
            rule.recipe.append((line, command.strip()))
        self.rules.append(rule)

    def _targets(self) -> tuple[Target, ...]:
        phony = {name for rule in self.rules if ".PHONY" in rule.names for name in rule.prerequisites}
        found: dict[str, Target] = {}
        for rule in self.rules:
            for name in rule.names:
                if name.startswith(".") and name[1:].isupper():
                    continue
                recipe = tuple(rule.recipe)
                known = found.get(name)
                made = Target(
                    name,
                    rule.line if known is None or not known.recipe else known.line,
                    (*(known.prerequisites if known else ()), *rule.prerequisites),
                    (*(known.order_only if known else ()), *rule.order_only),
                    (known.recipe if known and not recipe else recipe),
                    name in phony,
                    known.expanded if known and not recipe else self._expanded(name, rule),
                )
                found[name] = made
        return tuple(found.values())

    def _expanded(self, name: str, rule: _Open) -> tuple[tuple[int, str], ...]:
        first = rule.prerequisites[0] if rule.prerequisites else ""
        own = {"@": name, "<": first, "^": " ".join(rule.prerequisites)[: DEFAULT.constant_size]}
        lines: list[tuple[int, str]] = []
        continued = False
        for line, text in rule.recipe:
            # Signs before a command (`@`, `-`, `+`) speak to make, not to the shell.
            lines.append((line, self._filled(text if continued else text.lstrip(" \t@-+"), own)))
            continued = text.endswith("\\")
        return tuple(lines)

    def _filled(self, text: str, own: dict[str, str] | None = None) -> str:
        """Variables of the file filled in, also those in their values, a few levels deep; others stay as written."""

        def fill(match: re.Match[str]) -> str:
            if match[0] == "$$":
                return "$"
            name = match[1] or match[2] or match[3]
            # What make knows and we do not must not look like the shell's `$(command)`.
            unknown = match[0] if match[3] or own is None else f"${{{name}}}"
            return (own or {}).get(name, self.variables.get(name, unknown))

        for _ in range(3):
            if "$" not in text or len(text) > DEFAULT.line_characters:
                break
            filled = _VARIABLE.sub(fill, text)
            if filled == text or len(filled) > DEFAULT.line_characters:
                break
            text = filled
        return text
