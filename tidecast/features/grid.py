"""Candles laid on their time grid, as arrays in which a position is an instant.

A missing candle says nothing about the price. A still candle (no range, and the close before it) is
what an exchange reports while it is halted, or when nothing traded. Counted as a candle without
variance, one of them would make an interval several times too narrow. A *break*, a candle whose
price moves more than ``BREAK_RATIO`` times, is a split, a relisting or a mistake: not volatility.
So windows of features run over *active* candles, those that are none of these, and a return is
spread over the time that it took.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from tidecast.candles import COLUMNS
from tidecast.errors import InvalidParameter, TooFewCandles
from tidecast.forecasts import Floats
from tidecast.timeframes import interval_length

Positions = np.ndarray[tuple[int], np.dtype[np.intp]]
ACTIVE = "candles in which the price moved"
"""What is counted where active candles are too few."""


BREAK_RATIO = 5.0
"""Larger than any move of an hour in the public files; the same as a jump of the price, which is
stored only when it is confirmed. Counted as a return, a split of 1:1000 would make EWMA and GARCH
forecast nothing plausible for a hundred candles."""


@dataclass(frozen=True)
class ActiveCandles:
    """The ``m`` active candles of a grid, oldest first.

    Attributes:
        positions: shape ``(m,)``, where each stands in the grid.
        open, high, low, close, volume: shape ``(m,)``, as in the grid.
        before: shape ``(m,)``, close before each, of any candle; NaN for the first of the grid.
        elapsed: shape ``(m,)``, candles of time since the price moved last; 1 for neighbors and
            for the first.
    """

    positions: Positions
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    before: Floats
    elapsed: Floats

    def __len__(self) -> int:
        return len(self.positions)

    def newest(self, rows: Positions) -> Positions:
        """Index of the newest active candle at or before each grid position; -1 where none is."""
        return np.searchsorted(self.positions, rows, side="right") - 1

    def require(self, rows: Positions, needed: int) -> None:
        """Check the history of cutoffs.

        Raises:
            TooFewCandles: the first cutoff has fewer than ``needed`` active candles up to it.
        """
        have = int(self.newest(rows).min(initial=needed)) + 1
        if have < needed:
            raise TooFewCandles(needed, have, ACTIVE)


@dataclass(frozen=True)
class Grid:
    """Regular arrays of ``n`` candles without holes.

    A missing candle stands as one without a trade: every price is the close before it and the
    volume is zero. ``present`` tells it from a real one, so a cutoff is never put there.

    Attributes:
        ends: shape ``(n,)``, the instant each candle ends: a cutoff there knows up to ``i``.
        open, high, low, close, volume: shape ``(n,)``; prices in quote, volume in base currency.
        present: shape ``(n,)``, False where the candle is missing.
    """

    interval: str
    ends: pd.DatetimeIndex
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    present: np.ndarray[tuple[int], np.dtype[np.bool_]]

    @classmethod
    def of(cls, candles: pd.DataFrame, interval: str) -> "Grid":
        """Lay a candle frame on its grid.

        Raises:
            TooFewCandles: the frame is empty.
        """
        if not len(candles):
            raise TooFewCandles(1, 0)
        length = interval_length(interval)
        regular = candles.asfreq(to_offset(length))
        present = regular["close"].notna().to_numpy()
        close = regular["close"].ffill()
        columns = {
            name: regular[name].fillna(0.0 if name == "volume" else close).to_numpy(np.float64)
            for name in COLUMNS
        }
        ends = pd.DatetimeIndex(regular.index) + length
        return cls(interval=interval, ends=ends, present=present, **columns)

    def __len__(self) -> int:
        return len(self.close)

    @cached_property
    def active(self) -> ActiveCandles:
        """The candles from which a volatility can be learned."""
        before = np.concatenate([[np.nan], self.close[:-1]])
        still = (self.high == self.low) & (self.close == before)
        moved = np.flatnonzero(self.present & ~still)
        elapsed = np.ones(len(moved))
        elapsed[1:] = np.diff(moved)
        active = ~self.breaks[moved]
        positions = moved[active]
        columns = {name: getattr(self, name)[positions] for name in COLUMNS}
        return ActiveCandles(
            positions, **columns, before=before[positions], elapsed=elapsed[active]
        )

    @cached_property
    def breaks(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Where the price leaves its level, shape ``(n,)``: in a candle, or from the one before."""
        before = np.concatenate([self.open[:1], self.close[:-1]])
        highest, lowest = np.maximum(self.high, before), np.minimum(self.low, before)
        return np.asarray(highest > BREAK_RATIO * lowest)

    @property
    def length(self) -> timedelta:
        """Length of one candle."""
        return interval_length(self.interval)

    def positions(self, cutoffs: pd.DatetimeIndex | None, needed: int) -> Positions:
        """Positions of the candles that end at the cutoffs; the last one when None.

        Raises:
            InvalidParameter: a cutoff is not the end of a candle of the frame.
            TooFewCandles: the first cutoff has fewer than ``needed`` positions up to it.
        """
        if cutoffs is None:
            found = np.array([len(self) - 1], dtype=np.intp)
        else:
            found = np.asarray(self.ends.get_indexer(cutoffs), dtype=np.intp)
        if (found < 0).any() or not self.present[found].all():
            raise InvalidParameter(
                "a cutoff is not the end of a candle", field="cutoffs", allowed="ends of candles"
            )
        if len(found) and found.min() + 1 < needed:
            raise TooFewCandles(needed, int(self.present[: found.min() + 1].sum()))
        return found


def step_returns(grid: Grid, horizon: int) -> Floats:
    """Realised log returns, shape ``(n, horizon)``; NaN where either candle is unknown."""
    known = np.where(grid.present, np.log(grid.close), np.nan)
    returns = np.full((len(grid), horizon), np.nan)
    for step in range(1, horizon + 1):
        returns[:-step, step - 1] = known[step:] - known[:-step]
    return returns


def unbroken_returns(grid: Grid, horizon: int) -> Floats:
    """Realised log returns to learn from: as ``step_returns``, NaN across a break too."""
    returns, count = step_returns(grid, horizon), np.cumsum(grid.breaks)
    for step in range(1, horizon + 1):
        returns[:-step, step - 1][count[step:] > count[:-step]] = np.nan
    return returns
