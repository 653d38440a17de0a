import re

from pipeaudit.rule import Confidence, Iterator, Location, Match, Project, Severity, is_test, rule

_DRAFTS = re.compile(
    r"(^|/)(experiments?|sandbox|scratch|playground|old|deprecated|archive|backup|wip|notebooks?|drafts?)/|"
    r"(_old|_backup|_bak|_copy|_tmp|_deprecated|_wip|_draft)\.py$",
    re.IGNORECASE,
)


@rule(
    "PA714",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=None,
    controls=("TIP-1", "TIP-2"),
    kinds=("experiment-import", "dead-branch"),
)
def experimental_code_path(project: Project) -> Iterator[Match]:
    """Code that the pipeline runs depends on an experiment, or keeps an alternative that a fixed switch turns off.

    Experiments change without notice, and dead alternatives are read, tested and mended for nothing.

    Kinds: `experiment-import` (a module from a folder of drafts), `dead-branch` (a branch on a constant that nothing
    else sets).

    Bad, in train.py:

        import pandas as pd
        from experiments.try3 import features
        from sklearn.linear_model import LogisticRegression

        rows = features(pd.read_csv("rows.csv"))
        LogisticRegression().fit(rows[["a"]], rows["b"])

    And in experiments/try3.py:

        def features(rows):
            return rows.fillna(0)

    Good, in train.py:

        import pandas as pd
        from features import features
        from sklearn.linear_model import LogisticRegression

        rows = features(pd.read_csv("rows.csv"))
        LogisticRegression().fit(rows[["a"]], rows["b"])

    And in features.py:

        def features(rows):
            return rows.fillna(0)

    Fix: move the code out of the drafts, and delete what a switch has turned off.

    Not seen: switches that are read from the environment or the configuration, which are no dead branches, what drafts
    import from each other, and a model or setting that no configuration ever chooses.

    Source: Sculley et al. 2015, dead experimental codepaths.
    """
    for path in sorted(project.programs):
        if not is_test(path) and not _DRAFTS.search(path) and not project.programs[path].is_notebook:
            yield from _drafts(project, path)
            yield from _dead(project, path)


def _drafts(project: Project, path: str) -> Iterator[Match]:
    """Calls that lead into a folder of drafts, each file once."""
    calls: dict[str, Location] = {}
    for event in project.programs[path]:
        if _DRAFTS.search(event.at.path):
            known = event.caller is not None and event.caller.path == path
            calls.setdefault(event.at.path, event.caller if known and event.caller is not None else Location(path))
    for draft, place in sorted(calls.items()):
        yield Match(
            place,
            f"this runs code of `{draft}`, which lies among the drafts",
            kind="experiment-import",
            confidence=Confidence.MEDIUM,
            fix="Move what is used out of the drafts.",
        )


def _dead(project: Project, path: str) -> Iterator[Match]:
    """Alternatives of training or prediction that a constant turns off."""
    events = [
        e for e in project.programs[path].of("train", "construct_model", "predict", "load_model") if e.at.path == path
    ]
    for branch in project.dead_branches(path) if events else ():
        if any(branch.first <= event.at.line <= branch.last for event in events):
            yield Match(
                branch.at,
                f"`{branch.switch}` never changes: lines {branch.first} to {branch.last} never run",
                kind="dead-branch",
                confidence=Confidence.MEDIUM,
                fix="Delete them, or read the switch from the configuration.",
            )
