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

_LOOKS = 4  # a step may so take a quarter longer than it has


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
        timer.start()
        try:
            yield timer
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


class _Timer(AbstractContextManager[None]):
    """Looks in several times while a step may last: a timer for each of many short steps would cost more than they.

    A step is stopped when it has been under way for more looks than its time has; all are, once the run's time is over.
    """

    def __init__(self, what: str, step: float, end: float) -> None:
        self._what = what
        self._step = step
        self._end = end
        self._number = 0
        self._inside = False
        self._looks = 0
        self._seen = 0
        self._over = False

    def start(self) -> None:
        left = max(self._end - time.monotonic(), 0.001)
        signal.setitimer(signal.ITIMER_REAL, min(self._step / _LOOKS, left), self._step / _LOOKS)

    def __enter__(self) -> None:
        if self._over:
            raise self._time_up()
        self._number += 1
        self._inside = True

    def __exit__(self, *_: object) -> None:
        self._inside = False

    def strike(self, number: int, frame: FrameType | None) -> None:
        self._over = time.monotonic() >= self._end
        if not self._inside:
            return
        self._looks = self._looks + 1 if self._seen == self._number else 1
        self._seen = self._number
        if self._over or self._looks > _LOOKS:
            self._inside = False
            raise self._time_up()

    def _time_up(self) -> TimeUp:
        when = "at the end of the run's time" if self._over else f"after {self._step:.0f} s"
        return TimeUp(f"{self._what} was stopped by the clock {when}; what it would have found is unknown")
