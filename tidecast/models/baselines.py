"""Baselines that every model has to stand beside. All of them centre on today's price."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from tidecast.errors import TooFewCandles
from tidecast.features.grid import Grid, unbroken_returns
from tidecast.forecasts import LEVELS, Floats
from tidecast.models.model import Arrays, ReturnForecasts
from tidecast.timeframes import INTERVALS

SIMULATION_SPAN = pd.Timedelta(days=365)
"""Span of past returns that historical simulation draws from."""
MIN_RETURNS = 100
"""Fewer returns than this do not show where a 1 % quantile is."""
MIN_STRETCHES = 15
"""A step has its own quantiles only if the known returns cover it this many times end to end.

Returns of long steps overlap: 144 hours have 120 returns of a day, and hold six days. On the young
SOL, AVAX, NEAR and DOT the 90 % interval of a day learnt on 144 hours covered 79.4 % that way and
84 to 85 % when scaled from a shorter step, with 3 % less CRPS. From 500 hours on both are alike."""


def simulation_candles(interval: str) -> int:
    """Candles in ``SIMULATION_SPAN``, at most 8,760 so that short intervals stay cheap."""
    return min(8760, SIMULATION_SPAN // INTERVALS[interval])


@dataclass(frozen=True)
class RandomWalk:
    """Random walk with historical simulation: past returns of each step are its distribution."""

    name: ClassVar[str] = "random_walk"
    interval: str
    horizon: int
    table: Floats
    """Shape ``(horizon, len(LEVELS))``, log returns."""

    @classmethod
    def fit(cls, candles: pd.DataFrame, interval: str, horizon: int) -> Self:
        """Take the empirical quantiles of the newest year of overlapping returns.

        Raises:
            TooFewCandles: there are not more than ``MIN_RETURNS`` candles.
        """
        newest = candles.iloc[-(simulation_candles(interval) + horizon) :]
        if len(newest) <= MIN_RETURNS:
            raise TooFewCandles(MIN_RETURNS + 1, len(newest))
        return cls(interval, horizon, _quantiles(Grid.of(newest, interval), horizon))

    @property
    def needed_candles(self) -> int:
        """One: only the close at the cutoff counts."""
        return 1

    def predict(
        self, candles: pd.DataFrame, cutoffs: pd.DatetimeIndex | None = None
    ) -> ReturnForecasts:
        """The same table at every cutoff."""
        grid = Grid.of(candles, self.interval)
        rows = grid.positions(cutoffs, self.needed_candles)
        return ReturnForecasts(
            cutoffs=grid.ends[rows],
            close=grid.close[rows],
            center=np.zeros((len(rows), self.horizon)),
            quantiles=np.repeat(self.table[None], len(rows), axis=0),
        )

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Interval, horizon and the table."""
        return {"interval": self.interval, "horizon": self.horizon}, {"table": self.table}

    @classmethod
    def from_state(cls, parameters: dict[str, Any], arrays: Arrays) -> Self:
        """The inverse of ``state``."""
        return cls(parameters["interval"], parameters["horizon"], arrays["table"])


def _quantiles(grid: Grid, horizon: int) -> Floats:
    """Quantiles of the returns to each step, shape ``(horizon, len(LEVELS))``.

    A step with too few known returns takes its quantiles from the steps around it, as if they grew
    with the square root of time. A market of every third hour knows returns of every third step.
    """
    returns, steps = unbroken_returns(grid, horizon), np.arange(1, horizon + 1)
    counts = np.isfinite(returns).sum(axis=0)
    enough = counts >= np.maximum(MIN_RETURNS, MIN_STRETCHES * steps)
    if not enough.any():
        return np.sqrt(steps)[:, None] * np.quantile(_successive_returns(grid), LEVELS)
    known = np.stack(
        [np.quantile(column[~np.isnan(column)], LEVELS) for column in returns.T[enough]]
    )
    roots = np.sqrt(np.concatenate([[0], steps[enough]]))
    between = [np.interp(np.sqrt(steps), roots, [0.0, *column]) for column in known.T]
    beyond = np.maximum(1.0, np.sqrt(steps) / roots[-1])
    # Rounding may cross levels that are almost equal.
    return np.maximum.accumulate(beyond[:, None] * np.stack(between, axis=1), axis=1)


def _successive_returns(grid: Grid) -> Floats:
    """Log return from each candle to the next one there is, over the root of the steps between."""
    rows = np.flatnonzero(grid.present)
    return np.asarray(np.diff(np.log(grid.close[rows])) / np.sqrt(np.diff(rows)))
