"""How the values on a line came to be, as text and as JSON."""

from __future__ import annotations

from pipeaudit.flow.story import Step, Story
from pipeaudit.model.finding import Problem
from pipeaudit.model.location import Location
from pipeaudit.report import json as documents
from pipeaudit.report.frame import place
from pipeaudit.report.redact import redacted
from pipeaudit.report.text import SNIPPET_LIMIT, cut, message

_WIDTH = 10


def text(at: Location, line: str, stories: tuple[Story, ...], problems: tuple[Problem, ...]) -> str:
    """No name of the tree begins a line: a log's reader could take it for a command."""
    lines = [f"At {place(at)}: {message(redacted(line))}"]
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
        lines += [f"  - {place(Location(one.path, one.line))}: {message(one.message)}" for one in problems]
    return "\n".join(lines) + "\n"


def _told(story: Story, at: Location) -> list[str]:
    kind = f" ({message(story.types[0])})" if story.types else ""
    program = f", when {message(story.program)} runs" if story.program != at.path else ""
    caller = f", called at {place(story.caller)}" if story.caller is not None else ""
    return [f"- `{message(story.name)}`{kind}{program}{caller}", *(_line(step) for step in story.steps)]


def _line(step: Step) -> str:
    where = f"  {place(step.at)}" if step.at is not None else ""
    doubt = "" if step.certain else " (not certain: a call on the way is not known)"
    return f"    {step.about:<{_WIDTH}} {message(step.message)}{doubt}{where}"


def json(at: Location, line: str, stories: tuple[Story, ...], problems: tuple[Problem, ...]) -> str:
    return documents.flow(at, cut(redacted(line), SNIPPET_LIMIT), stories, problems)
