"""Whether features still look as they did in the training window.

Both measures take observations for independent. Hourly features are not: PSI without any drift is
about ``(bins - 1) * (1 / n + 1 / m)`` for ``n`` and ``m`` *independent* observations and more for
slow features, and KS p-values are far too small. Use them to rank and to explain; what triggers a
retraining is the error.
"""

import math

import numpy as np
import pandas as pd

from tidecast.errors import InvalidParameter
from tidecast.forecasts import Floats

BINS = 10
SMOOTHING = 0.5
"""Added to every bin's count (Jeffreys), so that an empty bin does not make PSI infinite."""


def psi(reference: Floats, current: Floats, bins: int = BINS) -> float:
    """Population stability index over quantile bins of the reference.

    ``sum((c - r) * log(c / r))`` over the shares of the bins. By a rule of thumb of credit scoring
    0.1 is a small shift and 0.25 a large one. A value that fills several quantiles (a constant, a
    zero that is common) gets a bin of its own, so that leaving it is seen in both directions.

    Returns:
        At least zero; NaN when either side has no finite value.
    """
    reference, current = reference[np.isfinite(reference)], current[np.isfinite(current)]
    if not len(reference) or not len(current):
        return math.nan
    edges = _edges(reference, bins)
    expected, seen = _shares(reference, edges), _shares(current, edges)
    return float(((seen - expected) * np.log(seen / expected)).sum())


def ks(reference: Floats, current: Floats) -> tuple[float, float]:
    """Two-sample Kolmogorov-Smirnov statistic and its asymptotic p-value.

    Returns:
        Two NaN when either side has no finite value.
    """
    reference, current = reference[np.isfinite(reference)], current[np.isfinite(current)]
    if not len(reference) or not len(current):
        return math.nan, math.nan
    from scipy import stats  # 60 MB that a monitor in reserve does without

    result = stats.ks_2samp(reference, current, method="asymp")
    return float(result.statistic), float(result.pvalue)


def feature_drift(reference: pd.DataFrame, current: pd.DataFrame) -> pd.DataFrame:
    """PSI and KS of every column of the reference, most drifted first.

    Args:
        reference: features of the training window, one column each.
        current: the same columns over recent cutoffs.

    Returns:
        Columns ``feature``, ``psi``, ``ks``, ``p``.

    Raises:
        InvalidParameter: the current features lack a column.
    """
    missing = [name for name in reference.columns if name not in current.columns]
    if missing:
        raise InvalidParameter(
            f"current features lack {missing}", field="current", allowed=str(list(reference))
        )
    rows = []
    for name in reference.columns:
        before, now = (frame[name].to_numpy(np.float64) for frame in (reference, current))
        rows.append((str(name), psi(before, now), *ks(before, now)))
    table = pd.DataFrame(rows, columns=["feature", "psi", "ks", "p"])
    return table.sort_values("psi", ascending=False, kind="stable", ignore_index=True)


def _edges(reference: Floats, bins: int) -> Floats:
    """Upper ends of all bins but the last; a value that several quantiles share is cut out."""
    cuts, times = np.unique(
        np.quantile(reference, np.arange(1, bins) / bins, method="inverted_cdf"),
        return_counts=True,
    )
    return np.unique(np.concatenate([cuts, np.nextafter(cuts[times > 1], -np.inf)]))


def _shares(values: Floats, edges: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return np.asarray((counts + SMOOTHING) / (len(values) + SMOOTHING * len(counts)), np.float64)
