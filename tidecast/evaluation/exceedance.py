"""Whether the misses of a band are as many as promised, and not in clusters.

The tests of value at risk: Kupiec (1995), J. of Derivatives 3(2), for the number of misses;
Christoffersen (1998), Int. Economic Review 39(4), for their independence and for both together.
They assume that one outcome is known before the next forecast is made, so windows that overlap
must be thinned first: pass every ``step``-th cutoff.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import xlogy

from tidecast.evaluation.metrics import Bools


class LikelihoodRatio(NamedTuple):
    """Statistic and p-value; a small p speaks against the band."""

    statistic: float
    p: float


def kupiec(missed: Bools, rate: float) -> LikelihoodRatio:
    """Whether misses are as frequent as ``rate``, chi-square with one degree of freedom.

    Args:
        missed: one value per forecast, True when the actual was outside the band.
        rate: promised share of misses, 0.05 for a 95 % band.

    Returns:
        NaN when nothing was observed.
    """
    n, misses = len(missed), int(missed.sum())
    if n == 0:
        return LikelihoodRatio(math.nan, math.nan)
    return _ratio(_bernoulli(n, misses, rate), _bernoulli(n, misses, misses / n), 1)


def christoffersen(missed: Bools, rate: float) -> LikelihoodRatio:
    """Conditional coverage: as frequent as ``rate`` and independent, two degrees of freedom.

    The alternative is a first-order Markov chain.

    Returns:
        NaN when fewer than two outcomes were observed.
    """
    if len(missed) < 2:
        return LikelihoodRatio(math.nan, math.nan)
    before, after = missed[:-1], missed[1:]
    free = 0.0
    for state in (False, True):
        n, misses = int((before == state).sum()), int(after[before == state].sum())
        free += _bernoulli(n, misses, misses / n) if n else 0.0
    return _ratio(_bernoulli(len(after), int(after.sum()), rate), free, 2)


def _bernoulli(n: int, misses: int, rate: float) -> float:
    """Log likelihood, with zero times the log of zero as zero."""
    return float(xlogy(misses, rate) + xlogy(n - misses, 1 - rate))


def _ratio(promised: float, free: float, freedom: int) -> LikelihoodRatio:
    statistic = max(0.0, 2 * (free - promised))
    return LikelihoodRatio(statistic, float(stats.chi2.sf(np.float64(statistic), freedom)))
