"""How the served forecasts of one model version did lately, against the random walk.

Scores are laid out by the instant at which they became known (the target time), because there
every step has its newest score; by cutoff the long steps of the last day would be missing. At
each target time the CRPS excess over the random walk is averaged over the steps with weights
``1 / step``: a window of ``n`` candles holds about ``n / step`` independent outcomes of a step, so
the long steps say less and repeat themselves. Measured at the default thresholds with a healthy
EWMA model on 541 days of real hours to the end of 2025: one false alarm on BTC/USDT, none on
SOL/USDT.

One candle must not decide (a flash crash, a bad tick). The excesses are winsorised: the outer
``WINSORISED_SHARE`` on either side count as the quantile there. That is not enough after a crash,
which blows up a volatility model for days, so the candles after a shock are left out. A real
change touches many candles and stays. The standard error is Newey and West's over ``LAGS`` candles,
since scores of a target time and of the next share most of their hours.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from tidecast.evaluation.metrics import mase, newey_west_variance
from tidecast.forecasts import Floats
from tidecast.timeframes import Market

RECENT_CANDLES = 48
"""The newest part of the window, looked at apart: a model that broke yesterday is lost in the mean
of a week. Measured: a band a tenth as wide is seen after 39 hours (median) instead of 103."""
WINSORISED_SHARE = 0.05
SHOCK_RATIO = 20.0
"""A candle whose absolute return is this many times the median one that moved is a shock. That is
about 13 standard deviations of a calm market; BTC and SOL had 2 to 9 a year, 2018 to 2025."""
SHOCK_CANDLES = 72
"""Target times left out from a shock on, the shock included: an EWMA of squared returns with decay
0.94 needs them to forget a move of 30 standard deviations."""
LAGS = 23
"""A day of hours but one: how long a candle stays in the scores of a 24-step forecast."""
LEVELS_PERCENT = (50, 80, 90, 95)
_COLUMNS = ("crps", "baseline_crps", "error", "baseline_error") + tuple(
    f"covered_{percent}" for percent in LEVELS_PERCENT
)


@dataclass(frozen=True)
class Span:
    """CRPS excess of the newest candles over the random walk.

    Attributes:
        candles: target times with a score.
        crps_ratio: CRPS over that of the random walk, weighted over the steps; 1 is as good.
        t: how many standard errors the excess is above zero.
    """

    candles: int
    crps_ratio: float
    t: float


@dataclass(frozen=True)
class ErrorWindow:
    """What a decision looks at; all figures are NaN without scores.

    Attributes:
        version: model version whose forecasts these are.
        newest: newest target time with a score that counts.
        mase: mean absolute error of step 1 over that of the random walk.
        recent: the newest ``RECENT_CANDLES`` that have a score that counts.
        whole: the whole window.
        coverage: share of step 1 actuals inside each central band, by percent; outcomes of longer
            steps overlap and say little in a week.
        coverage_t: standard errors by which the 90 % band is off, negative when too narrow.
    """

    version: str
    newest: datetime | None
    mase: float
    recent: Span
    whole: Span
    coverage: dict[int, float]
    coverage_t: float

    @property
    def scored(self) -> int:
        """Target times with a score."""
        return self.whole.candles


def build_window(scores: pd.DataFrame, market: Market, version: str, candles: int) -> ErrorWindow:
    """Figures of the newest ``candles`` target times of one model version.

    Args:
        scores: as ``ScoreLog.read`` gives them; other versions and older scores may be there.
        market: whose scores they are.
        version: the model version to look at.
        candles: length of the window.
    """
    own = scores[(scores["model_version"] == version).to_numpy()]
    if own.empty:
        return _nothing(version)
    newest = own["target_time"].max()
    table = _lay_out(own, newest, market, candles)
    counted = _without_shocks(table)
    known = np.flatnonzero(~np.isnan(counted["crps"]).all(axis=1))
    if not known.size:
        return _nothing(version)
    counted = {name: values[: known[-1] + 1] for name, values in counted.items()}
    coverage = {percent: counted[f"covered_{percent}"][:, 0] for percent in LEVELS_PERCENT}
    crps, baseline = counted["crps"], counted["baseline_crps"]
    return ErrorWindow(
        version=version,
        newest=newest.to_pydatetime() - (candles - 1 - int(known[-1])) * market.length,
        mase=mase(counted["error"][:, 0], counted["baseline_error"][:, 0]),
        recent=_span(crps[known[-RECENT_CANDLES:]], baseline[known[-RECENT_CANDLES:]]),
        whole=_span(crps, baseline),
        coverage={percent: _mean(shares) for percent, shares in coverage.items()},
        coverage_t=_t(coverage[90] - 0.9, least_variance=0.9 * 0.1),
    )


def _nothing(version: str) -> ErrorWindow:
    span = Span(0, np.nan, np.nan)
    unknown = dict.fromkeys(LEVELS_PERCENT, np.nan)
    return ErrorWindow(version, None, np.nan, span, span, unknown, np.nan)


def _lay_out(
    scores: pd.DataFrame, newest: pd.Timestamp, market: Market, candles: int
) -> dict[str, Floats]:
    """Each column as an array of the newest target times by steps; NaN where there is no score."""
    late = (newest - scores["target_time"]).to_numpy()
    age = late // np.timedelta64(market.length)
    inside = age < candles
    rows, steps = candles - 1 - age[inside], scores["step"].to_numpy(np.int64)[inside] - 1
    table = {}
    for name in _COLUMNS:
        table[name] = np.full((candles, steps.max() + 1), np.nan)
        table[name][rows, steps] = scores[name].to_numpy(np.float64)[inside]
    return table


def _without_shocks(table: dict[str, Floats]) -> dict[str, Floats]:
    """Blank out what a shock touched; step 1 of the random walk is the return of the candle."""
    size = table["baseline_error"][:, 0]
    moved = size[size > 0]
    limit = SHOCK_RATIO * np.median(moved) if moved.size else np.inf
    touched = np.zeros(len(size), dtype=bool)
    for shock in np.flatnonzero(size > limit):
        touched[shock : shock + SHOCK_CANDLES] = True
    return {name: np.where(touched[:, None], np.nan, values) for name, values in table.items()}


def _span(crps: Floats, baseline: Floats) -> Span:
    """Excess in units of the random walk's mean CRPS of the step in this span."""
    known = ~np.isnan(baseline)
    counts = known.sum(axis=0)
    scale = np.where(known, baseline, 0.0).sum(axis=0) / np.maximum(counts, 1)
    used = (counts > 0) & (scale > 0)
    excess = _weighted((crps[:, used] - baseline[:, used]) / scale[used], np.flatnonzero(used))
    excess = _winsorised(excess)
    return Span(int((~np.isnan(excess)).sum()), 1 + _mean(excess), _t(excess))


