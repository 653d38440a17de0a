"""Chance: which random draws are governed by no seed."""

from __future__ import annotations

from collections.abc import Mapping

from pipeaudit.flow.events import Event, Events


def unseeded_domains(events: Events, event: Event) -> tuple[str, ...]:
    """The random domains (numpy, torch, ...) from which a call certainly draws, with no seed of its own and none
    before.
    """
    draws = event.detail.get("draws")
    if not isinstance(draws, Mapping):
        return ()
    open_domains = [str(domain) for domain, state in draws.items() if state == "unseeded"]
    return tuple(domain for domain in open_domains if not is_seeded(events, event, domain))


def is_seeded(events: Events, event: Event, domain: str) -> bool:
    """Whether an earlier call of the same program sets the global seed of a domain."""
    first = events.once("seeds", _seeds).get(domain)
    return first is not None and first < event.id


def _seeds(events: Events) -> dict[str, int]:
    """The first event that seeds each domain."""
    found: dict[str, int] = {}
    for event in events:
        covers = event.detail.get("covers")
        if isinstance(covers, tuple | list) and not _is_open(event):
            for domain in covers:
                found.setdefault(str(domain), event.id)
    return found


def _is_open(event: Event) -> bool:
    """`seed()` and `seed(None)` take the seed from the system."""
    value = event.port("seed", "value")
    return "seed" in event.detail and (value is None or value.constant is None)
