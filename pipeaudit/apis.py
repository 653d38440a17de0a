"""What library calls mean: the entries of rules/apis and of a user's own files, in one index."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

_MISSING = object()


@dataclass(frozen=True, slots=True)
class ApiParameter:
    """`rest` marks `*name`; `default` is the default that matters, `has_default` tells that one is stated."""

    name: str
    rest: bool = False
    keyword_only: bool = False
    default: object = None
    has_default: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What one call means; the fields are those of rules/apis/README.md."""

    name: str
    kind: str = "function"
    roles: tuple[str, ...] = ()
    parameters: tuple[ApiParameter, ...] = ()
    returns: object = None
    effects: tuple[Mapping[str, Any], ...] = ()
    bases: tuple[str, ...] = ()
    protocol: str = ""
    learns: Mapping[str, Any] = field(default_factory=dict)
    mutates: str = ""
    draws: Mapping[str, Any] = field(default_factory=dict)
    covers_seed: tuple[str, ...] = ()
    unsafe: object = None
    scale_sensitive: bool | str = False
    hard_labels: str = ""
    cost: str = ""
    tunes: tuple[str, ...] = ()
    waits: str = ""
    pins: tuple[str, ...] = ()
    variants: tuple[Mapping[str, Any], ...] = ()
    _made: dict[int, Entry] = field(default_factory=dict, repr=False)

    def variant(self, number: int) -> Entry:
        """The entry with the fields that its variant of this number names."""
        made = self._made.get(number)
        if made is None:
            changed = {k: v for k, v in self.variants[number].items() if k != "when"}
            for name in ("roles", "effects"):
                if name in changed:
                    changed[name] = tuple(changed[name])
            made = self._made[number] = replace(self, **changed, _made={})
        return made

    def parameter(self, name: str) -> ApiParameter | None:
        return next((p for p in self.parameters if p.name == name), None)


