import re

from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, Touch, is_test, rule, same_file

_BY_HAND = (
    "data-downloaded",
    "download-command",
    "data-url-in-command",
    "data-source-linked",
    "data-path-from-caller",
    "data-in-lfs",
)
_TABLE = re.compile(
    r"\.(csv|tsv|parquet|feather|arrow|xlsx?|jsonl?|npy|npz|h5|hdf5|pkl|pickle|txt|zip|gz)$", re.IGNORECASE
)


@rule(
    "PA109",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=None,
    controls=("COL-4", "PRE-1"),
)
def untracked_training_data(project: Project) -> Iterator[Match]:
    """Training reads a file that git ignores or does not have, that nothing tracks and nothing fetches.

    The model can't be made again: its data lies on one disk, in a version that nobody can name.

    Bad, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("data/rows.csv")
        LogisticRegression().fit(rows[["a"]], rows["b"])

    Good, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("data/rows.csv")
        LogisticRegression().fit(rows[["a"]], rows["b"])

    And in data/rows.csv.dvc:

        outs:
        - md5: 0cc175b9c0f1b6a831c399e269772661
          path: rows.csv

    Fix: track it (`dvc add`, Git LFS, a versioned store), or add the step that fetches it.

    Not seen: paths that are computed or come from the command line. Where a document, a command or code tells where the
    data is fetched, nothing is said; neither is it where DVC is set up, which has rules of its own.

    Source: ML Test Score, Infra 1; SE for ML practice 22.
    """
    if project.profile in ("library", "none", "platform") or project.repository.glob("/.dvc/config"):
        return
    seen = set()
    trained = {event.at.path for event in project.training} | _programs_that_train(project)
    for reader in project.read:
        if reader.program in trained and reader.name not in seen and _is_loose(project, reader):
            if any(project.evidence(signal) for signal in _BY_HAND):
                return
            seen.add(reader.name)
            ignored = any(project.repository.is_ignored(place) for place in reader.places)
            why = "git ignores it" if ignored else "it is not in the tree"
            yield Match(
                reader.event.at,
                f"training reads `{reader.name}`: {why}, and nothing tracks or fetches it",
                confidence=Confidence.MEDIUM,
                fix="Track it with DVC or LFS, or add the step that fetches it.",
                symbol=reader.event.function,
            )


def _programs_that_train(project: Project) -> set[str]:
    return {path for path, program in project.programs.items() if program.of("train") and not is_test(path)}


def _is_loose(project: Project, reader: Touch) -> bool:
    if "read" not in reader.event.roles or is_test(reader.program) or not _TABLE.search(reader.name):
        return False
    if "://" in reader.name or reader.name.startswith(("/", "~", "..")):
        return False
    if any(project.repository.tracked(place) or _is_kept(project, place) for place in reader.places):
        return False
    if any(same_file(writer, reader) is not False for writer in project.written):
        return False
    artifacts = [project.graph.artifact(place) for place in reader.places]
    return not any(artifact is not None and project.graph.writers(artifact) for artifact in artifacts)


def _is_kept(project: Project, place: str) -> bool:
    """In the tree where git tells nothing, or behind a pointer of its own or of a folder around it."""
    if place in project.repository and project.repository.tracked(place) is not False:
        return True
    parts = place.split("/")
    return any(f"{'/'.join(parts[:length])}.dvc" in project.repository for length in range(1, len(parts) + 1))
