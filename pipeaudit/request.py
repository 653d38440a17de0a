"""What the engine is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pipeaudit.config import Config
from pipeaudit.discover import Discovery, discover
from pipeaudit.model.change import ChangedLines
from pipeaudit.model.choice import Choice


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: of which tree, by which rules, and which findings count.

    `only` are the files (and folders, ending in a slash) whose findings are shown, None for all; with `touched` a
    finding counts when any step of its path lies there, and with `changed` on a line that changed. `rule_folders`
    empty: no rules are run. `jobs` 0: as it pays. `name` is that of the audited folder, "" for files.
    `physical`: places in notebooks are worked out in their files' own lines too. `impact`: files, folders or artifacts
    of which is asked what changes with them.
    """

    root: Path
    config: Config = Config()
    choice: Choice = Choice()
    rule_folders: tuple[Path, ...] = ()
    only: frozenset[str] | None = None
    touched: bool = False
    changed: ChangedLines | None = None
    checklist: bool = False
    min_confidence: str = "low"
    file_rules_only: bool = False
    force_exclude: bool = False
    obey_ignore_files: bool = True
    as_of: str = ""
    profile: str = ""
    baseline: Path | None = None
    jobs: int = 0
    use_cache: bool = True
    name: str = ""
    physical: bool = True
    impact: tuple[str, ...] = ()

    def alone(self, paths: Iterable[str]) -> frozenset[str] | None:
        """Of a tree's files those that are looked at by themselves; None where the whole tree is needed.

        Rules that need one file only, asked for findings in some files, need those and what they import.
        """
        if not self.file_rules_only or self.only is None or "/" in self.only or self.touched or self.checklist:
            return None
        folders = tuple(path for path in self.only if path.endswith("/"))
        return frozenset(path for path in paths if path in self.only or path.startswith(folders))

    def unnarrowed(self) -> Request:
        """The same question with nothing that keeps findings back: no chosen files or lines, no baseline."""
        return replace(
            self,
            only=None,
            touched=False,
            changed=None,
            baseline=None,
            min_confidence="low",
            config=replace(self.config, baseline=""),
        )

    def find(self) -> Discovery:
        """The files of the tree that are ours to look at; files that the call names always are, unless it says so."""
        named = () if self.force_exclude else tuple(f"/{path}" for path in self.only or ())
        excepted = tuple(f"!{path}" for path in named) if self.config.excluded else ()
        return discover(
            self.root,
            exclude=(*self.config.excluded, *excepted),
            include=(*self.config.include, *named),
            obey_ignore_files=self.obey_ignore_files,
            limits=self.config.limits,
        )
