"""Commands for those who set pipeaudit up: init, completions and schema."""

from __future__ import annotations

from pathlib import Path

import click

from pipeaudit.gate import PASSED


@click.command()
@click.argument("root", default=".", type=click.Path(path_type=Path))
def init(root: Path) -> int:
    """Write a pipeaudit.toml with every setting, commented out."""
    from pipeaudit import config, starter
    from pipeaudit.deliver import save, say
    from pipeaudit.model.error import UserError

    if not root.is_dir():
        raise UserError(f"{root}: there is no such folder")
    found = config.load(root)
    if found.origin != "defaults":
        raise UserError(f"{found.origin} holds settings already")
    target = root / config.OWN_FILES[0]
    save(starter.TEXT, target, tracked=frozenset(), root=root, force=False)
    say(f"{target}: written, with the default or an example of every setting")
    say("To take what is found today as known:\n  pipeaudit check . --write-baseline pipeaudit-baseline.json")
    return PASSED


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completions(shell: str) -> int:
    """Print what completes calls in a shell.

    In bash, for instance: eval "$(pipeaudit completions bash)"
    """
    from click.shell_completion import get_completion_class

    from pipeaudit.deliver import show

    kind = get_completion_class(shell)
    if kind is not None:
        show(
            kind(click.get_current_context().find_root().command, {}, "pipeaudit", "_PIPEAUDIT_COMPLETE").source()
            + "\n"
        )
    return PASSED


@click.command()
@click.argument("name", type=click.Choice(("findings", "graph", "impact", "flow", "audit", "config")))
def schema(name: str) -> int:
    """Print the JSON Schema of a format or of the settings."""
    import json

    from pipeaudit import config, resources
    from pipeaudit.deliver import show

    if name == "config":
        show(json.dumps(config.schema(), indent=2) + "\n")
    else:
        show((resources.folder("reports") / "schema" / f"{name}-1.json").read_text(encoding="utf-8"))
    return PASSED
