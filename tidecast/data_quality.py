"""What is not normal about the candles behind a forecast or a judgement. Pure.

The service says it in ``degraded``; monitoring does not judge a model by such candles. Every
reason has a stable wording with digits and UTC times: the same candles give the same text in every
process. docs/clients.md lists the reasons.
"""

from collections.abc import Sequence
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
"""Newest candles in which a frozen run or a candle without volume is reported, and any gap blocks
a judgement."""
USUAL_ZERO_VOLUME_RATIO = 0.05
"""Where more of the older candles than this have no volume, one more is usual: a thin market, or a
source without volumes. Not measured: chosen so that a market with one such hour a day (4 %) still
has it reported."""
MAX_MISSING_RATIO = 0.05
"""Share of missing candles that a judgement accepts: one lost hour does not distort it. Where there
are more separate gaps than this, missing candles are usual."""
MAX_CLOCK_LAG = timedelta(minutes=1)
"""Clocks of two machines may differ by this much before it is reported."""

Kind = Literal["empty", "stale", "clock behind", "frozen", "zero volume", "gap", "jump"]


@dataclass(frozen=True)
class Problem:
    """One thing that is not normal.

    Attributes:
        kind: also how the reason begins, except for ``empty``.
        since: when it began; constant while it lasts, so it can name an event.
        blocks: whether a model must not be judged by these candles.
    """

    kind: Kind
    since: datetime
    reason: str
    blocks: bool = True


@dataclass(frozen=True)
class DataQuality:
    """All problems of some candles."""

    problems: tuple[Problem, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether a model may be judged by these candles."""
        return not self.blocking

    @property
    def blocking(self) -> tuple[str, ...]:
        """Reasons not to judge a model by these candles."""
        return tuple(problem.reason for problem in self.problems if problem.blocks)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every problem in words."""
        return tuple(problem.reason for problem in self.problems)


def assess(
    candles: pd.DataFrame,
    interval: str,
    now: datetime,
    stale_after_candles: float,
    held_back: Sequence[datetime] = (),
) -> DataQuality:
    """Look at the newest candles of a market as they are now.

    Args:
        candles: candle frame of the window in which forecasts are scored.
        interval: name of the interval.
        now: current instant, UTC.
        stale_after_candles: age of the newest candle's end, in intervals, that is still fresh.
        held_back: open times of newer candles that wait for a confirmation of their price.
    """
    if candles.empty:
        problem = Problem("empty", now, "no candles are stored: run the ingestion")
        return DataQuality((problem,))
    newest_end = candles.index[-1].to_pydatetime() + interval_length(interval)
    problems = (
        age_problem(newest_end, interval, now, stale_after_candles),
        *candle_problems(candles, interval).problems,
        jump_problem(held_back),
    )
    return DataQuality(tuple(problem for problem in problems if problem is not None))


def candle_problems(candles: pd.DataFrame, interval: str) -> DataQuality:
    """Problems of the candles themselves, whatever the time is now.

    Args:
        candles: candle frame of the feature window, the last candle ends at the cutoff.
        interval: name of the interval.
    """
    if candles.empty:
        return DataQuality()
    problems = (_frozen(candles), _zero_volume(candles), _gap(candles, interval))
    return DataQuality(tuple(problem for problem in problems if problem is not None))


def age_problem(
    newest_end: datetime, interval: str, now: datetime, stale_after_candles: float
) -> Problem | None:
    """Whether the newest candle is too old, or ends in the future of this machine's clock.

    Args:
        newest_end: end of the newest candle.
        interval: name of the interval.
        now: current instant, UTC.
        stale_after_candles: age in intervals that is still fresh.
    """
    behind = clock_problem(newest_end, now)
    if behind is not None:
        return behind
    if now - newest_end > stale_after_candles * interval_length(interval):
        age = f"over {stale_after_candles:g} candles ago"
        reason = f"stale: the newest candle ended {format_rfc3339(newest_end)}, {age}"
        return Problem("stale", newest_end, reason)
    return None


def clock_problem(newest_end: datetime, now: datetime) -> Problem | None:
    """Whether the newest candle ends in the future of this machine's clock.

    Ages are too small then, and stale data may look fresh.

    Args:
        newest_end: end of the newest candle.
        now: current instant, UTC.
    """
    if newest_end - now <= MAX_CLOCK_LAG:
        return None
    lag = f"over {MAX_CLOCK_LAG.total_seconds():g} s after the time of this machine"
    reason = f"clock behind: the newest candle ends {format_rfc3339(newest_end)}, {lag}"
    return Problem("clock behind", newest_end, reason)


def jump_problem(held_back: Sequence[datetime]) -> Problem | None:
    """Whether candles are held back because nothing confirms the jump of their price yet.

    Args:
        held_back: their open times, oldest first.
    """
    if not held_back:
        return None
    since = held_back[0]
    reason = (
        f"jump: {_candles(len(held_back))} from {format_rfc3339(since)} "
        "held back until the price is confirmed"
    )
    return Problem("jump", since, reason)


def _frozen(candles: pd.DataFrame) -> Problem | None:
    candles = candles.iloc[-RECENT_CANDLES:]
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
            reason = f"frozen: {_candles(length + 1)} without a change from {format_rfc3339(since)}"
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


def _zero_volume(candles: pd.DataFrame) -> Problem | None:
    zero = candles["volume"].to_numpy(np.float64) <= 0
    older, recent = zero[:-RECENT_CANDLES], np.flatnonzero(zero[-RECENT_CANDLES:])
    if not len(recent) or (len(older) and older.mean() > USUAL_ZERO_VOLUME_RATIO):
        return None
    open_times = candles.index[-RECENT_CANDLES:]
    among = min(len(candles), RECENT_CANDLES)
    first, last = (open_times[recent[i]].to_pydatetime() for i in (0, -1))
    reason = (
        f"zero volume: {len(recent)} of the newest {_candles(among)}, "
        f"the last at {format_rfc3339(last)}"
    )
    return Problem("zero volume", first, reason, blocks=False)


def _gap(candles: pd.DataFrame, interval: str) -> Problem | None:
    open_times = pd.DatetimeIndex(candles.index)
    all_gaps = gaps(open_times, interval)
    if not all_gaps:
        return None
    last, missing = all_gaps[-1], sum(gap.missing for gap in all_gaps)
    recent_from = open_times[-1] - (RECENT_CANDLES - 1) * interval_length(interval)
    expected = missing + len(candles)
    reason = (
        f"gap: {missing} of the newest {_candles(expected)} missing, "
        f"the last from {format_rfc3339(last.start)} to {format_rfc3339(last.end)}"
    )
    recent = last.end >= recent_from
    if len(all_gaps) > MAX_MISSING_RATIO * expected:
        # A thin market, where hours without a trade are absent: only a longer gap is an outage.
        blocks = recent and last.missing > max(gap.missing for gap in all_gaps[:-1])
    else:
        blocks = recent or missing > MAX_MISSING_RATIO * expected
    return Problem("gap", last.start, reason, blocks)


def _candles(count: int) -> str:
    return f"{count} candle" if count == 1 else f"{count} candles"
