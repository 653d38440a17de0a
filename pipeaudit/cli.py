"""The command line: options in, exit status out. What a command needs is imported when it runs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeaudit import __version__
from pipeaudit.gate import FAILED, PASSED, WRONG_CALL, Gate

if TYPE_CHECKING:
    from pipeaudit.request import Request
    from pipeaudit.run import Outcome

# Each format is a function of the finished audit, in a module of `pipeaudit.report`.
CHECK_FORMATS = {
    "text": "terminal.check",
    "json": "json.findings",
    "sarif": "sarif.render",
    "html": "html.render",
    "markdown": "markdown.check",
    "github": "github.render",
    "gitlab": "gitlab.render",
    "junit": "junit.render",
    "azure": "azure.render",
    "checkstyle": "checkstyle.render",
    "csv": "csv.render",
    "rdjson": "rdjson.render",
    "rdjsonl": "rdjson.lines",
}
AUDIT_FORMATS = {
    "text": "terminal.audit",
    "json": "json.audit",
    "html": "html.render",
    "markdown": "markdown.audit",
    "sarif": "sarif.render",
}
GRAPH_FORMATS = {
    "json": "json.graph",
    "html": "graph_page.render",
    "svg": "graph.svg",
    "mermaid": "graph.mermaid",
    "dot": "graph.dot",
    "graphml": "graph.graphml",
    "openlineage": "graph.openlineage",
}
IMPACT_FORMATS = {"text": "impact.text", "json": "impact.json"}
_CONFIDENCES = ("high", "medium", "low")
_GATES = ("core", "error", "warning", "note", "never")
Command = Callable[..., int]


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


def _common(command: Command) -> Command:
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
        click.option("--jobs", type=click.IntRange(1), help="Processes to use; the report does not depend on it."),
        click.option("--no-cache", is_flag=True, help="Neither use nor keep results of earlier runs."),
        click.option("--debug", is_flag=True, help="Show the traceback of an internal error."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _gated(command: Command) -> Command:
    options = (
        click.option("--fail-on", type=click.Choice(_GATES), help="What makes the exit status 1."),
        click.option("--exit-zero", is_flag=True, help="Exit 0 where it would be 1."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@cli.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "format_", type=click.Choice(tuple(CHECK_FORMATS)), default="text", show_default=True)
@click.option("--min-confidence", type=click.Choice(_CONFIDENCES), help="Show findings that are at least as sure.")
@click.option("--staged", is_flag=True, help="Show only findings that touch a file staged for commit.")
@click.option("--since", metavar="REF", help="Show only findings on lines that changed since this commit.")
@click.option("--scope", type=click.Choice(("file", "project")), help="Run only rules that need one file.")
@click.option("--force-exclude", is_flag=True, help="Excluded files stay excluded when they are named.")
@click.option("--baseline", type=click.Path(path_type=Path), help="Findings of this file are known; show new ones.")
@click.option("--baseline-commit", metavar="REF", help="Findings that this commit has, too, are known; show new ones.")
@click.option("--write-baseline", type=click.Path(path_type=Path), help="Write all findings as a new baseline.")
@click.option("--show-files", is_flag=True, help="List what is read, and what is left out and why; check nothing.")
@click.option("--show-settings", is_flag=True, help="Print the settings that hold, and where each was set.")
@click.option("--show-suppressed", is_flag=True, help="SARIF: show findings that the repository lives with, too.")
@click.option("--no-snippets", is_flag=True, help="SARIF: carry no code of the repository.")
@click.option("--sarif-category", metavar="NAME", default="", help="SARIF: tells several uploads of one commit apart.")
@click.option("--max-results", type=click.IntRange(1), default=5000, show_default=True, help="SARIF: keep the gravest.")
@click.option("--statistics", is_flag=True, help="Count findings by rule instead of showing them.")
@click.option("--fix", is_flag=True, help="Mend what can be mended safely, then show what is left.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix or --diff: also edits that change what code does.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option("--exit-non-zero-on-fix", is_flag=True, help="Exit 1 if anything was, or would be, mended.")
@_gated
@_common
def check(paths: tuple[Path, ...], format_: str, **options: Any) -> int:
    """Find defects of machine-learning pipelines.

    One folder is the root itself. For files, the root is the top of their git work tree, else the current folder, and
    only findings in these files are shown.
    """
    request = _request(paths, options)
    if options["baseline_commit"]:
        from pipeaudit import past

        if options["baseline"]:
            raise click.UsageError("--baseline and --baseline-commit are two answers to one question; leave one out")
        context = click.get_current_context()
        request = replace(request, baseline=context.with_resource(past.baseline(request, options["baseline_commit"])))
    if options["show_files"]:
        return _show_files(request)
    if options["show_settings"]:
        return _show_settings(request, options["settings"])
    if options["write_baseline"]:
        return _write_baseline(request, options["write_baseline"], options["force"])
    mends = options["fix"] or options["diff"]
    has_mended = mends and _mend(request, unsafe=options["unsafe_fixes"], writes=not options["diff"])
    failing = PASSED if not (has_mended and options["exit_non_zero_on_fix"]) else FAILED
    if options["diff"]:
        return failing
    formats = {"statistics": "rules.statistics"} if options["statistics"] else CHECK_FORMATS
    chosen = "statistics" if options["statistics"] else format_
    gate = Gate(options["fail_on"] or request.config.fail_on, options["max_errors"], options["exit_zero"])
    return _report(request, formats, chosen, gate, options) or failing


@cli.command()
@click.argument("root", default=".", type=click.Path(path_type=Path))
@click.option("--format", "format_", type=click.Choice(tuple(AUDIT_FORMATS)), default="text", show_default=True)
@_gated
@_common
def audit(root: Path, format_: str, **options: Any) -> int:
    """Answer the checklist, with evidence for every control."""
    request = _request((root,), options, checklist=True)
    gate = Gate(options["fail_on"] or "never", options["max_errors"], options["exit_zero"])
    return _report(request, AUDIT_FORMATS, format_, gate, options)


@cli.command()
@click.argument("root", default=".", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(tuple(dict.fromkeys((*GRAPH_FORMATS, *IMPACT_FORMATS)))),
    help="json, or text with --impact, unless given.",
)
@click.option("--impact", metavar="PATH", multiple=True, help="Tell what changes when this file changes.")
@_common
def graph(root: Path, format_: str | None, **options: Any) -> int:
    """Draw the pipeline that is there, or tell what in it depends on a file."""
    formats = IMPACT_FORMATS if options["impact"] else GRAPH_FORMATS
    chosen = format_ or ("text" if options["impact"] else "json")
    if chosen not in formats:
        asked = "with" if options["impact"] else "without"
        raise click.UsageError(f"--format {chosen}: {asked} --impact it is one of {', '.join(formats)}")
    request = _request((root,), options, rules=False)
    return _report(request, formats, chosen, Gate("never", options["max_errors"]), options)


@cli.command()
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


@cli.command()
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


@cli.command()
@click.argument("report", type=click.Path(path_type=Path))
@click.argument("root", default=".", type=click.Path(path_type=Path))
def verify(report: Path, root: Path) -> int:
    """Tell whether a tree is still the one that a report of `audit --format json` speaks of."""
    from pipeaudit import verify as verifying
    from pipeaudit.call import scope
    from pipeaudit.deliver import say, show
    from pipeaudit.report.text import counted
    from pipeaudit.report.text import path as shown

    verdict = verifying.verify(report, scope((root,))[0])
    for word in ("changed", "gone", "new"):
        show("".join(f"{word}  {shown(path)}\n" for path in getattr(verdict, word)))
    if not verdict.same_rules:
        say("The report was made by other rules than these.")
    kept = counted(len(verdict.same), "file")
    say(f"{kept} as in the report" + ("" if verdict.holds else "; the tree is another one"))
    return PASSED if verdict.holds else FAILED


@cli.command()
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
    say(f"{target}: written; every setting stands there with its default or an example")
    say("Findings that are there already: pipeaudit check . --write-baseline pipeaudit-baseline.json")
    return PASSED


@cli.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completions(shell: str) -> int:
    """Print the script that completes calls in a shell: `eval "$(pipeaudit completions bash)"`."""
    from click.shell_completion import get_completion_class

    from pipeaudit.deliver import show

    kind = get_completion_class(shell)
    if kind is not None:
        show(kind(cli, {}, "pipeaudit", "_PIPEAUDIT_COMPLETE").source() + "\n")
    return PASSED


@cli.command()
@click.argument("name", type=click.Choice(("findings", "graph", "impact", "audit", "config")))
def schema(name: str) -> int:
    """Print the JSON Schema of a machine format or of the configuration."""
    import json

    from pipeaudit import config, resources
    from pipeaudit.deliver import show

    if name == "config":
        show(json.dumps(config.schema(), indent=2) + "\n")
    else:
        show((resources.folder("reports") / "schema" / f"{name}-1.json").read_text(encoding="utf-8"))
    return PASSED


def _selection(folders: Sequence[Path]) -> Any:
    from pipeaudit import resources
    from pipeaudit.model.choice import Choice
    from pipeaudit.rulebook import load

    return load((resources.folder("rules"), *folders)).chosen(Choice())


def _request(paths: Sequence[Path], options: dict[str, Any], *, checklist: bool = False, rules: bool = True) -> Request:
    """Everything the engine is asked, from the call and the configuration."""
    from pipeaudit import call

    return call.request(paths, options, checklist=checklist, rules=rules)


def _report(request: Request, formats: dict[str, str], chosen: str, gate: Gate, options: dict[str, Any]) -> int:
    """One analysis, as many reports as were asked for; the exit status does not depend on their formats."""
    from pipeaudit import call, deliver
    from pipeaudit import run as running

    targets = call.targets(options["output"], chosen, tuple(formats))
    shown = () if targets else (chosen,)
    wanted = tuple(dict.fromkeys((*shown, *(target.format for target in targets))))
    presentation = running.Presentation(
        color=call.wants_color(options["color"]) and not targets,
        gate=gate,
        show_suppressed=options.get("show_suppressed", False),
        snippets=not options.get("no_snippets"),
        category=options.get("sarif_category", ""),
        max_results=options.get("max_results", 5000),
    )
    outcome = running.run(request, {name: formats[name] for name in wanted}, presentation)
    for name in shown:
        deliver.show(outcome.reports[name])
    if not targets and not outcome.failures:
        _remember(request, outcome, outcome.reports[chosen], options)
    for target in targets:
        if target.path is None:
            deliver.show(outcome.reports[target.format])
        else:
            deliver.save(
                outcome.reports[target.format],
                target.path,
                tracked=outcome.tracked,
                root=request.root,
                force=options["force"],
            )
    for failure in outcome.failures:
        deliver.say(f"error: {failure}")
    return WRONG_CALL if outcome.failures else outcome.status


def _remember(request: Request, outcome: Outcome, report: str, options: dict[str, Any]) -> None:
    """Keeps the report for the same call over the same tree."""
    from pipeaudit import replay
    from pipeaudit.witnesses import witnesses

    words, started = click.get_current_context().obj
    if os.isatty(1) or options["config"] or options["config_from"] or options.get("fix"):
        return
    seen = witnesses(request, outcome.found, words, started)
    if seen is not None:
        replay.keep(words, seen, outcome.status, report.encode("utf-8", "backslashreplace"))


def _mend(request: Request, *, unsafe: bool, writes: bool) -> bool:
    """Whether anything was mended, or would be; words about it go to standard error."""
    from pipeaudit import deliver, mend
    from pipeaudit.report import diff
    from pipeaudit.report.text import counted

    result = mend.mended(request, unsafe=unsafe)
    if writes:
        result = mend.write_all(request, result)
    else:
        deliver.show(diff.unified(result.files))
    for finding, why in result.refused:
        deliver.say(f"{finding.at}: {finding.rule} is not mended: {why}")
    done = "mended" if writes else "would be mended"
    words = f"{counted(len(result.findings), 'finding')} {done} in {counted(len(result.files), 'file')}"
    deliver.say(words + (f"; up to {result.waiting} more with --unsafe-fixes" if result.waiting else ""))
    return bool(result.findings)


def _show_files(request: Request) -> int:
    from pipeaudit import run as running
    from pipeaudit.deliver import show

    show(running.listing(request))
    return PASSED


def _show_settings(request: Request, overridden: Sequence[str]) -> int:
    from pipeaudit.deliver import show
    from pipeaudit.report import settings

    show(settings.shown(request.config, {setting.partition("=")[0] for setting in overridden}))
    return PASSED


def _write_baseline(request: Request, path: Path, force: bool) -> int:
    from pipeaudit import deliver, engine, suppress

    finished, failures = engine.audit(request)
    for failure in failures:
        deliver.say(f"error: {failure}")
    text = suppress.baseline((*finished.findings, *finished.baselined))
    # a baseline is a tracked file by purpose, so an earlier one is replaced
    deliver.save(text, path, tracked=frozenset(), root=request.root, force=force)
    deliver.say(f"{path}: {len(finished.findings) + len(finished.baselined)} findings are known from now on")
    return WRONG_CALL if failures else PASSED
