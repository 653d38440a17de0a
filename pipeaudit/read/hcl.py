"""Terraform's HCL to blocks and attributes: expressions stay text, what they refer to is told.

Nothing is evaluated. An attribute that is one string without holes has it as its value; every other has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeaudit.limits import DEFAULT
from pipeaudit.read.error import ReadError

_WORD = re.compile(r"[A-Za-z_][\w-]*(?:\.(?:[A-Za-z_*][\w-]*|\d+))*")
_HEREDOC = re.compile(r"<<-?([A-Za-z_][\w-]*)[ \t]*\r?\n")
_BLANK = re.compile(r"[ \t\r\f\v]+")
_CLOSING = {")": "(", "]": "[", "}": "{"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Attribute:
    """`value` is the string it is set to, None for any other expression; `references` are dotted names in it."""

    name: str
    line: int
    value: str | None
    references: tuple[str, ...] = ()
    strings: tuple[str, ...] = ()


@dataclass(slots=True)
class Block:
    """`resource "type" "name" { ... }`: kind, labels, and what stands between the braces."""

    kind: str
    labels: tuple[str, ...]
    line: int
    attributes: list[Attribute] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)

    def attribute(self, name: str) -> Attribute | None:
        return next((attribute for attribute in self.attributes if attribute.name == name), None)

    def text(self, name: str) -> str:
        """A string attribute's value; "" where it is none."""
        found = self.attribute(name)
        return found.value or "" if found is not None else ""

    def walk(self) -> Iterator[Block]:
        """This block and all inside, in order."""
        pending = [self]
        while pending:
            block = pending.pop()
            yield block
            pending.extend(reversed(block.blocks))


def parse(path: str, data: bytes) -> tuple[Block, ...]:
    """The file's blocks. Raises ReadError where braces don't match or nest too deep, or a block begins with no name."""
    if len(data) > DEFAULT.text_bytes:
        raise ReadError(path, 1, f"larger than {DEFAULT.text_bytes} bytes")
    text = data.decode("utf-8-sig", "replace")
    return tuple(_Reader(path, _tokens(text)).body().blocks)


@dataclass(frozen=True, slots=True)
class _Token:
    """`kind` is word, string, sign or newline; `holes` are the references inside a string."""

    kind: str
    text: str
    line: int
    holes: tuple[str, ...] = ()


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position, line = 0, 1
    while position < len(text):
        start = position
        character = text[position]
        if blank := _BLANK.match(text, position):
            position = blank.end()
        elif character == "\n":
            found.append(_Token("newline", "", line))
            position += 1
        elif character == "#" or text.startswith("//", position):
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
        elif text.startswith("/*", position):
            end = text.find("*/", position + 2)
            position = len(text) if end < 0 else end + 2
        elif character == '"':
            value, holes, position = _string(text, position + 1)
            found.append(_Token("string", value, line, holes))
        elif heredoc := _HEREDOC.match(text, position):
            body, position = _heredoc(text, heredoc.end(), heredoc[1])
            found.append(_Token("string", body.replace("$${", "${"), line, tuple(_holes(body))))
            found.append(_Token("newline", "", line + body.count("\n") + 1))
        elif word := _WORD.match(text, position):
            found.append(_Token("word", word[0], line))
            position = word.end()
        else:
            found.append(_Token("sign", character, line))
            position += 1
        line += text.count("\n", start, position)
    return found


def _string(text: str, start: int) -> tuple[str, tuple[str, ...], int]:
    """A quoted string's value, the references in its holes, and where it ends; a hole may hold strings of its own."""
    parts: list[str] = []
    holes: list[str] = []
    open_marks: list[str] = []
    position = start
    hole = start
    while position < len(text):
        character = text[position]
        if character == "\\":
            if not open_marks:
                following = text[position + 1 : position + 2]
                parts.append(_ESCAPES.get(following, following))
            position += 2
            continue
        inside_string = bool(open_marks) and open_marks[-1] == '"'
        if text.startswith(("$${", "%%{"), position):  # an escape: the hole is one of the shell's
            parts.append(text[position + 1 : position + 3] if not open_marks else "")
            position += 3
            continue
        if character in "$%" and text.startswith("{", position + 1) and (not open_marks or inside_string):
            if not open_marks:
                hole = position + 2
                parts.append("{}")
            open_marks.append("{")
            position += 2
            continue
        if character == '"':
            if not open_marks:
                return "".join(parts), tuple(holes), position + 1
            if inside_string:
                open_marks.pop()
            else:
                open_marks.append('"')
        elif character == "\n" and not open_marks:
            break  # no string crosses a line
        elif open_marks and not inside_string and character in "{}":
            if character == "{":
                open_marks.append("{")
            else:
                open_marks.pop()
                if not open_marks:
                    holes += _WORD.findall(text[hole:position])
        elif not open_marks:
            parts.append(character)
        position += 1
    return "".join(parts), tuple(holes), position


