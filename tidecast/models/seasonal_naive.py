"""Seasonal naive: the next day moves as the day before did."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from tidecast.errors import TooFewCandles
from tidecast.features.grid import Grid, Positions, step_returns
from tidecast.features.matrix import SPANS
from tidecast.forecasts import LEVELS, Floats
from tidecast.models.model import Arrays, ReturnForecasts

MIN_RESIDUALS = 200


@dataclass(frozen=True)
class SeasonalNaive:
    """Repeats the returns of one season ago; past errors of that are its distribution.

    Attributes:
        errors: shape ``(horizon, len(LEVELS))``, log returns.
    """

    name: ClassVar[str] = "seasonal_naive"
    interval: str
    horizon: int
    errors: Floats

    @classmethod
    def fit(cls, candles: pd.DataFrame, interval: str, horizon: int) -> Self:
        """Take the empirical quantiles of the errors over the window.

        Raises:
            TooFewCandles: fewer than ``MIN_RESIDUALS`` errors are known.
        """
        grid = Grid.of(candles, interval)
        first = _season(interval, horizon)
        rows = np.arange(first, max(first, len(grid) - horizon))
        residuals = step_returns(grid, horizon)[rows] - _repeated(grid, rows, horizon)
        known = [column[~np.isnan(column)] for column in residuals.T]
        fewest = min(len(column) for column in known)
        if fewest < MIN_RESIDUALS:
            needed = MIN_RESIDUALS + first + horizon
            if len(candles) < needed:
                raise TooFewCandles(needed, len(candles))
            raise TooFewCandles(MIN_RESIDUALS, fewest, "known errors of each step")
        return cls(interval, horizon, np.stack([np.quantile(column, LEVELS) for column in known]))

    @property
    def needed_candles(self) -> int:
        """One season and the close before it."""
        return _season(self.interval, self.horizon) + 1

    def predict(
        self, candles: pd.DataFrame, cutoffs: pd.DatetimeIndex | None = None
    ) -> ReturnForecasts:
        """See ``Model.predict``."""
        grid = Grid.of(candles, self.interval)
        rows = grid.positions(cutoffs, self.needed_candles)
        center = _repeated(grid, rows, self.horizon)
        return ReturnForecasts(
            grid.ends[rows], grid.close[rows], center, center[..., None] + self.errors
        )

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Interval, horizon and the errors."""
        return {"interval": self.interval, "horizon": self.horizon}, {"errors": self.errors}

    @classmethod
    def from_state(cls, parameters: dict[str, Any], arrays: Arrays) -> Self:
        """The inverse of ``state``."""
        return cls(parameters["interval"], parameters["horizon"], arrays["errors"])


def _season(interval: str, horizon: int) -> int:
    """Whole days (weeks for daily candles) that cover the horizon, in candles."""
    base = 7 if interval == "1d" else SPANS[interval].day
    return base * -(-horizon // base)


def _repeated(grid: Grid, rows: Positions, horizon: int) -> Floats:
    season, log_close = _season(grid.interval, horizon), np.log(grid.close)
    start = rows - season
    return np.column_stack(
        [log_close[start + step] - log_close[start] for step in range(1, horizon + 1)]
    )
