"""The clock that processes read; everything below them gets ``now`` as a parameter.

A simulated clock is fixed by an anchor (one real and one simulated instant) and a speed, so that
all processes that share the three settings read the same time.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What a process may ask about time."""

    @property
    def simulated(self) -> bool:
        """Whether the times are not those of the wall."""
        ...

    def now(self) -> datetime:
        """Current instant, UTC."""
        ...

    def real_seconds(self, span: timedelta) -> float:
        """How many seconds of real time a span of this clock takes."""
        ...


class WallClock:
    """The machine's own clock."""

    simulated = False

    def now(self) -> datetime:
        """Current instant, UTC."""
        return datetime.now(UTC)

    def real_seconds(self, span: timedelta) -> float:
        """The span itself, in seconds."""
        return span.total_seconds()


@dataclass(frozen=True)
class SimulatedClock:
    """Shows ``simulated_at`` when the wall shows ``real_at``, and runs ``speed`` times as fast."""

    real_at: datetime
    simulated_at: datetime
    speed: float
    simulated = True

    def now(self) -> datetime:
        """Current simulated instant, UTC."""
        elapsed_seconds = time.time() - self.real_at.timestamp()
        return self.simulated_at + timedelta(seconds=elapsed_seconds * self.speed)

    def real_seconds(self, span: timedelta) -> float:
        """Real seconds until the simulated span has passed."""
        return span.total_seconds() / self.speed
