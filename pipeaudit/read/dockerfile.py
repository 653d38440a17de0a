"""Dockerfiles to instructions and stages; `$NAME` is filled in from ARG and ENV as far as the file itself says."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass

from pipeaudit.limits import DEFAULT
from pipeaudit.read.error import ReadError

# Endings of files that are about such a file, or that a program makes one of.
_ENDINGS_OF_OTHERS = tuple(
    f".{ending}"
    for ending in """py pyi pyc ipynb go rs js ts jsx tsx java rb cs md rst adoc html txt log sh bash ps1 json yaml yml
    toml dockerignore containerignore j2 jinja jinja2 tmpl tpl template mustache erb in bak orig rej patch diff
    swp""".split()
)
_DIRECTIVE = re.compile(r"#[ \t]*([A-Za-z]+)[ \t]*=[ \t]*(\S+)[ \t]*$")
_KEYWORD = re.compile(r"[ \t]*([A-Za-z]+)(?:[ \t]+|$)")
_FLAG = re.compile(r"--[A-Za-z][\w-]*(?:=(?:\"[^\"]*\"|[^\s\"]*))?(?=\s|$)")
_HEREDOC = re.compile(r"<<-?(?:\"(\w+)\"|'(\w+)'|(\w+))")
_VARIABLE = re.compile(r"\\\$|\$(?:\{(\w+)(?:(:?[-+?])([^{}]*))?\}|(\w+))")
_PAIR = re.compile(r"(?<![\w.-])([\w.-]+)=(\"(?:\\.|[^\"\\])*\"|'[^']*'|(?:\\.|[^\s\\\"'])*)")
_MOST_FLAGS = 20
_MOST_INSTRUCTIONS = 2_000
_KEYWORDS = frozenset(
    """FROM RUN CMD LABEL MAINTAINER EXPOSE ENV ADD COPY ENTRYPOINT VOLUME USER WORKDIR ARG ONBUILD STOPSIGNAL
    HEALTHCHECK SHELL""".split()
)


@dataclass(frozen=True, slots=True)
class Instruction:
    """`text` is what follows the keyword and its flags, lines joined; `lines` are its parts with their line numbers.

    `words` is the JSON form of RUN, CMD, ENTRYPOINT, COPY and their like (None for the shell form), `pairs` the names
    and values of ENV, ARG and LABEL, `expanded` the text with what is known of `$NAME` filled in, `stage` the index of
    the stage it belongs to (-1 before the first FROM).
    """

    keyword: str
    text: str
    line: int
    end_line: int
    flags: tuple[str, ...] = ()
    words: tuple[str, ...] | None = None
    pairs: tuple[tuple[str, str], ...] = ()
    lines: tuple[tuple[int, str], ...] = ()
    expanded: str = ""
    stage: int = -1

    def flag(self, name: str) -> str:
        """The value of `--name=value`; "" where it is not given."""
        return next((flag.partition("=")[2] for flag in self.flags if flag.partition("=")[0] == f"--{name}"), "")

    @property
    def script(self) -> str:
        """The shell text with its line breaks, for a reader of shell text; it begins on the line of the instruction."""
        return "\n".join(text for _, text in self.lines)


@dataclass(frozen=True, slots=True)
class Stage:
    """`image` has what is known of its ARGs filled in; `base` is the index of the stage it is built on, if any."""

    index: int
    image: str
    name: str
    line: int
    base: int | None = None


@dataclass(frozen=True, slots=True)
class Dockerfile:
    path: str
    instructions: tuple[Instruction, ...]
    stages: tuple[Stage, ...]

    def of(self, *keywords: str) -> list[Instruction]:
        return [instruction for instruction in self.instructions if instruction.keyword in keywords]

    @property
    def last_stage(self) -> list[Instruction]:
        """Instructions of the stage that becomes the image."""
        return [i for i in self.instructions if self.stages and i.stage == self.stages[-1].index]

    @property
    def start(self) -> str:
        """The command that a container of the image starts with: its entry point, then what it is given."""
        last = self.last_stage
        found = [next((i for i in reversed(last) if i.keyword == word), None) for word in ("ENTRYPOINT", "CMD")]
        return " ".join(
            shlex.join(i.words) if i.words is not None else i.text for i in found if i is not None and i.text
        )


def is_dockerfile(path: str) -> bool:
    """Whether a file is one by its name: `Dockerfile`, `Dockerfile.gpu`, `Dockerfile-dev`, `serve.dockerfile`."""
    name = path.rpartition("/")[2].lower()
    if name.endswith(_ENDINGS_OF_OTHERS):
        return False
    if name.endswith((".dockerfile", ".containerfile")):
        return True
    rest = next((name.removeprefix(word) for word in ("dockerfile", "containerfile") if name.startswith(word)), "x")
    return not rest or rest[0] in ".-_"


def parse(path: str, data: bytes) -> Dockerfile:
    """The file's instructions. Raises ReadError where it holds none, or a line begins with no known keyword."""
    if len(data) > DEFAULT.text_bytes:
        raise ReadError(path, 1, f"larger than {DEFAULT.text_bytes} bytes")
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    reader = _Reader(path, text.split("\n"))
    reader.read()
    if not reader.instructions:
        raise ReadError(path, 1, "not a Dockerfile: it holds no instruction")
    return Dockerfile(path, tuple(reader.instructions), tuple(reader.stages))


