"""What the commands of a stage, and the shell scripts that it runs, move from one place to another."""

from __future__ import annotations

from collections.abc import Iterable
from posixpath import join, normpath

from pipeaudit.link.artifacts import kind_of, normal
from pipeaudit.link.observed import Observed
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import ArtifactKind, Program, Stage
from pipeaudit.read.transfers import Transfer, transfers
from pipeaudit.sources import Sources

_STORES = ("s3://", "gs://", "abfs", "wasb", "https://www.kaggle.com/", "https://huggingface.co/")
_SURE = ("torch-model-archiver", "torchserve", "evidently")


def note_moved(seen: Observed, said: Iterable[Stage], runs: Iterable[Program], sources: Sources) -> None:
    """Adds to what is seen of a stage; a stage's own command is at the stage, a script's at its line."""
    for stage in said:
        for program in stage.runs:
            if not program.path:
                for transfer in transfers(program.command):
                    _note(seen, transfer, program.folder, stage.at)
    for program in runs:
        if program.path.endswith((".sh", ".bash")):
            for transfer in transfers(sources.text(program.path)):
                _note(seen, transfer, program.folder, Location(program.path, transfer.line))


def _note(seen: Observed, transfer: Transfer, folder: str, at: Location) -> None:
    """Programs and packages are moved as well, and are no data: something about a transfer must say that it is."""
    names = [*transfer.reads, *transfer.writes]
    if transfer.tool not in _SURE and not any(map(_is_data, names)):
        return
    for name in transfer.writes:
        if not name.startswith("{}"):
            seen.writes.setdefault(_placed(name, folder), at)
    for name in transfer.reads:
        if not name.startswith("{}") and (placed := _placed(name, folder)) not in seen.writes:
            seen.reads.setdefault(placed, at)


def _is_data(name: str) -> bool:
    return name.startswith(_STORES) or kind_of(normal(name)) is not ArtifactKind.OTHER


def _placed(name: str, folder: str) -> str:
    if "://" in name or name.startswith(("/", "~", "{}")) or not folder or folder.startswith(("/", "~", "$", "{")):
        return normal(name)
    return normal(normpath(join(folder, name)))
