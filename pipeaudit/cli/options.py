"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

_GATES = ("core", "error", "warning", "note", "never")
Command = Callable[..., int]


def tree_options(command: Command) -> Command:
    """Options of everything that reads a tree."""
    options = (
        click.option("--config", type=click.Path(path_type=Path), help="Read the settings from this file only."),
        click.option("--config-from", metavar="REF", help="Read the settings as this commit has them."),
        click.option("--isolated", is_flag=True, help="Read no configuration file."),
        click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Set one setting, as in TOML."),
        click.option("--packs", metavar="NAMES", help="Turn opt-in rules on: `all`, or names with commas."),
        click.option("--select", metavar="CODES", help="Run these rules only: PA201, PA2, a name, PA201:scaling."),
        click.option("--extend-select", metavar="CODES", help="Run these rules as well."),
        click.option("--ignore", metavar="CODES", help="Do not run these rules."),
        click.option("--rules", type=click.Path(path_type=Path), multiple=True, help="A rule folder of your own."),
        click.option("--no-ignore", is_flag=True, help="Look at files that .gitignore leaves out, too."),
        click.option("--as-of", metavar="DAY", help="The day that dated entries are held against (YYYY-MM-DD)."),
        click.option("--profile", help="The project's profile, instead of the one that is detected."),
        click.option("--output", "-o", metavar="[FORMAT:]FILE", multiple=True, help="Write the report to a file."),
        click.option("--force", is_flag=True, help="Let --output replace a file that the repository tracks."),
        click.option("--max-errors", type=click.IntRange(0), help="Exit 3 if more inputs can't be analysed."),
        click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", show_default=True),
        click.option(
            "--jobs", type=click.IntRange(1), help="1: one process; more: two, on any tree. The report is the same."
        ),
        click.option("--no-cache", is_flag=True, help="Neither use nor keep results of earlier runs."),
        click.option("--debug", is_flag=True, help="Show the traceback of an internal error."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def gate_options(command: Command) -> Command:
    options = (
        click.option("--fail-on", type=click.Choice(_GATES), help="What makes the exit status 1."),
        click.option("--exit-zero", is_flag=True, help="Exit 0 where it would be 1."),
    )
    for option in reversed(options):
        command = option(command)
    return command
