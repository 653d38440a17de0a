"""Great Expectations: each checkpoint is a stage that reads the data it checks and the suites that it checks it by."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import dirname, join

from pipeaudit.model.pipeline import ArtifactKind, Program, StageKind
from pipeaudit.pyeval.evaluator import Library
from pipeaudit.pyeval.values import text_of
from pipeaudit.read.node import Node
from pipeaudit.system import Artifact, Declared, PythonSource, Sources, Stage, repository_system, resolve

_PROJECT = ("great_expectations.yml", "great_expectations.yaml")
_RUNS = frozenset(("run_checkpoint", "get_checkpoint"))
_PATTERN = re.compile(r"[\\()\[\]{}^$*+?|]")
_GROUP = re.compile(r"\([^()]*\)")
_LONGEST = 1_000


@repository_system("great-expectations", *_PROJECT, package="great_expectations")
def stages(sources: Sources, files: Sequence[PythonSource]) -> Iterator[Declared]:
    projects = [path for path in sources.matching(*_PROJECT) if sources.document(path) is not None]
    if not projects:
        return
    sites = [site for file in files for site in _sites(file)]
    for path in projects:
        document = sources.document(path)
        if document is not None:
            yield from _Project(dirname(path), document, sources).checkpoints(sites if len(projects) == 1 else [])


@dataclass(frozen=True, slots=True)
class _Project:
    folder: str
    document: Node
    sources: Sources

    def checkpoints(self, sites: list[tuple[str, Program]]) -> Iterator[Declared]:
        assets = dict(self._assets())
        folder = join(self.folder, self._store("checkpoint_store", "checkpoints"))
        told: set[str] = set()
        for path in self.sources.matching(*(f"/{folder}/*.{extension}" for extension in ("yml", "yaml", "json"))):
            document = self.sources.document(path)
            if document is None or not (document.get("name") or document.get("config_version")):
                continue
            name = document.get("name").text or path.rpartition("/")[2].rpartition(".")[0]
            reads: dict[str, ArtifactKind] = {}
            for source, asset, suite in self._checks(document):
                if asset:
                    known = assets.get((source, asset)) or assets.get((source, ""))
                    reads[self._asset(known, asset) or f"gx:{self.folder}#{asset}"] = ArtifactKind.DATASET
                if suite:
                    reads[self._suite(suite)] = ArtifactKind.PARAMS
            runs = [program for called, program in sites if called == name]
            yield Stage(
                name=name,
                system="great-expectations",
                at=(document.get("name") or document).at,
                key=path,
                reads=tuple(reads),
                runs=tuple(runs) if len(runs) == 1 else (),
                kind=StageKind.PREPROCESSING,
                pipeline=self.folder or "great_expectations",
            )
            for artifact, kind in reads.items():
                if artifact not in told:
                    told.add(artifact)
                    yield Artifact(artifact, kind)

    def _store(self, name: str, default: str) -> str:
        """The folder of a store, relative to the project's."""
        chosen = self.document.get(f"{name}_name").text or name
        given = self.document.get("stores", chosen, "store_backend", "base_directory").text
        return given.strip("/") or default

    def _checks(self, checkpoint: Node) -> Iterator[tuple[str, str, str]]:
        """Data source, asset and suite of each check; what is said once for all counts where one says nothing."""
        whole = checkpoint.get("batch_request")
        for check in checkpoint.list("validations") or (checkpoint,):
            batch = check.get("batch_request")
            yield (
                batch.get("datasource_name").text or whole.get("datasource_name").text,
                batch.get("data_asset_name").text or whole.get("data_asset_name").text,
                check.get("expectation_suite_name").text or checkpoint.get("expectation_suite_name").text,
            )
        store = join(self.folder, self._store("validation_definition_store", "validation_definitions"))
        for named in checkpoint.list("validation_definitions"):
            path = f"{store}/{named.get('name').text}.json"
            defined = self.sources.document(path) if path in self.sources else None
            if defined is not None:
                data = defined.get("data")
                source, asset = data.get("datasource", "name").text, data.get("asset", "name").text
                yield source, asset, defined.get("suite", "name").text

    def _suite(self, name: str) -> str:
        """The file of a suite: dots in its name are folders, in versions before the first."""
        store = join(self.folder, self._store("expectations_store", "expectations"))
        plain, nested = f"{store}/{name}.json", f"{store}/{name.replace('.', '/')}.json"
        return nested if nested in self.sources else plain

    def _assets(self) -> Iterator[tuple[tuple[str, str], str]]:
        """By data source and asset, a file or folder; under no asset's name where any file of a folder is one."""
        for name, source in self.document.items("fluent_datasources"):
            base = source.get("base_directory").text
            for asset, body in source.items("assets"):
                own = body.get("path").text or body.get("filepath_or_buffer").text
                pattern = _GROUP.sub("{}", body.get("batching_regex").text[:_LONGEST].replace("\\.", "."))
                if not own and base:
                    is_open = not pattern or _PATTERN.search(pattern.replace("{}", ""))
                    own = base if is_open else join(base, pattern)
                if own or body.get("table_name").text:
                    yield (name.text, asset.text), own
        for name, source in self.document.items("datasources"):
            for _, connector in source.items("data_connectors"):
                base = connector.get("base_directory").text
                if base:
                    yield (name.text, ""), base

    def _asset(self, known: str | None, asset: str) -> str:
        if not known:
            return ""
        placed = self._placed(known)
        inside = f"{placed}/{asset}"
        # an asset that a folder's files are inferred from is called as its file
        return inside if "." in asset and "." not in placed.rpartition("/")[2] else placed

    def _placed(self, path: str) -> str:
        """A path from the root; one of somebody's own machine by the part of it that lies in this repository."""
        if not path.startswith("/"):
            return resolve(self.folder, path)
        tops = {known.partition("/")[0] for known in self.sources.paths if "/" in known}
        parts = path.strip("/").split("/")
        return next(("/".join(parts[at:]) for at in range(1, len(parts) - 1) if parts[at] in tops), path)


def _sites(file: PythonSource) -> Iterator[tuple[str, Program]]:
    """Checkpoints that a program runs, by name, and the function in which it does so."""
    calls = list(_calls(file.tree))
    if not calls:
        return
    evaluator, frame, _ = file.run(Library())
    for called, function in calls:
        name = text_of(evaluator.global_value(frame, called.id)) if isinstance(called, ast.Name) else called
        if isinstance(name, str) and name:
            yield name, Program(path=file.path, function=function)


def _calls(tree: ast.Module) -> Iterator[tuple[str | ast.Name, str]]:
    """What stands for a checkpoint's name where one is run, and the function around that."""
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, function = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            function = f"{function}.{node.name}" if function else node.name
        if isinstance(node, ast.Call):
            value = _checkpoint(node)
            if isinstance(value, ast.Name):
                yield value, function
            elif isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value, function
        waiting += [(child, function) for child in ast.iter_child_nodes(node)]


def _checkpoint(call: ast.Call) -> ast.expr | None:
    """The name in `context.run_checkpoint("name")` or `context.checkpoints.get("name")`."""
    called = call.func
    if not isinstance(called, ast.Attribute):
        return None
    owner = called.value
    of_store = called.attr == "get" and isinstance(owner, ast.Attribute) and owner.attr == "checkpoints"
    if called.attr not in _RUNS and not of_store:
        return None
    given = next((k.value for k in call.keywords if k.arg in ("checkpoint_name", "name")), None)
    return given or (call.args[0] if call.args else None)
