"""One run: an audit and its reports, or the very same reports from an earlier run over the same tree."""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeaudit import __version__, cache, git, resources
from pipeaudit.cache_folder import default_folder
from pipeaudit.discover import Discovery
from pipeaudit.gate import Gate
from pipeaudit.request import Request
from pipeaudit.tree import Tree

if TYPE_CHECKING:
    from pipeaudit.model.audit import Audit


# An analysis builds millions of objects that live to its end; looking through them for garbage would double its cost.
_RARE_COLLECTIONS = (5_000_000, 50, 100)


# formats that name cells of notebooks, and never a line of their files
_IN_CELLS = ("json.", "terminal.", "rules.", "graph.", "impact.", "csv.")


@dataclass(frozen=True, slots=True)
class Presentation:
    """What renderers are told beside the audit."""

    color: bool = False
    gate: Gate = Gate()
    show_suppressed: bool = False
    snippets: bool = True
    category: str = ""
    max_results: int = 5_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """Finished reports by format. `failures` are defects of rules: the run ends with 2 although its report stands."""

    reports: Mapping[str, str]
    status: int
    failures: tuple[str, ...] = ()
    found: Discovery = field(default=Discovery(()), repr=False)

    @property
    def tracked(self) -> frozenset[str]:
        return frozenset(file.path for file in self.found.files if file.tracked)


def run(request: Request, renderers: Mapping[str, str], presentation: Presentation) -> Outcome:
    """The reports asked for; those of an unchanged tree come from the cache, byte for byte."""
    if all(place.startswith(_IN_CELLS) for place in renderers.values()):
        request = replace(request, physical=False)
    found = request.find()
    tree = Tree(request.root, found.files, request.config.limits)
    if request.alone(tree.paths) is not None:  # to find what is known of the whole tree would cost more than this
        return _made(request, found, tree, None, renderers, presentation)
    store = _cache(request)
    memory_key = cache.key("digests", __version__)
    tree.remember(store.get(memory_key))
    key = _key(request, found, tree, renderers, presentation)
    known = _replayed(store.get(key), renderers)
    if known is not None:
        store.close()
        return replace(known, found=found)
    outcome = _made(request, found, tree, store, renderers, presentation)
    if not outcome.failures:
        record = {"reports": outcome.reports, "status": outcome.status}
        store.put(key, json.dumps(record).encode("utf-8", "surrogatepass"))
        store.put(memory_key, tree.memory(time.time_ns()))
        store.save()
    return outcome


def _made(
    request: Request,
    found: Discovery,
    tree: Tree,
    store: cache.Cache | None,
    renderers: Mapping[str, str],
    presentation: Presentation,
) -> Outcome:
    gc.set_threshold(*_RARE_COLLECTIONS)
    from pipeaudit import engine

    finished, failures = engine.audit(request, found, tree, store)
    reports = {name: _render(place, finished, presentation) for name, place in renderers.items()}
    status = presentation.gate.status(finished.findings, len(finished.problems))
    return Outcome(reports, status, failures, found)


def listing(request: Request) -> str:
    """What is read, and what is left out and why, a line each."""
    from pipeaudit.report.text import path as shown

    found = request.find()
    left_out = {entry.path: entry.reason for entry in found.left_out}
    if found.work_tree is not None and request.obey_ignore_files:
        try:
            left_out |= {path: "ignored by git" for path in git.ignored(found.work_tree) if path not in left_out}
        except git.GitUnavailable as error:
            left_out["."] = f"what git ignores is unknown: {error}"
    lines = [f"{shown(file.path)}  read" for file in found.files]
    lines += [f"{shown(path)}  left out: {reason}" for path, reason in left_out.items()]
    lines += [f"{shown(problem.path)}  {problem.message}" for problem in found.problems]
    return "".join(f"{line}\n" for line in sorted(lines))


def _cache(request: Request) -> cache.Cache:
    folder = default_folder() if request.use_cache else None
    return cache.Cache(folder, cache.key(str(request.root)).hex()[:24])


def _key(
    request: Request, found: Discovery, tree: Tree, renderers: Mapping[str, str], presentation: Presentation
) -> bytes:
    """Stands for everything that a report depends on: the tree, the call, the configuration, the program itself."""
    baseline = request.baseline.read_bytes() if request.baseline and request.baseline.is_file() else b""
    call = replace(request, root=Path("."), rule_folders=(), baseline=None, jobs=0, use_cache=True)
    return cache.key(
        tree.manifest(),
        tree.names(),
        _stamp(request.rule_folders),
        repr(call),
        repr(sorted(renderers.items())),
        repr(presentation),
        repr(found.problems),
        repr(found.left_out),
        repr(git.revision(found.work_tree) if found.work_tree else None),
        f"{sys.version_info[:2]}",
        baseline,
    )


def _stamp(folders: tuple[Path, ...]) -> str:
    """The program as it lies on this disk: names, sizes and times of its modules, rules and templates."""
    lines = []
    waiting = [str(path) for path in (Path(__file__).parent, resources.folder("rules"), resources.folder("reports"))]
    waiting += [str(folder) for folder in folders if str(folder) not in waiting]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        waiting.append(entry.path)
                else:
                    status = entry.stat()
                    lines.append(f"{entry.path}\0{status.st_size}\0{status.st_mtime_ns}")
    return "\n".join(sorted(lines))


def _replayed(entry: bytes | None, renderers: Mapping[str, str]) -> Outcome | None:
    if entry is None:
        return None
    try:
        record = json.loads(entry)
    except ValueError:
        return None
    reports = record.get("reports") if isinstance(record, dict) else None
    if not isinstance(reports, dict) or set(reports) != set(renderers) or not isinstance(record.get("status"), int):
        return None
    if not all(isinstance(report, str) for report in reports.values()):
        return None
    return Outcome(reports, record["status"])


def _render(place: str, finished: Audit, presentation: Presentation) -> str:
    module, _, name = place.rpartition(".")
    render: Callable[..., str] = getattr(importlib.import_module(f"pipeaudit.report.{module}"), name)
    if module == "terminal":
        return render(finished, color=presentation.color, gate=presentation.gate.sentence(finished.findings))
    if module == "sarif":
        from pipeaudit.report.sarif import Settings

        settings = Settings(
            category=presentation.category,
            show_suppressed=presentation.show_suppressed,
            snippets=presentation.snippets,
            max_results=presentation.max_results,
        )
        return render(finished, settings)
    return render(finished)
