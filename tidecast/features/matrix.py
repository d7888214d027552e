"""The one door to features: what a model knows at a cutoff, the same for fitting and serving."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from tidecast.features.grid import Grid, Positions
from tidecast.features.indicators import NAMES as INDICATOR_NAMES
from tidecast.features.indicators import WINDOW, indicators
from tidecast.features.volatility import candle_variance, downside_share, log_mean, log_returns
from tidecast.features.windows import window_sum
from tidecast.forecasts import Floats


@dataclass(frozen=True)
class Spans:
    """Lengths of trailing windows for one interval, in candles.

    Attributes:
        variance: spans of realised variance, shortest first.
        returns: spans of signed returns.
        short, day, week, month: spans of the volume ratios and of the return scale; for 5m and
            1d candles they are shorter or longer than their names, so that a window stays cheap.
    """

    variance: tuple[int, ...]
    returns: tuple[int, ...]
    short: int
    day: int
    week: int
    month: int


SPANS = {
    "5m": Spans(
        variance=(1, 3, 6, 12, 24, 48, 96, 144, 288, 576, 2016),
        returns=(1, 3, 12, 48, 288, 864),
        short=12,
        day=288,
        week=864,
        month=2016,
    ),
    "1h": Spans(
        variance=(1, 2, 4, 8, 16, 24, 48, 96, 168, 336, 720),
        returns=(1, 4, 12, 24, 72, 168),
        short=6,
        day=24,
        week=168,
        month=720,
    ),
    "1d": Spans(
        variance=(1, 2, 3, 5, 7, 10, 14, 21, 30, 60, 90),
        returns=(1, 2, 3, 7, 14, 30),
        short=2,
        day=3,
        week=7,
        month=90,
    ),
}
TINY = 1e-12


@dataclass(frozen=True)
class Matrix:
    """Features at some cutoffs.

    Attributes:
        names: one per column.
        values: shape ``(rows, len(names))``.
        hour: hour of day at each cutoff, 0..23.
        weekday: day of week at each cutoff, Monday is 0.
        step_hours: length of a step, hours.
    """

    names: tuple[str, ...]
    values: Floats
    hour: Positions
    weekday: Positions
    step_hours: float

    def __len__(self) -> int:
        return len(self.values)

    def take(self, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> "Matrix":
        """Some of the rows."""
        return Matrix(
            self.names,
            self.values[chosen],
            self.hour[chosen],
            self.weekday[chosen],
            self.step_hours,
        )

    def column(self, name: str) -> Floats:
        """One feature by its name."""
        return self.values[:, self.names.index(name)]


def needed_candles(interval: str) -> int:
    """Candles up to and including a cutoff without which a feature is NaN."""
    return max(SPANS[interval].month, max(SPANS[interval].variance), WINDOW) + 1


def build_matrix(grid: Grid, rows: Sequence[int] | Positions) -> Matrix:
    """Every feature at the cutoffs that end the candles at ``rows``.

    A value depends only on the ``needed_candles`` up to its row. Logarithms of variance are of
    squared log returns per candle; signed returns are in units of the week's standard deviation.
    """
    chosen = np.asarray(rows, dtype=np.intp)
    columns = {**_variance_columns(grid), **_return_columns(grid), **_volume_columns(grid)}
    ends = grid.ends[chosen]
    values = np.column_stack(
        [column[chosen] for column in columns.values()] + [indicators(grid.close, chosen)]
    )
    return Matrix(
        (*columns, *INDICATOR_NAMES),
        values,
        np.asarray(ends.hour),
        np.asarray(ends.day_of_week),
        grid.length / timedelta(hours=1),
    )


def _variance_columns(grid: Grid) -> dict[str, Floats]:
    spans, variances, returns = SPANS[grid.interval], candle_variance(grid), log_returns(grid)
    columns = {f"log_variance_{span}": log_mean(variances, span) for span in spans.variance}
    for span in (1, spans.short, spans.day, spans.week):
        columns[f"log_squared_return_{span}"] = log_mean(returns**2, span)
    for span in (spans.day, spans.week):
        columns[f"downside_share_{span}"] = downside_share(returns, span)
    return columns


def _return_columns(grid: Grid) -> dict[str, Floats]:
    spans, returns = SPANS[grid.interval], log_returns(grid)
    scale = np.exp(0.5 * log_mean(candle_variance(grid), spans.week))
    return {
        f"return_{span}": window_sum(returns, span) / (scale * np.sqrt(span))
        for span in spans.returns
    }


def _volume_columns(grid: Grid) -> dict[str, Floats]:
    spans = SPANS[grid.interval]
    pairs = ((1, spans.day), (spans.short, spans.week), (spans.day, spans.month))
    return {
        f"log_volume_{short}_over_{long}": np.log(_mean(grid.volume, short) + TINY)
        - np.log(_mean(grid.volume, long) + TINY)
        for short, long in pairs
    }


def _mean(values: Floats, span: int) -> Floats:
    return window_sum(values, span) / span
