"""The answers to a load, one by one, and what they say together."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

REFUSED = 429
RECOVERED_RATIO = 1.5
"""p99 of a second, over that of the quiet, up to which an overload is over."""


@dataclass(frozen=True)
class Answers:
    """Every answer of a load, in the order they came.

    Attributes:
        starts: when each was asked, seconds of the epoch.
        codes: HTTP status, 0 where there was no answer.
        times_ms: from the request to the end of its answer.
        asked: how many were really asked, when some were added; those are the first.
    """

    starts: NDArray[np.float64]
    codes: NDArray[np.int64]
    times_ms: NDArray[np.float64]
    asked: int = 0

    def with_those_kept_back(self, interval_ms: float) -> "Answers":
        """The same, and the requests that a connection would have made while it waited.

        Args:
            interval_ms: between two requests of one connection.
        """
        missed = np.maximum(0, np.ceil(self.times_ms / interval_ms) - 1).astype(np.int64)
        which = np.repeat(np.arange(len(missed)), missed)
        before = np.cumsum(missed) - missed
        late_ms = (np.arange(len(which)) - before[which] + 1) * interval_ms
        return Answers(
            np.concatenate([self.starts, self.starts[which] + late_ms / 1000]),
            np.concatenate([self.codes, self.codes[which]]),
            np.concatenate([self.times_ms, self.times_ms[which] - late_ms]),
            len(self.starts),
        )

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which were answered with 200."""
        return self.codes == 200

    @property
    def rate(self) -> float:
        """Requests asked in a second."""
        starts = self.starts[: self.asked or None]
        return float(len(starts) / max(1e-9, starts.max() - starts.min()))

    def percentile_ms(self, which: NDArray[np.bool_], share: float) -> float:
        """Time within which a share (0 to 100) of some answers came; 0 without any."""
        times = self.times_ms[which]
        return float(np.percentile(times, share)) if len(times) else 0.0

    def between(self, start: float, end: float) -> NDArray[np.bool_]:
        """Which were in flight at some moment from ``start`` to ``end``."""
        return (self.starts + self.times_ms / 1000 >= start) & (self.starts < end)

    def statuses(self) -> dict[str, int]:
        """How many answers had which status."""
        codes, counts = np.unique(self.codes, return_counts=True)
        return {str(code): int(count) for code, count in zip(codes, counts, strict=True)}


def shares(over: Answers) -> dict[str, Any]:
    """How many were served, refused, neither; and how soon."""
    refused = over.codes == REFUSED
    return {
        "accepted": int(np.count_nonzero(over.good)),
        "refused": int(np.count_nonzero(refused)),
        "other": int(np.count_nonzero(~over.good & ~refused)),
        "statuses": over.statuses(),
        "accepted_p99_ms": over.percentile_ms(over.good, 99),
        "refused_p99_ms": over.percentile_ms(refused, 99),
        "refused_max_ms": float(over.times_ms[refused].max(initial=0)),
    }


def recovery(after: Answers, ended: float, quiet_p99: float) -> float | None:
    """Seconds from the end of the overload to when every later second is quick and without errors.

    None when that is never.
    """
    late = 0.0
    seconds = int(after.starts.max() - ended)
    for second in range(seconds + 1):
        start = ended + second
        inside = (after.starts >= start) & (after.starts < start + 1)
        if not inside.any():
            continue
        slow = after.percentile_ms(inside, 99) > RECOVERED_RATIO * quiet_p99
        if slow or not after.good[inside].all():
            late = second + 1.0
    return late if late <= seconds else None