def _heredoc(text: str, start: int, mark: str) -> tuple[str, int]:
    """The lines up to one that holds the mark alone."""
    position = start
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        if text[position:end].strip() == mark:
            return text[start:position], end
        position = end + 1
    return text[start:], len(text)


def _holes(body: str) -> Iterator[str]:
    position = body.find("${")
    while position >= 0:
        end = body.find("}", position)
        if end < 0:
            return
        if body[position - 1 : position] != "$":
            yield from _WORD.findall(body[position + 2 : end])
        position = body.find("${", end)


class _Reader:
    def __init__(self, path: str, tokens: list[_Token]) -> None:
        self.path = path
        self.tokens = tokens
        self.at = 0

    def body(self) -> Block:
        """All blocks of the file, inside one that stands for it."""
        root = Block("", (), 1)
        open_blocks = [root]
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.kind == "newline":
                self.at += 1
            elif token.text == "}" and token.kind == "sign":
                if len(open_blocks) == 1:
                    raise ReadError(self.path, token.line, "not valid HCL: `}` closes nothing")
                open_blocks.pop()
                self.at += 1
            elif token.kind == "sign":
                raise ReadError(self.path, token.line, f"not valid HCL: a name should stand before `{token.text}`")
            elif self._is_attribute():
                open_blocks[-1].attributes.append(self._attribute())
            else:
                made = self._header()
                open_blocks[-1].blocks.append(made)
                open_blocks.append(made)
                if len(open_blocks) > DEFAULT.block_nesting:
                    raise ReadError(self.path, token.line, f"nests deeper than {DEFAULT.block_nesting} levels")
        if len(open_blocks) > 1:
            raise ReadError(
                self.path, open_blocks[-1].line, f"not valid HCL: block `{open_blocks[-1].kind}` has no end"
            )
        return root

    def _is_attribute(self) -> bool:
        following = self.tokens[self.at + 1 : self.at + 3]
        equals = bool(following) and following[0].kind == "sign" and following[0].text == "="
        return equals and not (len(following) > 1 and following[1].text == "=" and following[1].kind == "sign")

    def _header(self) -> Block:
        first = self.tokens[self.at]
        labels: list[str] = []
        self.at += 1
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token.kind in ("word", "string"):
                labels.append(token.text)
            elif token.text == "{" and token.kind == "sign":
                return Block(first.text, tuple(labels), first.line)
            else:
                break
        raise ReadError(self.path, first.line, f"not valid HCL: neither `=` nor a block follows `{first.text[:40]}`")

    def _attribute(self) -> Attribute:
        name = self.tokens[self.at]
        self.at += 2
        open_marks: list[str] = []
        parts: list[_Token] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            sign = token.text if token.kind == "sign" else ""
            if (token.kind == "newline" or sign == "}") and not open_marks:
                break
            if sign in ("(", "[", "{"):
                open_marks.append(sign)
            elif sign in _CLOSING and (not open_marks or open_marks.pop() != _CLOSING[sign]):
                raise ReadError(self.path, token.line, f"not valid HCL: `{sign}` closes nothing")
            parts.append(token)
            self.at += 1
        told = [part for part in parts if part.kind != "newline"]
        is_text = len(told) == 1 and told[0].kind == "string" and not told[0].holes
        references = [part.text for part in told if part.kind == "word" and "." in part.text]
        references += [hole for part in told for hole in part.holes if "." in hole]
        return Attribute(
            name.text,
            name.line,
            told[0].text if is_text else None,
            tuple(dict.fromkeys(references)),
            tuple(part.text for part in told if part.kind == "string"),
        )
