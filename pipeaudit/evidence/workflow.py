"""CI as one shape: workflows with triggers, jobs and steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pipeaudit.model.location import Location
from pipeaudit.read.node import Node


@dataclass(frozen=True, slots=True)
class Step:
    """One command or ready-made action of a job; `action` is its name without version, `name` what people call it."""

    at: Location
    command: str = ""
    action: str = ""
    name: str = ""
    inputs: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """`environment` and `manual` are what asks a person; `needs` names jobs that run before."""

    name: str
    at: Location
    steps: tuple[Step, ...]
    needs: tuple[str, ...] = ()
    environment: str = ""
    manual: bool = False


@dataclass(frozen=True, slots=True)
class Workflow:
    """`triggers`: push, pull_request, schedule, manual, called (by another workflow), event."""

    path: str
    system: str
    at: Location
    triggers: frozenset[str]
    jobs: tuple[Job, ...] = ()
    schedule: Location | None = None


class Tree(Protocol):
    """What is asked of the audited tree."""

    @property
    def paths(self) -> tuple[str, ...]: ...

    def text(self, path: str) -> str: ...

    def nodes(self, path: str) -> tuple[Node, ...]: ...
