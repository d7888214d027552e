"""What a forecast is, and the check that every forecast passes before anybody sees it.

The cutoff is the last instant known to the model: the end of the newest closed candle, which is
that candle's open time plus its interval. ``target_time`` of step ``h`` is
``cutoff + h * interval``; the price forecast for it is the close of the candle that ends then.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from tidecast.errors import ForecastInvalid
from tidecast.timeframes import Market

Floats = NDArray[np.float64]

PERCENTILES = tuple(round(i / 100, 2) for i in range(1, 100))
LEVELS = tuple(sorted((*PERCENTILES, 0.005, 0.025, 0.975, 0.995)))
"""Quantile levels of every model: the 99 percentiles, and the ends of the 95 % and 99 % bands."""

MAX_RETURN = 3.0
"""Largest log return that a quantile may be away from the close; beyond it the model is broken."""


@dataclass(frozen=True)
class Forecast:
    """Price distribution of one market at one cutoff.

    Attributes:
        close: price at the cutoff, in quote currency.
        mean: shape ``(horizon,)``, prices.
        quantiles: shape ``(horizon, len(LEVELS))``, prices, not decreasing along the levels.
        baseline_quantiles: the same for the random walk with historical simulation.
    """

    market: Market
    cutoff: datetime
    close: float
    mean: Floats
    quantiles: Floats
    baseline_quantiles: Floats
    model_version: str

    @property
    def horizon(self) -> int:
        """Number of steps."""
        return len(self.mean)

    @property
    def target_times(self) -> list[datetime]:
        """End of each step, UTC."""
        return [self.cutoff + step * self.market.length for step in range(1, self.horizon + 1)]


def mean_of(quantiles: Floats) -> Floats:
    """Mean of distributions given by their quantiles at ``LEVELS``, the last axis.

    Trapezoids between the levels; beyond the outermost ones the distribution is taken to end.
    """
    inner = np.trapezoid(quantiles, LEVELS, axis=-1)
    low, high = LEVELS[0], 1 - LEVELS[-1]
    return np.asarray(inner + low * quantiles[..., 0] + high * quantiles[..., -1])


def check_quantiles(close: float, mean: Floats, quantiles: Floats) -> None:
    """Refuse a forecast that no honest model makes.

    Args:
        close: price at the cutoff.
        mean: shape ``(horizon,)``, prices.
        quantiles: shape ``(horizon, levels)``, prices.

    Raises:
        ForecastInvalid: not finite, not positive, crossed, constant or absurdly far away.
    """
    if quantiles.shape != (len(mean), len(LEVELS)):
        raise ForecastInvalid(f"shape {quantiles.shape}, expected {(len(mean), len(LEVELS))}")
    if not (np.isfinite(quantiles).all() and np.isfinite(mean).all() and np.isfinite(close)):
        raise ForecastInvalid("a value is not finite")
    if (quantiles <= 0).any() or (mean <= 0).any():
        raise ForecastInvalid("a price is not above zero")
    if (np.diff(quantiles, axis=1) < 0).any():
        raise ForecastInvalid("quantiles cross")
    if (quantiles[:, -1] <= quantiles[:, 0]).any():
        raise ForecastInvalid("quantiles are constant: the band has no width")
    if np.abs(np.log(quantiles / close)).max() > MAX_RETURN:
        raise ForecastInvalid(f"a quantile is more than {MAX_RETURN} in log return from the close")
    if (mean < quantiles[:, 0]).any() or (mean > quantiles[:, -1]).any():
        raise ForecastInvalid("the mean lies outside the quantiles")
