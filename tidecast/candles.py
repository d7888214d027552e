"""What a candle is, which rows are good candles, and where candles are missing.

A *candle frame* is a DataFrame with a DatetimeIndex named ``open_time`` (UTC, microseconds,
unique, increasing, on the grid of its interval, label = OPEN of the candle) and float64 columns
``COLUMNS``; ``volume`` is in base coin. Missing candles are missing rows: nothing in Tidecast
fills them silently.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from tidecast.price_jumps import JUMP_REASON, PriceEvidence, unconfirmed_rows
from tidecast.timeframes import interval_length

COLUMNS = ("open", "high", "low", "close", "volume")
PRICES = ("open", "high", "low", "close")

ORDER_TOLERANCE = 8 * float(np.finfo(np.float64).eps)
"""A high below, or a low above, another price of its candle by this share is rounding.

Each of the two prices may come from a few operations, each rounded by half an ulp, for example
when a source adjusts prices or converts a currency."""


@dataclass(frozen=True)
class Quarantined:
    """One row that was refused: its values as text, and the reason."""

    open_time: datetime | None
    row: str
    reason: str


@dataclass(frozen=True)
class Gap:
    """Missing candles from ``start`` to ``end``, both open times and both missing."""

    start: datetime
    end: datetime
    missing: int


def empty_frame() -> pd.DataFrame:
    """A candle frame without rows."""
    index = pd.DatetimeIndex([], tz="UTC", name="open_time").as_unit("us")
    return pd.DataFrame({name: np.empty(0) for name in COLUMNS}, index=index)


def frame_from_rows(rows: list[tuple[datetime, float, float, float, float, float]]) -> pd.DataFrame:
    """Raw frame from ``(open_time, open, high, low, close, volume)`` rows, in the order given."""
    if not rows:
        return empty_frame()
    index = pd.DatetimeIndex([row[0] for row in rows], name="open_time").as_unit("us")
    values = np.array([row[1:] for row in rows], dtype=np.float64)
    return pd.DataFrame(values, index=index, columns=list(COLUMNS))


def clamp_order(raw: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Raise highs and lower lows that miss open or close by rounding only.

    Returns:
        The frame and how many rows of it were changed; the same frame when none was.
    """
    prices = raw[list(PRICES)].to_numpy(np.float64)
    highest, lowest = prices.max(axis=1), prices.min(axis=1)
    highs, lows = prices[:, 1], prices[:, 2]
    with np.errstate(over="ignore", invalid="ignore"):
        raised = (highs < highest) & (highest - highs <= highest * ORDER_TOLERANCE)
        lowered = (lows > lowest) & (lows - lowest <= lows * ORDER_TOLERANCE)
    changed = int((raised | lowered).sum())
    if not changed:
        return raw, 0
    high, low = np.where(raised, highest, highs), np.where(lowered, lowest, lows)
    return raw.assign(high=high, low=low), changed


def validate(
    raw: pd.DataFrame,
    interval: str,
    server_time: datetime,
    last_good_close: float | None = None,
    *,
    evidence: PriceEvidence | None = None,
    history: bool = False,
) -> tuple[pd.DataFrame, list[Quarantined]]:
    """Split raw rows into a candle frame and the rows that were refused.

    Order, overlaps and exact duplicates do not matter. Candles that are still open at
    ``server_time`` are left out without a reason: every source returns them and it is no fault.
    Rounding in the order of the prices is clamped; ``clamp_order`` counts it.

    Args:
        raw: DatetimeIndex ``open_time`` in UTC and ``COLUMNS``, any order.
        interval: name of the interval.
        server_time: the source's own time, UTC.
        last_good_close: close before the first row, the reference of the jump check.
        evidence: other knowledge for the jump check.
        history: the rows are a whole history, not the newest part of a live feed; see
            ``tidecast.price_jumps``.
    """
    frame, _ = clamp_order(raw.loc[:, list(COLUMNS)].astype(np.float64))
    frame.index = pd.DatetimeIndex(frame.index).as_unit("us").rename("open_time")
    server = pd.Timestamp(server_time)
    open_now = (frame.index <= server) & (frame.index + interval_length(interval) > server)
    frame = frame[~open_now]
    frame = frame[~(frame.reset_index().duplicated().to_numpy())].sort_index(kind="stable")
    reasons = _row_reasons(frame, interval, server_time)
    plausible = np.flatnonzero(reasons == "")
    jumps = unconfirmed_rows(frame.iloc[plausible], last_good_close, evidence, history=history)
    reasons[plausible[jumps]] = JUMP_REASON
    good = reasons == ""
    refused = [
        Quarantined(
            None if time is pd.NaT else time.to_pydatetime(),
            row.to_json(double_precision=15),
            reason,
        )
        for (time, row), reason in zip(frame[~good].iterrows(), reasons[~good], strict=True)
    ]
    return frame[good], refused


def gaps(open_times: pd.DatetimeIndex, interval: str) -> list[Gap]:
    """Runs of missing candles between the first and the last open time."""
    length = interval_length(interval)
    # Without the zone numpy gets integers; with it, one Python object a row.
    missing = np.diff(open_times.tz_convert(None).to_numpy()) // np.timedelta64(length) - 1
    before = np.flatnonzero(missing > 0)
    return [
        Gap((last + length).to_pydatetime(), (first - length).to_pydatetime(), int(count))
        for last, first, count in zip(
            open_times[before], open_times[before + 1], missing[before], strict=True
        )
    ]


def _row_reasons(frame: pd.DataFrame, interval: str, server_time: datetime) -> np.ndarray:
    values = frame[list(COLUMNS)].to_numpy()
    prices = values[:, :4]
    open_times = pd.DatetimeIndex(frame.index)
    with np.errstate(invalid="ignore"):
        checks = {
            "open time missing": open_times.isna(),
            "not a finite number": ~np.isfinite(values).all(axis=1),
            "price not above zero": (prices <= 0).any(axis=1),
            "volume below zero": values[:, 4] < 0,
            "high below open, close or low": prices[:, 1] < prices[:, [0, 2, 3]].max(axis=1),
            "low above open or close": prices[:, 2] > prices[:, [0, 3]].min(axis=1),
            "open time off the grid": open_times != open_times.floor(interval_length(interval)),
            "open time in the future": open_times > pd.Timestamp(server_time),
            "open time twice with different values": frame.index.duplicated(keep=False),
        }
    reasons = np.full(len(frame), "", dtype=object)
    for reason, failed in checks.items():
        reasons[np.asarray(failed) & (reasons == "")] = reason
    return reasons
