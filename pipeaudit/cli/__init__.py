"""The command line: options in, exit status out. What a command needs is imported when it runs."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence

import click

from pipeaudit import __version__
from pipeaudit.cli.auditing import audit, check, graph, verify
from pipeaudit.cli.explaining import explain, explain_flow, rules
from pipeaudit.cli.setting_up import completions, init, schema
from pipeaudit.gate import PASSED, WRONG_CALL


def run(arguments: Sequence[str]) -> int:
    """The exit status of a call: 0, 1, 2 or 3, whatever happens."""
    from pipeaudit.deliver import say
    from pipeaudit.model.error import UserError

    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    debug = "--debug" in arguments
    started = time.time_ns()
    try:
        status = cli.main(list(arguments), prog_name="pipeaudit", standalone_mode=False, obj=(arguments, started))
        return status if isinstance(status, int) else PASSED
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        hint = f"\nTry 'pipeaudit {error.ctx.info_name} --help'." if error.ctx and error.ctx.parent else ""
        say(f"error: {error.format_message()}{hint}")
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
    except UserError as error:
        say(f"error: {error}")
    except Exception as error:  # whatever is left is a defect of ours, and it must not look like a result
        if debug:
            raise
        say(
            f"internal error: {type(error).__name__}: {error}\n"
            "This is a defect of pipeaudit. Run again with --debug and report what it prints."
        )
    return WRONG_CALL


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pipeaudit", message="%(prog)s %(version)s")
def cli() -> None:
    """Audits machine-learning repositories without running them."""


for command in (check, audit, graph, verify, rules, explain, explain_flow, init, completions, schema):
    cli.add_command(command)
