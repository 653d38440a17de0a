"""The registry of signals: a function under its id."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pipeaudit.model.control import Evidence

Finder = Callable[[Any], Iterable[Evidence]]

FINDERS: dict[str, Finder] = {}

_Function = TypeVar("_Function", bound=Finder)


def signal(*ids: str) -> Callable[[_Function], _Function]:
    """Marks a function of `Facts` as what finds the evidence of these signals."""

    def register(function: _Function) -> _Function:
        FINDERS.update(dict.fromkeys(ids, function))
        return function

    return register
