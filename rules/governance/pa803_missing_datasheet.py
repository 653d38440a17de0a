import re

from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, Touch, is_test, rule, same_file

_CARDS = ("datasheet", "data-dictionary", "model-card-data", "data-catalog-described", "dvc-artifact-described")
_DATA = re.compile(r"\.(csv|tsv|parquet|feather|arrow|xlsx?|jsonl?|npy|npz|h5|hdf5)(\.dvc)?$", re.IGNORECASE)


@rule(
    "PA803",
    Severity.NOTE,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.OTHER,
    controls=("COL-1", "COL-3"),
    tier="pack:governance",
)
def missing_datasheet(project: Project) -> Iterator[Match]:
    """The training data that this repository owns has no datasheet.

    How it was collected, whom it leaves out and what it may be used for is known to one person.

    Bad, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("data/raw/customers.csv")
        LogisticRegression().fit(rows[["age"]], rows["left"])

    And in data/raw/customers.csv:

        age,left
        31,0

    Good, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("data/raw/customers.csv")
        LogisticRegression().fit(rows[["age"]], rows["left"])

    And in data/raw/customers.csv:

        age,left
        31,0

    And in data/DATASHEET.md:

        # Customers

        ## Collection

        Exported from the billing system on the first day of each month, all contracts that are older than a year.

    Fix: add a datasheet: motivation, composition, collection, preprocessing, uses, distribution, maintenance.

    Not seen: cards of public data sets: link to them. What a stage writes is not counted.

    Source: EU AI Act, Article 10(2), Annex IV 2(d).
    """
    if project.profile in ("library", "none", "platform") or project.evidence(*_CARDS):
        return
    for reader in project.read:
        if _is_own_root(project, reader):
            yield Match(
                reader.event.at,
                f"`{reader.name}` is kept here and trained on, and no datasheet describes it",
                confidence=Confidence.MEDIUM,
                fix="Add a DATASHEET.md beside the data.",
                symbol=reader.event.function,
            )
            return


def _is_own_root(project: Project, reader: Touch) -> bool:
    if "read" not in reader.event.roles or is_test(reader.program) or not _DATA.search(reader.name):
        return False
    if not project.programs[reader.program].of("train"):
        return False
    kept = any(place in project.repository or f"{place}.dvc" in project.repository for place in reader.places)
    return kept and not any(same_file(writer, reader) is not False for writer in project.written)
