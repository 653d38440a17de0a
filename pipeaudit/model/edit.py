"""What a rule proposes to mend its finding with: said in the terms of the file, carried out by `pipeaudit.fix`.

An edit is `safe` where it can only do what was meant; any other waits for somebody who asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeaudit.model.location import Location


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Code for code, at an expression or a simple statement that begins at `at`.

    Each form is Python before and after. A name with an underscore in front stands for any expression or attribute,
    `*___` for all further arguments of a call: `("_m.forward(*___)", "_m(*___)")`. The first form that fits is used;
    where none does, the code stays.
    """

    at: Location
    forms: tuple[tuple[str, str], ...]
    safe: bool = True


@dataclass(frozen=True, slots=True)
class Addition:
    """Items for a list of a YAML file: the one under `keys`, from the mapping whose own key stands at `at`.

    With a `group`, for the list under this key of a mapping in that list: DVC's `params: [{other.yaml: [depth]}]`.
    """

    at: Location
    keys: tuple[str, ...]
    items: tuple[str, ...]
    group: str = ""
    safe: bool = True


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A code that the ignore comment at `at` does without; a comment that has no code left goes."""

    at: Location
    code: str
    safe: bool = True


Edit = Rewrite | Addition | Withdrawal
