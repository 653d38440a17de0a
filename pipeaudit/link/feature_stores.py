"""What programs ask of a feature store, and give it: the views, services and sources that its definitions name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from posixpath import commonpath, dirname

from pipeaudit.flow.events import Event, Events, Snapshot

_OWN = "feast:"
_GIVEN = {"push": ("push_source_name", "source:"), "write_to_online_store": ("feature_view_name", "")}


class FeatureStores:
    """Names of artifacts by what code calls them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_name: dict[str, list[str]] = {}
        for name in names:
            if name.startswith(_OWN):
                self._by_name.setdefault(name.partition("#")[2], []).append(name)

    def __bool__(self) -> bool:
        return bool(self._by_name)

    def reads(self, event: Event, known: Events, path: str) -> Iterator[str]:
        """The views and services whose features a call asks for."""
        if "feature_store_read" in event.roles:
            for wanted in _asked(event.argument("features"), known):
                yield from self._nearest(wanted, path)

    def writes(self, event: Event, path: str) -> Iterator[str]:
        parameter, kind = _GIVEN.get(event.short, ("", ""))
        if parameter and "feature_store_write" in event.roles:
            given = event.constant(parameter)
            if isinstance(given, str):
                yield from self._nearest(kind + given, path)

    def _nearest(self, name: str, path: str) -> Sequence[str]:
        """Of several repositories of features that define the name, the one that lies nearest to the program."""
        found = self._by_name.get(name, [])
        if len(found) < 2:
            return found
        shared = [len(_shared(dirname(path), one[len(_OWN) :].partition("#")[0])) for one in found]
        best = max(shared)
        return [found[shared.index(best)]] if shared.count(best) == 1 else []


def _asked(features: Snapshot | None, known: Events) -> Iterator[str]:
    if features is None:
        return
    if isinstance(features.constant, list | tuple):
        yield from (str(one).partition(":")[0] for one in features.constant)
        return
    for one in features.elements or (features,):
        if isinstance(one.constant, str):
            yield one.constant.partition(":")[0]
        elif 0 <= one.produced < len(known.items):
            made = known.items[one.produced]
            if made.short in ("get_feature_service", "get_feature_view", "FeatureService", "FeatureView"):
                name = next(
                    (value.constant for value in made.arguments.values() if isinstance(value.constant, str)), ""
                )
                yield str(name)


def _shared(one: str, other: str) -> str:
    return commonpath([one or ".", other or "."]) if one and other else ""
