"""What the project's code calls, outside its tests: events by role and by name, each place once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipeaudit.evidence.places import is_test
from pipeaudit.flow.events import MISSING, Event, Events
from pipeaudit.model.control import Evidence, Strength


@dataclass(frozen=True, slots=True)
class CallRule:
    """A declared signal of calls; `given` are arguments of which one must be there, `value` what it must hold."""

    says: str
    roles: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    value: str = ""
    strength: Strength = Strength.STRONG


class CallIndex:
    """Events of all programs; one that several programs step into is kept once."""

    def __init__(
        self, programs: Mapping[str, Events], keeps: Callable[[str], bool] = lambda path: not is_test(path)
    ) -> None:
        self.by_role: dict[str, list[Event]] = defaultdict(list)
        self.by_name: dict[str, list[Event]] = defaultdict(list)
        self.by_path: dict[str, list[Event]] = defaultdict(list)
        seen: set[tuple[object, object]] = set()
        for path in sorted(programs):
            for event in programs[path]:
                key = ((event.at.key, event.at.end_column), (event.name, str(event.detail.get("path", ""))))
                if key in seen or not keeps(event.at.path):
                    continue
                seen.add(key)
                self.by_name[event.name].append(event)
                self.by_path[event.at.path].append(event)
                for role in event.roles:
                    self.by_role[role].append(event)

    def of(self, *roles: str) -> Iterator[Event]:
        for role in roles:
            yield from self.by_role.get(role, ())

    def named(self, *patterns: str) -> Iterator[Event]:
        matcher = names(patterns)
        for name, events in self.by_name.items():
            if matcher(name):
                yield from events

    def matching(self, rule: CallRule) -> list[Event]:
        refused = names(rule.unless)
        found = {(event.at.key, event.name): event for event in self.of(*rule.roles)}
        found.update({(event.at.key, event.name): event for event in self.named(*rule.names)})
        return [
            event for key in sorted(found) if not refused((event := found[key]).name) and _has_argument(event, rule)
        ]

    def evidence(self, rule: CallRule) -> Iterator[Evidence]:
        for event in self.matching(rule):
            yield Evidence(event.at, rule.says.replace("{name}", short(event.name)), rule.strength)


def short(name: str) -> str:
    """The last two parts of a qualified name: what people write."""
    parts = name.split(".")
    return ".".join(parts[-2:]) if len(parts) > 1 and parts[-2][:1].isupper() else parts[-1]


def names(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Tells whether a qualified name is one of these; `*` stands for anything, a final `.*` for nothing too."""
    patterns = tuple(patterns)
    exact = {pattern for pattern in patterns if "*" not in pattern}
    parts = []
    for pattern in patterns:
        if "*" not in pattern:
            continue
        body = re.escape(pattern).replace(r"\*", ".*")
        parts.append(body[: -len(r"\..*")] + r"(?:\..*)?" if body.endswith(r"\..*") else body)
    if not parts:
        return exact.__contains__
    expression = re.compile("|".join(parts))
    return lambda name: name in exact or expression.fullmatch(name) is not None


def _has_argument(event: Event, rule: CallRule) -> bool:
    if not rule.given:
        return True
    for name in rule.given:
        argument = event.argument(name)
        if argument is None or argument.constant in (None, "", False):
            continue
        if not rule.value or (argument.constant is not MISSING and str(argument.constant) == rule.value):
            return True
    return False
