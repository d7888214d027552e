"""Candles drawn from a seeded model of a market: clustered variance, seasons, fat tails."""

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from tidecast.timeframes import interval_length

START = pd.Timestamp("2024-01-03 00:00", tz="UTC")
TRADES = 12
"""Price moves inside one candle."""
DEVIATIONS = {"5m": 0.0012, "1h": 0.005, "1d": 0.025}
PERSISTENCE = 0.95


def synthetic_candles(
    count: int, interval: str = "1h", seed: int = 7, start: pd.Timestamp = START
) -> pd.DataFrame:
    """A candle frame of ``count`` candles without gaps."""
    random = np.random.default_rng(seed)
    length = interval_length(interval)
    index = pd.date_range(start, periods=count, freq=length, name="open_time").as_unit("us")
    clustered = lfilter([1.0], [1.0, -PERSISTENCE], random.normal(0, 0.25, count))
    hour, weekday = index.hour.to_numpy(), index.day_of_week.to_numpy()
    seasonal = 0.4 * np.sin(2 * np.pi * hour / 24) - 0.3 * (weekday >= 5)
    deviation = DEVIATIONS[interval] * np.exp(0.5 * (clustered + seasonal))
    moves = random.standard_t(5, (count, TRADES)) / np.sqrt(5 / 3 * TRADES) * deviation[:, None]
    path = np.log(40_000.0) + moves.ravel().cumsum().reshape(count, TRADES)
    close = path[:, -1]
    opened = np.concatenate([[np.log(40_000.0)], close[:-1]])
    inside = np.column_stack([opened, path])
    volume = 100 * np.exp(0.7 * clustered + random.normal(0, 0.3, count))
    return pd.DataFrame(
        {
            "open": np.exp(opened),
            "high": np.exp(inside.max(axis=1)),
            "low": np.exp(inside.min(axis=1)),
            "close": np.exp(close),
            "volume": volume,
        },
        index=index,
    )


def with_gaps(candles: pd.DataFrame, gaps: list[tuple[int, int]]) -> pd.DataFrame:
    """The same without the candles at positions ``first .. first + count - 1`` of each gap."""
    missing = [position for first, count in gaps for position in range(first, first + count)]
    return candles.drop(candles.index[missing])


def with_still(candles: pd.DataFrame, runs: list[tuple[int, int]]) -> pd.DataFrame:
    """The same with runs of still candles: no range, no volume, the close before each run."""
    candles = candles.copy()
    for first, count in runs:
        candles.iloc[first : first + count, :4] = candles["close"].iloc[first - 1]
        candles.iloc[first : first + count, 4] = 0.0
    return candles
