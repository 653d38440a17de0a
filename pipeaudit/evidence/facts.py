"""All that signals may look at: the project, and views of it that are made once, when first asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from pipeaudit.evidence import commands, pipelines
from pipeaudit.evidence.calls import CallIndex, CallRule, names
from pipeaudit.evidence.images import Image, images
from pipeaudit.evidence.places import is_example, is_notebook, is_test
from pipeaudit.evidence.prose import Writing
from pipeaudit.evidence.signal import Finder
from pipeaudit.evidence.workflow import Workflow
from pipeaudit.graph.graph import PipelineGraph
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location
from pipeaudit.read.dockerfile import Dockerfile
from pipeaudit.read.makefile import Makefile
from pipeaudit.read.node import Node
from pipeaudit.repository import Repository
from pipeaudit.rule import Project

if TYPE_CHECKING:
    from pipeaudit.evidence.documents import SectionRule

_Made = TypeVar("_Made")
_IMPORT = re.compile(r"^\s*(?:from\s+(\.*[\w.]*)\s+import\s+(\([^)]*\)|[^\n#]+)|import\s+([\w.]+))", re.MULTILINE)
_RANK = {Strength.STRONG: 0, Strength.SUPPORTING: 1, Strength.WEAK: 2}
_VENDORED = ("node_modules/", "site-packages/", "third_party/", "vendor/", "vendored/", "external/")


class Facts:
    """A project with what its signals have in common; `finders` are the signals by id."""

    def __init__(
        self, project: Project, finders: Mapping[str, Finder], declared: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.project = project
        self.repository: Repository = project.repository
        self.graph: PipelineGraph = project.graph
        self.profile = project.profile
        self.declared = declared
        self._finders = finders
        self._found: dict[str, tuple[Evidence, ...]] = {}
        self._groups: dict[str, Callable[[str], bool]] = {}
        self._made: dict[Callable[[Facts], Any], Any] = {}
        self.call_rules: Mapping[str, CallRule] = {}
        self.section_rules: Mapping[str, SectionRule] = {}
        self.declarations: Mapping[str, tuple[Evidence, ...]] = {}

    def evidence(self, signal_id: str) -> tuple[Evidence, ...]:
        """All evidence of a signal: the strongest first, then by place."""
        if signal_id not in self._found:
            self._found[signal_id] = ()  # a signal that asks for itself finds nothing more
            found = dict.fromkeys(self._finders[signal_id](self))
            self._found[signal_id] = tuple(sorted(found, key=lambda e: (_RANK[e.strength], e.at.key, e.what)))
        return self._found[signal_id]

    def shows(self, *ids: str) -> bool:
        return any(self.evidence(signal_id) for signal_id in ids)

    def once(self, make: Callable[[Facts], _Made]) -> _Made:
        """What a function makes of these facts; it runs once."""
        if make not in self._made:
            self._made[make] = make(self)
        made: _Made = self._made[make]
        return made

    def is_one(self, group: str, name: str) -> bool:
        """Whether a qualified name is in a group of `signals.yaml`."""
        if group not in self._groups:
            self._groups[group] = names(self.declared["names"][group])
        return self._groups[group](name)

    def names(self, group: str) -> frozenset[str]:
        """The names of a group that holds no patterns."""
        return frozenset(self.declared["names"][group])

    @property
    def paths(self) -> tuple[str, ...]:
        return self.repository.paths

    @cached_property
    def known(self) -> frozenset[str]:
        return frozenset(self.paths)

    def text(self, path: str) -> str:
        """A file's text, "" where it can't be read: why it can't stands among the problems."""
        return self.repository.text(path)

    def nodes(self, path: str) -> tuple[Node, ...]:
        """The documents of a YAML, JSON or TOML file."""
        return self.repository.nodes(path)

    def is_empty(self, path: str) -> bool:
        return self.repository.is_empty(path)

    def makefile(self, path: str) -> Makefile | None:
        return self.repository.makefile(path)

    def dockerfile(self, path: str) -> Dockerfile | None:
        return self.repository.dockerfile(path)

    def imported(self, path: str) -> tuple[str, ...]:
        """Files of the project that a program imports or steps into, found by the names it uses."""
        events = self.project.programs.get(path)
        found = {event.at.path for event in events} if events is not None else set()
        for match in _IMPORT.finditer(self.text(path) if path.endswith(".py") else ""):
            dotted = (match.group(1) or match.group(3)).lstrip(".").replace(".", "/")
            names = [name.strip().partition(" ")[0] for name in (match.group(2) or "").strip("()").split(",")]
            stems = [dotted, *(f"{dotted}/{name}" for name in names if name)]
            found.update(p for stem in stems if stem for p in self._modules.get(stem, ()))
        return tuple(sorted(found - {path}))

    @cached_property
    def _modules(self) -> dict[str, list[str]]:
        """Python files by every dotted name that could mean them, as paths without ending."""
        found: dict[str, list[str]] = {}
        for path in self.paths:
            if path.endswith(".py"):
                parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
                for start in range(len(parts)):
                    found.setdefault("/".join(parts[start:]), []).append(path)
        return found

    def mentions(self, words: re.Pattern[str]) -> Iterator[Location]:
        """Lines of Python code outside tests, comments aside, that hold these words."""
        for path in self.paths:
            if path.endswith(".py") and not is_test(path):
                yield from self._lines(path, None, self.text(path), words)
        for path in self.notebooks:
            for cell, source in self.repository.code_cells(path):
                yield from self._lines(path, cell, source, words)

    @staticmethod
    def _lines(path: str, cell: int | None, source: str, words: re.Pattern[str]) -> Iterator[Location]:
        if re.compile(words.pattern, words.flags | re.MULTILINE).search(source):
            for number, line in enumerate(source.split("\n"), 1):
                if words.search(line.partition("#")[0]):
                    yield Location(path, number, cell=cell)

    @cached_property
    def images(self) -> tuple[Image, ...]:
        return tuple(images(self.paths, self))

    @cached_property
    def calls(self) -> CallIndex:
        """Calls of the project's own code: no tests, and of a library no examples either."""
        if self.profile == "library":
            return CallIndex(self.project.programs, lambda path: not is_test(path) and not is_example(path))
        return CallIndex(self.project.programs)

    @cached_property
    def all_calls(self) -> CallIndex:
        """Calls of tests too."""
        return CallIndex(self.project.programs, lambda path: True)

    @cached_property
    def notebooks(self) -> tuple[str, ...]:
        return tuple(path for path in self.paths if is_notebook(path) and not is_test(path))

    @cached_property
    def documents(self) -> tuple[Writing, ...]:
        """What is written for people; a notebook's Markdown cells are one document."""
        found = []
        for path in self.paths:
            if _is_document(path):
                document = self.repository.document(path)
                if document is not None:
                    found.append(Writing(path, (document,)))
        for path in self.notebooks:
            cells = tuple(self.repository.markdown_cells(path))
            if cells:
                found.append(Writing(path, cells, is_notebook=True))
        return tuple(found)

    @cached_property
    def readmes(self) -> tuple[Writing, ...]:
        """The README at the root, else the nearest ones."""
        named = [d for d in self.documents if d.path.rpartition("/")[2].lower().startswith("readme")]
        depth = min((d.path.count("/") for d in named), default=0)
        return tuple(d for d in named if d.path.count("/") == depth)

    @cached_property
    def workflows(self) -> tuple[Workflow, ...]:
        return tuple(pipelines.workflows(self))

    @cached_property
    def commands(self) -> tuple[commands.Command, ...]:
        found = [*commands.from_workflows(self.workflows), *commands.from_files(self.paths, self)]
        ci = {workflow.path for workflow in self.workflows}
        for stage in self.graph.stages():
            for declared in stage.declarations:
                if declared.key.partition(":")[0] in ci:
                    continue  # those of its workflow, with lines of their own
                found += [
                    commands.Command(program.command, declared.at, "stage", declared.name)
                    for program in declared.runs
                    if program.command
                ]
        for path in self.notebooks:
            for cell, source in self.repository.code_cells(path):
                found += commands.from_cell(path, cell, source)
        found += commands.from_documents(self.documents)
        return tuple(found)

    @cached_property
    def manifests(self) -> tuple[Node, ...]:
        """YAML and JSON documents that may describe what runs where; CI files are not among them."""
        ci = {workflow.path for workflow in self.workflows}
        found: list[Node] = []
        for path in self.paths:
            lower = path.lower()
            if path in ci or is_test(path) or any(folder in lower for folder in _VENDORED):
                continue
            if lower.endswith((".yaml", ".yml", ".yaml.tpl", ".yml.j2")) or (
                lower.endswith(".json") and _may_deploy(lower)
            ):
                found += [node for node in self.nodes(path) if node.is_mapping]
        return tuple(found)

    def at(self, path: str, what: str, strength: Strength = Strength.STRONG, line: int = 1) -> Evidence:
        return Evidence(Location(path, line), what, strength)


def _may_deploy(path: str) -> bool:
    return any(
        word in path
        for word in ("deploy", "k8s", "kube", "template", "cloudformation", "dashboard", "grafana", "monitor", "alert")
    )


def _is_document(path: str) -> bool:
    lower = path.lower()
    if any(folder in lower for folder in _VENDORED) or is_test(path) or "issue_template" in lower:
        return False
    name = lower.rpartition("/")[2]
    if "changelog" in name or name.startswith(("license", "changes", "history", "news", "code_of_conduct")):
        return False
    if not name.endswith((".md", ".rst", ".mdx", ".markdown", ".txt", ".adoc", ".qmd", ".rmd")):
        return name in ("readme", "contributing")
    if name.endswith(".txt"):
        return name.startswith(("readme", "data_description", "dataset"))
    return True
