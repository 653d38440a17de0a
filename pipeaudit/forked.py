"""Work shared with a second process that is forked from this one: each takes the next piece until none is left."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

Piece = TypeVar("Piece")
Rest = TypeVar("Rest")
_NUMBER = 2  # bytes of a piece's number; a pipe hands them out whole


def can_fork() -> bool:
    """Whether a second process can be had, and a processor for it; a process with threads is never forked."""
    if sys.platform in ("win32", "darwin") or threading.active_count() > 1:
        return False
    return len(os.sched_getaffinity(0)) > 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) > 1


def shared(pieces: int, work: Callable[[int], Piece], rest: Callable[[], Rest]) -> tuple[list[Piece], Rest | None]:
    """What `work` gives for each number, whoever did it, and what `rest` gives at the second process's end.

    Where that process fails, this one does its pieces, too: a defect shows here as it would without it.
    """
    numbers, left = os.pipe()
    with os.fdopen(left, "wb") as queue:
        queue.write(b"".join(number.to_bytes(_NUMBER, "big") for number in range(pieces)))
    answers, answer = os.pipe()
    child = os.fork()
    if not child:
        _answer(numbers, answer, work, rest)
    os.close(answer)
    try:
        done = {number: work(number) for number in iter(lambda: _next(numbers), -1)}
        with os.fdopen(answers, "rb") as pipe:
            data = pipe.read()
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(numbers)
    if os.waitpid(child, 0)[1]:
        return [done[number] if number in done else work(number) for number in range(pieces)], None
    import pickle

    others, said = pickle.loads(data)  # noqa: S301 # it comes from our own child
    done.update(others)
    return [done[number] for number in range(pieces)], said


def _next(numbers: int) -> int:
    number = os.read(numbers, _NUMBER)
    return int.from_bytes(number, "big") if number else -1


def _answer(numbers: int, answer: int, work: Callable[[int], Piece], rest: Callable[[], Rest]) -> None:
    """The second process's part. It ends here, without a trace: nothing that the first has open is its own."""
    status = 1
    try:
        import gc
        import pickle

        gc.disable()
        done = {number: work(number) for number in iter(lambda: _next(numbers), -1)}
        with os.fdopen(answer, "wb") as pipe:
            pickle.dump((done, rest()), pipe, pickle.HIGHEST_PROTOCOL)
        status = 0
    finally:
        os._exit(status)
