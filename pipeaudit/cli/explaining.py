"""Commands that tell of the rules: rules and explain."""

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
    """Explain a rule: what it finds, why it matters, how to mend it, what it does not see."""
    from pipeaudit.deliver import show
    from pipeaudit.model.error import UserError
    from pipeaudit.report import rules as pages

    selection = _selection(folders)
    found = next((info for info in selection.infos() if code in (info.id, info.name)), None)
    if found is None:
        raise UserError(f"there is no rule {code!r}{selection.book.nearest(code)}")
    show({"text": pages.page, "json": pages.record, "markdown": pages.markdown_page}[format_](found))
    return PASSED


def _selection(folders: Sequence[Path]) -> Any:
    from pipeaudit import resources
    from pipeaudit.model.choice import Choice
    from pipeaudit.rulebook import load

    return load((resources.folder("rules"), *folders)).chosen(Choice())
