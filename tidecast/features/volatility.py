"""Realised variance from candles: per candle, and over trailing spans."""

import numpy as np

from tidecast.features.grid import Grid
from tidecast.features.windows import window_sum
from tidecast.forecasts import Floats

VARIANCE_FLOOR = 1e-9
"""Added before a logarithm, squared log return: a candle without a trade has no variance."""


def log_returns(grid: Grid) -> Floats:
    """Log return of each candle against the close before it, shape ``(n,)``; the first is NaN."""
    returns = np.full(len(grid), np.nan)
    log_close = np.log(grid.close)
    returns[1:] = log_close[1:] - log_close[:-1]
    return returns


def candle_variance(grid: Grid) -> Floats:
    """Variance of each candle in squared log return: mean of Parkinson and Garman-Klass.

    Parkinson (1980): ``range**2 / (4 ln 2)``. Garman and Klass (1980):
    ``range**2 / 2 - (2 ln 2 - 1) * body**2``, not below zero.
    """
    squared_range = np.log(grid.high / grid.low) ** 2
    squared_body = np.log(grid.close / grid.open) ** 2
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


def forward_log_variance(variances: Floats, horizon: int) -> Floats:
    """Log mean variance of the next 1..horizon candles, shape ``(n, horizon)``; a fitting target.

    NaN where the future is not known.
    """
    targets = np.full((len(variances), horizon), np.nan)
    for step in range(1, horizon + 1):
        targets[:-step, step - 1] = log_mean(variances, step)[step:]
    return targets
