"""How the values on a line came to be, as text and as JSON."""

from __future__ import annotations

import textwrap

from pipeaudit.flow.story import Step, Story
from pipeaudit.model.finding import Problem
from pipeaudit.model.location import Location
from pipeaudit.report import json as documents
from pipeaudit.report.frame import place, short_place
from pipeaudit.report.redact import redacted
from pipeaudit.report.text import SNIPPET_LIMIT, cut, inert, message

_WIDTH = 80
_INDENT = 14  # of what is told of a step, behind what the step is about


def text(at: Location, line: str, stories: tuple[Story, ...], problems: tuple[Problem, ...]) -> str:
    """Each value with its steps in 80 columns; a step in the file that is asked of goes without the file's name."""
    lines = [f"At {place(at)}", f"    {cut(message(redacted(line)), _WIDTH - 4)}"]
    silent = [story for story in stories if not story.steps]
    for story in stories:
        if story.steps:
            lines += ["", *_told(story, at)]
    if silent:
        names = ", ".join(dict.fromkeys(f"`{message(story.name)}`" for story in silent))
        lines += ["", f"No rows, nothing learned and no model is known of {names}"]
    elif not stories:
        lines += ["", "No value is known here: no program that was followed comes by"]
    if problems:
        lines += ["", "Could not be read in full, so more may have happened"]
        lines += [
            _wrapped(f"{place(Location(one.path, one.line))}: {message(one.message)}", "  - ") for one in problems
        ]
    return inert("\n".join(lines) + "\n")


def _told(story: Story, at: Location) -> list[str]:
    kind = f" ({message(story.types[0])})" if story.types else ""
    program = f", when {message(story.program)} runs" if story.program != at.path else ""
    caller = f", called at {place(story.caller)}" if story.caller is not None else ""
    return [f"- `{message(story.name)}`{kind}{program}{caller}", *(_step(step, at) for step in story.steps)]


def _step(step: Step, here: Location) -> str:
    where = f"{short_place(step.at, here)}: " if step.at is not None else ""
    doubt = "" if step.certain else " (not certain: a call on the way is not known)"
    return _wrapped(f"{where}{message(step.message)}{doubt}", f"    {step.about}".ljust(_INDENT))


def _wrapped(words: str, lead: str) -> str:
    """Lines below the first begin where the words begin."""
    rest = " " * len(lead)
    return textwrap.fill(
        words, _WIDTH, initial_indent=lead, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def json(at: Location, line: str, stories: tuple[Story, ...], problems: tuple[Problem, ...]) -> str:
    return documents.flow(at, cut(redacted(line), SNIPPET_LIMIT), stories, problems)
