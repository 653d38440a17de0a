"""What the user may set: `[tool.pipeaudit]` in pyproject.toml, or pipeaudit.toml with the same keys and no prefix.

The configuration may come from a tree that nobody vouches for. So no key names code, templates, programs or places to
write to, and no limit can be raised without bound.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeaudit.discover import FileProblem, read_bytes
from pipeaudit.limits import DEFAULT, Limits
from pipeaudit.model.error import UserError

OWN_FILES = ("pipeaudit.toml", ".pipeaudit.toml")
_MOST_EXTENSIONS = 10
_STAGES = ("collection", "exploration", "preprocessing", "training", "evaluation", "deployment", "monitoring", "other")
_PROFILES = ("full", "training", "service", "study", "library", "platform", "none")
_SEVERITIES = ("error", "warning", "note")
_GATES = ("core", "error", "warning", "note", "never")
_CONFIDENCES = ("high", "medium", "low")


class ConfigError(UserError):
    """The configuration is wrong: exit 2 with the file, the line, and what to write instead."""

    def __init__(self, path: str, line: int, why: str) -> None:
        super().__init__(f"{path}:{line}: {why}" if line else f"{path}: {why}")
        self.path = path
        self.line = line
        self.why = why


@dataclass(frozen=True, slots=True)
class Config:
    """The merged settings. `origin` names the files they came from, `digest` is the SHA-256 over their bytes."""

    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extend_exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    severity: Mapping[str, str] = field(default_factory=dict)
    fail_on: str = "core"
    min_confidence: str = "low"
    persona: str = "regular"
    profile: str = ""
    scope: Mapping[str, object] = field(default_factory=dict)
    subject: str = ""
    risk: str = ""
    role: str = ""
    primary_metric: str = ""
    projects: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    packs: tuple[str, ...] = ()
    apis: tuple[str, ...] = ()
    limits: Limits = DEFAULT
    stages: Mapping[str, str] = field(default_factory=dict)
    attestations: str = ""
    baseline: str = ""
    origin: str = "defaults"
    digest: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def excluded(self) -> tuple[str, ...]:
        return self.exclude + self.extend_exclude


@dataclass(frozen=True, slots=True)
class Key:
    """What one key takes: `read` turns TOML's value into ours or raises ValueError with what is expected instead."""

    read: Callable[[object], object]
    schema: Mapping[str, object]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("expected text in quotes")


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError('expected a list of texts, as in ["one", "two"]')


def _table(value: object) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    raise ValueError('expected a table, as in {"key" = "value"}')


def _choice(*allowed: str) -> Key:
    def read(value: object) -> str:
        if isinstance(value, str) and value in allowed:
            return value
        raise ValueError(f"expected one of {', '.join(allowed)}{_nearest(str(value), allowed)}")

    return Key(read, {"enum": list(allowed)})


def _table_of(item: Key) -> Key:
    def read(value: object) -> dict[str, object]:
        return {name: item.read(entry) for name, entry in _table(value).items()}

    return Key(read, {"type": "object", "additionalProperties": dict(item.schema)})


