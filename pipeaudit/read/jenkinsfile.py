"""Jenkinsfiles to blocks and calls: read token by token, as tolerant of Groovy as a reader that is none can be.

`stage('Train') { steps { sh 'python train.py' } }` is a block `stage` with the label `Train` that holds a block `steps`
with a call of `sh`. What lies between, the Groovy of scripted pipelines, falls away; what it calls stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pipeaudit.limits import DEFAULT
from pipeaudit.read.error import ReadError

_WORD = re.compile(r"[A-Za-z_$][\w$]*(?:\??\.[A-Za-z_$][\w$]*)*")
_OTHER = re.compile(r"[0-9][\w.]*|[=~!<>+*%&|?^@\\#-]+|.")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\n": ""}
_QUOTES = ("'''", '"""', "'", '"')
_OPENS_PATTERN = frozenset(("(", ",", "=", "=~", "==~", "[", ":"))
_SHELLS = frozenset(("sh", "bat", "powershell", "pwsh"))
_FARTHEST_ARGUMENT = 60  # tokens of a call that are looked at


@dataclass(frozen=True, slots=True)
class Call:
    """`texts` are the strings it is given in order, `named` those with a name; none where they are put together."""

    name: str
    line: int
    texts: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()

    def argument(self, *names: str) -> str:
        """The string under one of these names, else the first one without a name."""
        found = next((text for name, text in self.named if name in names), "")
        return found or (self.texts[0] if self.texts else "")

    @property
    def is_shell(self) -> bool:
        return self.name in _SHELLS

    @property
    def command(self) -> str:
        """What a shell is given; "" where the script is put together when it runs, and for all other calls."""
        return self.argument("script") if self.is_shell else ""


@dataclass(slots=True)
class Block:
    """`name` is the word before the braces, `label` the first string it is given; a branch `a: { }` has no name."""

    name: str
    label: str
    line: int
    inside: list[Block | Call] = field(default_factory=list)

    @property
    def blocks(self) -> list[Block]:
        return [item for item in self.inside if isinstance(item, Block)]

    @property
    def calls(self) -> list[Call]:
        return [item for item in self.inside if isinstance(item, Call)]


def parse(path: str, data: bytes) -> Block:
    """The whole file as one block without a name. Raises ReadError where it is too large or nests too deep."""
    if len(data) > DEFAULT.text_bytes:
        raise ReadError(path, 1, f"larger than {DEFAULT.text_bytes} bytes")
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return _Reader(path).read(_tokens(text))


@dataclass(frozen=True, slots=True)
class _Token:
    """`kind` is word, string, newline or sign."""

    kind: str
    text: str
    line: int


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position, line = 0, 1
    unclosed: set[str] = set()
    while position < len(text):
        start = position
        character = text[position]
        if character == "\n":
            found.append(_Token("newline", "", line))
            position += 1
        elif character in " \t\f\v":
            position += 1
        elif text.startswith("//", position) or text.startswith("#!", position):
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
        elif text.startswith("/*", position):
            position = _end(text, position + 2, "*/", unclosed)
        elif character in "'\"":
            quote = next(quote for quote in _QUOTES if text.startswith(quote, position))
            value, position = _string(text, position + len(quote), quote)
            found.append(_Token("string", value, line))
        elif character == "/" and found and found[-1].text in _OPENS_PATTERN and found[-1].kind == "sign":
            value, position = _string(text, position + 1, "/")
            found.append(_Token("string", value, line))
        elif word := _WORD.match(text, position):
            position = word.end()
            found.append(_Token("word", word[0], line))
        else:
            other = _OTHER.match(text, position)
            position = other.end() if other else position + 1
            found.append(_Token("sign", text[start:position], line))
        line += text.count("\n", start, position)
    return found


def _end(text: str, start: int, mark: str, unclosed: set[str]) -> int:
    """Behind the mark; the end of the text where there is none, which is looked for once."""
    end = -1 if mark in unclosed else text.find(mark, start)
    if end < 0:
        unclosed.add(mark)
        return len(text)
    return end + len(mark)


