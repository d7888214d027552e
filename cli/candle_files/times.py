"""Open times of a column: timestamps, dates, text, or numbers since 1970 in s, ms, us or ns."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cli.candle_files.epoch import read_epochs
from cli.candle_files.time_text import read_texts

FIRST_TIME = pd.Timestamp("2009-01-01", tz="UTC")
"""Bitcoin's first block is of 2009-01-03: no candle of a crypto market is older."""

MISSING = "no open time"
UNREADABLE = "open time is not a time"
OUTSIDE = "open time outside the years 1 to 9999"
TOO_OLD = "open time before 2009: no market existed, the unit of the time is probably wrong"

ASSUMED_UTC = "no zone, taken as UTC"


@dataclass(frozen=True)
class Times:
    """Times of the rows.

    Attributes:
        moments: UTC, microseconds, NaT where there is none.
        reasons: why a row has no time, "" where it has one.
        kind: what was read, for people: ``numbers in ms``.
        zone: name of the zone, or ``ASSUMED_UTC``.
    """

    moments: pd.DatetimeIndex
    reasons: np.ndarray
    kind: str
    zone: str


def read_times(column: pd.Series) -> Times:
    """Read one column.

    Raises:
        InvalidParameter: day and month of its dates cannot be told apart.
    """
    missing = column.isna().to_numpy()
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        moments, outside, zone = _from_timestamps(column)
        kind = "timestamps"
    else:
        moments, outside, kind, zone = _from_numbers_and_text(column)
    reasons = np.full(len(column), "", object)
    reasons[moments < FIRST_TIME] = TOO_OLD
    reasons[moments.isna()] = UNREADABLE
    reasons[outside] = OUTSIDE
    reasons[missing] = MISSING
    return Times(moments, reasons, kind, zone)


def join_date_and_clock(date: pd.Series, clock: pd.Series) -> pd.Series:
    """Text of both columns, where one holds the day and the other the hour."""
    return date.astype(str).where(date.notna()) + " " + clock.astype(str).where(clock.notna())


def _from_timestamps(column: pd.Series) -> tuple[pd.DatetimeIndex, np.ndarray, str]:
    """Years are checked as integers first: the conversion to microseconds may overflow."""
    index = pd.DatetimeIndex(column)
    zone = ASSUMED_UTC if index.tz is None else str(index.tz)
    utc = index.tz_localize("UTC") if index.tz is None else index.tz_convert("UTC")
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[utc.unit]
    seconds = utc.asi8 // per_second
    outside = (seconds < _seconds("0001-01-01")) | (seconds >= _seconds("9999-12-31"))
    inside = pd.DatetimeIndex(utc.where(~outside))
    return inside.as_unit("us"), outside & ~np.asarray(utc.isna()), zone


def _from_numbers_and_text(column: pd.Series) -> tuple[pd.DatetimeIndex, np.ndarray, str, str]:
    epochs = read_epochs(column)
    kind, zone = f"numbers in {epochs.units}", "UTC"
    outside = epochs.present & np.asarray(epochs.moments.isna())
    left = ~epochs.present & column.notna().to_numpy()
    if epochs.present.any() and not left.any():
        return epochs.moments, outside, kind, zone
    moments, text_kind, text_zone = read_texts(_as_text(column).where(left), ASSUMED_UTC)
    if not epochs.present.any():
        return moments, outside, text_kind, text_zone
    if moments.notna().any():
        kind, zone = f"{kind}, {text_kind}", zone if text_zone == zone else f"{zone}, {text_zone}"
    return epochs.moments.where(epochs.present, moments), outside, kind, zone


def _seconds(day: str) -> int:
    return int(np.datetime64(day, "s").astype(np.int64))


def _as_text(column: pd.Series) -> pd.Series:
    """ISO text of dates and times held as objects; missing values stay missing."""
    return column.astype(object).map(str).where(column.notna().to_numpy())
