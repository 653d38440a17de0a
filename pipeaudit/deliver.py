"""How finished reports reach people: standard output, files, and the one way for words about the run."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from pipeaudit.model.error import UserError
from pipeaudit.report.text import inert, visible


class DeliveryError(UserError):
    """A report can't be written where it should be: exit 2 with the reason."""


def say(words: str) -> None:
    """Everything that is not the report goes to standard error, with nothing that could steer a terminal or CI."""
    _write(2, inert(visible(words + "\n")))


def show(report: str) -> None:
    """The report on standard output, in UTF-8 whatever the locale says."""
    sys.stdout.flush()
    _write(1, report)


def _write(descriptor: int, text: str) -> None:
    """A reader that went away is no error of ours: the rest is dropped in silence."""
    data = memoryview(text.encode("utf-8", "backslashreplace"))
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except BrokenPipeError:
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
    except OSError as error:
        if descriptor == 1:
            raise DeliveryError(f"standard output can't be written: {error.strerror}") from error


def save(report: str, target: Path, *, tracked: frozenset[str], root: Path, force: bool) -> None:
    """A report file appears whole or not at all; it never replaces a link, a folder or a file that the tree tracks."""
    try:
        status = target.lstat()
    except FileNotFoundError:
        status = None
    except OSError as error:
        raise DeliveryError(f"{target}: {error.strerror}") from error
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise DeliveryError(f"{target} is a link, a folder or a device, not a file that a report may replace")
    inside = Path(os.path.realpath(target.parent)) / target.name
    if not force and inside.is_relative_to(root) and inside.relative_to(root).as_posix() in tracked:
        raise DeliveryError(f"{target} is tracked in the audited repository; name another file, or add --force")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with open(temporary, "xb") as file:
            file.write(report.encode("utf-8", "backslashreplace"))
        temporary.replace(target)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise DeliveryError(f"{target} can't be written: {error.strerror}") from error
