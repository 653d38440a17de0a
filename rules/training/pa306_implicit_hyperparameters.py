from collections.abc import Iterable

from pipeaudit.rule import (
    Confidence,
    ConfigNode,
    Event,
    Events,
    Iterator,
    Match,
    Project,
    Scope,
    Severity,
    StageKind,
    is_example,
    is_test,
    rule,
)

_SEEDS = frozenset({"random_state", "seed", "verbose", "n_jobs"})


@rule(
    "PA306",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.TRAINING,
    controls=("TRN-2",),
    tier="pack:smells",
    kinds=("defaults", "inline"),
    scope=Scope.PROJECT,
)
def implicit_hyperparameters(project: Project) -> Iterator[Match]:
    """A model, optimizer or loader is made without naming the settings that decide its result.

    Defaults change between versions of a library, and nobody can see that they were chosen.

    Bad:

        import pandas as pd
        from sklearn.ensemble import RandomForestClassifier

        rows = pd.read_csv("rows.csv")
        model = RandomForestClassifier().fit(rows.drop(columns="churned"), rows["churned"])

    Good:

        import pandas as pd
        from sklearn.ensemble import RandomForestClassifier

        rows = pd.read_csv("rows.csv")
        model = RandomForestClassifier(n_estimators=300, max_depth=8).fit(rows.drop(columns="churned"), rows["churned"])

    Kinds: `defaults` (no setting at all, or the main one left out), `inline` (a literal in the code although the
    program reads a configuration file that has a key of this name).

    Fix: name the important ones in the configuration.

    Not seen: which settings matter for this data. Notebooks, tests, examples and models without settings are left out.

    Source: Zhang et al., CAIN 2022, smell 11.
    """
    for path in sorted(project.programs):
        events = project.programs[path]
        if events.is_notebook or is_test(path) or is_example(path):
            continue
        yield from _defaults(events)
        yield from _inline(project, events)


def _defaults(events: Events) -> Iterator[Match]:
    for event in events:
        main = event.detail.get("tunes")
        if "**" in event.arguments:
            continue
        if isinstance(main, tuple):
            missing = not any(name in event.arguments for name in main)
            what = f"{' or '.join(f'`{name}`' for name in main)} is not named"
        else:
            missing = _is_tuned(event) and not event.arguments.keys() - _SEEDS
            what = "no hyperparameter is named"
        if missing:
            yield Match(
                event.at,
                f"`{event.short}`: {what}",
                kind="defaults",
                confidence=Confidence.MEDIUM,
                fix="Name the hyperparameters that matter, in the configuration.",
                symbol=event.function,
            )


def _is_tuned(event: Event) -> bool:
    """Models that draw at random or feel the scale of their inputs have settings that decide; others have none."""
    return "construct_model" in event.roles and ("draws" in event.detail or "scale_sensitive" in event.detail)


def _inline(project: Project, events: Events) -> Iterator[Match]:
    """Literals beside a configuration that the same program reads and that has a key of the same name."""
    files = dict.fromkeys(read.file for read in project.config_reads(events.path))
    keys = {key: file for file in files for node in project.repository.nodes(file) for key in _keys(node)}
    if not keys:
        return
    for event in events:
        if not {"construct_model", "optimizer"} & set(event.roles):
            continue
        for name, value in event.arguments.items():
            if name in keys and _is_literal(value.name) and isinstance(value.constant, int | float):
                yield Match(
                    event.at,
                    f"`{name}={value.name}` is written here although {keys[name]} has a key `{name}`",
                    kind="inline",
                    confidence=Confidence.MEDIUM,
                    fix=f"Take `{name}` from {keys[name]}.",
                    symbol=event.function,
                )


def _is_literal(written: str) -> bool:
    return written[:1].isdigit() or written[:1] in "-."


def _keys(node: ConfigNode, depth: int = 0) -> Iterable[str]:
    for key, value in node.entries if depth < 8 else ():
        yield key.text
        yield from _keys(value, depth + 1)
