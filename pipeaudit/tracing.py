"""How the values on one line came to be: from the words of a call to what programs did, told from their events."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeaudit import call, config, engine
from pipeaudit.flow import story, watch
from pipeaudit.flow.interpret import Interpreter
from pipeaudit.flow.story import Story
from pipeaudit.model.error import UserError
from pipeaudit.model.finding import Problem
from pipeaudit.model.location import Location
from pipeaudit.read.python import PythonFacts
from pipeaudit.request import Request
from pipeaudit.sources import Sources
from pipeaudit.texts import Texts
from pipeaudit.tree import Tree

_IN_NOTEBOOK = re.compile(r"(?P<path>.+\.ipynb):(?P<cell>\d{1,9}):(?P<line>\d{1,9})")
_IN_PROGRAM = re.compile(r"(?P<path>.+\.py):(?P<line>\d{1,9})(?::\d{1,9})?")  # a report's place has its column, too
_FORMS = "FILE:LINE, as in train.py:12, or for a notebook FILE:CELL:LINE, as in eda.ipynb:4:2"


class NoSuchPlace(UserError):
    """The place can't be meant: exit 2 with what to write instead."""


@dataclass(frozen=True, slots=True)
class Traced:
    """The values on a line, with its text. `problems` are inputs that may hide a part of what happened to them."""

    at: Location
    text: str
    stories: tuple[Story, ...]
    problems: tuple[Problem, ...]


def traced(
    place: str, name: str = "", settings: Sequence[str] = (), own: Path | None = None, *, isolated: bool = False
) -> Traced:
    """What is known of the values at `place`, or of the one called `name` there."""
    file, cell, line = _parted(place)
    root, only = call.scope((file,))
    path = min(only or ())
    request = Request(root, config.changed(config.load(root, own, isolated=isolated), settings), only=only)
    tree = Tree(root, request.find().files, request.config.limits)
    texts = Texts(tree)
    at = Location(path, line, cell=cell)
    seen: list[watch.Sighting] = []
    problems: list[Problem] = []

    def watching(facts: Mapping[str, PythonFacts]) -> Callable[..., Interpreter]:
        if path not in facts:
            return Interpreter
        return partial(watch.Watching, (path, cell), _targets(at, name, facts[path], texts), seen)

    events, facts = engine.programs(request, tree, Sources(tree), problems, watching=watching)
    if path not in facts:
        problems += tree.problems
        raise NoSuchPlace(
            next((f"{path}:{p.line}: {p.message}" for p in problems if p.path == path), f"{path}: not read")
        )
    found = tuple(story.told(seen, events))
    if name and not found:
        raise NoSuchPlace(f"--name {name}: no value of that name is known at {at}; leave it out to see those that are")
    return Traced(
        at, texts.lines(path, cell)[line - 1].strip(), found, tuple(sorted(set(problems), key=lambda p: p.key))
    )


def _parted(place: str) -> tuple[Path, int | None, int]:
    """The file, the cell (from 0) and the line; people count cells from 1, as reports for them do."""
    found = _IN_NOTEBOOK.fullmatch(place) or _IN_PROGRAM.fullmatch(place)
    if found is None:
        raise NoSuchPlace(f"{place}: expected {_FORMS} (cells are counted from 1)")
    cell = found.groupdict().get("cell")
    return Path(found["path"]), None if cell is None else int(cell) - 1, int(found["line"])


def _targets(at: Location, name: str, facts: PythonFacts, texts: Texts) -> tuple[watch.Target, ...]:
    """What stands at the place; refuses a place where nothing does."""
    length = len(texts.lines(at.path, at.cell))
    if at.cell is not None and not any(block.cell == at.cell for block in facts.blocks):
        cells = ", ".join(str(block.cell + 1) for block in facts.blocks if block.cell is not None)
        raise NoSuchPlace(f"{at.path} has no Python in cell {at.cell + 1}; there is some in {cells or 'none'}")
    if not 0 < at.line <= length:
        raise NoSuchPlace(f"{at}: there are {length} lines")
    found = watch.targets(facts, at.line, at.cell, name)
    if not found:
        known = watch.lines(facts, at.cell)
        near = min(known, key=lambda line: (abs(line - at.line), line), default=None)
        raise NoSuchPlace(f"{at}: no statement stands there" + (f"; the nearest is on line {near}" if near else ""))
    return found
