"""Findings mended: edits are made in memory, the tree that they give is audited, and only what held is kept.

An edit holds when its finding is gone, no other has come, and every file can still be read. Those that would meet in
one text are made one after the other.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pipeaudit import engine, git
from pipeaudit.discover import Discovery
from pipeaudit.fix import write
from pipeaudit.fix.change import NOT_THIS_FORM, Refused
from pipeaudit.fix.draft import Draft, draft, edit_of
from pipeaudit.model.audit import Audit
from pipeaudit.model.finding import Finding
from pipeaudit.request import Request
from pipeaudit.tree import Tree

_MOST_ROUNDS = 10
_RARE_COLLECTIONS = (1_000_000, 50, 100)  # several audits build millions of objects that live to the end
_Key = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True)
class Mended:
    """`files`: bytes before and after, by path. `waiting` counts findings whose edits nobody asked for: unsafe ones."""

    files: Mapping[str, tuple[bytes, bytes]]
    findings: tuple[Finding, ...]
    refused: tuple[tuple[Finding, str], ...]
    waiting: int


def mended(request: Request, *, unsafe: bool) -> Mended:
    """What the call's findings come to when their edits are made; nothing is written."""
    gc.set_threshold(*_RARE_COLLECTIONS)
    found = request.find()
    tree = Tree(request.root, found.files, request.config.limits)
    return _Mender(request, found, tree, unsafe).run()


def write_all(request: Request, result: Mended) -> Mended:
    """Puts the new bytes in place; what can't be written is refused, and the rest stands."""
    failed: dict[str, str] = {}
    for path, (before, after) in sorted(result.files.items()):
        try:
            write.replace(request.root, path, before, after)
        except Refused as refusal:
            failed[path] = str(refusal)
    kept = tuple(finding for finding in result.findings if edit_of(finding).at.path not in failed)
    lost = [(f, failed[edit_of(f).at.path]) for f in result.findings if edit_of(f).at.path in failed]
    files = {path: both for path, both in result.files.items() if path not in failed}
    return Mended(files, kept, (*result.refused, *lost), result.waiting)


class _Edited(Tree):
    """A tree in which some files have bytes of ours."""

    def __init__(self, tree: Tree, edits: Mapping[str, bytes]) -> None:
        super().__init__(tree.root, tree.files.values(), tree.limits)
        self._edits = {**tree.edits, **edits} if isinstance(tree, _Edited) else dict(edits)

    @property
    def edits(self) -> Mapping[str, bytes]:
        return self._edits

    def data(self, path: str) -> bytes:
        return self._edits[path] if path in self._edits else super().data(path)


@dataclass(frozen=True, slots=True)
class _State:
    """A tree with what is found in it, all of it to hold edits against."""

    tree: Tree
    findings: tuple[Finding, ...]
    counts: Counter[_Key]
    unread: frozenset[str]


