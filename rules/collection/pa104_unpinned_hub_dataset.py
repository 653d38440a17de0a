import re

from pipeaudit.rule import (
    Confidence,
    Event,
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

_BUILDERS = frozenset("csv json parquet text arrow pandas imagefolder audiofolder webdataset sql xml".split())
_NAMES = ("path", "name", "dataset", "dataset_name", "handle", "repo_id", "0")
_ID = re.compile(r"^[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?$")
_FILE = re.compile(r"\.(?:csv|json|jsonl|parquet|txt|npz|npy|arff|zip|gz)$", re.IGNORECASE)


@rule(
    "PA104",
    Severity.NOTE,
    ceiling=Confidence.HIGH,
    stage=StageKind.COLLECTION,
    controls=("COL-4", "TRN-3"),
    scope=Scope.PROJECT,
)
def unpinned_hub_dataset(project: Project) -> Iterator[Match]:
    """A data set is taken from a hub by its name, in whatever version lies there.

    Its owner can correct, extend or remove it: the same program then trains on other rows.

    Bad:

        from datasets import load_dataset

        rows = load_dataset("org/reviews")

    Good:

        from datasets import load_dataset

        rows = load_dataset("org/reviews", revision="4f1c9a5e")

    Fix: `revision`, `version` or `data_id`.

    Not seen: names that come from the configuration. Local files and folders are left out; data sets that have not
    changed for years stay a note like the others.
    """
    for path in sorted(project.programs):
        if is_test(path) or is_example(path):
            continue
        told: set[str] = set()
        for event in project.programs[path].of("load_dataset", "download"):
            name = _remote(project, event) if event.detail.get("unpinned") else None
            if name is None or name in told or {"data_files", "data_dir"} & set(event.arguments):
                continue
            told.add(name)
            yield Match(
                event.at,
                f"`{event.short}` takes the data set `{name}` in whatever version the hub has",
                fix="Name the revision or version.",
                symbol=event.function,
            )


def _remote(project: Project, event: Event) -> str | None:
    """The hub's name of a data set; None for local ones and for what is not known."""
    argument = next((name for name in _NAMES if name in event.arguments), None)
    name = event.constant(argument) if argument is not None else None
    if (
        not isinstance(name, str)
        or name in _BUILDERS
        or not _ID.match(name)
        or _FILE.search(name)
        or re.search(r"/versions/\d", name)
    ):
        return None
    here = name in project.repository or any(path.startswith(f"{name}/") for path in project.repository.paths)
    return None if here else name
