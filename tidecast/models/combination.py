"""How much each centre counts beside the random walk."""

import numpy as np
from scipy.optimize import nnls

from tidecast.forecasts import Floats

SHRINKAGE = 0.25
"""Share of the fitted weight that is kept; the rest goes back to the random walk. Overlapping steps
make the sample look larger than it is: on 2024 a half won nothing over no centre at all."""


def center_weights(centers: Floats, returns: Floats, deviations: Floats) -> Floats:
    """Weights of the centres, not negative, with a sum of at most one.

    Non-negative least squares on standardised out-of-fold errors of all steps together, shrunk by
    ``SHRINKAGE``. What is missing to one is the weight of the random walk, whose return is zero.

    Args:
        centers: shape ``(members, n, horizon)``, log returns.
        returns: shape ``(n, horizon)``, realised; NaN where unknown.
        deviations: shape ``(n, horizon)``, by which errors are standardised.
    """
    known = ~np.isnan(returns)
    inputs = np.stack([(center / deviations)[known] for center in centers], axis=1)
    weights, _ = nnls(inputs, (returns / deviations)[known])
    return np.asarray(SHRINKAGE * weights / max(1.0, weights.sum()))
