"""Cuts of a backtest in which a good mean may hide a bad part: weeks and volatility terciles."""

import math

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tidecast.evaluation.metrics import Bools
from tidecast.forecasts import Floats

TERCILES = ("calm", "medium", "wild")
VOLATILITY_WINDOW = 24
"""Cutoffs whose moves make the volatility: one day of hours."""


def volatility_terciles(close: Floats) -> NDArray[np.int8]:
    """Tercile of each cutoff by the volatility of the ``VOLATILITY_WINDOW`` moves before it.

    Known at the cutoff, so the table shows whether bands are right *given* what could be known.

    Args:
        close: shape ``(n,)``, prices at the cutoffs in order.

    Returns:
        Shape ``(n,)``: positions in ``TERCILES``, -1 where too few moves lie before.
    """
    moves = pd.Series(np.log(close)).diff()
    volatility = np.sqrt((moves**2).rolling(VOLATILITY_WINDOW).mean().to_numpy())
    known = np.isfinite(volatility)
    terciles = np.full(len(close), -1, dtype=np.int8)
    if known.any():
        edges = np.quantile(volatility[known], [1 / 3, 2 / 3])
        terciles[known] = np.searchsorted(edges, volatility[known])
    return terciles


def worst_coverage(covered: Bools, window: int) -> float:
    """Smallest coverage over ``window`` forecasts in a row; NaN when there are fewer."""
    if window < 1 or len(covered) < window:
        return math.nan
    return float(rolling_coverage(covered, window).min())


def rolling_coverage(covered: Bools, window: int) -> Floats:
    """Coverage of every run of ``window`` forecasts, shape ``(n - window + 1,)``."""
    return np.asarray(sliding_window_view(covered, window).mean(axis=1), dtype=np.float64)
