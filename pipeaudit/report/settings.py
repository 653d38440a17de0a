"""The settings that hold, each with where it was set: as TOML that could be written into a file."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, is_dataclass

from pipeaudit.config import KEYS, Config
from pipeaudit.report import text


def shown(config: Config, overridden: Collection[str]) -> str:
    """`overridden` are the keys that the call itself set."""
    rows = []
    for key in KEYS:
        if key != "extend":  # what it named has been merged
            value = _toml(getattr(config, key.replace("-", "_")))
            rows.append((f"{key} = {value}", _origin(config, key, overridden)))
    return "".join(text.visible(f"{setting}  # {origin}\n") for setting, origin in rows)


def _origin(config: Config, key: str, overridden: Collection[str]) -> str:
    if key in overridden:
        return "--set"
    line = config.lines.get(key)
    if line is None:
        return "default"
    return f"{config.origin}:{line}" if " <- " not in config.origin else f"line {line} of one of {config.origin}"


def _toml(value: object) -> str:
    if is_dataclass(value) and not isinstance(value, type):
        value = {name.replace("_", "-"): number for name, number in asdict(value).items()}
    if isinstance(value, Mapping):
        entries = ", ".join(f"{json.dumps(str(name))} = {_toml(entry)}" for name, entry in value.items())
        return f"{{{entries}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(entry) for entry in value)}]"
    return json.dumps(value, ensure_ascii=False)
