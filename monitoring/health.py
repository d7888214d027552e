"""Whether candles can be trusted enough to judge a model by them. Pure.

An exchange outage, a frozen feed or a hole makes errors that are no fault of the model. Such data
block a retraining and are named; they never cause one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from tidecast.candles import COLUMNS, gaps
from tidecast.timeframes import format_rfc3339, interval_length

REPEATED_CANDLES = 3
"""This many equal candles in a row (all five values) do not happen on a market that trades."""
FLAT_CANDLES = 6
"""This many candles in a row at one single price are an outage. Real exchanges showed up to four
(Bitstamp, 2020-04-25), and a thin 5-minute market has single ones every day."""
RECENT_CANDLES = 24
"""Newest candles among which no hole and no frozen run is accepted."""
MAX_MISSING_RATIO = 0.05
"""Share of missing candles accepted in the whole window: a lost hour a week ago is no reason."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the candles.

    Attributes:
        since: where it begins; stays the same while it lasts, so it can name an event.
    """

    kind: Literal["empty", "stale", "frozen", "gap"]
    since: datetime
    reason: str


@dataclass(frozen=True)
class Health:
    """All problems found; none means healthy."""

    problems: tuple[Problem, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether a model may be judged by these candles."""
        return not self.problems

    @property
    def reasons(self) -> tuple[str, ...]:
        """The problems in words."""
        return tuple(problem.reason for problem in self.problems)


def data_health(
    candles: pd.DataFrame, interval: str, now: datetime, stale_after_candles: float
) -> Health:
    """Look at the newest candles of a market.

    Args:
        candles: candle frame of the window in which forecasts are scored.
        interval: name of the interval.
        now: current instant, UTC.
        stale_after_candles: age of the newest candle's end, in intervals, that is still fresh.
    """
    if candles.empty:
        return Health((Problem("empty", now, "no candles are stored: run the ingestion"),))
    found = (
        _stale(candles, interval, now, stale_after_candles),
        _frozen(candles.iloc[-RECENT_CANDLES:]),
        _holes(candles, interval),
    )
    return Health(tuple(problem for problem in found if problem is not None))


def _stale(
    candles: pd.DataFrame, interval: str, now: datetime, stale_after_candles: float
) -> Problem | None:
    length = interval_length(interval)
    newest_end = candles.index[-1].to_pydatetime() + length
    if now - newest_end <= stale_after_candles * length:
        return None
    age_candles = (now - newest_end) / length
    reason = f"stale: the newest candle ended {format_rfc3339(newest_end)}, {age_candles:.1f} ago"
    return Problem("stale", newest_end, f"{reason} in candles of {interval}")


def _frozen(candles: pd.DataFrame) -> Problem | None:
    values = candles[list(COLUMNS)].to_numpy(np.float64)
    moving = values[:, 1] > values[:, 2]
    traded = moving | (values[:, 4] > 0)
    same_price = (values[1:, :4] == values[:-1, :4]).all(axis=1)
    repeated = same_price & (values[1:, 4] == values[:-1, 4]) & traded[1:]
    flat = same_price & ~moving[1:]
    for pairs, least in ((repeated, REPEATED_CANDLES), (flat, FLAT_CANDLES)):
        start, length = _longest_run(pairs)
        if length + 1 >= least:
            since = candles.index[start].to_pydatetime()
            reason = f"frozen: {length + 1} candles without a change from {format_rfc3339(since)}"
            return Problem("frozen", since, reason)
    return None


def _longest_run(pairs: np.ndarray) -> tuple[int, int]:
    """Start and length of the longest run of True; pair ``i`` joins candles ``i`` and ``i + 1``."""
    edges = np.diff(np.concatenate(([0], pairs.astype(np.int8), [0])))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(ends - starts))
    return int(starts[longest]), int(ends[longest] - starts[longest])


def _holes(candles: pd.DataFrame, interval: str) -> Problem | None:
    open_times = pd.DatetimeIndex(candles.index)
    holes = gaps(open_times, interval)
    if not holes:
        return None
    length: timedelta = interval_length(interval)
    recent_from = open_times[-1] - (RECENT_CANDLES - 1) * length
    missing = sum(hole.missing for hole in holes)
    if holes[-1].end < recent_from and missing <= MAX_MISSING_RATIO * (missing + len(candles)):
        return None
    since = holes[-1].start
    reason = f"gap: {missing} of the newest {missing + len(candles)} candles are missing"
    return Problem("gap", since, f"{reason}, the last hole begins {format_rfc3339(since)}")
