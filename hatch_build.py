"""Compiles the knowledge of library calls while a wheel is built, so that no run has to read its YAML."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledKnowledge(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        sys.path.insert(0, str(root))
        sys.dont_write_bytecode = False
        from pipeaudit import apis, resources

        folder = root / "rules" / "apis"
        apis.load(folder, (), resources.Compiled(folder))
        if version != "editable":
            for compiled in (folder / "__pycache__").glob("apis-*.json"):
                build_data["force_include"][str(compiled)] = f"pipeaudit/rules/apis/__pycache__/{compiled.name}"
