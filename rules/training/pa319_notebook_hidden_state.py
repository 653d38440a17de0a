from collections import defaultdict
from collections.abc import Iterable

from pipeaudit.rule import (
    Confidence,
    Iterator,
    Location,
    Match,
    Project,
    Related,
    Severity,
    StageKind,
    Touch,
    is_test,
    rule,
)


@rule(
    "PA319",
    Severity.ERROR,
    ceiling=Confidence.HIGH,
    stage=StageKind.EXPLORATION,
    controls=("TIP-1", "TRN-3"),
    tier="core",
    kinds=("undefined", "later-cell", "file-order", "out-of-order"),
)
def notebook_hidden_state(project: Project) -> Iterator[Match]:
    """Run from top to bottom, the notebook fails or gives other results than the ones that it shows.

    It worked once, because of cells that were run in another order, or that are gone. Nobody can repeat that.

    Kinds: `undefined` (a name that no cell makes), `later-cell` (a name that a later cell makes), `file-order` (a file
    that a later cell writes), `out-of-order` (a note: the numbers of the cells show another order).

    Bad, in draft.ipynb:

        {"cells": [
          {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 2, "source": ["print(model)"]},
          {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1, "source": ["model = 1"]}],
         "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 4}

    Good, in draft.ipynb:

        {"cells": [
          {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1, "source": ["model = 1"]},
          {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 2, "source": ["print(model)"]}],
         "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 4}

    Fix: restart the kernel and run all cells; put them in order, or move the code to a script.

    Not seen: names that functions use when they are called, and all names of notebooks in which code can make names
    that nobody sees (`%run`, star imports, `exec`) or that are exercises to be filled in.

    Source: Pimentel et al. 2019, a large-scale study about quality and reproducibility of Jupyter notebooks.
    """
    programs: dict[str, set[str]] = defaultdict(set)
    for touch in project.written:
        for place in touch.places:
            programs[place].add(touch.program)
    written, read = _by_program(project.written), _by_program(project.read)
    for path in project.repository.paths:
        if path.endswith(".ipynb") and not is_test(path):
            yield from _names(project, path)
            for reader, writer in _backwards(written.get(path, []), read.get(path, [])):
                alone = all(programs[place] <= {path} for place in reader.places)
                if alone and not project.repository.exists(reader.name):
                    yield _file(reader, writer)
            yield from _order(project, path)


def _names(project: Project, path: str) -> Iterator[Match]:
    for lost in project.lost_names(path):
        if lost.later is None:
            where = "no cell makes it any more"
        else:
            where = f"cell {lost.later + 1} makes it, below"
            where = "its own cell makes it, further down" if lost.later == lost.at.cell else where
        yield Match(
            lost.at,
            f"`{lost.name}` is not there when this cell runs: {where}",
            kind="undefined" if lost.later is None else "later-cell",
            confidence=Confidence.HIGH,
            related=() if lost.later is None else (Related(Location(path, cell=lost.later), "made here"),),
            fix="Put the cell that makes it above.",
        )


def _by_program(touches: Iterable[Touch]) -> dict[str, list[Touch]]:
    found: dict[str, list[Touch]] = defaultdict(list)
    for touch in touches:
        found[touch.program].append(touch)
    return found


def _backwards(written: list[Touch], read: list[Touch]) -> Iterator[tuple[Touch, Touch]]:
    """Files that the notebook reads in one cell and writes for the first time in a later one, each once."""
    writers = {touch.name: touch for touch in reversed(written)}
    told = set()
    for touch in read:
        writer = writers.get(touch.name)
        if writer is None or touch.name in told or touch.event.conditional:
            continue
        if not touch.event.at.path == writer.event.at.path == touch.program:
            continue
        if (touch.event.at.cell or 0) < (writer.event.at.cell or 0):
            told.add(touch.name)
            yield touch, writer


def _file(reader: Touch, writer: Touch) -> Match:
    return Match(
        reader.event.at,
        f"`{reader.name}` is read here, and written in cell {(writer.event.at.cell or 0) + 1}, below",
        kind="file-order",
        confidence=Confidence.MEDIUM,
        related=(Related(writer.event.at, "written here"),),
        fix="Put the cell that writes it above.",
    )


def _order(project: Project, path: str) -> Iterator[Match]:
    last = 0
    for index, count in project.repository.execution_counts(path):
        if count < last:
            yield Match(
                Location(path, cell=index),
                f"this cell was run as number {count}, after cells below it: the results are those of another order",
                kind="out-of-order",
                confidence=Confidence.HIGH,
                severity=Severity.NOTE,
                fix="Restart the kernel and run all cells.",
            )
            return
        last = count
