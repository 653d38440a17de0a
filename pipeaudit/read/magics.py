"""Notebook cells to plain Python: what only IPython understands is replaced line by line, and listed.

Lines stay where they are. `%time f()` keeps its code and columns, `files = !ls` its assignment; `!pip install x` is
`pass`. A cell in another language (`%%bash`, `%%sql`) gives no code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORDS_OF_AUTOMAGIC = "pip3?|conda|mamba|cd|ls|mkdir|cat|rm|cp|mv|matplotlib|pylab|load_ext|reload_ext|autoreload|run"
_PYTHON_WORDS = "in|is|if|and|or|not|for|else|as|import"
_SUSPECT = re.compile(
    rf"^[ \t]*(?:[%!?,;/]|>>> |(?:{_WORDS_OF_AUTOMAGIC})[ \t])|=[ \t]*[%!](?!=)|\?[ \t]*(?:#[^\n]*)?$",
    re.MULTILINE,
)
_LINE_MAGIC = re.compile(r"%{1,2}[ \t]*([A-Za-z_][\w.]*)(\??)[ \t]*(.*)", re.DOTALL)
_ASSIGNED = re.compile(r"([\w \t.,*\[\]'\"]+=[ \t]*)([%!])(?!=)[ \t]*(.*)", re.DOTALL)
_HELP = re.compile(r"\?{1,2}[ \t]*[%\w.*]|[%\w][%\w.*]*(?:\[[^\]\n]{0,200}\])?\?{1,2}[ \t]*(?:#.*)?$")
_AUTOMAGIC = re.compile(
    rf"({_WORDS_OF_AUTOMAGIC})[ \t]+((?!(?:{_PYTHON_WORDS})\b)[A-Za-z0-9_~$\"'{{].*|\.\.?(?:/.*)?$|(?<=cd )/.*)",
    re.DOTALL,
)
_AUTOCALL = re.compile(r"[,;/][A-Za-z_][\w.]*(?:[ \t]|$)")
_OPTIONS = re.compile(r"(?:-[fmslTD][ \t]+\S+[ \t]+|-{1,2}[A-Za-z][\w-]*(?:=\S*)?[ \t]*(?:\d+[ \t]+)?)*")
_COMPOUND = re.compile(r"(?:for|while|if|with|def|class|try|async|@)\b|@")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_TOKEN = re.compile(r"\\.|\\$|'''|\"\"\"|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|#|[()\[\]{}]")
_IN_TRIPLE = {quote: re.compile(rf"\\.|{quote}") for quote in ("'''", '"""')}

_RUNS_ITS_LINE = frozenset(("time", "timeit", "prun", "memit", "lprun", "mprun", "snakeviz", "scalene", "pyinstrument"))
_OTHER_LANGUAGES = {
    **dict.fromkeys(("bash", "sh", "script", "!", "sx", "system", "cmd", "powershell", "shell", "terminal"), "bash"),
    **dict.fromkeys(("html", "HTML"), "html"),
    **dict.fromkeys(("javascript", "js"), "javascript"),
    **dict.fromkeys(("markdown", "md", "md-sandbox"), "markdown"),
    **dict.fromkeys(("sql", "bigquery", "bq", "sparksql", "redshift", "athena", "trino", "duckdb", "dql"), "sql"),
    **dict.fromkeys(("R", "r", "sparkr"), "r"),
    **dict.fromkeys(("writefile", "file", "writetemplate", "save"), "text"),
    **dict.fromkeys(("cython", "cython_inline", "cython_pyximport"), "cython"),
    **dict.fromkeys(("cu", "cuda", "cpp", "cppmagic"), "c++"),
    **{
        name: name
        for name in ("latex", "svg", "julia", "ruby", "perl", "scala", "fortran", "dot", "mermaid", "fs", "ai")
    },
    "configure": "json",
}
_RUNS_ITS_CELL = _RUNS_ITS_LINE | {
    *("capture", "heat", "wandb", "px", "local", "spark", "pyspark", "python", "python2", "python3", "pypy", "debug"),
    *("black", "ipytest", "pytest", "run_pytest", "cache", "notify", "prof", "tb", "pycodestyle", "flake8", "skip"),
}
_MOST_LINES = 50_000  # nobody wrote a longer cell: it stays as it is
_MOST_CELL_MAGICS = 4  # `%%capture` above `%%time` and the like
_WHOLE_CELL = re.compile(r"%(md-sandbox|md|scala|fs|r|sql|sh|python)(?:[ \t]+(.*))?$")


