"""Goes on trying while something outside is away: in a cluster everything starts at once."""

import time
from collections.abc import Callable
from typing import TypeVar

from tidecast.errors import OperatorError, RetryLater

T = TypeVar("T")

PAUSE_SECONDS = 2.0


def patiently(
    step: Callable[[], T],
    wait_seconds: float,
    say: Callable[[str], None],
    pause_seconds: float = PAUSE_SECONDS,
) -> T:
    """What the step returns, tried again while waiting may cure what it raises.

    Args:
        step: safe to repeat.
        wait_seconds: no try is begun after so long; the first always is.
        say: is told why it is tried again, once for each reason.
        pause_seconds: between two tries.

    Raises:
        RetryLater: the last try failed too, or only the operator can cure it.
    """
    deadline, said = time.monotonic() + wait_seconds, ""
    while True:
        try:
            return step()
        except RetryLater as error:
            curable = not isinstance(error, OperatorError)
            if not curable or time.monotonic() + pause_seconds >= deadline:
                raise
            if str(error) != said:
                said = str(error)
                say(f"{said}; trying again for {deadline - time.monotonic():.0f} s")
        time.sleep(pause_seconds)
