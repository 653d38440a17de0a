"""Whether a notebook may use a name that no cell above has made, told from its statements alone.

It may say yes too often: whoever asks looks closely then. Most notebooks are sound, and need no second parse.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeaudit.read.python import Function, PythonFacts, Statement


def may_lose_names(facts: PythonFacts, given: Iterable[str]) -> bool:
    """Whether some cell reads, at its top level, a name that is not `given` and that nothing before it makes."""
    follower = _Follower(given)
    for block in facts.blocks:
        follower.run(block.body)
        if follower.lost:
            return True
    return False


class _Follower:
    """Goes through statements in order, and knows the names that they have made."""

    def __init__(self, given: Iterable[str]) -> None:
        self.made = set(given)
        self.lost = False
        self._tried = 0

    def run(self, body: Iterable[Statement]) -> None:
        for statement in body:
            form = statement[0]
            if form == "expr":
                self._read(statement[2])
            elif form == "assign":
                self._read(statement[3])
                for target in statement[2]:
                    self._bind(target)
            elif form == "import":
                self.made.update(name or module.partition(".")[0] for module, name in statement[2])
            elif form == "from":
                self.made.update(name for _, name in statement[4])
            elif form in ("def", "class"):
                self._define(statement[2])
            elif form in ("if", "while"):
                self._read(statement[2])
                self.run(statement[3])
                self.run(statement[4])
            elif form == "for":
                self._read(statement[3])
                self._bind(statement[2])
                self.run(statement[4])
                self.run(statement[5])
            elif form == "with":
                for context, target in statement[2]:
                    self._read(context)
                    if target is not None:
                        self._bind(target)
                self.run(statement[3])
            elif form == "try":
                self._try(statement)
            elif form not in ("global", "annotate"):
                self._read(statement[2:])

    def _try(self, statement: Statement) -> None:
        """What is tried may fail: it makes names, and its reads say nothing."""
        self._tried += 1
        self.run(statement[2])
        self._tried -= 1
        for _, kind, name, body in statement[3]:
            if kind is not None:
                self._read(kind)
            if name:
                self.made.add(name)
            self.run(body)
        self.run(statement[4])
        self.run(statement[5])

    def _define(self, made: Any) -> None:
        heads = _defaults(made) if isinstance(made, Function) else made.bases
        self._read((*made.decorators, *heads))
        self.made.add(made.name)

    def _bind(self, target: Any) -> None:
        """Makes the names of a target; of `frame["x"] = 1` it reads `frame`."""
        form = target[0]
        if form == "name":
            self.made.add(target[1])
        elif form in ("tuple", "list"):
            for part in target[1]:
                self._bind(part)
        elif form == "star":
            self._bind(target[1])
        else:
            self._read(target)

    def _read(self, part: Any) -> None:
        names = self._names(part)
        if not self._tried and not names <= self.made:
            self.lost = True

    def _names(self, part: Any) -> set[str]:
        """All names in an expression, or in several, but for those that its comprehensions bind themselves."""
        found: set[str] = set()
        waiting = [part]
        while waiting:
            part = waiting.pop()
            if not isinstance(part, tuple):
                if isinstance(part, Function):
                    waiting += _defaults(part)
                continue
            form = part[0] if part else None
            if form == "name" and len(part) == 2 and isinstance(part[1], str):
                found.add(part[1])
            elif form == "comprehension" and len(part) == 4:
                found |= self._comprehension(part)
            elif form != "const":
                if form == "walrus" and isinstance(part[1], str):
                    self.made.add(part[1])
                waiting.extend(part)
        return found

    def _comprehension(self, part: Any) -> set[str]:
        found: set[str] = set()
        bound: set[str] = set()
        for target, iterable, tests in part[3]:
            found |= self._names(iterable) - bound
            bound |= self._names(target)
            found |= self._names(tests) - bound
        return found | (self._names(part[2]) - bound)


def _defaults(function: Function) -> list[Any]:
    return [parameter.default for parameter in function.parameters if parameter.default is not None]