def _weight(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1000:
        return float(value)
    raise ValueError("expected a number from 0 to 1000")


def _limits(value: object) -> Limits:
    changes = {}
    for name, number in _table(value).items():
        plain = name.replace("-", "_")
        if plain not in Limits.__slots__:
            known = tuple(item.replace("_", "-") for item in Limits.__slots__)
            raise ValueError(f"there is no limit {name!r}{_nearest(name, known)}")
        if not isinstance(number, int) or isinstance(number, bool):
            raise ValueError(f"limit {name} takes a whole number")
        changes[plain] = number
    return DEFAULT.with_changes(**changes)


_TEXT = Key(_text, {"type": "string"})
_TEXTS = Key(_texts, {"type": "array", "items": {"type": "string"}})
_PATTERNS = _TEXTS
KEYS: Mapping[str, Key] = {
    "select": _TEXTS,
    "extend-select": _TEXTS,
    "ignore": _TEXTS,
    "exclude": _PATTERNS,
    "extend-exclude": _PATTERNS,
    "include": _PATTERNS,
    "per-file-ignores": _table_of(_TEXTS),
    "severity": _table_of(_choice(*_SEVERITIES)),
    "fail-on": _choice(*_GATES),
    "min-confidence": _choice(*_CONFIDENCES),
    "persona": _choice("regular", "pedantic", "auditor"),
    "profile": _choice(*_PROFILES),
    "scope": Key(_table, {"type": "object"}),
    "subject": _choice("people", "machines", "mixed"),
    "risk": _choice("minimal", "limited", "high", "unacceptable"),
    "role": _choice("provider", "deployer", "both"),
    "primary-metric": _TEXT,
    "projects": _TEXTS,
    "weights": _table_of(Key(_weight, {"type": "number", "minimum": 0, "maximum": 1000})),
    "packs": _TEXTS,
    "apis": _TEXTS,
    "limits": Key(_limits, {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}}),
    "stages": _table_of(_choice(*_STAGES)),
    "attestations": _TEXT,
    "baseline": _TEXT,
    "extend": _TEXT,
}


def schema() -> dict[str, object]:
    """The JSON Schema of a pipeaudit.toml, from the same table that validates it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pipeaudit configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: dict(key.schema) for name, key in KEYS.items()},
    }


def load(root: Path, named: Path | None = None, *, isolated: bool = False) -> Config:
    """The settings for an audited root: of the file named on the command line, else of one in the root itself."""
    if named is not None:
        return _from_file(named.parent, named.name, whole=named.name != "pyproject.toml")
    if isolated:
        return Config()
    own = [name for name in OWN_FILES if (root / name).is_file() and not (root / name).is_symlink()]
    if len(own) > 1:
        raise ConfigError(own[1], 0, f"stands beside {own[0]}; keep one of them")
    if own:
        return _from_file(root, own[0], whole=True)
    if (root / "pyproject.toml").is_file():
        return _from_file(root, "pyproject.toml", whole=False)
    return Config()


def from_bytes(data: bytes, name: str) -> Config:
    """Settings that lie elsewhere than in the work tree, such as in a commit; `extend` has no meaning there."""
    values, lines = _parse(data, name, whole=name.rpartition("/")[2] != "pyproject.toml")
    if "extend" in values:
        raise ConfigError(name, lines.get("extend", 1), "`extend` can't be followed in a file that is not in the tree")
    return _config(values, lines, name, hashlib.sha256(data).hexdigest())


def changed(config: Config, settings: Sequence[str]) -> Config:
    """The settings, with those of the command line (`key=value`, the value as in TOML or plain text) over them."""
    import tomllib

    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or name not in KEYS:
            raise ConfigError("--set", 0, f"there is no setting {name!r}{_nearest(name, tuple(KEYS))}")
        try:
            value: object = tomllib.loads(f"value = {text}\n")["value"]
        except (tomllib.TOMLDecodeError, RecursionError):
            value = text
        try:
            config = replace(config, **{name.replace("-", "_"): KEYS[name].read(value)})  # type: ignore[arg-type]
        except ValueError as error:
            raise ConfigError("--set", 0, f"{name}: {error}") from error
    return config


def _from_file(folder: Path, name: str, *, whole: bool) -> Config:
    merged: dict[str, object] = {}
    lines: dict[str, int] = {}
    origins: list[str] = []
    digest = hashlib.sha256()
    path = name
    while True:
        data = _bytes(folder, path)
        values, places = _parse(data, path, whole=whole or path.rpartition("/")[2] != "pyproject.toml")
        if not values and not origins and not whole:
            return Config()
        digest.update(data)
        origins.append(path)
        extended = values.pop("extend", None)
        merged = values | merged
        lines = places | lines
        if extended is None:
            return _config(merged, lines, " <- ".join(origins), digest.hexdigest())
        path = _inside(str(extended), path, places.get("extend", 1))
        if path in origins or len(origins) > _MOST_EXTENSIONS:
            raise ConfigError(origins[-1], places.get("extend", 1), "`extend` goes round in a circle or too deep")


def _inside(target: str, path: str, line: int) -> str:
    """The extended file's path from the root; it may not leave the root."""
    parts: list[str] = path.split("/")[:-1]
    if "://" in target or target.startswith(("/", "~")) or "\\" in target or ":" in target:
        raise ConfigError(path, line, "`extend` names a file inside the audited root by a relative path")
    for part in target.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part == "..":
            raise ConfigError(path, line, "`extend` leads out of the audited root")
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _bytes(folder: Path, path: str) -> bytes:
    try:
        return read_bytes(folder, path, DEFAULT.text_bytes)
    except FileProblem as error:
        raise ConfigError(path, 0, str(error)) from error


