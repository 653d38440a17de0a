"""Commands that tell of the rules and of what was seen: rules, explain and explain-flow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pipeaudit.gate import PASSED


@click.command()
@click.option("--rules", "folders", type=click.Path(path_type=Path), multiple=True, help="A rule folder of your own.")
@click.option("--format", "format_", type=click.Choice(("text", "json", "markdown")), default="text", show_default=True)
def rules(folders: tuple[Path, ...], format_: str) -> int:
    """List all rules."""
    from pipeaudit.deliver import show
    from pipeaudit.report import rules as pages

    infos = _selection(folders).infos()
    show({"text": pages.table, "json": pages.listing, "markdown": pages.markdown_table}[format_](infos))
    return PASSED


def _codes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Ids and names of rules that begin so, for shells."""
    infos = _selection(()).infos()
    return [name for info in infos for name in (info.id, info.name) if name.startswith(incomplete)]


@click.command()
@click.argument("code", shell_complete=_codes)
@click.option("--rules", "folders", type=click.Path(path_type=Path), multiple=True, help="A rule folder of your own.")
@click.option("--format", "format_", type=click.Choice(("text", "json", "markdown")), default="text", show_default=True)
def explain(code: str, folders: tuple[Path, ...], format_: str) -> int:
    """Explain a rule: what it finds, why, and how to mend it."""
    from pipeaudit.deliver import show
    from pipeaudit.model.error import UserError
    from pipeaudit.report import rules as pages

    selection = _selection(folders)
    found = next((info for info in selection.infos() if code in (info.id, info.name)), None)
    if found is None:
        raise UserError(f"there is no rule {code!r}{selection.book.nearest(code)}")
    show({"text": pages.page, "json": pages.record, "markdown": pages.markdown_page}[format_](found))
    return PASSED


@click.command("explain-flow")
@click.argument("place", metavar="PLACE")
@click.option("--name", metavar="VARIABLE", default="", help="Tell of this variable, named on the line or not.")
@click.option("--format", "format_", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("--config", type=click.Path(path_type=Path), help="Read the settings from this file only.")
@click.option("--isolated", is_flag=True, help="Read no configuration file.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Set one setting, as in TOML.")
@click.option("--debug", is_flag=True, help="Show the traceback of an internal error.")
def explain_flow(place: str, name: str, format_: str, debug: bool, **options: Any) -> int:
    """Tell how the values on a line came to be.

    Whose rows they hold, which split made them, what was learned into them on which rows, and which model,
    predictions and figures they belong to. PLACE is FILE:LINE, for a notebook FILE:CELL:LINE; cells are counted from 1,
    as in the reports.
    """
    from pipeaudit import tracing
    from pipeaudit.deliver import show
    from pipeaudit.report import story

    found = tracing.traced(place, name, options["settings"], options["config"], isolated=options["isolated"])
    show({"text": story.text, "json": story.json}[format_](found.at, found.text, found.stories, found.problems))
    return PASSED


def _selection(folders: Sequence[Path]) -> Any:
    from pipeaudit import resources
    from pipeaudit.model.choice import Choice
    from pipeaudit.rulebook import load

    return load((resources.folder("rules"), *folders)).chosen(Choice())
