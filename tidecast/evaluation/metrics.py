"""Metrics of point and distribution forecasts, as vectorised numpy.

Arrays of quantiles have the levels on their last axis; ``actual`` has the shape of the others.
An unknown actual is NaN: losses are NaN there and every mean leaves it out.

Overlapping windows: forecasts of step ``h`` issued every candle share ``h - 1`` of their ``h``
candles, so ``n`` of them carry about ``n / h`` independent observations. Functions that say how
sure a number is take that overlap as a parameter.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidecast.errors import InvalidParameter
from tidecast.forecasts import PERCENTILES, Floats

Bools = NDArray[np.bool_]

BANDS = {50: (0.25, 0.75), 80: (0.1, 0.9), 90: (0.05, 0.95), 95: (0.025, 0.975)}
"""Central bands in percent, and the levels of their edges."""

CHUNK_ROWS = 2048
"""Distributions whose losses are computed together: a temporary of 1.6 MB stays in the cache."""

ROUNDING = 1e-12
"""Loss differences smaller than this share of the largest loss are rounding, not skill."""


class DirectionalAccuracy(NamedTuple):
    """Share of right directions, its Wilson interval, and the number of points counted."""

    share: float
    low: float
    high: float
    n: int


class DieboldMariano(NamedTuple):
    """Test of equal loss: ``t`` above zero means that a loses more than b; ``p`` is two-sided."""

    mean_difference: float
    t: float
    p: float


@cache
def _positions(levels: tuple[float, ...]) -> dict[float, int]:
    return {round(float(level), 6): column for column, level in enumerate(levels)}


def level_columns(levels: Floats | tuple[float, ...], wanted: tuple[float, ...]) -> list[int]:
    """Columns of the wanted levels.

    Raises:
        InvalidParameter: a wanted level is not there.
    """
    positions = _positions(tuple(levels))
    missing = [level for level in wanted if round(level, 6) not in positions]
    if missing:
        raise InvalidParameter(
            f"quantiles lack the levels {missing}", field="levels", allowed=str(wanted)
        )
    return [positions[round(level, 6)] for level in wanted]


def pinball(quantile: Floats, level: float | Floats, actual: Floats) -> Floats:
    """Pinball loss: ``level * (y - q)`` above the quantile ``q``, ``(1 - level) * (q - y)`` below.

    Koenker and Bassett (1978), Econometrica 46(1).
    """
    above = np.asarray(actual) - quantile
    return np.asarray(np.maximum(level * above, (np.asarray(level) - 1) * above))


def crps(quantiles: Floats, levels: Floats | tuple[float, ...], actual: Floats) -> Floats:
    """Continuous ranked probability score, the unit of ``actual``; smaller is better.

    Twice the mean pinball loss over the 99 percentiles, which tends to the integral form of
    Gneiting and Raftery (2007), JASA 102(477), as levels get dense. Of a point forecast it is the
    absolute error.

    Args:
        quantiles: shape ``(..., levels)``.
        levels: the level of each column; the 99 percentiles must be among them.
        actual: shape ``(...)``.

    Returns:
        Shape ``(...)``.
    """
    columns = level_columns(levels, PERCENTILES)
    percentiles = np.array(PERCENTILES)
    targets = np.broadcast_to(np.asarray(actual, dtype=np.float64), quantiles.shape[:-1])
    rows, flat = quantiles.reshape(-1, quantiles.shape[-1]), targets.reshape(-1)
    scores = np.empty(len(flat))
    for start in range(0, len(flat), CHUNK_ROWS):
        chunk = slice(start, start + CHUNK_ROWS)
        losses = pinball(rows[chunk][:, columns], percentiles, flat[chunk, None])
        scores[chunk] = 2 * losses.mean(axis=1)
    return scores.reshape(targets.shape)


def band(
    quantiles: Floats, levels: Floats | tuple[float, ...], percent: int
) -> tuple[Floats, Floats]:
    """Lower and upper edge of a central band of ``BANDS``, each of shape ``(...)``."""
    lower, upper = level_columns(levels, BANDS[percent])
    return quantiles[..., lower], quantiles[..., upper]


def covered(low: Floats, high: Floats, actual: Floats) -> Bools:
    """Whether the actual lies in the band, edges included; False where it is unknown."""
    return np.asarray((low <= actual) & (actual <= high))


def coverage(low: Floats, high: Floats, actual: Floats) -> float:
    """Share of the known actuals inside the band; NaN when none is known."""
    known = np.isfinite(actual)
    return mean_of_known(covered(low, high, actual).astype(np.float64)[known])


def winkler(low: Floats, high: Floats, actual: Floats, percent: int) -> Floats:
    """Interval score: the width, plus ``2 / alpha`` times the distance outside the band.

    Winkler (1972), JASA 67(337); ``alpha`` is the share that should lie outside.
    """
    alpha = 1 - percent / 100
    outside = np.maximum(low - actual, 0.0) + np.maximum(actual - high, 0.0)
    return np.asarray(high - low + 2 / alpha * outside)


def pit(quantiles: Floats, levels: Floats | tuple[float, ...], actual: Floats) -> Floats:
    """Probability integral transform: the level at which the actual lies, uniform if calibrated.

    Linear between two quantiles. On a run of equal quantiles it is the middle of their levels.
    Outside the outermost quantiles nothing is known of the shape, so it is the middle of the
    level range left over: 0.0025 below the 0.5 % quantile.

    Returns:
        Shape ``(...)`` in (0, 1); NaN where the actual is unknown.
    """
    targets = np.asarray(actual, dtype=np.float64)
    rows, flat = quantiles.reshape(-1, quantiles.shape[-1]), targets.reshape(-1)
    below = (rows < flat[:, None]).sum(axis=1)
    up_to = (rows <= flat[:, None]).sum(axis=1)
    known_levels = np.asarray(levels, dtype=np.float64)
    result = np.where(
        up_to > below,
        (known_levels[below.clip(max=len(known_levels) - 1)] + known_levels[up_to - 1]) / 2,
        _between(rows, known_levels, flat, below),
    )
    return np.asarray(np.where(np.isfinite(flat), result, np.nan).reshape(targets.shape))


def _between(rows: Floats, levels: Floats, actual: Floats, below: NDArray[np.intp]) -> Floats:
    """Level of an actual that equals no quantile, with ``below`` quantiles under it."""
    last = rows.shape[1] - 1
    left, right = (below - 1).clip(0), below.clip(max=last)
    row = np.arange(len(rows))
    gap = rows[row, right] - rows[row, left]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (actual - rows[row, left]) / gap
        inside = levels[left] + share * (levels[right] - levels[left])
    outside = np.where(below == 0, levels[0] / 2, (1 + levels[-1]) / 2)
    return np.asarray(np.where((below == 0) | (below > last), outside, inside))


def mase(error: Floats, baseline_error: Floats) -> float:
    """Mean absolute error over that of the baseline on the same points; below one is better.

    Hyndman and Koehler (2006), Int. J. Forecasting 22(4), with the out-of-sample random walk in
    the denominator instead of the in-sample one, which is easy to game. NaN when no point is
    known or the baseline made no error.
    """
    both = np.isfinite(error) & np.isfinite(baseline_error)
    scale = mean_of_known(np.abs(baseline_error[both]))
    return mean_of_known(np.abs(error[both])) / scale if scale > 0 else math.nan


def wilson(share: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a share seen in ``n`` trials (Wilson 1927, JASA 22(158))."""
    if not n > 0:
        return 0.0, 1.0
    from scipy import stats  # 60 MB that the service and a monitor in reserve do without

    z = float(stats.norm.ppf((1 + confidence) / 2))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def directional_accuracy(
    center: Floats, actual: Floats, overlap: int = 1, confidence: float = 0.95
) -> DirectionalAccuracy:
    """How often the centre points to the side to which the price went.

    Ties: a price that did not move has no direction and a centre of exactly zero names none, so
    both are left out of ``n`` rather than counted as half right.

    Args:
        center: expected log returns.
        actual: realised log returns, NaN where unknown.
        overlap: the step; the interval is that of ``n / overlap`` independent points.
        confidence: of the Wilson interval.
    """
    counted = np.isfinite(actual) & np.isfinite(center) & (actual != 0) & (center != 0)
    n = int(counted.sum())
    share = mean_of_known((np.sign(center[counted]) == np.sign(actual[counted])).astype(np.float64))
    low, high = wilson(share, n / overlap, confidence)
    return DirectionalAccuracy(share, low, high, n)


