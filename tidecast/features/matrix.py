"""The one door to features: what a model knows at a cutoff, the same for fitting and serving."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from tidecast.features.grid import ActiveCandles, Grid, Positions
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
MIN_VOLUME_RATIO = 0.001
"""A volume below this share of the usual one is dust, or in another unit. It is as good as unknown:
fewer than 0.3 % of the hours of thin markets have it, and their logarithms have no lower end."""


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

    def clipped(self, ranges: Floats) -> "Matrix":
        """Features moved into their ranges, shape ``(2, len(names))``, lowest and highest.

        A linear model extrapolates without limit: without clipping, one odd candle changes its
        output by any amount.
        """
        return replace(self, values=np.clip(self.values, *ranges))


def needed_candles(interval: str) -> int:
    """Active candles up to and including a cutoff without which a feature is NaN."""
    return max(SPANS[interval].month, max(SPANS[interval].variance), WINDOW) + 1


def build_matrix(grid: Grid, rows: Sequence[int] | Positions) -> Matrix:
    """Every feature at the cutoffs that end the candles at ``rows``.

    Spans count active candles. A value depends only on the ``needed_candles`` newest of them.
    Logarithms of variance are of squared log returns per candle; signed returns are in units of
    the week's standard deviation. NaN where there are fewer candles than a feature needs.
    """
    chosen = np.asarray(rows, dtype=np.intp)
    active, spans = grid.active, SPANS[grid.interval]
    newest = active.newest(chosen)
    columns = {
        **_variance_columns(active, spans),
        **_return_columns(active, spans),
        **_volume_columns(active, spans),
    }
    ends = grid.ends[chosen]
    values = np.column_stack(
        [column[newest] for column in columns.values()] + [indicators(active.close, newest)]
    )
    values[newest < 0] = np.nan
    return Matrix(
        (*columns, *INDICATOR_NAMES),
        values,
        np.asarray(ends.hour),
        np.asarray(ends.day_of_week),
        grid.length / timedelta(hours=1),
    )


def _variance_columns(active: ActiveCandles, spans: Spans) -> dict[str, Floats]:
    variances, returns = candle_variance(active), log_returns(active)
    columns = {f"log_variance_{span}": log_mean(variances, span) for span in spans.variance}
    for span in (1, spans.short, spans.day, spans.week):
        columns[f"log_squared_return_{span}"] = log_mean(returns**2, span)
    for span in (spans.day, spans.week):
        columns[f"downside_share_{span}"] = downside_share(returns, span)
    return columns


def _return_columns(active: ActiveCandles, spans: Spans) -> dict[str, Floats]:
    returns = log_returns(active)
    scale = np.exp(0.5 * log_mean(candle_variance(active), spans.week))
    return {
        f"return_{span}": window_sum(returns, span) / (scale * np.sqrt(span))
        for span in spans.returns
    }


def _volume_columns(active: ActiveCandles, spans: Spans) -> dict[str, Floats]:
    pairs = ((1, spans.day), (spans.short, spans.week), (spans.day, spans.month))
    columns = {}
    for short, long in pairs:
        ratio = _mean_volume(active, short) / _mean_volume(active, long)
        # An unknown volume counts as the usual one; comparisons with NaN are False.
        ratio = np.where(ratio >= MIN_VOLUME_RATIO, ratio, 1.0)
        columns[f"log_volume_{short}_over_{long}"] = np.log(ratio)
    return columns


def _mean_volume(active: ActiveCandles, span: int) -> Floats:
    """Mean over the candles of a trailing span whose volume is known; NaN where none is.

    A moving price with volume 0 comes from a source that reports no volume.
    """
    counts = window_sum((active.volume > 0).astype(np.float64), span)
    total = window_sum(active.volume, span)
    mean = np.full(len(active), np.nan)
    np.divide(total, counts, out=mean, where=counts > 0)
    return mean
