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
    """

    starts: NDArray[np.float64]
    codes: NDArray[np.int64]
    times_ms: NDArray[np.float64]

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which were answered with 200."""
        return self.codes == 200

    @property
    def rate(self) -> float:
        """Requests asked in a second."""
        return float(len(self.starts) / max(1e-9, self.starts.max() - self.starts.min()))

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
