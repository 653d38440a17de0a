"""Shell text to simple commands: words without their quotes, redirections, environment, and the line each begins on.

Nothing is expanded: `$VAR`, `$(cmd)`, `${{ github.x }}` and `{{ template }}` stay in the words as they are written.
Control words (`if`, `do`, `{`) fall away, what they govern stays. Bad text gives fewer commands, never an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeaudit.limits import DEFAULT

_PLAIN = re.compile(r"[^ \t\r\n\f\v\"'\\$`{}()<>|&;#]+")  # other white space of Unicode is a word's to a shell
_BLANK = re.compile(r"[ \t\r\f\v]+")
_OPERATOR = re.compile(r"&&|\|\||;;|\|&|;|\||&|\(|\)")
_REDIRECT = re.compile(r"(?:[0-9]{0,3}(?:<<<|<<-?|>>|>\||>&|<&|<>|>|<)|&>>|&>)")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\+?=")
_LEADING = frozenset(
    ("if", "then", "else", "elif", "while", "until", "do", "!", "{", "}", "fi", "done", "esac", "time")
)
_HEADS = frozenset(("for", "select", "case", "function"))
_PARENTHESES = re.compile(r"\\.|'[^'\n]*'|[()]")
_DEEPEST = 8
_LONGEST = 200_000  # characters; what is longer is data in a heredoc or no shell text
_MOST_FAILURES = 20  # text with more substitutions that are not closed is no shell text: looking on would be quadratic


@dataclass(frozen=True, slots=True)
class Command:
    """`redirects` are (sign, target)."""

    words: tuple[str, ...]
    line: int
    environment: tuple[tuple[str, str], ...] = ()
    redirects: tuple[tuple[str, str], ...] = ()
    heredoc: str = ""

    @property
    def text(self) -> str:
        return " ".join(self.words)


def commands(text: str, line: int = 1) -> tuple[Command, ...]:
    """The simple commands in order, those inside `$(...)` after what holds them; `line` is where the text begins."""
    found: list[Command] = []
    _collect(text[:_LONGEST], line, found, 0)
    return tuple(found)


def split(text: str) -> tuple[str, ...]:
    """The words of the first command."""
    found = commands(text)
    return found[0].words if found else ()


def _collect(text: str, line: int, found: list[Command], depth: int) -> None:
    lexer = _Lexer(text, line)
    for command in _grouped(lexer):
        found.append(command)
        inner, lexer.inner = lexer.inner, []
        if depth < _DEEPEST:
            for substituted, at in inner:
                _collect(substituted, at, found, depth + 1)


@dataclass(slots=True)
class _Token:
    """`kind` is word, operator, redirect or newline."""

    kind: str
    text: str
    line: int
    quoted: bool = False
    heredoc: str = ""


class _Lexer:
    """Cuts the text into tokens in one pass; a mark that is not closed is looked for once, so the work stays linear."""

    def __init__(self, text: str, line: int) -> None:
        self.text = text
        self.line = line
        self.position = 0
        self.inner: list[tuple[str, int]] = []
        self.waiting: list[tuple[_Token, bool]] = []
        self.unclosed: set[str] = set()
        self.failures = 0

    def tokens(self) -> Iterator[_Token]:
        text = self.text
        while self.position < len(text):
            if blank := _BLANK.match(text, self.position):
                self.position = blank.end()
                continue
            character = text[self.position]
            if character == "\n":
                line = self.line
                self._next_line()
                yield _Token("newline", "", line)
            elif text.startswith("\\\n", self.position) or text.startswith("\\\r\n", self.position):
                self.position = text.index("\n", self.position) + 1
                self.line += 1
            elif character == "#":
                end = text.find("\n", self.position)
                self.position = len(text) if end < 0 else end
            elif redirect := _REDIRECT.match(text, self.position):
                self.position = redirect.end()
                yield _Token("redirect", redirect[0], self.line)
            elif operator := _OPERATOR.match(text, self.position):
                self.position = operator.end()
                yield _Token("operator", operator[0], self.line)
            else:
                yield self._word()

    def await_heredoc(self, token: _Token, strips: bool) -> None:
        """The text from the next line up to one that is the token's is no commands: it is hung to the token."""
        self.waiting.append((token, strips))

    def _next_line(self) -> None:
        self.position += 1
        self.line += 1
        waiting, self.waiting = self.waiting, []
        for token, strips in waiting:
            lines: list[str] = []
            while self.position < len(self.text):
                end = self.text.find("\n", self.position)
                end = len(self.text) if end < 0 else end
                content = self.text[self.position : end]
                self.position = min(end + 1, len(self.text))
                self.line += 1
                if (content.lstrip("\t") if strips else content).rstrip("\r") == token.text:
                    break
                lines.append(content)
            token.heredoc = "\n".join(lines)

    def _word(self) -> _Token:
        text = self.text
        line = self.line
        parts: list[str] = []
        quoted = False
        while self.position < len(text):
            start = self.position
            if plain := _PLAIN.match(text, start):
                self.position = plain.end()
                parts.append(plain[0])
                continue
            character = text[start]
            if character in "\"'":
                quoted = True
                parts.append(self._quoted(character))
            elif character == "\\":
                if text.startswith("\\\n", start):
                    self._advance(start + 2)
                    continue
                parts.append(text[start + 1 : start + 2])
                self._advance(min(start + 2, len(text)))
            elif text.startswith("$(", start):
                parts.append(self._substitution(start, "$(", ")"))
            elif character == "`":
                parts.append(self._substitution(start, "`", "`"))
            elif text.startswith(("${{", "{{"), start):
                parts.append(self._until("}}", start))
            elif text.startswith("${", start):
                parts.append(self._until("}", start))
            elif character in "${}#":
                parts.append(character)
                self.position = start + 1
            else:
                break
        return _Token("word", "".join(parts), line, quoted)

    def _advance(self, position: int) -> None:
        self.line += self.text.count("\n", self.position, position)
        self.position = position

    def _quoted(self, quote: str) -> str:
        start = self.position + 1
        end = start
        while True:
            end = self.text.find(quote, end)
            if end < 0 or quote == "'" or not _is_escaped(self.text, start, end):
                break
            end += 1
        if end < 0:
            end = self.text.find("\n", start)
            end = len(self.text) if end < 0 else end
            content = self.text[start:end]
            self._advance(end)
            return content
        content = self.text[start:end]
        at = self.line
        self._advance(end + 1)
        if quote == '"':
            if "$(" in content:
                self._substitutions_in(content, at)
            content = _unescaped(content)
        return content

    def _substitutions_in(self, content: str, line: int) -> None:
        lexer = _Lexer(content, line)
        position = content.find("$(")
        while position >= 0:
            lexer._advance(position)
            lexer._substitution(position, "$(", ")")
            position = content.find("$(", max(lexer.position, position + 2))
        self.inner.extend(lexer.inner)

    def _substitution(self, start: int, opener: str, closer: str) -> str:
        end = -1
        if self.failures < _MOST_FAILURES:
            end = _closing_parenthesis(self.text, start + 2) if opener == "$(" else self.text.find("`", start + 1)
        if end < 0:
            self.failures += 1
            self.position = start + len(opener)
            return opener
        content = self.text[start + len(opener) : end]
        if not content.startswith("("):  # `$((1 + 2))` is arithmetic
            self.inner.append((content, self.line))
        self._advance(end + len(closer))
        return self.text[start : self.position]

    def _until(self, closer: str, start: int) -> str:
        end = -1 if closer in self.unclosed else self.text.find(closer, start)
        if end < 0:
            self.unclosed.add(closer)
            self.position = start + 1
            return self.text[start]
        self._advance(end + len(closer))
        return self.text[start : self.position]


