"""Commands that read a tree: check, audit, graph and verify."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeaudit.cli.formats import AUDIT_FORMATS, CHECK_FORMATS, GRAPH_FORMATS, IMPACT_FORMATS
from pipeaudit.cli.options import gate_options, tree_options
from pipeaudit.gate import FAILED, PASSED, WRONG_CALL, Gate

if TYPE_CHECKING:
    from pipeaudit.request import Request
    from pipeaudit.run import Outcome

_CONFIDENCES = ("high", "medium", "low")


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(tuple(CHECK_FORMATS)),
    metavar="FORMAT",
    default="text",
    show_default=True,
    help=f"One of {', '.join(CHECK_FORMATS)}.",
)
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
@gate_options
@tree_options
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


@click.command()
@click.argument("root", default=".", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(tuple(AUDIT_FORMATS)),
    metavar="FORMAT",
    default="text",
    show_default=True,
    help=f"One of {', '.join(AUDIT_FORMATS)}.",
)
@gate_options
@tree_options
def audit(root: Path, format_: str, **options: Any) -> int:
    """Answer the checklist, with evidence for every control."""
    request = _request((root,), options, checklist=True)
    gate = Gate(options["fail_on"] or "never", options["max_errors"], options["exit_zero"])
    return _report(request, AUDIT_FORMATS, format_, gate, options)


@click.command()
@click.argument("root", default=".", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(tuple(dict.fromkeys((*GRAPH_FORMATS, *IMPACT_FORMATS)))),
    help="json, or text with --impact, unless given.",
)
@click.option("--impact", metavar="PATH", multiple=True, help="Tell what changes when this file changes.")
@tree_options
def graph(root: Path, format_: str | None, **options: Any) -> int:
    """Draw the pipeline, or tell what a change reaches."""
    formats = IMPACT_FORMATS if options["impact"] else GRAPH_FORMATS
    chosen = format_ or ("text" if options["impact"] else "json")
    if chosen not in formats:
        asked = "with" if options["impact"] else "without"
        raise click.UsageError(f"--format {chosen}: {asked} --impact it is one of {', '.join(formats)}")
    request = _request((root,), options, rules=False)
    return _report(request, formats, chosen, Gate("never", options["max_errors"]), options)


@click.command()
@click.argument("report", type=click.Path(path_type=Path))
@click.argument("root", default=".", type=click.Path(path_type=Path))
def verify(report: Path, root: Path) -> int:
    """Tell whether a tree is still that of a report.

    The report is one of `audit --format json`.
    """
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
    from pipeaudit.report.text import inert

    show(inert(running.listing(request)))
    return PASSED


def _show_settings(request: Request, overridden: Sequence[str]) -> int:
    from pipeaudit.deliver import show
    from pipeaudit.report import settings

    show(settings.shown(request.config, {setting.partition("=")[0] for setting in overridden}))
    return PASSED


def _write_baseline(request: Request, path: Path, force: bool) -> int:
    from pipeaudit import deliver, engine, suppress
    from pipeaudit.report.text import counted

    # all that is found goes in, so an earlier baseline has no say, and the first one need not be there yet
    finished, failures = engine.audit(replace(request, baseline=None, config=replace(request.config, baseline="")))
    for failure in failures:
        deliver.say(f"error: {failure}")
    text = suppress.baseline(finished.findings)
    # a baseline is a tracked file by purpose, so an earlier one is replaced
    deliver.save(text, path, tracked=frozenset(), root=request.root, force=force)
    deliver.say(f"{path}: {counted(len(finished.findings), 'finding is', 'findings are')} known from now on")
    return WRONG_CALL if failures else PASSED
