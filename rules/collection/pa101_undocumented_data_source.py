import re
from posixpath import basename, dirname

from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, Touch, is_test, rule, same_file

_TABLE = re.compile(r"\.(csv|tsv|parquet|feather|arrow|xlsx?|jsonl?|npy|npz|h5|hdf5|sqlite3?|db|arff)$", re.IGNORECASE)
_COMMON = frozenset("train test data dataset valid validation val raw input features sample rows labels table".split())


@rule(
    "PA101",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.COLLECTION,
    controls=("COL-1", "PRE-1", "COL-3"),
)
def undocumented_data_source(project: Project) -> Iterator[Match]:
    """The pipeline starts from data that no document names: where it comes from, who owns it, what its columns mean.

    Whether it may be used, and whether it is what the model needs, can't be judged by anybody but its author.

    Bad, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("data/customers.csv")
        LogisticRegression().fit(rows[["age"]], rows["left"])

    Good, in train.py:

        import pandas as pd
        from sklearn.linear_model import LogisticRegression

        rows = pd.read_csv("data/customers.csv")
        LogisticRegression().fit(rows[["age"]], rows["left"])

    And in README.md:

        # Churn

        ## Data

        `data/customers.csv` is exported each Monday from the billing system (owner: the CRM team, internal use only).
        Each row is one customer on the first day of the month: `age` in years, `left` tells of an ended contract.

    Fix: describe the data where it lies or in the README: origin, owner, license, refresh, columns.

    Not seen: documents outside the repository: attest COL-1. Data sets of libraries, generated data and what a stage
    writes are not counted; where a section of the README describes the data, all of it is taken for documented.

    Source: SE for ML practice 2; EU AI Act, Article 10(2)(b).
    """
    if project.profile in ("library", "none", "platform") or project.evidence(
        "data-section",
        "datasheet",
        "data-dictionary",
        "data-catalog-described",
        "dvc-artifact-described",
        "model-card-data",
    ):
        return
    words = _documented(project)
    seen = set()
    trained = {path for path, program in project.programs.items() if program.of("train")}
    for reader in project.read:
        if reader.program in trained and reader.name not in seen and _is_root(project, reader):
            seen.add(reader.name)
            if not _is_named(reader.name, words):
                yield Match(
                    reader.event.at,
                    f"no document says what `{reader.name}` is and where it comes from",
                    confidence=Confidence.MEDIUM,
                    fix="Describe its origin, owner, license, refresh and columns in the README or a data card.",
                    symbol=reader.event.function,
                )


def _documented(project: Project) -> str:
    """All that documents and markdown cells say, in lower case."""
    files = project.repository.glob("*.md", "*.rst", "README", "README.txt", "*.mdx", "*.dvc", "catalog*.yml")
    texts = [project.repository.text(path) for path in files if not is_test(path)]
    for path in project.programs:
        if path.endswith(".ipynb"):
            texts += [section.body for cell in project.repository.markdown_cells(path) for section in cell.sections]
    return "\n".join(texts).lower()


def _is_root(project: Project, reader: Touch) -> bool:
    if "read" not in reader.event.roles or is_test(reader.program) or not _TABLE.search(reader.name):
        return False
    if any(same_file(writer, reader) is not False for writer in project.written):
        return False
    artifacts = [project.graph.artifact(place) for place in reader.places]
    made = [node for artifact in artifacts if artifact is not None for node in project.graph.writers(artifact)]
    return all(said.note == "data" for node in made for said in node.declarations)


def _is_named(path: str, words: str) -> bool:
    """By its name; a name that says nothing, with its folder."""
    stem = basename(path).partition(".")[0].lower()
    if stem in _COMMON:
        folder = basename(dirname(path)).lower()
        return basename(path).lower() in words or (folder not in _COMMON and bool(folder) and folder in words)
    plain = re.sub(r"[_-]+", " ", stem)
    return stem in words or plain in words
