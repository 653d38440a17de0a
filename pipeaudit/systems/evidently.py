"""Evidently: each report, collector or service that a configuration sets up is a stage that watches data.

Scripts that build reports and test suites are stages as other programs are; commands that run a configuration on files
say what they read and write.
"""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import basename

from pipeaudit.flow.events import is_test
from pipeaudit.model.pipeline import StageKind
from pipeaudit.read.node import Node
from pipeaudit.read.transfers import transfers
from pipeaudit.system import ConfigSource, Declared, Sources, Stage, config_system

_NAMES = tuple(
    f"{name}.{extension}"
    for name in ("config", "*evidently*", "*monitor*", "*collector*", "*drift*")
    for extension in ("yaml", "yml", "json")
)
_TABS = ("dashboard_tabs", "profile_sections")
_MARKS = (b"dashboard_tabs", b"profile_sections", b"evidently:", b"report_config", b"monitors")


@config_system("evidently", *_NAMES, containing=_MARKS)
def stages(source: ConfigSource) -> Iterator[Declared]:
    document = source.document
    if is_test(source.path) or not document.is_mapping:
        return
    collectors = document.mapping("collectors")
    for name, body in collectors.items():
        if body.get("report_config"):
            yield _stage(
                source, name, document.get("collectors").key(name), [source.resolve(body.get("reference_path").text)]
            )
    if collectors:
        return
    watched = [part.text for tab in _TABS for part in document.names(tab)]
    monitors = document.strings("service", "monitors") or [
        m for b in _datasets(document) for m in b.strings("monitors")
    ]
    types = [metric.get("type").text for metric in (*document.list("metrics"), *document.list("descriptors"))]
    if watched:
        at = next(document.key(tab) for tab in _TABS if document.get(tab))
        yield _stage(source, _title(source), at, _files(source))
    elif monitors and document.get("service"):
        references = [document.get("service", "reference_path").text]
        references += [body.get("path").text or body.get("reference_file").text for body in _datasets(document)]
        yield _stage(source, _title(source), document.key("service"), [source.resolve(path) for path in references])
    elif any(name.startswith("evidently:") for name in types):
        yield _stage(source, _title(source), document, _files(source))


def _datasets(document: Node) -> list[Node]:
    return [body for _, body in document.items("datasets")]


def _title(source: ConfigSource) -> str:
    """The file's own name, or its folder's where the file is called as any configuration is."""
    stem = basename(source.path).rpartition(".")[0]
    return stem if stem != "config" else f"{basename(source.folder) or 'data'} monitoring"


def _files(source: ConfigSource) -> list[str]:
    """What the commands of shell scripts and makefiles hand to this configuration."""
    found: list[str] = []
    sources: Sources = source.sources
    for path in sources.matching("*.sh", "Makefile", "makefile"):
        data = sources.data(path)
        for transfer in transfers(sources.text(path)) if data is not None and b"evidently" in data else ():
            if source.path in transfer.reads:
                found += [file for file in transfer.reads if file != source.path]
    return found


def _stage(source: ConfigSource, name: str, at: Node, reads: list[str]) -> Stage:
    return Stage(
        name=name,
        system="evidently",
        at=at.at,
        key=f"{source.path}:{name}",
        reads=tuple(path for path in dict.fromkeys(reads) if path != source.folder and path),
        kind=StageKind.MONITORING,
        pipeline=source.path,
    )
