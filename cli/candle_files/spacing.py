"""How far apart the candles of a file are, and what their times are the times of."""

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import pandas as pd

from cli.options import Stamped
from tidecast.errors import InvalidParameter
from tidecast.timeframes import interval_length

MIN_ROWS = 10
"""With fewer rows the distance between them says nothing."""
USUAL_SHARE = 0.9
STAMP_TOLERANCE = pd.Timedelta(seconds=1)
"""A candle that closes at 06:00 is stamped 06:00, 05:59:59 or 05:59:59.999."""
NAMES = {60: "m", 3600: "h", 86_400: "d", 604_800: "w"}


def usual_distance(moments: pd.DatetimeIndex) -> timedelta | None:
    """The commonest distance of two neighbors; None with fewer than two rows."""
    distances = _distances(moments)
    if not len(distances):
        return None
    values, counts = np.unique(distances, return_counts=True)
    return timedelta(microseconds=int(values[counts.argmax()]))


def distance_name(distance: timedelta) -> str:
    """An interval as it is called: ``5m``, ``1d``."""
    seconds = distance.total_seconds()
    for size in sorted(NAMES, reverse=True):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{NAMES[size]}"
    return str(distance)


def check_interval(moments: pd.DatetimeIndex, interval: str) -> None:
    """Refuse candles of another interval; missing candles are no reason.

    Raises:
        InvalidParameter: most neighbors are closer than the interval, or nearly all the same
            longer distance apart.
    """
    distances = _distances(moments)
    if len(distances) < MIN_ROWS - 1:
        return
    length = interval_length(interval)
    usual = usual_distance(moments)
    assert usual is not None
    share = np.mean(distances == usual // timedelta(microseconds=1))
    finer = np.median(distances) < 0.75 * length.total_seconds() * 1e6
    coarser = usual > length and share >= USUAL_SHARE
    if finer or coarser:
        raise InvalidParameter(
            f"the candles are {distance_name(usual)} apart, the market's interval is {interval}",
            field="file",
            allowed=f"candles of {interval}",
        )


def check_grid(moments: pd.DatetimeIndex, interval: str) -> None:
    """Refuse a file whose times are all off the grid by the same amount.

    Raises:
        InvalidParameter: nearly all times are; says by how much, and whether they are when the
            candles close.
    """
    if moments.empty:
        return
    length = interval_length(interval)
    size = length // timedelta(microseconds=1)
    values, counts = np.unique(moments.as_unit("us").asi8 % size, return_counts=True)
    late = timedelta(microseconds=int(values[counts.argmax()]))
    if not late or counts.max() < USUAL_SHARE * len(moments):
        return
    if length - late <= STAMP_TOLERANCE:
        message = f"the times are when the candles close ({moments[0].time()}), not when they open"
        allowed = "open times, or --stamped close"
    else:
        message = f"the times are {late} after the grid of {interval} candles"
        allowed = "open times in UTC on the grid of the interval"
    raise InvalidParameter(message, field="file", allowed=allowed)


def open_times(moments: pd.DatetimeIndex, interval: str, stamped: Stamped) -> pd.DatetimeIndex:
    """Open times of stamps; a close that is far from the grid stays, and is refused later."""
    if stamped == Stamped.OPEN:
        return moments
    length = pd.Timedelta(interval_length(interval))
    ends = moments.ceil(length)
    return (ends - length).where(ends - moments <= STAMP_TOLERANCE, moments)


def order_name(moments: pd.DatetimeIndex) -> str:
    """Order of the rows, for people."""
    if moments.is_monotonic_increasing:
        return "oldest first"
    return "newest first" if moments.is_monotonic_decreasing else "unordered"


def _distances(moments: pd.DatetimeIndex) -> np.ndarray:
    """Positive distances of neighbors in time, microseconds."""
    unique: Iterable[int] = np.unique(moments.as_unit("us").asi8)
    return np.diff(np.fromiter(unique, np.int64))
