"""Where the program's own rules and report files lie, in a wheel, an editable install and a bare checkout alike."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """`rules` or `reports`."""
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def data(path: Path) -> Any:
    """The content of one of the program's own YAML files."""
    import hashlib
    import json

    text = path.read_bytes()
    key = f"{path.stem}-{hashlib.sha256(text).hexdigest()}"
    store = Compiled(path.parent)
    known = store.get(key)
    if known is not None:
        return json.loads(known)
    import yaml

    content = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 # it is the safe one
    store.put(key, json.dumps(content, separators=(",", ":")).encode())
    return content


class Compiled:
    """Compiled forms of the program's own data, kept beside it as Python keeps its own, in `__pycache__`.

    What is kept is data under the digest of what it was made from. A wheel brings it along; in a checkout it is written
    when first needed, unless the folder can't be written or Python was told to write no such files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "__pycache__"

    def get(self, key: str) -> bytes | None:
        try:
            return (self._folder / f"{key}.json").read_bytes()
        except OSError:
            return None

    def put(self, key: str, value: bytes) -> None:
        if sys.dont_write_bytecode:
            return
        temporary = self._folder / f"{key}.{os.getpid()}"
        with suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            for old in self._folder.glob(f"{key.partition('-')[0]}-*"):
                old.unlink()
            temporary.write_bytes(value)
            temporary.replace(self._folder / f"{key}.json")
