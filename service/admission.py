"""How many requests may be in flight at once, over all transports together."""

import threading

from service.refusals import Overloaded

RETRY_AFTER_SECONDS = 1.0


class Admission:
    """Counts requests in flight and refuses those over the limit, at once and without a queue.

    Args:
        limit: most requests in flight.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.inflight = 0
        self._counting = threading.Lock()

    def enter(self) -> None:
        """Take a place; whoever got one must give it back with ``leave``.

        Raises:
            Overloaded: all places are taken.
        """
        with self._counting:
            if self.inflight < self.limit:
                self.inflight += 1
                return
        raise Overloaded(
            f"all {self.limit} places are taken; try again in a moment",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )

    def leave(self) -> None:
        """Give the place back."""
        with self._counting:
            self.inflight -= 1
