"""Shape of the distribution: quantiles of standardised out-of-fold residuals, per step."""

import numpy as np

from tidecast.errors import TooFewCandles
from tidecast.forecasts import LEVELS, Floats

MIN_RESIDUALS = 200
"""Fewer residuals than this cannot say where a 1 % quantile is."""
NEIGHBOUR_SHARE = 3
"""A step shares the residuals of the steps up to a third of it away: they overlap almost wholly."""


def empirical_shape(standardised: Floats) -> Floats:
    """Quantiles per step, shape ``(horizon, len(LEVELS))``, in standard deviations.

    The quantiles are made symmetric. The difference between the two sides of the sample is mostly
    the drift of the training window, which does not last: on 2024 it cost 0.3 % of CRPS at step 24.

    A step with fewer than ``MIN_RESIDUALS`` outcomes has the shape of the nearest step with enough:
    where every third candle is missing, most outcomes of some steps are unknown.

    Args:
        standardised: shape ``(n, horizon)``; NaN where the outcome is unknown.

    Raises:
        TooFewCandles: every step has fewer than ``MIN_RESIDUALS`` outcomes.
    """
    counts = np.isfinite(standardised).sum(axis=0)
    enough = np.flatnonzero(counts >= MIN_RESIDUALS)
    if not len(enough):
        raise TooFewCandles(MIN_RESIDUALS, int(counts.max()), "known returns of a step")
    nearest = [enough[np.abs(enough - step).argmin()] for step in range(len(counts))]
    columns = standardised.T[nearest]
    raw = np.stack([np.quantile(column[~np.isnan(column)], LEVELS) for column in columns])
    symmetric = 0.5 * (raw - raw[:, ::-1])
    horizon = len(symmetric)
    reach = [step // NEIGHBOUR_SHARE for step in range(1, horizon + 1)]
    return np.stack(
        [
            symmetric[max(0, i - reach[i]) : min(horizon, i + reach[i] + 1)].mean(axis=0)
            for i in range(horizon)
        ]
    )
