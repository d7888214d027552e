"""Which candles of a frame are news to the ledger."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tidecast.candles import COLUMNS


class Stored(NamedTuple):
    """The newest revision of a candle; ``values`` in the order of ``COLUMNS``."""

    revision: int
    values: tuple[float, ...]
    source: str
    first_seen_at: datetime


def check_frame(frame: pd.DataFrame) -> None:
    """Refuse what is no candle frame.

    Raises:
        ValueError: no time zone, not increasing, duplicate or not finite.
    """
    index = frame.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise ValueError("a candle frame has a DatetimeIndex with a time zone")
    if not (index.is_unique and index.is_monotonic_increasing):
        raise ValueError("the open times of a candle frame are unique and increase")
    if not np.isfinite(frame[list(COLUMNS)].to_numpy(np.float64)).all():
        raise ValueError("a candle frame has finite numbers only; validate() it first")


def changes(
    frame: pd.DataFrame,
    stored: Mapping[datetime, Stored],
    source: str,
    seen_at: datetime,
    length: timedelta,
) -> Iterator[dict[str, Any]]:
    """Revisions to add for the candles that are new, or changed by their own source.

    No candle is first seen before its close, and no revision before the one that it replaces,
    even if the clock that was read is behind.

    Args:
        frame: a candle frame.
        stored: newest revisions that are there, by open time in UTC.
        source: where the frame came from.
        seen_at: when the rows are written.
        length: of one candle.
    """
    open_times = pd.DatetimeIndex(frame.index).tz_convert("UTC").to_pydatetime()
    rows = frame[list(COLUMNS)].to_numpy(np.float64).tolist()
    for open_time, values in zip(open_times, rows, strict=True):
        known = stored.get(open_time)
        if known is None:
            revision, first_seen_at = 1, max(seen_at, open_time + length)
        elif known.source == source and known.values != tuple(values):
            revision, first_seen_at = known.revision + 1, max(seen_at, known.first_seen_at)
        else:
            continue
        yield {
            "open_time": open_time,
            "revision": revision,
            "first_seen_at": first_seen_at,
            **dict(zip(COLUMNS, values, strict=True)),
        }
