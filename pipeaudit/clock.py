"""The last resort against work that never ends: what counted limits did not stop, the clock does.

Two runs may only differ where this struck, so whatever it cuts off is told.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType


class TimeUp(Exception):
    """A step took longer than it may."""


class Clock:
    """The time of one run; a step may take `step_seconds`, and no more than is left of `run_seconds`."""

    def __init__(self, run_seconds: float, step_seconds: float) -> None:
        self._end = time.monotonic() + run_seconds
        self._step = step_seconds

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Raises TimeUp inside when the time is over; where there are no timers, steps are not stopped."""
        with self.steps(what) as each, each:
            yield

    @contextmanager
    def steps(self, what: str) -> Iterator[AbstractContextManager[None]]:
        """For many short steps of one kind: every `with` on what this gives is one of them."""
        if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
            yield nullcontext()
            return
        timer = _Timer(what, self._step, self._end)
        before = signal.signal(signal.SIGALRM, timer.strike)
        try:
            yield timer
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


class _Timer(AbstractContextManager[None]):
    def __init__(self, what: str, step: float, end: float) -> None:
        self._what = what
        self._step = step
        self._end = end
        self._seconds = step

    def __enter__(self) -> None:
        self._seconds = max(min(self._step, self._end - time.monotonic()), 0.001)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def strike(self, number: int, frame: FrameType | None) -> None:
        raise TimeUp(
            f"{self._what} was stopped by the clock after {self._seconds:.0f} s; what it would have found is unknown"
        )
