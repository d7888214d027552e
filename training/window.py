"""Which candles a challenger is fitted on, and on which cutoffs it is judged."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from tidecast.features.grid import Grid, step_returns
from tidecast.forecasts import Floats
from tidecast.models.ladder import Rung, least_judged
from tidecast.settings import TrainingSettings
from tidecast.store import Store
from tidecast.timeframes import Market


@dataclass(frozen=True)
class Window:
    """Candles of one training.

    Attributes:
        fitted: candle frame of the fit; the judged cutoffs begin where it ends.
        candles: candle frame of the fit and of everything newer.
        cutoffs: judged cutoffs, every candle's end from the end of ``fitted`` on.
        actual_returns: shape ``(len(cutoffs), horizon)``, log returns, NaN where not known yet.
    """

    fitted: pd.DataFrame
    candles: pd.DataFrame
    cutoffs: pd.DatetimeIndex
    actual_returns: Floats

    @property
    def judged_from(self) -> datetime:
        """First judged cutoff."""
        first: datetime = self.cutoffs[0].to_pydatetime()
        return first

    @property
    def judged_until(self) -> datetime:
        """Last judged cutoff."""
        last: datetime = self.cutoffs[-1].to_pydatetime()
        return last


def read_history(
    store: Store, market: Market, settings: TrainingSettings, now: datetime, least: int
) -> pd.DataFrame:
    """Read the candles known at ``now`` that a training looks at.

    Args:
        store: where they are.
        market: whose candles.
        settings: length of the window.
        now: current instant, UTC.
        least: number of candles to read even if they are older than the settings say.
    """
    least = max(least, settings.min_train_candles + settings.judge_candles)
    span = timedelta(days=settings.train_days) + settings.judge_candles * market.length
    candles = store.candles.read(market, start=now - span, as_of=now)
    if len(candles) >= least:
        return candles
    return store.candles.read(market, as_of=now, limit=least)


def divide(candles: pd.DataFrame, rung: Rung, market: Market, judge: int, horizon: int) -> Window:
    """Keep the newest candles out of the fit; a short history keeps fewer, or none.

    Args:
        candles: what ``read_history`` read.
        rung: highest one that they support.
        market: whose candles.
        judge: candles to keep out of the fit where there are enough.
        horizon: number of steps.
    """
    spare = len(candles) - rung.fit_candles
    judged = min(judge, spare) if spare >= least_judged(horizon) else 0
    fitted = candles.iloc[: len(candles) - judged]
    grid = Grid.of(candles, market.interval)
    cutoffs = (pd.DatetimeIndex(candles.index) + market.length)[len(fitted) - 1 :]
    actual_returns = step_returns(grid, horizon)[grid.positions(cutoffs, 1)]
    return Window(fitted, candles, cutoffs, actual_returns)
