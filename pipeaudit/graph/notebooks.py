"""Files that only notebooks make, which no stage runs, and that programs or stages use all the same."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass

from pipeaudit.flow.events import is_test
from pipeaudit.graph.graph import PipelineGraph
from pipeaudit.link.exchange import Touch, same_file
from pipeaudit.model.finding import Related
from pipeaudit.model.pipeline import Node
from pipeaudit.read.exported import twin

_CODE = ("python", "notebook")


@dataclass(frozen=True, slots=True)
class NotebookFile:
    """A file, the call in a notebook that makes it, and who uses it; `certain`: the paths are one beyond doubt."""

    writer: Touch
    uses: tuple[Related, ...]
    certain: bool


def notebook_files(
    graph: PipelineGraph, written: Iterable[Touch], read: Iterable[Touch], paths: Container[str]
) -> Iterator[NotebookFile]:
    """Each file once, at the first call that makes it."""
    writers = list(written)
    others = [touch for touch in writers if not touch.program.endswith(".ipynb") or _is_run(graph, touch.program)]
    elsewhere = {place for other in others for place in other.places}
    readers = [t for t in read if not t.program.endswith(".ipynb") and not is_test(t.program)]
    seen = set()
    for writer in writers:
        notebook = writer.program
        if not notebook.endswith(".ipynb") or _is_run(graph, notebook) or _has_script(notebook, paths):
            continue
        if writer.name in seen or not elsewhere.isdisjoint(writer.places):
            continue
        if _made_elsewhere(graph, writer.name):
            continue
        seen.add(writer.name)
        found = _uses(graph, writer, readers)
        if found is not None:
            yield found


def _is_run(graph: PipelineGraph, notebook: str) -> bool:
    return any(said.system not in _CODE for node in graph.running(notebook) for said in node.declarations)


def _has_script(notebook: str, paths: Container[str]) -> bool:
    """A script beside it of the same name: jupytext keeps the two alike."""
    return twin(notebook) in paths


def _made_elsewhere(graph: PipelineGraph, name: str) -> bool:
    artifact = graph.artifact(name)
    return artifact is not None and any(not _is_notebook(node) for node in graph.writers(artifact))


def _is_notebook(node: Node) -> bool:
    return all(said.system == "notebook" for said in node.declarations)


def _uses(graph: PipelineGraph, writer: Touch, readers: list[Touch]) -> NotebookFile | None:
    artifact = graph.artifact(writer.name)
    declared = [] if artifact is None else [node for node in graph.readers(artifact) if not _is_notebook(node)]
    uses = [Related(node.at, f"`{node.name}` uses it") for node in declared]
    certain = [reader for reader in readers if same_file(writer, reader) is True]
    for match in (
        lambda reader: same_file(writer, reader) is True,
        lambda reader: writer.name in reader.places,
        lambda reader: writer.is_model and _same_name(writer, reader),
    ):
        if not uses:
            uses = _related(readers, match)
    return NotebookFile(writer, tuple(uses), bool(declared or certain)) if uses else None


def _related(readers: list[Touch], matches: Callable[[Touch], bool]) -> list[Related]:
    return [Related(reader.event.at, f"`{reader.name}` is read here") for reader in readers if matches(reader)]


def _same_name(one: Touch, other: Touch) -> bool:
    """A file that somebody copied: the same name in another folder."""
    name = one.name.rpartition("/")[2]
    return name == other.name.rpartition("/")[2] and "." in name