class _Reader:
    def __init__(self, path: str, lines: list[str]) -> None:
        self.path = path
        self.lines = lines
        self.escape = "\\"
        self.instructions: list[Instruction] = []
        self.stages: list[Stage] = []
        self.before_stages: dict[str, str] = {}
        self.known: dict[str, str] = {}
        self.known_of_stage: dict[int, dict[str, str]] = {}

    def read(self) -> None:
        number = self._directives()
        while number < len(self.lines):
            stripped = self.lines[number].strip()
            number = number + 1 if not stripped or stripped.startswith("#") else self._instruction(number)

    def _directives(self) -> int:
        """Parser directives stand before everything else."""
        number = 0
        while number < len(self.lines) and (directive := _DIRECTIVE.match(self.lines[number])):
            if directive[1].lower() == "escape" and directive[2] in ("\\", "`"):
                self.escape = directive[2]
            number += 1
        return number

    def _instruction(self, number: int) -> int:
        if len(self.instructions) >= _MOST_INSTRUCTIONS:
            raise ReadError(self.path, number + 1, f"holds more than {_MOST_INSTRUCTIONS} instructions")
        keyword = _KEYWORD.match(self.lines[number])
        if keyword is None or keyword[1].upper() not in _KEYWORDS:
            if _is_template(self.lines[number]):
                return number + 1
            word = self.lines[number].split()[0][:40]
            raise ReadError(self.path, number + 1, f"not a Dockerfile: `{word}` is no instruction")
        parts, end = self._continued(number, keyword.end())
        text = " ".join(part for _, part in parts if part).strip()
        end = self._behind_heredocs(text, end) if "<<" in text else end
        self._add(keyword[1].upper(), text, number + 1, end, tuple(parts))
        return end

    def _continued(self, number: int, start: int) -> tuple[list[tuple[int, str]], int]:
        """The instruction's lines without the escape at their end; comments and blank lines between them fall away."""
        parts: list[tuple[int, str]] = []
        content = self.lines[number][start:]
        while True:
            bare = content.rstrip()
            goes_on = bare.endswith(self.escape)
            parts.append((number + 1, bare[:-1] if goes_on else bare))
            number += 1
            if not goes_on:
                return parts, number
            while number < len(self.lines) and (
                not self.lines[number].strip() or self.lines[number].lstrip().startswith("#")
            ):
                parts.append((number + 1, ""))
                number += 1
            if number >= len(self.lines):
                return parts, number
            content = self.lines[number]

    def _behind_heredocs(self, text: str, number: int) -> int:
        for match in _HEREDOC.finditer(text):
            closer = match[1] or match[2] or match[3]
            while number < len(self.lines) and self.lines[number].strip() != closer:
                number += 1
            number = min(number + 1, len(self.lines))
        return number

    def _add(
        self,
        keyword: str,
        text: str,
        line: int,
        end: int,
        lines: tuple[tuple[int, str], ...],
    ) -> None:
        flags: list[str] = []
        while len(flags) < _MOST_FLAGS and (flag := _FLAG.match(text)):
            flags.append(flag[0])
            text = text[flag.end() :].lstrip()
            lines = tuple((at, part.replace(flag[0], "", 1)) for at, part in lines)
        if keyword == "FROM":
            self._stage(text, line)
        pairs = self._pairs(keyword, text)
        expanded = expand(text, self.known if self.stages else self.before_stages)
        stage = len(self.stages) - 1
        words = _json_words(text) if keyword not in ("FROM", "ENV", "ARG", "LABEL") else None
        self.instructions.append(
            Instruction(keyword, text, line, end, tuple(flags), words, pairs, _script(lines), expanded, stage)
        )

    def _stage(self, text: str, line: int) -> None:
        words = expand(text, self.before_stages).split()
        name = words[2] if len(words) > 2 and words[1].upper() == "AS" else ""
        image = words[0] if words else ""
        base = next((s.index for s in self.stages if image and s.name.lower() == image.lower()), None)
        self.known = dict(self.known_of_stage[base]) if base is not None else {}
        self.stages.append(Stage(len(self.stages), image, name, line, base))
        self.known_of_stage[len(self.stages) - 1] = self.known

    def _pairs(self, keyword: str, text: str) -> tuple[tuple[str, str], ...]:
        if keyword not in ("ENV", "ARG", "LABEL"):
            return ()
        pairs = [(match[1], _unquoted(match[2])) for match in _PAIR.finditer(text)]
        name, _, rest = text.partition(" ")
        if keyword == "ENV" and "=" not in name:
            pairs = [(name, rest.strip())]  # the old form, `ENV NAME any text`
        if keyword == "ARG" and not pairs and text:
            inherited = self.before_stages.get(text.strip())
            if inherited is not None and self.stages:
                self.known.setdefault(text.strip(), inherited)
            return ((text.strip(), ""),)
        if keyword != "LABEL":
            values = self.known if self.stages else self.before_stages
            values.update({name: expand(value, values) for name, value in pairs})
        return tuple(pairs)


