"""Signals that are data: `rules/signals.yaml` to functions of the project's facts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import translate
from pathlib import Path
from typing import Any

from pipeaudit.evidence.calls import CallRule
from pipeaudit.evidence.documents import SectionRule, sections
from pipeaudit.evidence.facts import Facts
from pipeaudit.evidence.phrases import first
from pipeaudit.evidence.resources import Resource, resources
from pipeaudit.evidence.signal import Finder
from pipeaudit.model.control import Evidence, Strength
from pipeaudit.model.location import Location
from pipeaudit.resources import data

Declarations = Mapping[str, Mapping[str, Mapping[str, Any]]]


def load(path: Path) -> Declarations:
    found: Declarations = data(path)
    return found


def call_rules(declared: Declarations) -> dict[str, CallRule]:
    return {signal_id: _call_rule(entry) for signal_id, entry in declared["calls"].items()}


def section_rules(declared: Declarations) -> dict[str, SectionRule]:
    return {signal_id: _section_rule(entry) for signal_id, entry in declared["sections"].items()}


def finders(declared: Declarations) -> dict[str, Finder]:
    """All declared signals by id."""
    found: dict[str, Finder] = {}
    for signal_id, rule in call_rules(declared).items():
        found[signal_id] = lambda facts, rule=rule: facts.calls.evidence(rule)  # type: ignore[misc] # the default binds it
    for signal_id, section in section_rules(declared).items():
        found[signal_id] = lambda facts, rule=section: sections(rule, facts)  # type: ignore[misc]
    for signal_id, entry in declared["files"].items():
        found[signal_id] = lambda facts, entry=entry: _files(entry, facts)  # type: ignore[misc]
    for signal_id, entry in declared["commands"].items():
        found[signal_id] = lambda facts, entry=entry: _commands(entry, facts)  # type: ignore[misc]
    for signal_id, entry in declared["resources"].items():
        wanted = tuple(Resource.from_entry(each) for each in entry["any"])
        found[signal_id] = lambda facts, says=entry["says"], wanted=wanted: resources(says, wanted, facts)  # type: ignore[misc]
    return found


def _strength(entry: Mapping[str, Any], default: str = "strong") -> Strength:
    return Strength(entry.get("strength", default))


def _call_rule(entry: Mapping[str, Any]) -> CallRule:
    given = (entry["given"],) if "given" in entry else tuple(entry.get("given-any", ()))
    return CallRule(
        says=entry["says"],
        roles=tuple(entry.get("roles", ())),
        names=tuple(entry.get("names", ())),
        unless=tuple(entry.get("unless", ())),
        given=given,
        value=entry.get("value", ""),
        strength=_strength(entry),
    )


def _section_rule(entry: Mapping[str, Any]) -> SectionRule:
    return SectionRule(
        says=entry["says"],
        headings=frozenset(str(heading) for heading in entry["headings"]),
        strength=_strength(entry, "supporting"),
        words=entry.get("words", 15),
        text=re.compile(entry["text"], re.IGNORECASE) if "text" in entry else None,
        within=tuple(entry.get("within", ())),
        refuses=re.compile(entry["unless"]) if "unless" in entry else None,
    )


def glob(patterns: list[str] | tuple[str, ...]) -> re.Pattern[str]:
    """Paths that fit; `*` stays within a folder, `**/` is any number of folders."""
    parts = []
    for pattern in patterns:
        body = translate(pattern.lower().replace("**/", "\0")).removesuffix(r")\Z").removeprefix("(?s:")
        parts.append(body.replace(".*", "[^/]*").replace("\0", "(?:[^/]+/)*").replace("\\\0", "(?:[^/]+/)*"))
    return re.compile("|".join(f"(?:{part})" for part in parts))


def _files(entry: Mapping[str, Any], facts: Facts) -> Iterator[Evidence]:
    wanted = glob(entry["paths"])
    refused = glob(entry["unless"]) if "unless" in entry else None
    for path in facts.paths:
        if (
            wanted.fullmatch(path.lower())
            and not (refused and refused.fullmatch(path.lower()))
            and not facts.is_empty(path)
        ):
            yield Evidence(Location(path), entry["says"].replace("{name}", path), _strength(entry))


def _commands(entry: Mapping[str, Any], facts: Facts) -> Iterator[Evidence]:
    unless, needs = entry.get("unless", ()), entry.get("with", ())
    for command in facts.commands:
        if command.source == "document" and not entry.get("documents"):
            continue
        match = first(command.text, entry["match"])
        line = command.line_of(match.start()) if match else ""
        if match is None or any(word in line for word in unless):
            continue
        if needs and not any(word in line for word in needs):
            continue
        at = command.at_offset(match.start())
        strength = Strength.SUPPORTING if command.source == "document" else _strength(entry)
        yield Evidence(at, entry["says"].replace("{name}", " ".join(line.split())[:80]), strength)