@dataclass(frozen=True, slots=True)
class Magic:
    """`%name argument` at a line of the cell; of a cell magic the name begins with one more `%`."""

    line: int
    name: str
    argument: str


@dataclass(frozen=True, slots=True)
class CleanCell:
    """`code` has as many lines as the source. `shell` are commands with the line on which their text begins."""

    code: str
    magics: tuple[Magic, ...] = ()
    shell: tuple[tuple[int, str], ...] = ()
    language: str = "python"


def clean(source: str) -> CleanCell:
    """The Python of a cell."""
    if source.count("\n") > _MOST_LINES or not (_SUSPECT.search(source) or source.startswith((" ", "\t"))):
        return CleanCell(source)
    return _Cleaner(source).cell(_MOST_CELL_MAGICS)


class _Cleaner:
    def __init__(self, source: str) -> None:
        self.lines = source.split("\n")
        self.magics: list[Magic] = []
        self.shell: list[tuple[int, str]] = []
        self.depth = 0
        self.quote = ""
        self.continues = False

    def cell(self, most_magics: int) -> CleanCell:
        start = self._first_line(0)
        language = "python"
        for _ in range(most_magics):
            found = self._cell_magic(start) if start < len(self.lines) and language == "python" else ""
            if not found:
                break
            language = found
            start = self._first_line(start + 1)
        if language != "python":
            return self._result("\n" * (len(self.lines) - 1), language)
        if start < len(self.lines):
            self._strip_margin(self.lines[start])
        number = start
        while number < len(self.lines):
            number = self._line(number)
        return self._result("\n".join(self.lines), language)

    def _strip_margin(self, first: str) -> None:
        """IPython takes prompts, and the indent of the first line, away from all lines."""
        indent = first[: len(first) - len(first.lstrip())]
        if indent:
            self.lines = [line.removeprefix(indent) for line in self.lines]
        elif first.startswith(">>> "):
            self.lines = [line[4:] if line.startswith((">>> ", "... ")) else line for line in self.lines]

    def _result(self, code: str, language: str) -> CleanCell:
        return CleanCell(code, tuple(self.magics), tuple(self.shell), language)

    def _first_line(self, start: int) -> int:
        """The first line that holds more than blanks or a comment; IPython wants a cell magic there."""
        for number in range(start, len(self.lines)):
            stripped = self.lines[number].strip()
            if stripped and not stripped.startswith("#"):
                return number
        return len(self.lines)

    def _cell_magic(self, number: int) -> str:
        """The language of the cell if a cell magic stands here, and a line of Python (often blank) in its place."""
        line = self.lines[number].strip()
        body = "\n".join(self.lines[number + 1 :])
        if line.startswith("%%"):
            name, _, argument = line[2:].strip().partition(" ")
            argument = argument.strip()
        elif (whole := _WHOLE_CELL.match(line)) and (
            whole[1] in ("md", "md-sandbox", "scala", "fs", "python") or (not whole[2] and body.strip())
        ):
            name, argument = whole[1], whole[2] or ""
        else:
            return ""
        if name.rstrip("?") != name or not name:
            return ""
        self.magics.append(Magic(number + 1, "%" + name, argument))
        language = _OTHER_LANGUAGES.get(name) or ("python" if name in _RUNS_ITS_CELL or _parses(body) else "unknown")
        if language == "bash":
            self.shell.append((number + 2, body))
        self.lines[number] = self._in_place_of_cell_magic(name, argument)
        return language

    def _in_place_of_cell_magic(self, name: str, argument: str) -> str:
        if name in _RUNS_ITS_LINE:
            return argument[_options_end(argument) :]
        if name == "capture":
            target = next((word for word in argument.split() if _IDENTIFIER.fullmatch(word)), "")
            return f"{target} = get_ipython()" if target else ""
        return ""

    def _line(self, number: int) -> int:
        """Cleans the statement that begins here, or follows the one that goes on; gives the number of the next line."""
        line = self.lines[number]
        if not (self.depth or self.quote or self.continues):
            stripped = line.strip()
            if stripped:
                end, text = self._joined(number)
                replaced = self._replaced(number + 1, line[: len(line) - len(line.lstrip())], text)
                if replaced is not None:
                    self.lines[number] = replaced
                    for following in range(number + 1, end):
                        self.lines[following] = ""
                    self._scan(replaced)
                    return end
        self._scan(line)
        return number + 1

    def _joined(self, number: int) -> tuple[int, str]:
        """The text of a line with those that a backslash at its end appends; magics and commands know no brackets."""
        end = number + 1
        first = self.lines[number].strip()
        if not first.endswith("\\") or not (first[0] in "%!" or _ASSIGNED.match(first) or _AUTOMAGIC.match(first)):
            return end, first
        parts = [first]
        while parts[-1].endswith("\\") and end < len(self.lines):
            parts.append(self.lines[end].strip())
            end += 1
        return end, "\n".join(parts)

    def _replaced(self, number: int, indent: str, text: str) -> str | None:
        if text[0] == "!":
            self.shell.append((number, text.lstrip("!").strip()))
            return indent + "pass"
        if _HELP.match(text) or _AUTOCALL.match(text):
            return indent + "pass"
        if text[0] == "%" and (magic := _LINE_MAGIC.match(text)):
            return indent + self._line_magic(number, magic, text)
        if (automagic := _AUTOMAGIC.match(text)) is not None:
            self.magics.append(Magic(number, automagic[1], automagic[2]))
            return indent + "pass"
        assigned = _ASSIGNED.match(text)
        if assigned is None:
            return None
        return indent + self._assigned(number, assigned[1], assigned[2], assigned[3])

    def _line_magic(self, number: int, magic: re.Match[str], text: str) -> str:
        name, argument = magic[1], magic[3].strip()
        self.magics.append(Magic(number, name, argument))
        if name in ("sx", "system", "sh"):
            self.shell.append((number, argument))
        if name not in _RUNS_ITS_LINE or magic[2]:
            return "pass"
        start = magic.start(3) + _options_end(magic[3])
        code = text[start:].replace("\\\n", " ").replace("\n", " ")
        if not code.strip():
            return "pass"
        # `0;` is a statement as short as any magic's name: the code behind it stays at its column.
        return code if _COMPOUND.match(code) else "0;".ljust(start) + code

    def _assigned(self, number: int, target: str, sign: str, rest: str) -> str:
        if sign == "!":
            self.shell.append((number, rest.strip()))
            return f"{target}get_ipython().getoutput()"
        name, _, argument = rest.strip().lstrip("%").partition(" ")
        self.magics.append(Magic(number, name, argument.strip()))
        if name in _RUNS_ITS_LINE:
            argument = argument.lstrip()
            code = argument[_options_end(argument) :].replace("\\\n", " ").replace("\n", " ")
            if code:
                return target + " " * (len(rest) + 1 - len(code)) + code
        return f"{target}get_ipython().run_line_magic({name!r}, {argument.strip()!r})"

    def _scan(self, line: str) -> None:
        """Carries brackets, triple quotes and a backslash at the end of the line over to the next."""
        self.continues = False
        position = 0
        while position < len(line):
            token = (_IN_TRIPLE[self.quote] if self.quote else _TOKEN).search(line, position)
            if token is None:
                return
            position = token.end()
            sign = token[0]
            if self.quote:
                self.quote = "" if sign == self.quote else self.quote
            elif sign == "#":
                return
            elif sign in ("'''", '"""'):
                self.quote = sign
            elif sign in ("(", "[", "{"):
                self.depth += 1
            elif sign in (")", "]", "}"):
                self.depth = max(0, self.depth - 1)
            elif sign == "\\":
                self.continues = True


def _options_end(argument: str) -> int:
    match = _OPTIONS.match(argument)
    return match.end() if match else 0


def _parses(body: str) -> bool:
    """Whether the body of a magic that nobody told us about is Python."""
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(_Cleaner(body).cell(0).code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