@dataclass(slots=True)
class _Mender:
    request: Request
    found: Discovery
    tree: Tree
    unsafe: bool
    refused: dict[str, tuple[Finding, str]] = field(default_factory=dict)
    made: list[Finding] = field(default_factory=list)
    asked: frozenset[str] = frozenset()
    later: set[_Key] = field(default_factory=set)

    def run(self) -> Mended:
        asked = engine.audit(self.request, self.found, self.tree)[0]
        waiting = sum(f.match.edit is not None and not f.match.edit.safe and not self.unsafe for f in asked.findings)
        self.asked = frozenset(finding.fingerprint for finding in self._editable(asked.findings))
        if not self.asked:
            return Mended({}, (), (), waiting)
        self._refuse_unstaged(asked.findings)
        wide = _wide(self.request)
        state = _state(self.tree, asked if wide == self.request else engine.audit(wide, self.found, self.tree)[0])
        for _ in range(_MOST_ROUNDS):
            wanted = self._wanted(state)
            if not wanted:
                break
            before = state
            state = self._applied(state, wanted)
            if state is before:
                break
        for finding in self._wanted(state):
            self._refuse(finding, "its edit meets another one")
        edits = state.tree.edits if isinstance(state.tree, _Edited) else {}
        files = {path: (self.tree.data(path), data) for path, data in sorted(edits.items())}
        told = [pair for pair in self.refused.values() if pair[1] != NOT_THIS_FORM]
        refused = tuple(sorted(told, key=lambda pair: (pair[0].at.key, pair[0].rule)))
        return Mended(files, tuple(sorted(self.made, key=lambda f: (f.at.key, f.rule))), refused, waiting)

    def _editable(self, findings: Iterable[Finding]) -> list[Finding]:
        return [f for f in findings if f.match.edit is not None and (self.unsafe or f.match.edit.safe)]

    def _wanted(self, state: _State) -> list[Finding]:
        """What the call asked for and what is not mended yet; an edit in its statement gives a finding another name."""
        wanted = [
            finding
            for finding in self._editable(state.findings)
            if finding.fingerprint in self.asked or _key(finding) in self.later
        ]
        return [finding for finding in wanted if finding.fingerprint not in self.refused]

    def _refuse(self, finding: Finding, why: str) -> None:
        """Not tried again; told unless the rule only hoped for another form of the code."""
        self.refused[finding.fingerprint] = (finding, why)

    def _applied(self, state: _State, wanted: list[Finding]) -> _State:
        """The state after as many of the edits as hold; those that don't are refused."""
        while wanted:
            drafted = draft(wanted, state.tree)
            for finding, why in drafted.refused:
                self._refuse(finding, why)
            if not drafted.files:
                return state
            edited = _Edited(state.tree, drafted.files)
            after = _state(edited, engine.audit(_wide(self.request), self.found, edited)[0])
            culprits, why = _culprits(state, after, drafted)
            if not culprits:
                self.made += drafted.made
                self.later |= {_key(finding) for finding in drafted.waiting}
                return after
            if len(culprits) == len(drafted.made) > 1:  # no telling which of them it is
                half = len(culprits) // 2
                first = self._applied(state, culprits[:half])
                others = {finding.fingerprint for finding in culprits[half:]}
                return self._applied(first, [f for f in self._wanted(first) if f.fingerprint in others])
            for finding in culprits:
                self._refuse(finding, why)
            refused = {finding.fingerprint for finding in (*culprits, *(f for f, _ in drafted.refused))}
            wanted = [finding for finding in wanted if finding.fingerprint not in refused]
        return state

    def _refuse_unstaged(self, findings: Iterable[Finding]) -> None:
        """A hook's edits would mix with what somebody left out of the commit on purpose."""
        if not self.request.touched or self.request.changed or self.found.work_tree is None:
            return
        staged = {entry.path: entry.blob for entry in git.listed(self.found.work_tree)[0]}
        for finding in self._editable(findings):
            path = edit_of(finding).at.path
            if git.blob_name(self.tree.data(path)) != staged.get(path):
                self._refuse(finding, "the file has changes that are not staged")


def _state(tree: Tree, audit: Audit) -> _State:
    return _State(
        tree,
        audit.findings,
        Counter(_key(finding) for finding in audit.findings),
        frozenset(f"{problem.path}: {problem.message}" for problem in audit.problems),
    )


def _wide(request: Request) -> Request:
    """The same question about all files and all that runs anyway, so that an edit can't do harm unseen."""
    choice = request.choice
    every = replace(choice, select=(), extend_select=(*choice.extend_select, *choice.select))
    return replace(request.unnarrowed(), choice=every)


def _key(finding: Finding) -> _Key:
    return finding.at.path, finding.rule, finding.match.kind


def _culprits(before: _State, after: _State, drafted: Draft) -> tuple[list[Finding], str]:
    """Edits that may have done harm, and which: those of the rule in that file, else of the file, else all."""
    unread = sorted(after.unread - before.unread)
    if unread:
        return list(drafted.made), f"it could not be read any more: {unread[0]}"
    expected = before.counts - Counter(_key(finding) for finding in drafted.made)
    worse = sorted(key[:2] for key, count in after.counts.items() if count > expected[key])
    if not worse:
        return [], ""
    same_rule = [finding for finding in drafted.made if _key(finding)[:2] in worse]
    if same_rule:
        return same_rule, "it would be found again"
    files = {path for path, _ in worse}
    same_file = [finding for finding in drafted.made if edit_of(finding).at.path in files]
    return same_file or list(drafted.made), f"then {worse[0][1]} would be found in {worse[0][0]}"
