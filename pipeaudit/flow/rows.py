"""Which rows: tokens for sets of rows, and how one set lies to another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeaudit.model.location import Location


@dataclass(frozen=True, slots=True)
class Rows:
    """One set of rows.

    `kind`: origin (a read), part (of the split `split`), sub (a filter or sample), dup (copies or synthetic rows),
    union, unknown (came out of a call that is not catalogued). `parents`: the sets it was made from. `role`: what a
    split calls the part (train, test, validation). `source`: the artifact an origin was read from. `complement` says
    how a subset was taken, so that two that share nothing can be told.
    """

    kind: str
    parents: tuple[int, ...] = ()
    split: int = -1
    part: str = ""
    role: str = ""
    source: str = ""
    at: Location | None = None
    event: int = -1
    complement: str = ""
    shuffled: bool = False


_COMPLEMENTS = {("<", ">="), (">", "<="), ("<", ">"), ("==", "!="), ("<", "=="), (">", "==")}


@dataclass(slots=True)
class RowTable:
    """All row sets of a program; a token is an index into it."""

    items: list[Rows] = field(default_factory=list)
    _above: dict[int, frozenset[int]] = field(default_factory=dict, repr=False, compare=False)

    def add(self, rows: Rows) -> int:
        self.items.append(rows)
        return len(self.items) - 1

    def __getitem__(self, token: int) -> Rows:
        return self.items[token]

    def ancestors(self, token: int) -> frozenset[int]:
        """The set itself and all it was made from. Tokens only point to earlier ones, so this ends."""
        known = self._above.get(token)
        if known is None:
            found = {token}
            for parent in self.items[token].parents:
                found |= self.ancestors(parent)
            known = self._above[token] = frozenset(found)
        return known

    def origins(self, tokens: Iterable[int]) -> frozenset[int]:
        """The root data sets that these rows come from."""
        return frozenset(a for token in tokens for a in self.ancestors(token) if not self.items[a].parents)

    def within(self, inner: Iterable[int], outer: Iterable[int]) -> bool:
        """Whether each of the inner sets certainly lies in one of the outer ones."""
        outer = frozenset(outer)
        return all(self._lies_in(token, outer) for token in inner)

    def _lies_in(self, token: int, outer: frozenset[int]) -> bool:
        if token in outer:
            return True
        rows = self.items[token]
        if rows.kind == "union":
            return bool(rows.parents) and all(self._lies_in(p, outer) for p in rows.parents)
        if rows.kind == "unknown":
            return False
        return any(self._lies_in(p, outer) for p in rows.parents)

    def overlap(self, left: Iterable[int], right: Iterable[int]) -> bool:
        """Whether some row is in both: one was taken out of the other, or is a random part of what the other is of."""
        right = tuple(right)
        return any(
            self._taken_from(a, b) or self._taken_from(b, a) or self._drawn_across(a, b) for a in left for b in right
        )

    def _drawn_across(self, subset: int, part: int) -> bool:
        """Whether `part` was drawn at random from rows of which `subset` is taken, and nothing keeps them apart."""
        above = self.ancestors(subset)
        drawn = any(
            self.items[a].kind == "part" and self.items[a].shuffled and above & set(self.items[a].parents)
            for a in self.ancestors(part)
        )
        return drawn and not self._apart(subset, part)

    def _taken_from(self, inner: int, outer: int) -> bool:
        """Whether `inner` holds rows of `outer`: a slice of a union may hold those of either side, a random part holds
        both.
        """
        if inner == outer:
            return True
        rows = self.items[inner]
        for parent in rows.parents:
            if not self._taken_from(parent, outer):
                continue
            if rows.kind == "sub" and self.items[parent].kind == "union" and parent != outer:
                continue
            return True
        return False

    def disjoint(self, left: Iterable[int], right: Iterable[int]) -> bool:
        """Whether the sets certainly share no row: different parts of one split, or filters that exclude each other."""
        right = tuple(right)
        return all(self._apart(a, b) for a in left for b in right)

    def _apart(self, left: int, right: int) -> bool:
        return any(self.exclude(a, b) for a in self.ancestors(left) for b in self.ancestors(right) if a != b)

    def exclude(self, a: int, b: int) -> bool:
        """Whether these two sets themselves, not what they were taken from, were made to share no row."""
        one, two = self.items[a], self.items[b]
        if one.kind == "part" and two.kind == "part":
            return one.split == two.split and one.part != two.part
        if one.kind != "sub" or two.kind != "sub":
            return False
        if one.complement == f"drop|{b}" or two.complement == f"drop|{a}":
            return True
        return one.parents == two.parents and _exclusive(one.complement, two.complement)

    def shared_copies(self, left: Iterable[int], right: Iterable[int]) -> list[int]:
        """Sets of copies that both sides hold parts of: the copies were made before the split."""
        shared: set[int] = set()
        for a in left:
            for b in right:
                common = self.ancestors(a) & self.ancestors(b)
                shared.update(t for t in common if self.items[t].kind == "dup")
        return sorted(shared)


def _exclusive(one: str, two: str) -> bool:
    """Whether two filters of the same rows let no row through both."""
    kind, _, rest = one.partition("|")
    other_kind, _, other_rest = two.partition("|")
    if kind != other_kind:
        return False
    if kind == "slice":
        base, lower, upper = rest.rsplit("|", 2)
        other_base, other_lower, other_upper = other_rest.rsplit("|", 2)
        return base == other_base and (_meets(upper, other_lower) or _meets(other_upper, lower))
    if kind == "mask":
        text, _, negated = rest.rpartition("|")
        other_text, _, other_negated = other_rest.rpartition("|")
        if text == other_text:
            return negated != other_negated
        return negated == other_negated == "0" and _compared_apart(text, other_text)
    return False


def _meets(upper: str, lower: str) -> bool:
    """`[:n]` and `[n:]`, also `[:n]` and `[n - 60:]` (a window that looks back)."""
    return bool(upper) and (upper == lower or lower.startswith((f"{upper} - ", f"{upper} + ")))


def _compared_apart(one: str, two: str) -> bool:
    for operator in ("<=", ">=", "==", "!=", "<", ">"):
        left, found, right = one.partition(f" {operator} ")
        if not found:
            continue
        for other in ("<=", ">=", "==", "!=", "<", ">"):
            other_left, other_found, other_right = two.partition(f" {other} ")
            if not other_found or other_left != left:
                continue
            if operator == other == "==":
                return right != other_right
            return right == other_right and ((operator, other) in _COMPLEMENTS or (other, operator) in _COMPLEMENTS)
    return False