class Knowledge:
    """The index of all entries; records turn into `Entry` values when they are first asked for."""

    def __init__(self, index: Mapping[str, Any]) -> None:
        self._raw: Mapping[str, Any] = index["entries"]
        self._protocols: Mapping[str, Any] = index["protocols"]
        self._prefixes: Mapping[str, str] = index["prefixes"]
        self._aliases: Mapping[str, str] = index["aliases"]
        self._duck: Mapping[str, Any] = index["duck"]
        self._domains: Mapping[str, list[str]] = index["domains"]
        self.modules: frozenset[str] = frozenset(index["modules"])
        self._entries: dict[str, Entry | None] = {}
        self._canonical: dict[str, str] = {}
        self._methods: dict[tuple[str, str], Entry | None] = {}
        self._exports: dict[str, list[str]] | None = None

    def canonical(self, name: str) -> str:
        """The public documented path of what may be written under an old or private one."""
        known = self._canonical.get(name)
        if known is None:
            known = self._canonical[name] = self._resolve(name)
        return known

    def _resolve(self, name: str) -> str:
        if name in self._raw:
            return name
        alias = self._aliases.get(name)
        if alias is not None:
            return alias
        parts = name.split(".")
        for length in range(len(parts) - 1, 0, -1):
            replacement = self._prefixes.get(".".join(parts[:length]))
            if replacement is not None:
                moved = ".".join([replacement, *parts[length:]]) if replacement else ".".join(parts[length:])
                return self._resolve(moved) if moved != name else moved
        return name

    def entry(self, name: str) -> Entry | None:
        """What this qualified name means; None where no file says."""
        found = self._entries.get(name, _MISSING)
        if found is _MISSING:
            canonical = self.canonical(name)
            raw = self._raw.get(canonical)
            found = self._entries[name] = None if raw is None else _entry(canonical, raw)
        return found  # type: ignore[return-value] # _MISSING was replaced above

    def method(self, type_name: str, method: str) -> Entry | None:
        """A method of a catalogued class: its own entry, else its bases', else its protocol's."""
        key = (type_name, method)
        if key not in self._methods:
            self._methods[key] = self._find_method(self.canonical(type_name), method, 0)
        return self._methods[key]

    def _find_method(self, type_name: str, method: str, depth: int) -> Entry | None:
        own = self.entry(f"{type_name}.{method}")
        if own is not None:
            return own
        owner = self.entry(type_name)
        if owner is None or depth > 8:
            return None
        if owner.protocol:
            raw = self._protocol_method(owner.protocol, method, 0)
            if raw is not None:
                return _entry(f"{type_name}.{method}", raw)
        for base in owner.bases:
            found = self._find_method(self.canonical(base), method, depth + 1)
            if found is not None:
                return replace(found, name=f"{type_name}.{method}")
        return None

    def _protocol_method(self, protocol: str, method: str, depth: int) -> Mapping[str, Any] | None:
        shape = self._protocols.get(protocol)
        if shape is None or depth > 8:
            return None
        for kind in ("method", "attribute"):
            own = shape.get(f"{kind}s", {}).get(method)
            if own is not None:
                return {"kind": kind, **own}
        for base in shape.get("bases", ()):
            found = self._protocol_method(base, method, depth + 1)
            if found is not None:
                return found
        return None

    def duck(self, method: str) -> Entry | None:
        """What a method of this name most likely means on a receiver of unknown type."""
        raw = self._duck.get(method)
        return None if raw is None else _entry(method, raw)

    def is_a(self, type_name: str, base: str) -> bool:
        """Whether a catalogued class is, or derives from, another."""
        seen: set[str] = set()
        open_names = [self.canonical(type_name)]
        while open_names:
            name = open_names.pop()
            if name == base:
                return True
            if name in seen:
                continue
            seen.add(name)
            entry = self.entry(name)
            if entry is not None:
                open_names.extend(self.canonical(b) for b in entry.bases)
        return False

    def members(self, module: str) -> list[str]:
        """The catalogued functions and classes that a module exports."""
        if self._exports is None:
            self._exports = {}
            for name, raw in self._raw.items():
                if raw.get("kind", "function") in ("function", "class"):
                    self._exports.setdefault(name.rpartition(".")[0], []).append(name)
        return sorted(self._exports.get(module, ()))

    def domains(self, dotted: str) -> list[str]:
        """The random domains from which the library of a module draws."""
        found: list[str] = self._domains.get(dotted.partition(".")[0], [])
        return found


def _entry(name: str, raw: Mapping[str, Any]) -> Entry:
    return Entry(
        name=name,
        kind=raw.get("kind", "function"),
        roles=tuple(raw.get("roles") or ()),
        parameters=_parameters(raw.get("params") or ()),
        returns=raw.get("returns"),
        effects=tuple(raw.get("effects") or ()),
        bases=tuple(raw.get("bases") or ()),
        protocol=raw.get("protocol", ""),
        learns=raw.get("learns") or {},
        mutates=raw.get("mutates") or "",
        draws=raw.get("draws") or {},
        covers_seed=tuple(raw.get("covers_seed") or ()),
        unsafe=raw.get("unsafe"),
        scale_sensitive=raw.get("scale_sensitive") or False,
        hard_labels=raw.get("hard_labels", ""),
        cost=raw.get("cost", ""),
        tunes=tuple(raw.get("tunes") or ()),
        waits=raw.get("waits", ""),
        pins=tuple(raw.get("pins") or ()),
        variants=tuple(raw.get("variants") or ()),
    )


def _parameters(raw: Iterable[str]) -> tuple[ApiParameter, ...]:
    made: list[ApiParameter] = []
    for item in raw:
        name, separator, default = str(item).partition("=")
        rest = name.startswith("*") and not name.startswith("**")
        keyword_only = any(p.rest for p in made)
        if name.startswith("**") or name == "*":
            continue
        made.append(ApiParameter(name.lstrip("*"), rest, keyword_only, _scalar(default), bool(separator)))
    return tuple(made)


_SCALARS: dict[str, object] = {"true": True, "false": False, "null": None, "none": None, "": None}


