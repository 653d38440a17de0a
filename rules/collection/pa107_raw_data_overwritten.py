import re
from posixpath import basename

from pipeaudit.rule import (
    Confidence,
    Event,
    Iterator,
    Match,
    Project,
    Related,
    Severity,
    Touch,
    is_test,
    rule,
    same_file,
)

_RAW = re.compile(r"(^|/)(raw|external|bronze|01_raw|landing|source_data)/", re.IGNORECASE)
_VERSIONED = re.compile(
    r"(^|[/_.-])(te?mp|cache|checkpoint|logs?|state)([/_.-]|$)|\.(lance|delta|db|sqlite3?)(/|$)", re.IGNORECASE
)
_COLLECTS = re.compile(
    r"download|fetch|ingest|collect|scrap|crawl|extract|import|get_|load|sync|update|generate|make_data", re.IGNORECASE
)


@rule(
    "PA107",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=None,
    controls=("COL-4", "PRP-4", "ANT-1"),
)
def raw_data_overwritten(project: Project) -> Iterator[Match]:
    """A transformed table is written over the raw data that it was made from.

    A second run cleans what is clean already, and what was lost can't be had again.

    Bad, in clean.py:

        import pandas as pd

        rows = pd.read_csv("data/rows.csv")
        rows.dropna().to_csv("data/rows.csv")

    Good, in clean.py:

        import pandas as pd

        rows = pd.read_csv("data/rows.csv")
        rows.dropna().to_csv("data/clean.csv")

    Fix: write to a new file; never change raw data.

    Not seen: raw data that another program overwrites under a computed path. Files that a program has written itself
    before, appended files, caches, templates of submissions, and what collects the data are not counted.

    Source: SE for ML practice 22.
    """
    seen = set()
    for writer in project.written:
        if writer.event.at in seen or is_test(writer.program) or _is_beside_the_point(writer):
            continue
        source = None if _adds_rows(project, writer) else _read_before(project, writer)
        if source is not None:
            seen.add(writer.event.at)
            yield Match(
                writer.event.at,
                f"`{writer.name}` is written over the data that was read from it",
                confidence=Confidence.HIGH if source.strong and not writer.event.conditional else Confidence.MEDIUM,
                related=(Related(source.at, "read here"),),
                fix="Write to a new file.",
                symbol=writer.event.function,
            )
        elif _fills_raw_folder(project, writer):
            seen.add(writer.event.at)
            yield Match(
                writer.event.at,
                f"a transformed table is written to `{writer.name}`, among the raw data",
                confidence=Confidence.MEDIUM,
                fix="Write it to a folder of its own.",
                symbol=writer.event.function,
            )


def _is_beside_the_point(writer: Touch) -> bool:
    event = writer.event
    if "write_data" not in event.roles or event.name.startswith(("builtins.", "json.", "yaml.")):
        return True
    if "/" not in writer.name and "." not in writer.name:
        return True  # a table, which keeps its versions
    if "submission" in basename(writer.name).lower():
        return True  # the template of a competition, filled in
    mode = event.constant("mode", event.detail.get("mode", "w"))
    return (isinstance(mode, str) and mode.startswith("a")) or _VERSIONED.search(writer.name) is not None


def _adds_rows(project: Project, writer: Touch) -> bool:
    """Whether rows of another origin go into the file as well: then it is one that is kept up to date."""
    value = writer.event.receiver
    rows = project.programs[writer.program].rows
    return value is not None and len(rows.origins(value.rows)) > 1


def _read_before(project: Project, writer: Touch) -> Event | None:
    """The first touch of the file in the program, if that is a read of a table."""
    for touch in project.read:
        same = touch.program == writer.program and same_file(writer, touch) is True
        if same and touch.event.id < writer.event.id and "read" in touch.event.roles:
            earlier = [
                other
                for other in project.written
                if other.program == writer.program and same_file(other, touch) and other.event.id < touch.event.id
            ]
            shares_loop = set(touch.event.loops) == set(writer.event.loops)
            # Under a condition it is the usual cache: read what is there, else make it.
            return touch.event if not earlier and shares_loop and not writer.event.conditional else None
    return None


def _fills_raw_folder(project: Project, writer: Touch) -> bool:
    """Whether what was read elsewhere and transformed ends in a folder of raw data."""
    if not _RAW.search(writer.name) or _COLLECTS.search(f"{writer.program} {writer.event.function}"):
        return False
    program = project.programs[writer.program]
    if program.of("download", "query", "generate", "load_dataset"):
        return False
    reads = [t for t in project.read if t.program == writer.program and "read" in t.event.roles]
    return (
        bool(reads)
        and any("://" not in t.name for t in reads)
        and bool(program.of("transform", "filter", "impute", "join"))
    )
