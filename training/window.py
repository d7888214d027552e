"""Which candles a challenger is fitted on, and on which cutoffs it is judged."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from tidecast.errors import TooFewCandles
from tidecast.features.grid import Grid, step_returns
from tidecast.forecasts import Floats
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


def read_window(
    store: Store, market: Market, settings: TrainingSettings, horizon: int, now: datetime
) -> Window:
    """Read the candles known at ``now`` and divide them.

    Raises:
        TooFewCandles: the fit or the judgement would have too few.
    """
    judged = settings.judge_candles * market.length
    # A horizon more than the fewest: the newest candle may be late, and some may be missing.
    fewest = (settings.min_train_candles + horizon) * market.length
    span = max(timedelta(days=settings.train_days), fewest)
    start = now - span - judged
    candles = store.candles.read(market, start=start, as_of=now)
    ends = pd.DatetimeIndex(candles.index) + market.length
    fitted = candles[ends <= ends.max() - judged]
    if len(fitted) < settings.min_train_candles:
        raise TooFewCandles(settings.min_train_candles + settings.judge_candles, len(candles))
    grid = Grid.of(candles, market.interval)
    cutoffs = ends[len(fitted) - 1 :]
    actual_returns = step_returns(grid, horizon)[grid.positions(cutoffs, 1)]
    return Window(fitted, candles, cutoffs, actual_returns)