def _scalar(text: str) -> object:
    """A default as YAML would read it, for the few forms that defaults take."""
    lowered = text.strip().lower()
    if lowered in _SCALARS:
        return _SCALARS[lowered]
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text.strip("\"'")


_FILED_APART = ("name", "names", "aliases", "notes", "methods", "attributes")


def compile_index(documents: Iterable[tuple[str, object]]) -> dict[str, Any]:
    """One index of plain values from parsed API files.

    `documents` holds (file name, parsed YAML) pairs. Raises ValueError with the file's name where a document has not
    the form of rules/apis/README.md.
    """
    index: dict[str, Any] = {"entries": {}, "protocols": {}, "prefixes": {}, "aliases": {}, "duck": {}, "modules": []}
    modules: set[str] = set()
    for file, document in documents:
        if not isinstance(document, Mapping):
            raise ValueError(f"{file}: an API file is a mapping with `library`, `module` and `entries`")
        module = document.get("module")
        modules.update([module] if isinstance(module, str) else module or ())
        index["protocols"].update(document.get("protocols") or {})
        index["prefixes"].update(document.get("prefixes") or {})
        index["duck"].update(_duck(document.get("duck") or ()))
        for raw in document.get("entries") or ():
            for name in [raw["name"]] if "name" in raw else raw.get("names", ()):
                index["entries"][name] = {k: v for k, v in raw.items() if k not in _FILED_APART}
                for alias in raw.get("aliases") or ():
                    index["aliases"][alias] = name
                for kind in ("method", "attribute"):
                    for members, meaning in (raw.get(f"{kind}s") or {}).items():
                        for member in members.split():
                            index["entries"].setdefault(f"{name}.{member}", {"kind": kind, **meaning})
    index["modules"] = sorted(modules)
    index["domains"] = _domains(index["entries"])
    return index


def _domains(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """The random domains that the calls of each library draw from."""
    found: dict[str, set[str]] = {}
    for name, raw in entries.items():
        drawn = set(raw.get("draws") or ()) - {"when"}
        if drawn:
            found.setdefault(name.partition(".")[0], set()).update(drawn)
    return {root: sorted(drawn) for root, drawn in sorted(found.items())}


def _duck(raw: object) -> dict[str, Any]:
    if isinstance(raw, Mapping):
        return dict(raw)
    assert isinstance(raw, Iterable)
    return {
        name: {k: v for k, v in e.items() if k not in ("name", "names")}
        for e in raw
        for name in e.get("names", [e.get("name")])
    }


Store = Callable[[str], bytes | None]


def load(folder: Path, extra: Iterable[tuple[str, bytes]] = (), cache: Any = None) -> Knowledge:
    """The knowledge in a folder of YAML files, and in a user's own files.

    `cache` has `get(key)` and `put(key, bytes)`; with it the compiled index is read back instead of the YAML.
    """
    files = [(p.name, p.read_bytes()) for p in sorted(folder.glob("*.yaml"))] + list(extra)
    digest = hashlib.sha256(b"apis/2")
    for name, data in files:
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    key = "apis-" + digest.hexdigest()
    stored = cache.get(key) if cache is not None else None
    if stored is not None:
        return Knowledge(json.loads(stored))
    import yaml

    loader = _loader(yaml)
    index = compile_index((name, yaml.load(data, loader)) for name, data in files)  # noqa: S506 # it derives from the safe loader
    if cache is not None:
        cache.put(key, json.dumps(index, separators=(",", ":")).encode())
    return Knowledge(index)


def _loader(yaml: Any) -> Any:
    """A safe loader to which `on`, `off`, `yes` and `no` are words, as in YAML 1.2: methods have such names."""
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("Loader", (base,), {})
    words = "yYnNoO"
    loader.yaml_implicit_resolvers = {
        first: [pair for pair in pairs if first not in words or pair[0] != "tag:yaml.org,2002:bool"]
        for first, pairs in base.yaml_implicit_resolvers.items()
    }
    return loader