def expand(text: str, values: dict[str, str]) -> str:
    """`$NAME`, `${NAME}` and `${NAME:-default}` filled in; what is not known stays as it is written."""
    if "$" not in text or len(text) > DEFAULT.line_characters:
        return text

    def fill(match: re.Match[str]) -> str:
        name = match[1] or match[4]
        if name is None:
            return match[0]
        value = values.get(name)
        operator = match[2] or ""
        if operator.endswith("+"):
            return match[3] if value else ""
        if value is not None and (value or not operator.startswith(":")):
            return value
        return match[3] if operator.endswith("-") else match[0]

    filled = _VARIABLE.sub(fill, text)
    return filled if len(filled) <= DEFAULT.line_characters else text


def _script(lines: tuple[tuple[int, str], ...]) -> tuple[tuple[int, str], ...]:
    """Every line but the last ends in a backslash again, so that a reader of shell text sees one command."""
    return tuple((line, text + "\\" if at < len(lines) - 1 else text) for at, (line, text) in enumerate(lines))


def _json_words(text: str) -> tuple[str, ...] | None:
    if not text.startswith("["):
        return None
    try:
        words = json.loads(text[: DEFAULT.line_characters])
    except (ValueError, RecursionError):
        return None
    return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _unquoted(value: str) -> str:
    if value[:1] in ("'", '"') and value[-1:] == value[:1] and len(value) > 1:
        value = value[1:-1]
    return re.sub(r"\\(.)", r"\1", value) if "\\" in value else value


def _is_template(line: str) -> bool:
    return "{{" in line or "{%" in line or line.lstrip().startswith(("@", "%"))
