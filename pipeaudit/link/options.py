"""The words of a command bound to the options that its script declares: where `--data x.csv` leads what it reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeaudit.model.pipeline import Program
from pipeaudit.pyeval.files import PythonFile
from pipeaudit.sources import Sources

_FLAGS = frozenset(("store_true", "store_false", "store_const", "append_const", "count", "help", "version"))
_VARIABLE = re.compile(
    r"\$\{\{.{0,300}?\}\}|\{\{.{0,300}?\}\}|\$\{[^{}]*\}|\$\w+|\$\([^()]*\)|<[\w-]+>|\{[\w.\[\]]{1,100}\}"
)
_HOLE = "{}"
_MANY = ("*", "+")


@dataclass(frozen=True, slots=True)
class Option:
    """As argparse has it: `names` are empty for a positional argument, `takes` tells how many words follow it."""

    dest: str
    names: tuple[str, ...]
    default: str | None
    takes: str = "1"


class Scripts:
    """The options that scripts declare, each script looked at once however many commands start it."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._declared: dict[str, tuple[Option, ...]] = {}

    def options(self, program: Program) -> Options | None:
        """None for a command without words of its own."""
        if not program.arguments:
            return None
        if program.path not in self._declared:
            self._declared[program.path] = tuple(_declared(program.path, self._sources))
        return Options(program.arguments, self._declared[program.path])


class Options:
    """What a script's options are set to by the command that starts it."""

    def __init__(self, arguments: tuple[str, ...], declared: tuple[Option, ...]) -> None:
        self._values = _bound(arguments, declared)
        self._defaults = {option.dest: option.default for option in declared}

    def path(self, path: str, option: str) -> str:
        """A path that an option is part of, with what the command says in place of its default or its hole."""
        dest = option.removeprefix("--")
        value = self._values.get(dest)
        if value is None:
            return path
        default = self._defaults.get(dest)
        if default:
            head, inside, tail = path.partition(default)
            return f"{value}{tail}" if inside and not head and tail[:1] in ("", "/", ".", "_", "-") else path
        return path.replace(_HOLE, value, 1) if path.count(_HOLE) == 1 or path.startswith(f"{_HOLE}/") else path


def _bound(arguments: tuple[str, ...], declared: tuple[Option, ...]) -> dict[str, str]:
    """By option: its word. Words of the command count from 1, as in `sys.argv`, beside what argparse makes of them."""
    found = {str(at): plain for at, word in enumerate(arguments, 1) if (plain := _plain(word))}
    named = {name: option for option in declared for name in option.names}
    free = [option for option in declared if not option.names]
    at = 0
    while at < len(arguments):
        word = arguments[at]
        name, equals, value = word.partition("=")
        option = named.get(word) or (named.get(name) if equals else None)
        at += 1
        if option is None:
            if word.startswith("-") and len(word) > 1:
                continue  # an option of another kind: whether a word belongs to it is not known
            if free and (plain := _plain(word)):
                taker = free[0] if free[0].takes in _MANY else free.pop(0)
                found.setdefault(taker.dest, plain)
            continue
        if option.takes == "0":
            continue
        if not (equals and option is named.get(name)):
            value = arguments[at] if at < len(arguments) else ""
            at += 1
        if plain := _plain(value):
            found[option.dest] = plain
    return found


def _plain(word: str) -> str:
    """A word with holes for what is known at run time only; "" where nothing else is left."""
    plain = _VARIABLE.sub(_HOLE, word)
    return plain if plain.replace(_HOLE, "").strip("./") and not re.search(r"[\s$`*]", plain) else ""


def _declared(path: str, sources: Sources) -> Iterator[Option]:
    """`add_argument` calls of a script, in the order of its text."""
    data = sources.data(path)
    file = sources.python(path) if path.endswith(".py") and data is not None and b"add_argument" in data else None
    if file is None:
        return
    for node in _calls(file):
        names = [part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        if not names:
            continue
        said = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        is_free = not names[0].startswith("-")
        long = next((name for name in names if name.startswith("--")), names[0])
        dest = _text(said.get("dest")) or long.lstrip("-").replace("-", "_")
        takes = "0" if _text(said.get("action")) in _FLAGS else _text(said.get("nargs")) or "1"
        yield Option(dest, () if is_free else tuple(names), _text(said.get("default")), takes)


def _calls(file: PythonFile) -> list[ast.Call]:
    found = [
        node
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument"
    ]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _text(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int):
        return str(node.value)
    # `default=Path("data")`
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        return _text(node.args[0]) if isinstance(node.args[0], ast.Constant) else None
    return None