def diebold_mariano(loss_a: Floats, loss_b: Floats, horizon: int) -> DieboldMariano:
    """Whether a loses more than b beyond noise (Diebold and Mariano 1995, JBES 13(3)).

    The variance of the mean difference is Newey and West's (1987, Econometrica 55(3)) with Bartlett
    weights up to ``newey_west_lag``. Missing losses stand as zeros in the lag products, so that
    lags keep their length.

    Small samples: the statistic is shrunk as Harvey, Leybourne and Newbold (1997, Int. J.
    Forecasting 13(2)) propose and compared with Student's t of ``n - 1`` degrees of freedom. With
    fewer than about ten times ``horizon`` points HAC still understates the variance; read such
    results with care.

    Args:
        loss_a: losses in the order of cutoffs, NaN where unknown.
        loss_b: the same of the other forecast.
        horizon: number of candles that a loss looks ahead.

    Returns:
        NaN for ``t`` and ``p`` when ``horizon`` or fewer points are known.
    """
    difference = np.asarray(loss_a, dtype=np.float64) - loss_b
    known = np.isfinite(difference)
    n = int(known.sum())
    if n <= max(horizon, 1):
        return DieboldMariano(mean_of_known(difference[known]), math.nan, math.nan)
    largest = max(np.abs(loss_a)[known].max(), np.abs(loss_b)[known].max())
    difference = np.where(np.abs(difference) <= ROUNDING * largest, 0.0, difference)
    mean = float(difference[known].mean())
    centred = np.where(known, difference - mean, 0.0)
    variance = newey_west_variance(centred, n, newey_west_lag(n, horizon)) / n
    shrink = max(0.0, (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n) ** 0.5
    t = shrink * _ratio(mean, math.sqrt(variance))
    from scipy import stats

    return DieboldMariano(mean, t, float(2 * stats.t.sf(abs(t), n - 1)))


def newey_west_lag(n: int, horizon: int) -> int:
    """Lag up to which losses of ``n`` windows of ``horizon`` candles are taken as correlated.

    Windows overlap up to lag ``horizon - 1``. Bartlett weights that end there miss a third of the
    variance of a moving sum, twice that lag misses a sixth. Losses cluster with volatility even at
    step 1, for which the usual ``4 (n / 100)^(2/9)`` stands in.
    """
    return max(2 * (horizon - 1), int(4 * (n / 100) ** (2 / 9)))


def newey_west_variance(centred: Floats, n: int, lag: int) -> float:
    """Long-run variance, Bartlett weights, of a centred series of which ``n`` points are known."""
    variance = float(centred @ centred)
    for k in range(1, min(lag, len(centred) - 1) + 1):
        variance += 2 * (1 - k / (lag + 1)) * float(centred[k:] @ centred[:-k])
    return max(variance, 0.0) / n


def mean_of_known(values: Floats) -> float:
    """Mean of the values that are not NaN; NaN, without a warning, when there are none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan


def _ratio(mean: float, deviation: float) -> float:
    if mean == 0:
        return 0.0
    return mean / deviation if deviation > 0 else math.copysign(math.inf, mean)
