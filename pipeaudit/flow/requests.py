"""Requests: which code runs for each of them, and what came in with one."""

from __future__ import annotations

from dataclasses import dataclass

from pipeaudit.flow.events import Event, Events, Snapshot


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that a server calls for each request, with all that happens in it and in what it calls.

    `route` is the decorator that makes it one, None for a method of a serving class.
    """

    name: str
    route: Event | None
    items: tuple[Event, ...]
    is_async: bool = False
    parameters: tuple[str, ...] = ()

    def of(self, *roles: str) -> list[Event]:
        return [event for event in self.items if any(role in event.roles for role in roles)]


def handlers(events: Events) -> list[Handler]:
    """The request handlers of a program, in the order of its text."""
    return events.once("handlers", _handlers)


def _handlers(events: Events) -> list[Handler]:
    routes = {
        str(event.detail["decorates"]): event
        for event in events
        if "serve" in event.roles and "decorates" in event.detail and event.at.path == events.path
    }
    found: list[Handler] = []
    for name, start, end, serves in events.runs:
        route = routes.get(name.rpartition(".")[2])
        if route is None and not serves:
            continue
        parameters = route.detail.get("parameters") if route is not None else ()
        found.append(
            Handler(
                name,
                route,
                events.items[start:end],
                bool(route is not None and route.detail.get("async")),
                parameters if isinstance(parameters, tuple) else (),
            )
        )
    return found


def is_from_request(events: Events, handler: Handler | None, value: Snapshot) -> bool:
    """Whether rows of a value came in with a request: by the framework's object, or as a handler's parameter."""
    for token in events.rows.origins(value.rows):
        source = events.rows[token].source
        if source.startswith("generated:") and "request" in source.lower():
            return True
        if handler is not None and source.startswith("parameter:") and source[10:] in handler.parameters:
            return True
    return False