def _weighted(values: Floats, columns: np.ndarray | None = None) -> Floats:
    """Mean over the known steps of each row, weights ``1 / step``; NaN where none is known."""
    columns = np.arange(values.shape[1]) if columns is None else columns
    weights = np.where(np.isnan(values), 0.0, 1 / (columns + 1))
    total = weights.sum(axis=1)
    sums = (weights * np.nan_to_num(values)).sum(axis=1)
    return np.asarray(np.where(total > 0, sums / np.where(total > 0, total, 1.0), np.nan))


def _winsorised(excess: Floats) -> Floats:
    known = excess[~np.isnan(excess)]
    if not known.size:
        return excess
    low, high = np.quantile(known, [WINSORISED_SHARE, 1 - WINSORISED_SHARE])
    return np.asarray(np.clip(excess, low, high))


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.nan


def _t(excess: Floats, least_variance: float = 0.0) -> float:
    """Standard errors of the mean above zero; a run of hits alone has no variance of its own."""
    known = ~np.isnan(excess)
    n = int(known.sum())
    if n < 2:
        return np.nan
    mean = float(excess[known].mean())
    variance = newey_west_variance(np.where(known, excess - mean, 0.0), n, min(LAGS, n - 1))
    variance = max(variance, least_variance) / n
    if variance <= 0:
        return 0.0 if mean == 0 else float(np.copysign(np.inf, mean))
    return float(mean / np.sqrt(variance))
