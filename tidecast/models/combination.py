"""How much each centre counts beside the random walk."""

import numpy as np
from scipy.optimize import nnls

from tidecast.forecasts import Floats

NOISE_T = 2.0
"""A gain of fewer standard errors than this is taken for luck. On shuffled hours, where there is
nothing to find, least squares alone still found positive weights."""


def center_weights(centers: Floats, returns: Floats, deviations: Floats) -> Floats:
    """Weights of the centres, not negative, with a sum of at most one.

    Non-negative least squares on standardised out-of-fold errors of all steps together, shrunk by
    what the gain over the random walk could be by luck: ``1 - (NOISE_T / t) ** 2``, nothing where
    ``t`` is smaller (positive-part shrinkage, after James and Stein 1961). What is missing to one
    is the weight of the random walk, whose return is zero.

    Args:
        centers: shape ``(members, n, horizon)``, log returns.
        returns: shape ``(n, horizon)``, realised; NaN where unknown.
        deviations: shape ``(n, horizon)``, by which errors are standardised.
    """
    target, inputs = returns / deviations, centers / deviations
    known = ~np.isnan(target)
    weights, _ = nnls(np.stack([one[known] for one in inputs], axis=1), target[known])
    weights = weights / max(1.0, weights.sum())
    gains = target**2 - (target - np.tensordot(weights, inputs, axes=1)) ** 2
    return np.asarray(weights * _beyond_luck(gains))


def _beyond_luck(gains: Floats) -> float:
    """Share of a mean gain that stands after its noise, 0..1.

    Steps count by ``1 / step``, as their outcomes overlap. Rows that overlap are put together:
    blocks of two horizons are nearly independent.
    """
    horizon = gains.shape[1]
    known = np.isfinite(gains)
    shares = known / np.arange(1, horizon + 1)
    per_row = np.where(known, gains, 0.0) * shares
    per_row = per_row.sum(axis=1)[known.any(axis=1)] / shares.sum(axis=1)[known.any(axis=1)]
    blocks = np.array_split(per_row, max(2, len(per_row) // (2 * horizon)))
    means = np.array([block.mean() for block in blocks if len(block)])
    error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.inf
    if not means.mean() > NOISE_T * error:
        return 0.0
    return float(1.0 - (NOISE_T * error / means.mean()) ** 2)
