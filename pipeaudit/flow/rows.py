"""Which rows: tokens for sets of rows, and how one set lies to another."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeaudit.model.location import Location


@dataclass(frozen=True, slots=True)
class Rows:
    """One set of rows.

    `kind`: origin (a read), part (of the split `split`, number `part`), sub (a filter or sample), dup (copies or synthetic
    rows), union, unknown (came out of a call that is not catalogued). `parents`: the sets it was made from. `role`: what a
    split calls the part (train, test, validation). `source`: the artifact an origin was read from.
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


@dataclass(slots=True)
class RowTable:
    """All row sets of a program; a token is an index into it."""

    items: list[Rows] = field(default_factory=list)

    def add(self, rows: Rows) -> int:
        self.items.append(rows)
        return len(self.items) - 1

    def __getitem__(self, token: int) -> Rows:
        return self.items[token]

    def ancestors(self, token: int) -> set[int]:
        """The set itself and all it was made from."""
        seen: set[int] = set()
        open_tokens = [token]
        while open_tokens:
            current = open_tokens.pop()
            if current not in seen:
                seen.add(current)
                open_tokens.extend(self.items[current].parents)
        return seen

    def origins(self, tokens: frozenset[int]) -> set[int]:
        """The root data sets that these rows come from."""
        return {a for token in tokens for a in self.ancestors(token) if not self.items[a].parents}
