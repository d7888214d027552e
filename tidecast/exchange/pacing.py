"""Client-side rate limit: a token bucket, so that an exchange never has to throttle us."""

import time
from collections.abc import Callable


class Pacer:
    """Lets ``burst`` requests through at once and then ``per_second`` of them each second.

    Args:
        per_second: sustained requests per second.
        burst: requests that may follow each other without a pause.
        sleep: waits so many seconds.
        monotonic: seconds of a clock that never jumps.
    """

    def __init__(
        self,
        per_second: float,
        burst: int,
        sleep: Callable[[float], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._sleep = sleep
        self._tokens = float(burst)
        self._monotonic = monotonic
        self._filled_at = monotonic()

    def wait(self) -> None:
        """Return when the next request may start."""
        now = self._monotonic()
        gained = (now - self._filled_at) * self._per_second
        self._tokens = min(self._burst, self._tokens + gained) - 1
        self._filled_at = now
        if self._tokens < 0:
            self._sleep(-self._tokens / self._per_second)
