"""Realised variance from candles: per candle, and over trailing spans."""

import numpy as np

from tidecast.features.grid import ActiveCandles, Grid, Positions
from tidecast.features.windows import window_sum
from tidecast.forecasts import Floats

INTERRUPTION_WIDENING = 0.2
INTERRUPTION_CANDLES = 24
"""Returns after an interruption are wider than volatility before it says: by 10 to 15 % over the
first 24 hours after the holes and halts of Binance 2019..2023, Bitstamp 2020..2022 and Kraken."""
VARIANCE_FLOOR = 1e-9
"""Added before a logarithm, squared log return: a candle without a range has no variance."""


def log_returns(active: ActiveCandles) -> Floats:
    """Log return of each active candle against the close before, shape ``(m,)``; first one NaN.

    A return that took several candles of time is divided by the square root of their number, so
    that its square is a variance per candle; if the candle itself moved further, its own move is
    the return.
    """
    returns = np.log(active.close / active.before) / np.sqrt(active.elapsed)
    own = np.log(active.close / active.open)
    larger = (active.elapsed > 1) & (np.abs(own) > np.abs(returns))
    return np.asarray(np.where(larger, own, returns))


def candle_variance(active: ActiveCandles) -> Floats:
    """Variance of each active candle in squared log return, shape ``(m,)``.

    The mean of Parkinson and Garman-Klass, of the candle itself or of its true range (Wilder 1978:
    the close before belongs to the range) per candle of time, whichever is larger. The true range
    is what a candle with a single trade has.
    """
    own = _range_variance(active.open, active.high, active.low, active.close)
    before = np.where(np.isnan(active.before), active.open, active.before)
    spanning = _range_variance(
        before, np.maximum(active.high, before), np.minimum(active.low, before), active.close
    )
    return np.maximum(own, spanning / active.elapsed)


def _range_variance(start: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    """Mean of two estimates of variance from a range.

    Parkinson (1980): ``range**2 / (4 ln 2)``. Garman and Klass (1980):
    ``range**2 / 2 - (2 ln 2 - 1) * body**2``, not below zero.
    """
    squared_range = np.log(high / low) ** 2
    squared_body = np.log(close / start) ** 2
    parkinson = squared_range / (4 * np.log(2))
    garman_klass = 0.5 * squared_range - (2 * np.log(2) - 1) * squared_body
    return np.asarray(0.5 * (parkinson + np.maximum(garman_klass, 0.0)))


def log_mean(variances: Floats, length: int) -> Floats:
    """Log of the mean variance per candle over a trailing span."""
    return np.asarray(np.log(window_sum(variances, length) / length + VARIANCE_FLOOR))


def downside_share(returns: Floats, length: int) -> Floats:
    """Share of the squared returns of a trailing span that came from falls, 0..1."""
    squared = returns**2
    falls = np.where(returns < 0, squared, 0.0)
    falls[np.isnan(returns)] = np.nan
    total = window_sum(squared, length) + length * VARIANCE_FLOOR
    return np.asarray(window_sum(falls, length) / total)


def interruption_factor(grid: Grid, rows: Positions) -> Floats:
    """Factor of a standard deviation at each position, shape ``(len(rows),)``, at least 1.

    Largest at a still candle and right after a missing one; 1 again ``INTERRUPTION_CANDLES`` later.
    """
    interrupted = np.full(len(grid), True)
    interrupted[grid.active.positions] = False
    newest = np.where(interrupted, np.arange(len(grid)), -INTERRUPTION_CANDLES)
    age = np.minimum(rows - np.maximum.accumulate(newest)[rows], INTERRUPTION_CANDLES)
    return np.asarray(1 + INTERRUPTION_WIDENING * (1 - age / INTERRUPTION_CANDLES))


def forward_log_variance(grid: Grid, horizon: int) -> Floats:
    """Log mean variance of the active ones of the next 1..horizon candles; a fitting target.

    Shape ``(len(grid), horizon)``. NaN where the future is not known or has no active candle.
    """
    variances, counts = np.zeros(len(grid)), np.zeros(len(grid))
    variances[grid.active.positions] = candle_variance(grid.active)
    counts[grid.active.positions] = 1.0
    targets = np.full((len(grid), horizon), np.nan)
    for step in range(1, horizon + 1):
        total, count = window_sum(variances, step)[step:], window_sum(counts, step)[step:]
        mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
        targets[:-step, step - 1] = np.log(mean + VARIANCE_FLOOR)
    return targets
