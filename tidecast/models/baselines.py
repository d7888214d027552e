"""Baselines that every model has to stand beside. All of them centre on today's price."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from tidecast.errors import TooFewCandles
from tidecast.features.grid import Grid, step_returns
from tidecast.forecasts import LEVELS, Floats
from tidecast.models.model import Arrays, ReturnForecasts
from tidecast.timeframes import INTERVALS

SIMULATION_SPAN = pd.Timedelta(days=365)
"""Span of past returns that historical simulation draws from."""
MIN_SIMULATION_CANDLES = 100


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
            TooFewCandles: fewer than ``MIN_SIMULATION_CANDLES`` returns of the last step are known.
        """
        newest = candles.iloc[-(simulation_candles(interval) + horizon) :]
        if len(newest) < MIN_SIMULATION_CANDLES + horizon:
            raise TooFewCandles(MIN_SIMULATION_CANDLES + horizon, len(newest))
        returns = step_returns(Grid.of(newest, interval), horizon)
        table = np.stack(
            [np.quantile(column[~np.isnan(column)], LEVELS) for column in returns.T], axis=0
        )
        return cls(interval, horizon, table)

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
