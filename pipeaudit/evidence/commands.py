"""Shell commands wherever they stand: CI steps, Makefiles, scripts, images, stages, notebooks, documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pipeaudit.evidence.prose import Writing
from pipeaudit.evidence.workflow import Workflow
from pipeaudit.model.location import Location
from pipeaudit.read.dockerfile import is_dockerfile

_RECIPE = re.compile(r"^\t(.*)$")
_TARGET = re.compile(r"^([A-Za-z0-9_./%-]+)\s*:(?!=)")
_INSTRUCTION = re.compile(r"^\s*(RUN|CMD|ENTRYPOINT)\s+(.*)$", re.IGNORECASE)
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


class Texts(Protocol):
    def text(self, path: str) -> str: ...


def from_workflows(workflows: tuple[Workflow, ...]) -> Iterator[Command]:
    for workflow in workflows:
        for job in workflow.jobs:
            for step in job.steps:
                if step.command:
                    yield Command(step.command, step.at, "ci")


def from_files(paths: tuple[str, ...], tree: Texts) -> Iterator[Command]:
    for path in paths:
        name = path.rpartition("/")[2].lower()
        if name in ("makefile", "gnumakefile") or name.endswith((".mk", ".make")):
            yield from _makefile(path, tree.text(path))
        elif name == "justfile" or name in ("taskfile.yml", "taskfile.yaml"):
            yield Command(tree.text(path), Location(path), "make")
        elif name.endswith((".sh", ".bash", ".zsh", ".ps1", ".bat", ".cmd")):
            yield Command(_without_comments(tree.text(path)), Location(path), "script")
        elif is_dockerfile(path):
            yield from _image(path, tree.text(path))


def _without_comments(text: str) -> str:
    return "\n".join("" if line.lstrip().startswith("#") else line for line in text.split("\n"))


def _makefile(path: str, text: str) -> Iterator[Command]:
    target = ""
    for number, line in enumerate(text.split("\n"), 1):
        found = _TARGET.match(line)
        if found:
            target = found.group(1)
        recipe = _RECIPE.match(line)
        if recipe and not recipe.group(1).lstrip("@-").lstrip().startswith("#"):
            yield Command(recipe.group(1).lstrip("@-"), Location(path, number), "make", target)


def _image(path: str, text: str) -> Iterator[Command]:
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        found = _INSTRUCTION.match(lines[number])
        start = number
        if found:
            body = [found.group(2)]
            while body[-1].rstrip().endswith("\\") and number + 1 < len(lines):
                number += 1
                body.append(lines[number])
            words = "\n".join(body)
            if found.group(1).upper() != "RUN":
                words = re.sub(r"[\[\]\",]+", " ", words)
            yield Command(words, Location(path, start + 1), "image")
        number += 1


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