def _parse(data: bytes, path: str, *, whole: bool) -> tuple[dict[str, object], dict[str, int]]:
    """The values under our table by key, and the line of each key."""
    if not whole and b"pipeaudit" not in data:
        return {}, {}
    import tomllib

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(path, data[: error.start].count(b"\n") + 1, "is not UTF-8") from error
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > DEFAULT.line_characters or line.count(".") > 20 * DEFAULT.dotted_parts:
            raise ConfigError(path, number, "the line is too long to be read as TOML")
        if len(line.partition("=")[0].split(".")) > DEFAULT.dotted_parts:
            raise ConfigError(path, number, f"a key has more than {DEFAULT.dotted_parts} parts")
    try:
        document: object = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        at = int(found[1]) if found else text.rstrip().count("\n") + 1  # the other message is "at end of document"
        raise ConfigError(path, at, f"is not TOML: {error}") from error
    except (RecursionError, ValueError) as error:
        raise ConfigError(path, 1, "is nested too deeply or holds a number that is too long") from error
    if not whole:
        for name in ("tool", "pipeaudit"):
            document = document.get(name, {}) if isinstance(document, dict) else {}
    if not isinstance(document, dict):
        raise ConfigError(path, 1, "`tool.pipeaudit` is not a table")
    return document, _lines(text, document, whole=whole)


_HEADER = re.compile(r"\s{0,100}\[([^\[\]]{1,200})\]")
_ASSIGNMENT = re.compile(r"\s{0,100}([A-Za-z0-9_\-\"'.]{1,200})\s{0,100}=")


def _lines(text: str, values: Mapping[str, object], *, whole: bool) -> dict[str, int]:
    """Where each key stands; tomllib does not say."""
    lines: dict[str, int] = {}
    prefix = "" if whole else "tool.pipeaudit."
    table = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if header := _HEADER.match(line):
            table = header[1].strip() + "."
            name = table
        elif assignment := _ASSIGNMENT.match(line):
            name = table + assignment[1] + "."
        else:
            continue
        name = name.replace('"', "").replace("'", "").replace(" ", "")
        if name.startswith(prefix):
            key = name.removeprefix(prefix).partition(".")[0]
            if key in values:
                lines.setdefault(key, number)
    return lines


def _config(values: Mapping[str, object], lines: Mapping[str, int], origin: str, digest: str) -> Config:
    read: dict[str, object] = {}
    file = origin.partition(" ")[0]
    for name, value in values.items():
        if name not in KEYS:
            raise ConfigError(file, lines.get(name, 1), f"there is no setting {name!r}{_nearest(name, tuple(KEYS))}")
        try:
            read[name.replace("-", "_")] = KEYS[name].read(value)
        except ValueError as error:
            raise ConfigError(file, lines.get(name, 1), f"{name}: {error}") from error
    return replace(Config(), **read, origin=origin, digest=digest, lines=dict(lines))  # type: ignore[arg-type] # by KEYS


def _nearest(name: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
