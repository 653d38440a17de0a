"""Rewrites of Python code, worked out where a crash, a hang or a hunger for memory costs one file's edits only."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeaudit.fix.change import Change
from pipeaudit.limits import Limits
from pipeaudit.model.edit import Rewrite

_START_SECONDS = 10
_ANYWHERE = 1_000_000_000  # behind the last line of any file
_PROGRAM = Path(__file__).parents[2]
_Answer = list[Change | str]


@dataclass(frozen=True, slots=True)
class Job:
    """The code of a file or of a cell, with what is to be written anew in it."""

    code: str
    rewrites: tuple[Rewrite, ...]

    def plain(self) -> object:
        return [self.code, [_wish(edit) for edit in self.rewrites]]


def _wish(edit: Rewrite) -> object:
    at = edit.at
    end = [at.end_line, at.end_column - 1] if at.end_line and at.end_column else [_ANYWHERE, 0]
    return [at.line, at.column - 1, end, edit.forms]


def rewritten(jobs: Sequence[Job], limits: Limits) -> list[_Answer]:
    """For each job's edits, in order, what they come to or why they can't be made."""
    if not jobs:
        return []
    answers = _asked(jobs, limits)
    if isinstance(answers, str) and len(jobs) > 1:
        return [answer for job in jobs for answer in rewritten([job], limits)]
    if isinstance(answers, str):
        return [[answers] * len(jobs[0].rewrites)]
    return answers


def _asked(jobs: Sequence[Job], limits: Limits) -> list[_Answer] | str:
    question = {
        "path": [*sys.path, str(_PROGRAM)],
        "memory": limits.worker_bytes,
        "terms": limits.rewritten_chain_terms,
        "jobs": [job.plain() for job in jobs],
    }
    command = [sys.executable, "-P", str(Path(__file__).with_name("worker.py"))]
    seconds = _START_SECONDS + limits.file_seconds * len(jobs)
    try:
        done = subprocess.run(
            command,
            input=json.dumps(question).encode(),
            capture_output=True,
            timeout=seconds,
            check=False,
            cwd=Path(__file__).parent,
        )
    except subprocess.TimeoutExpired:
        return f"the code can't be edited: it took more than {limits.file_seconds} s"
    except OSError as error:
        return f"no process for edits can be started: {error.strerror}"
    if done.returncode != 0:
        return "the code can't be edited: libcst broke on it, or asked for too much memory"
    return [[r if isinstance(r, str) else Change(*r) for r in results] for results in json.loads(done.stdout)]
