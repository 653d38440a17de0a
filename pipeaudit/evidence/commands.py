"""Shell commands wherever they stand: CI steps, Makefiles, scripts, images, stages, notebooks, documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pipeaudit.evidence.prose import Writing
from pipeaudit.evidence.workflow import Workflow
from pipeaudit.model.location import Location
from pipeaudit.read.dockerfile import Dockerfile, is_dockerfile
from pipeaudit.read.makefile import Makefile

_SHELL_LANGUAGES = frozenset(("bash", "sh", "shell", "console", "zsh", "", "powershell", "cmd"))


@dataclass(frozen=True, slots=True)
class Command:
    """Lines of shell. `source`: ci, make, script, image, stage, notebook or document; `target`: of a Makefile."""

    text: str
    at: Location
    source: str
    target: str = ""

    def at_offset(self, offset: int) -> Location:
        line = self.at.line + self.text.count("\n", 0, offset)
        return Location(self.at.path, line, cell=self.at.cell) if self.source != "ci" else self.at

    def line_of(self, offset: int) -> str:
        start = self.text.rfind("\n", 0, offset) + 1
        end = self.text.find("\n", offset)
        return self.text[start : end if end >= 0 else len(self.text)]


class Tree(Protocol):
    def text(self, path: str) -> str: ...

    def makefile(self, path: str) -> Makefile | None: ...

    def dockerfile(self, path: str) -> Dockerfile | None: ...


def from_workflows(workflows: tuple[Workflow, ...]) -> Iterator[Command]:
    for workflow in workflows:
        for job in workflow.jobs:
            for step in job.steps:
                if step.command:
                    yield Command(step.command, step.at, "ci")


def from_files(paths: tuple[str, ...], tree: Tree) -> Iterator[Command]:
    for path in paths:
        name = path.rpartition("/")[2].lower()
        if name in ("makefile", "gnumakefile") or name.endswith((".mk", ".make")):
            makefile = tree.makefile(path)
            yield from () if makefile is None else _makefile(makefile)
        elif name == "justfile" or name in ("taskfile.yml", "taskfile.yaml"):
            yield Command(tree.text(path), Location(path), "make")
        elif name.endswith((".sh", ".bash", ".zsh", ".ps1", ".bat", ".cmd")):
            yield Command(_without_comments(tree.text(path)), Location(path), "script")
        elif is_dockerfile(path):
            image = tree.dockerfile(path)
            yield from () if image is None else _image(image)


def _without_comments(text: str) -> str:
    return "\n".join("" if line.lstrip().startswith("#") else line for line in text.split("\n"))


def _makefile(makefile: Makefile) -> Iterator[Command]:
    for target in makefile.targets:
        for line, text in target.recipe:
            if not text.lstrip("@-").lstrip().startswith("#"):
                yield Command(text.lstrip("@-"), Location(makefile.path, line), "make", target.name)


def _image(file: Dockerfile) -> Iterator[Command]:
    for instruction in file.of("RUN", "CMD", "ENTRYPOINT"):
        text = instruction.script
        if instruction.keyword != "RUN":
            text = re.sub(r"[\[\]\",]+", " ", text)
        yield Command(text, Location(file.path, instruction.line), "image")


_BANG = re.compile(r"^\s*(?:!|%(?:sh|bash|pip|run)\b)\s*(.*)$")


def from_cell(path: str, cell: int, source: str) -> Iterator[Command]:
    """The shell lines of a notebook's code cell."""
    if "!" not in source and "%" not in source:
        return
    lines = source.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if re.match(r"\s*%%(?:bash|sh|script|writefile .*\.sh)\b", first):
        yield Command(_without_comments(source), Location(path, 1, cell=cell), "notebook")
        return
    for number, line in enumerate(lines, 1):
        found = _BANG.match(line)
        if found:
            yield Command(found.group(1), Location(path, number, cell=cell), "notebook")


def from_documents(documents: tuple[Writing, ...]) -> Iterator[Command]:
    """Code blocks of documents that show a shell."""
    for document in documents:
        if document.is_notebook:
            continue
        for _, fence in document.fences:
            if fence.language in _SHELL_LANGUAGES:
                shown = "\n".join(re.sub(r"^\s*(?:\$|>|%)\s+", "", line) for line in fence.text.split("\n"))
                yield Command(_without_comments(shown), Location(document.path, fence.line + 1), "document")
