"""The rules: found by folder, chosen by tier and code, run to findings.

Rule folders are code. They come from the program itself or from an option that the user typed, never from the audited
tree or its configuration.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias

from pipeaudit import resources
from pipeaudit import rule as rule_form
from pipeaudit.clock import Clock, TimeUp
from pipeaudit.model.audit import RuleInfo
from pipeaudit.model.choice import Choice
from pipeaudit.model.error import UserError
from pipeaudit.model.finding import Confidence, Finding, Match, Severity, fingerprint, least
from pipeaudit.model.location import Location
from pipeaudit.model.pipeline import StageKind
from pipeaudit.rule import Project, Rule, Scope

_FILE = re.compile(r"[a-z]{1,8}\d{3,4}_\w{1,100}\.py")
_OPT_IN = "pack:"


class RulebookError(UserError):
    """A rule folder, a code or a pack that does not exist or does not load: exit 2 with what to write instead."""


class RuleFailure(Exception):
    """A rule raised: a defect of the rule, told with its name; the other rules' findings stand."""


@dataclass(frozen=True)
class Rulebook:
    """All rules, by id. `digest` stands for their code."""

    rules: tuple[Rule, ...]
    digest: str

    def named(self, code: str) -> Rule | None:
        """The rule with this id or name."""
        return next((rule for rule in self.rules if code in (rule.id, rule.name)), None)

    def packs(self) -> tuple[str, ...]:
        return tuple(sorted({r.tier.removeprefix(_OPT_IN) for r in self.rules if r.tier.startswith(_OPT_IN)}))

    def codes(self) -> tuple[str, ...]:
        """Everything that names a rule or a kind of one."""
        kinds = [f"{name}:{kind}" for rule in self.rules for name in (rule.id, rule.name) for kind in rule.kinds]
        return tuple(sorted({name for rule in self.rules for name in (rule.id, rule.name)} | set(kinds)))

    def chosen(self, choice: Choice) -> Selection:
        for code in (*choice.select, *choice.extend_select, *choice.ignore, *(code for code, _ in choice.severity)):
            self._check(code)
        for pack in choice.packs:
            if pack != "all" and pack not in self.packs():
                raise RulebookError(f"there is no pack {pack!r}; there are {', '.join(('all', *self.packs()))}")
        return Selection(self, choice)

    def _check(self, code: str) -> None:
        name, _, kind = code.partition(":")
        rules = [rule for rule in self.rules if _names(name, rule)]
        if not rules:
            raise RulebookError(f"there is no rule {name!r}{self.nearest(name)}")
        if kind and not any(kind in rule.kinds for rule in rules):
            kinds = sorted({kind for rule in rules for kind in rule.kinds})
            raise RulebookError(f"{name} has no kind {kind!r}; it has {', '.join(kinds) or 'none'}")

    def nearest(self, code: str) -> str:
        close = get_close_matches(code, self.codes(), n=1, cutoff=0.5)
        return f"; did you mean {close[0]!r}?" if close else ""


def _names(code: str, rule: Rule) -> bool:
    """A code names a rule by its id, by its name, or by the beginning of its id."""
    return code in (rule.id, rule.name, "all") or (rule.id.startswith(code) and code[:1].isupper())


def load(folders: Iterable[Path]) -> Rulebook:
    """Each `pa201_some_name.py` below a folder holds one or more functions marked as rules."""
    digest = hashlib.sha256()
    rules: dict[str, Rule] = {}
    for folder in folders:
        if not folder.is_dir():
            raise RulebookError(f"there is no rule folder {folder}")
        files = [path for path in sorted(folder.rglob("*.py")) if _FILE.fullmatch(path.name)]
        for path in files:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        for path, found in _all_in(folder, files, digest.hexdigest()):
            for rule in found:
                if rule.id in rules:
                    raise RulebookError(f"{path.name}: there are two rules {rule.id}")
                rules[rule.id] = rule
    return Rulebook(tuple(rules[code] for code in sorted(rules)), digest.hexdigest())


def _all_in(folder: Path, files: Sequence[Path], digest: str) -> Iterable[tuple[Path, Sequence[Rule]]]:
    """The rules of each file; of our own folder it is known without importing them what each file holds."""
    if folder != resources.folder("rules"):
        return [(path, _rules_in(path)) for path in files]
    form = Path(rule_form.__file__ or "").read_bytes()
    key = f"rules-{hashlib.sha256(digest.encode() + form).hexdigest()}"
    store = resources.Compiled(folder)
    known = store.get(key)
    if known is not None:
        return [
            (path, [_from_plain(path, r) for r in records])
            for path, records in zip(files, json.loads(known), strict=True)
        ]
    found = [(path, _rules_in(path)) for path in files]
    store.put(key, json.dumps([[_plain(rule) for rule in rules] for _, rules in found]).encode())
    return found


def _plain(rule: Rule) -> dict[str, Any]:
    """A rule as JSON has it, with the name and the page of its function instead of the function."""
    values = {item.name: getattr(rule, item.name) for item in fields(rule) if item.name != "check"}
    plain = {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}
    return {**plain, "check": [rule.check.__name__, rule.check.__doc__]}