def _string(text: str, start: int, quote: str) -> tuple[str, int]:
    """A string's value, and where it ends: behind its quote, or at the end of a line that no short string crosses."""
    parts: list[str] = []
    position = start
    while position < len(text):
        character = text[position]
        if character == "\\" and position + 1 < len(text):
            following = text[position + 1]
            is_pattern = quote == "/" and following != "/"
            parts.append("\\" + following if is_pattern else _ESCAPES.get(following, following))
            position += 2
        elif text.startswith(quote, position):
            return "".join(parts), position + len(quote)
        elif character == "\n" and len(quote) == 1:
            return "".join(parts), position
        else:
            parts.append(character)
            position += 1
    return "".join(parts), position


class _Reader:
    """Holds what is open while the tokens go by: blocks, and of each the statement that its braces stand in."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.root = Block("", "", 1)
        self.open: list[tuple[Block, list[_Token], list[int]]] = []

    def read(self, tokens: list[_Token]) -> Block:
        block, statement, parentheses = self.root, list[_Token](), list[int]()
        for token in tokens:
            if token.kind == "newline" or (token.text == ";" and token.kind == "sign"):
                if not parentheses and not _goes_on(statement):
                    _close(block, statement)
                    statement = []
                continue
            sign = token.text if token.kind == "sign" else ""
            if sign == "{":
                if len(self.open) >= DEFAULT.block_nesting:
                    raise ReadError(self.path, token.line, f"nests deeper than {DEFAULT.block_nesting} levels")
                made = _block(statement[parentheses[-1] :] if parentheses else statement, token.line)
                block.inside.append(made)
                self.open.append((block, statement, parentheses))
                block, statement, parentheses = made, [], []
            elif sign == "}":
                _close(block, statement)
                if not self.open:
                    statement = []
                    continue
                block, statement, parentheses = self.open.pop()
                statement = statement if parentheses else []
                if parentheses:
                    parentheses[-1] = len(statement)  # what comes next has a header of its own
            else:
                statement.append(token)
                if sign in ("(", "["):
                    parentheses.append(len(statement))
                elif sign in (")", "]") and parentheses:
                    parentheses.pop()
                elif sign == "," and parentheses:
                    parentheses[-1] = len(statement)
        _close(block, statement)
        return self.root


def _goes_on(statement: list[_Token]) -> bool:
    """Whether a line break does not end the statement: a name or a sign that asks for more stands before it."""
    return bool(statement) and statement[-1].kind == "sign" and statement[-1].text in (",", ":", "=", "+", "&&", "||")


def _block(header: list[_Token], line: int) -> Block:
    if header and header[-1].text == ":":
        return Block("", header[-2].text if len(header) > 1 else "", line)
    first = next((token for token in header if token.kind == "word"), None)
    label = next((token.text for token in header if token.kind == "string"), "")
    return Block(first.text if first else "", label, header[0].line if header else line)


def _close(block: Block, statement: list[_Token]) -> None:
    """Adds the calls of a statement that has ended."""
    for at, token in enumerate(statement):
        if token.kind != "word" or at + 1 == len(statement):
            continue
        following = statement[at + 1]
        is_first = at == 0 and following.kind == "word"  # `sh command`: what it runs is in a variable
        if following.text == "(" or following.kind == "string" or is_first or _is_named(statement, at + 1):
            block.inside.append(_call(token, statement[at + 1 : at + 1 + _FARTHEST_ARGUMENT]))


def _is_named(statement: list[_Token], at: int) -> bool:
    return statement[at].kind == "word" and at + 1 < len(statement) and statement[at + 1].text == ":"


def _call(token: _Token, following: list[_Token]) -> Call:
    texts: list[str] = []
    named: list[tuple[str, str]] = []
    depth = 0
    inside = following[0].text == "("
    for at, argument in enumerate(following):
        if argument.kind == "sign":
            depth += (argument.text in ("(", "[")) - (argument.text in (")", "]"))
            if inside and depth == 0:
                break
        elif argument.kind == "string" and depth <= 1:
            before = [part.text for part in following[max(0, at - 2) : at]]
            if before[1:] == [":"]:
                named.append((before[0], argument.text))
            else:
                texts.append(argument.text)
    return Call(token.text, token.line, tuple(texts), tuple(named))
