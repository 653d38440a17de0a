"""The last resort against work that never ends: what counted limits did not stop, the clock does.

Two runs may only differ where this struck, so whatever it cuts off is told.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
        if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
            yield
            return
        seconds = max(min(self._step, self._end - time.monotonic()), 0.001)

        def strike(number: int, frame: FrameType | None) -> None:
            raise TimeUp(f"{what} was stopped by the clock after {seconds:.0f} s; what it would have found is unknown")

        before = signal.signal(signal.SIGALRM, strike)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