def _from_plain(path: Path, record: dict[str, Any]) -> Rule:
    function, page = record["check"]
    read = {
        "check": _Check(path, function, page),
        "severity": Severity(record["severity"]),
        "ceiling": Confidence(record["ceiling"]),
        "stage": record["stage"] and StageKind(record["stage"]),
        "scope": Scope(record["scope"]),
        "packed_kinds": tuple((kind, pack) for kind, pack in record["packed_kinds"]),
    }
    lists = {name: tuple(value) for name, value in record.items() if isinstance(value, list)}
    return Rule(**{**record, **lists, **read})


class _Check:
    """The function of a rule, whose module is imported when it is first called."""

    def __init__(self, path: Path, name: str, page: str | None) -> None:
        self.__name__ = name
        self.__doc__ = page
        self._path = path
        self._found: Callable[..., Iterable[Match]] | None = None

    def __call__(self, subject: object) -> Iterable[Match]:
        if self._found is None:
            [self._found] = [rule.check for rule in _rules_in(self._path) if rule.check.__name__ == self.__name__]
        return self._found(subject)


def digest(folders: Iterable[Path]) -> str:
    """The digest of the rules in these folders without importing one."""
    found = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if _FILE.fullmatch(path.name):
                found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def _rules_in(path: Path) -> list[Rule]:
    spec = importlib.util.spec_from_file_location(f"pipeaudit_rules.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise RulebookError(f"{path.name}: can't be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a user's rule file may fail in any way; the run ends with its name
        raise RulebookError(f"{path.name}: {type(error).__name__}: {error}") from error
    found = [value.__rule__ for value in vars(module).values() if hasattr(value, "__rule__")]
    rules = [rule for rule in found if isinstance(rule, Rule) and rule.check.__module__ == module.__name__]
    if not rules:
        raise RulebookError(f"{path.name}: holds no function marked with @rule")
    return rules


class Selection:
    """The rules that run, and which of their kinds."""

    def __init__(self, book: Rulebook, choice: Choice) -> None:
        self.book = book
        self.choice = choice
        self.rules = tuple(rule for rule in book.rules if self._enabled(rule))
        self._ignored_kinds = [code.partition(":") for code in choice.ignore if ":" in code]
        self._selected_kinds = [code.partition(":") for code in choice.select if ":" in code]
        self._severity = self._severities()

    def _enabled(self, rule: Rule) -> bool:
        choice = self.choice
        if any(_names(code, rule) for code in choice.ignore):
            return False
        if any(_names(code.partition(":")[0], rule) for code in (*choice.select, *choice.extend_select)):
            return True
        if choice.select:
            return False
        pack = rule.tier.removeprefix(_OPT_IN) if rule.tier.startswith(_OPT_IN) else ""
        return not pack or "all" in choice.packs or pack in choice.packs

    def _severities(self) -> dict[str, Severity]:
        return {
            rule.id: Severity(level)
            for code, level in self.choice.severity
            for rule in self.book.rules
            if _names(code, rule)
        }

    def severity(self, rule: Rule, match: Match | None = None) -> Severity:
        """The user's word comes first, then the match's own, then the rule's."""
        own = match.severity if match else None
        return self._severity.get(rule.id) or own or rule.severity

    def wants(self, rule: Rule, kind: str | None) -> bool:
        """Whether this kind of a rule that runs is asked for."""
        if any(kind == wanted and _names(code, rule) for code, _, wanted in self._ignored_kinds):
            return False
        pack = dict(rule.packed_kinds).get(kind or "")
        named = (*self.choice.select, *self.choice.extend_select)
        is_off = pack is not None and not {"all", pack} & set(self.choice.packs)
        words = [code.partition(":") for code in named]
        if is_off and not any(_names(code, rule) and wanted in ("", kind) for code, _, wanted in words):
            return False
        plain = any(_names(code, rule) for code in named if ":" not in code)
        narrowed = [wanted for code, _, wanted in self._selected_kinds if _names(code, rule)]
        return plain or not narrowed or kind in narrowed

    def infos(self) -> tuple[RuleInfo, ...]:
        """All rules as reports list them, whether they run or not."""
        running = {rule.id for rule in self.rules}
        return tuple(
            RuleInfo(
                id=rule.id,
                name=rule.name,
                severity=self.severity(rule),
                ceiling=rule.ceiling,
                doc=rule.doc,
                stage=rule.stage.value if rule.stage else "site",
                controls=rule.controls,
                tier=rule.tier,
                kinds=rule.kinds,
                fixable=rule.fixable,
                enabled=rule.id in running,
                security_severity=rule.security_severity,
                unsafe_fix=rule.unsafe_fix,
            )
            for rule in self.book.rules
        )


@dataclass(frozen=True, slots=True)
class Places:
    """What a finding takes from the place it points at: the stage there, and the text that stands there.

    `statement` gives the source text from line to end line; `cell_name` the nbformat id of a notebook's cell, or its
    ordinal; `reports` tells whether findings may point into a file (generated and vendored code gets none); `twin` is
    the notebook that a script is kept alike with, "" for others: what both hold is told of the notebook.
    """

    stage: Callable[[Location], StageKind]
    statement: Callable[[Location], str]
    cell_name: Callable[[Location], str]
    reports: Callable[[str], bool]
    twin: Callable[[str], str] = lambda path: ""


def run(
    selection: Selection,
    project: Project,
    places: Places,
    scopes: Sequence[Scope],
    clock: Clock,
    *,
    in_two_processes: bool = False,
) -> tuple[tuple[Finding, ...], list[RuleFailure | TimeUp]]:
    """The findings of the chosen rules of these scopes, sorted, each once, with fingerprints that keep them apart.

    Beside them stands what went wrong: rules that failed, and rules that the clock stopped.
    """
    rules = [rule for rule in selection.rules if rule.scope in scopes]
    answers = _in_two(rules, project, clock) if in_two_processes else [_matches(rule, project, clock) for rule in rules]
    failures = [failure for _, failed in answers for failure in failed]
    matches = [(rule, match) for rule, (found, _) in zip(rules, answers, strict=True) for match in found]
    found = _one_for_each_place(
        [
            (rule, match)
            for rule, match in matches
            if selection.wants(rule, match.kind) and places.reports(match.at.path)
        ]
    )
    return _findings(selection, _without_twins(found, places), places), failures


_Answer: TypeAlias = tuple[list[Match], list[RuleFailure | TimeUp]]


def _in_two(rules: Sequence[Rule], project: Project, clock: Clock) -> list[_Answer]:
    """The rules' answers, half of them from a second process; what it could not read is noted here, too."""
    from pipeaudit.forked import shared

    problems = project.repository.problems
    answers, noted = shared(len(rules), lambda number: _matches(rules[number], project, clock), lambda: problems)
    problems += [problem for problem in noted or () if problem not in problems]
    return answers


def _matches(rule: Rule, project: Project, clock: Clock) -> _Answer:
    subjects: Mapping[str, object] = {"": project}
    if rule.scope is Scope.FILE:
        subjects = {path: project.programs[path] for path in sorted(project.programs)}
    matches: list[Match] = []
    failures: list[RuleFailure | TimeUp] = []
    with clock.steps(f"rule {rule.id}") as step:
        for subject in subjects.values():
            try:
                with step:
                    found = list(rule.check(subject))
                matches += found
            except TimeUp as error:
                failures.append(error)
            except Exception as error:  # noqa: BLE001 # told as a failure of the run: exit 2, and an entry in `errors`
                told = f"rule {rule.id} failed ({type(error).__name__}: {error}); this is a defect of the rule"
                failures.append(RuleFailure(told))
    return matches, failures


def _one_for_each_place(matches: Iterable[tuple[Rule, Match]]) -> list[tuple[Rule, Match]]:
    """Equal matches once (the surest of them), and nothing where a rule that comes first found the same place."""
    best: dict[tuple[str, str | None, Location], tuple[Rule, Match]] = {}
    for rule, match in matches:
        key = (rule.id, match.kind, replace(match.at, end_line=None, end_column=None))
        if key not in best or match.confidence.rank > best[key][1].confidence.rank:
            best[key] = (rule, match)
    taken = {(code, at) for code, _, at in best}
    return [
        (rule, match)
        for (_, _, at), (rule, match) in best.items()
        if not any((other, at) in taken for other in rule.yields_to)
    ]


def _without_twins(found: list[tuple[Rule, Match]], places: Places) -> list[tuple[Rule, Match]]:
    """One finding where a notebook and its script hold the same statement."""

    def key(rule: Rule, match: Match, path: str) -> tuple[str, str | None, str, str]:
        return rule.id, match.kind, path, " ".join(places.statement(match.at).split())

    twins = {path: places.twin(path) for path in {match.at.path for _, match in found}}
    notebooks = set(twins.values())
    told = {key(rule, match, match.at.path) for rule, match in found if match.at.path in notebooks}
    return [
        (rule, match)
        for rule, match in found
        if not twins[match.at.path] or key(rule, match, twins[match.at.path]) not in told
    ]


def _findings(selection: Selection, found: list[tuple[Rule, Match]], places: Places) -> tuple[Finding, ...]:
    found.sort(key=lambda pair: (pair[1].at.key, pair[0].id, pair[1].kind or "", pair[1].message))
    ordinals: dict[tuple[str, ...], int] = {}
    findings = []
    for rule, match in found:
        at = match.at
        symbol = match.symbol or (places.cell_name(at) if at.cell is not None else "")
        statement = places.statement(at)
        equal = (rule.id, match.kind or "", at.path, symbol, " ".join(statement.split()))
        ordinals[equal] = ordinals.get(equal, -1) + 1
        findings.append(
            Finding(
                rule=rule.id,
                name=rule.name,
                severity=selection.severity(rule, match),
                confidence=least(match.confidence, rule.ceiling),
                stage=(rule.stage or places.stage(at)).value,
                controls=rule.controls,
                match=match,
                fingerprint=fingerprint(rule.id, match.kind, at.path, symbol, statement, ordinals[equal]),
                core=rule.tier == "core",
            )
        )
    return tuple(findings)
