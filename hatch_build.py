"""Compiles the knowledge, signals, controls and what systems claim while a wheel is built, so that no run has to."""

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
        from pipeaudit import apis, resources, rulebook, system

        rules = root / "rules"
        apis.load(rules / "apis", (), resources.Compiled(rules / "apis"))
        for name in ("controls.yaml", "signals.yaml"):
            resources.data(rules / name)
        rulebook.load([rules])
        system.systems()
        if version != "editable":
            for compiled in (root / "pipeaudit" / "systems").glob("__pycache__/systems-*.json"):
                build_data["force_include"][str(compiled)] = str(compiled.relative_to(root))
            for pattern in ("apis/__pycache__/apis-*.json", "__pycache__/*-*.json"):
                for compiled in rules.glob(pattern):
                    build_data["force_include"][str(compiled)] = f"pipeaudit/rules/{compiled.relative_to(rules)}"
