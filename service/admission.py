"""How many requests may be in flight at once, over all transports together."""

import threading
from collections.abc import Callable
from math import exp
from time import monotonic

from service.refusals import Overloaded

RETRY_AFTER_SECONDS = 1.0
MEAN_SECONDS = 10.0
"""Span of the mean: what was in flight so long ago counts a third of what is now."""


class Admission:
    """Counts requests in flight and refuses those over the limit, at once and without a queue.

    Any thread may call it.

    Args:
        limit: most requests in flight.
        clock: seconds of a clock that never goes back.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = monotonic) -> None:
        self.limit = limit
        self.inflight = 0
        self._clock = clock
        self._mean = 0.0
        self._mean_at = clock()
        self._counting = threading.Lock()

    def enter(self) -> None:
        """Take a place; whoever got one must give it back with ``leave``.

        Raises:
            Overloaded: all places are taken.
        """
        if not self.try_enter():
            raise self.refusal()

    def refusal(self) -> Overloaded:
        """What to tell whoever gets no place."""
        return Overloaded(
            f"all {self.limit} places are taken; try again in a moment",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )

    def try_enter(self) -> bool:
        """Take a place as ``enter`` does; False when all are taken."""
        with self._counting:
            if self.inflight >= self.limit:
                return False
            self._fold()
            self.inflight += 1
            return True

    def has_place(self) -> bool:
        """Whether ``try_enter`` would find a place now."""
        return self.inflight < self.limit

    def leave(self) -> None:
        """Give the place back."""
        with self._counting:
            self._fold()
            self.inflight -= 1

    def mean_inflight(self) -> float:
        """Mean of the requests in flight, over all time but mostly the last ``MEAN_SECONDS``.

        The count at one instant says little: it is read by a request, and it changes within
        fractions of a millisecond.
        """
        with self._counting:
            self._fold()
            return self._mean

    def _fold(self) -> None:
        """Add the time since the last change to the mean; the count was the same all the while."""
        now = self._clock()
        kept = exp((self._mean_at - now) / MEAN_SECONDS)
        self._mean = kept * self._mean + (1.0 - kept) * self.inflight
        self._mean_at = now
