"""From the words of a call to what the engine is asked: the root, the settings, the files, the places to write to."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeaudit import config as configuration
from pipeaudit import git, resources
from pipeaudit.config import Config
from pipeaudit.model.change import ChangedLines
from pipeaudit.model.choice import Choice
from pipeaudit.model.error import UserError
from pipeaudit.request import Request

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class WrongCall(UserError):
    """The call can't mean anything: exit 2 with what to write instead."""


@dataclass(frozen=True, slots=True)
class Target:
    """A report to write; `path` None is standard output."""

    format: str
    path: Path | None


def targets(outputs: Sequence[str], chosen: str, formats: Sequence[str]) -> tuple[Target, ...]:
    """`FORMAT:FILE`, or `FILE` in the chosen format; `-` is standard output."""
    found = []
    for output in outputs:
        head, colon, rest = output.partition(":")
        name, file = (head, rest) if colon and head in formats else (chosen, output)
        if not file:
            raise WrongCall(f"--output {output}: the file is missing")
        found.append(Target(name, None if file == "-" else Path(file)))
    return tuple(found)


def wants_color(choice: str) -> bool:
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def request(paths: Sequence[Path], options: Mapping[str, Any], *, checklist: bool, rules: bool) -> Request:
    root, only = scope(paths or (Path("."),))
    settings = _settings(root, options)
    if options.get("staged") and options.get("since"):
        raise WrongCall("--staged and --since ask two different questions; leave one of them out")
    if options.get("staged"):
        only = git.staged(_work_tree(root, "--staged"))
    changed = _changed(root, options["since"], settings) if options.get("since") else None
    for folder in options["rules"]:
        if not folder.is_dir():
            raise WrongCall(f"--rules {folder}: there is no rule folder of that name")
    if options["as_of"] and not _DAY.fullmatch(options["as_of"]):
        raise WrongCall(f"--as-of {options['as_of']}: expected a day as YYYY-MM-DD")
    return Request(
        root=root,
        config=settings,
        choice=_choice(settings, options),
        rule_folders=(resources.folder("rules"), *options["rules"]) if rules else (),
        only=only if changed is None else changed.paths,
        touched=bool(options.get("staged")) or changed is not None,
        changed=changed,
        checklist=checklist,
        min_confidence=options.get("min_confidence") or settings.min_confidence,
        file_rules_only=options.get("scope") == "file",
        force_exclude=bool(options.get("force_exclude")),
        obey_ignore_files=not options["no_ignore"],
        as_of=options["as_of"] or "",
        profile=options["profile"] or settings.profile,
        baseline=options.get("baseline"),
        jobs=options["jobs"] or 0,
        use_cache=not options["no_cache"],
        name=_name(paths),
        impact=tuple(_from_root(root, path) for path in options.get("impact") or ()),
    )


def _changed(root: Path, ref: str, settings: Config) -> ChangedLines:
    from pipeaudit import changes

    return changes.since(_work_tree(root, "--since"), ref, root, settings.limits)


def _work_tree(root: Path, option: str) -> git.WorkTree:
    tree = git.work_tree(root)
    if tree is None:
        raise WrongCall(f"{option} asks for a git work tree, and there is none here")
    return tree


def _name(paths: Sequence[Path]) -> str:
    """The name of the one folder that is audited; where it lies is nobody's business."""
    if len(paths) != 1 or not paths[0].is_dir():
        return ""
    return paths[0].name if paths[0].name not in ("", "..") else Path(os.path.realpath(paths[0])).name


def scope(paths: Sequence[Path]) -> tuple[Path, frozenset[str] | None]:
    """The audited root, and the files or folders (with a slash) that findings must lie in; None means everywhere."""
    for path in paths:
        if not os.path.lexists(path):
            raise WrongCall(f"{path}: there is no such file or folder")
    if len(paths) == 1 and paths[0].is_dir():
        return Path(os.path.realpath(paths[0])), None
    # a named link stands for itself: only the folder it lies in is resolved
    places = [Path(os.path.realpath(path.parent)) / path.name if path.name else path.resolve() for path in paths]
    tops = {_top(place) for place in places}
    root = tops.pop() if len(tops) == 1 else None
    root = root or Path(os.path.realpath("."))
    names = []
    for place in places:
        if not place.is_relative_to(root):
            raise WrongCall(f"{place.name}: lies outside {root.name}, which the other files belong to")
        names.append(place.relative_to(root).as_posix() + ("/" if place.is_dir() else ""))
    return root, frozenset(names)


def _from_root(root: Path, name: str) -> str:
    """A path as the root has it: as it is named, else as it lies seen from here; other names are those of artifacts."""
    if not os.path.lexists(root / name) and os.path.lexists(name):
        place = Path(os.path.realpath(Path(name).parent)) / Path(name).name
        return place.relative_to(root).as_posix() if place.is_relative_to(root) else name
    if os.path.isabs(name) and Path(name).is_relative_to(root):
        return Path(name).relative_to(root).as_posix()
    return name


def _top(place: Path) -> Path | None:
    try:
        tree = git.work_tree(place.parent)
    except git.GitUnavailable:
        return None
    return tree.top if tree else None


def _settings(root: Path, options: Mapping[str, Any]) -> Config:
    if options["config_from"]:
        found = _from_commit(root, options["config_from"])
    else:
        found = configuration.load(root, options["config"], isolated=options["isolated"])
    return configuration.changed(found, options["settings"])


def _from_commit(root: Path, ref: str) -> Config:
    tree = _work_tree(root, "--config-from")
    for name in (*configuration.OWN_FILES, "pyproject.toml"):
        try:
            data = git.committed_file(tree, ref, name)
        except git.GitUnavailable:
            continue  # this commit has no file of that name
        return configuration.from_bytes(data, f"{name} at {ref}")
    git.committed_blobs(tree, ref)  # tells a commit that does not exist from one without settings
    return Config()


def _choice(settings: Config, options: Mapping[str, Any]) -> Choice:
    personas = {"regular": (), "pedantic": ("smells",), "auditor": ("all",)}
    return Choice(
        packs=(*(_words(options["packs"]) or settings.packs), *personas[settings.persona]),
        select=_words(options["select"]) or settings.select,
        extend_select=settings.extend_select + _words(options["extend_select"]),
        ignore=settings.ignore + _words(options["ignore"]),
        severity=tuple(sorted(settings.severity.items())),
    )


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())