def _closing_parenthesis(text: str, start: int) -> int:
    depth = 1
    for match in _PARENTHESES.finditer(text, start, min(len(text), start + DEFAULT.line_characters)):
        if match[0] == "(":
            depth += 1
        elif match[0] == ")":
            depth -= 1
            if not depth:
                return match.start()
    return -1


def _grouped(lexer: _Lexer) -> Iterator[Command]:
    words: list[_Token] = []
    redirects: list[tuple[str, _Token]] = []
    pending = ""
    for token in lexer.tokens():
        if token.kind == "word":
            if pending:
                redirects.append((pending, token))
                if pending.endswith(("<<", "<<-")) and not pending.endswith("<<<"):
                    lexer.await_heredoc(token, pending.endswith("-"))
                pending = ""
            else:
                words.append(token)
            continue
        if token.kind == "redirect":
            pending = token.text
            continue
        yield from _command(words, redirects)
        words, redirects = [], []
        pending = ""
    yield from _command(words, redirects)


def _command(words: list[_Token], redirects: list[tuple[str, _Token]]) -> Iterator[Command]:
    start = 0
    while start < len(words) and words[start].text in _LEADING and not words[start].quoted:
        start += 1
    if start == len(words) or (words[start].text in _HEADS and not words[start].quoted):
        return
    environment: list[tuple[str, str]] = []
    while start < len(words) and (assigned := _ASSIGNMENT.match(words[start].text)):
        environment.append((assigned[1], words[start].text[assigned.end() :]))
        start += 1
    targets = tuple((sign, token.text) for sign, token in redirects)
    heredoc = next((token.heredoc for sign, token in redirects if "<<" in sign and token.heredoc), "")
    line = words[start].line if start < len(words) else words[0].line
    if start < len(words) or environment:
        texts = tuple(token.text for token in words[start:])
        yield Command(texts, line, tuple(environment), targets, heredoc)


def _is_escaped(text: str, start: int, position: int) -> bool:
    backslashes = 0
    while position - 1 - backslashes >= start and text[position - 1 - backslashes] == "\\":
        backslashes += 1
    return backslashes % 2 == 1


_ESCAPED = re.compile(r"\\(?:\r?\n|([\"\\$`]))")


def _unescaped(content: str) -> str:
    return _ESCAPED.sub(lambda match: match[1] or "", content) if "\\" in content else content
