"""A steady rate with a burst of one second."""

import threading
from collections.abc import Callable

_ALMOST_ONE = 1 - 1e-6
"""Whoever waited exactly as long as told must not fail by the last bit of a float."""


class TokenBucket:
    """Lets a steady rate through; usable from any thread.

    Args:
        per_second: steady rate. The burst is as much as one second brings, but at least one.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(self, per_second: float, monotonic: Callable[[], float]) -> None:
        self._per_second = per_second
        self._monotonic = monotonic
        self._burst = max(1.0, per_second)
        self._tokens = self._burst
        self._at = monotonic()
        self._taking = threading.Lock()

    def take(self) -> float:
        """Take one token: 0.0 when there was one, else the seconds until there is one."""
        with self._taking:
            now = self._monotonic()
            gained = (now - self._at) * self._per_second
            self._at = now
            self._tokens = min(self._burst, self._tokens + gained)
            if self._tokens >= _ALMOST_ONE:
                self._tokens -= 1
                return 0.0
            return (1 - self._tokens) / self._per_second
