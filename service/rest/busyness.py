"""Tells a burst, which is soon over, from an overload, which is not."""

from collections.abc import Callable
from time import perf_counter, thread_time

WINDOW_SECONDS = 0.05
BUSY_SHARE = 0.8
"""Share of a window, above which the thread that answers has more to do than it can."""


class Busyness:
    """Whether the thread that asks was busy nearly all the time of late.

    Args:
        read_seconds: steady clock.
        read_own_seconds: clock that goes on only while the thread runs.
    """

    def __init__(
        self,
        read_seconds: Callable[[], float] = perf_counter,
        read_own_seconds: Callable[[], float] = thread_time,
    ) -> None:
        self._read_seconds = read_seconds
        self._read_own_seconds = read_own_seconds
        self._since = read_seconds()
        self._own_since = 0.0
        self._busy = False

    def is_busy(self) -> bool:
        """Whether the last window, or what came behind it without a request, was full of work."""
        now = self._read_seconds()
        passed = now - self._since
        if passed >= WINDOW_SECONDS:
            own = self._read_own_seconds()
            self._busy = own - self._own_since > BUSY_SHARE * passed
            self._since, self._own_since = now, own
        return self._busy
