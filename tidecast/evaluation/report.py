"""From the forecasts of a walk-forward backtest to a report that a program may read.

Losses and widths are in basis points of log return, shares are between 0 and 1, unknown numbers
are None. A list under ``steps`` has one entry per step, 1 first.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tidecast.candles import Quarantined
from tidecast.evaluation import metrics, regimes
from tidecast.evaluation.metrics import BANDS
from tidecast.evaluation.refused_rows import refused_rows
from tidecast.evaluation.step_report import Rivals, center_figures, distribution_figures
from tidecast.forecasts import LEVELS, Floats
from tidecast.models.model import ReturnForecasts
from tidecast.timeframes import format_rfc3339, interval_length

MAIN_MODEL = "ensemble"
REFERENCES = ("random_walk", "garch")
"""Baselines that every model is compared with, where they are in the backtest."""

LEAK_MASE = 0.97
LEAK_DIRECTION = 0.55
"""A one-step error below, or a direction above: a leak until proven otherwise."""

DEFINITIONS = {
    "refused_rows": "rows of the input that are no candles, left out, with counts per reason",
    "cutoff": "end of the newest candle that the forecast knows",
    "crps_bps": "2 x mean pinball loss over the 99 percentiles of the log return, basis points",
    "skill": "1 - CRPS / CRPS of the reference on the same points; above zero is better",
    "mase": "mean absolute error of the centre / that of the random walk on the same points",
    "coverage": "share of outcomes inside the central band",
    "worst_week_90": "smallest coverage of the 90 % band over seven days in a row",
    "winkler_bps": "interval score: width + 2 / alpha x distance outside, mean",
    "directional_accuracy": "ties left out; Wilson 95 % interval for n / step independent points",
    "diebold_mariano": "t above zero: this model is better than the reference; HAC, two-sided p",
    "pit": "counts of outcomes per twentieth of the forecast distribution; flat when calibrated",
    "exceedance_95": "misses of the 95 % band, every step-th cutoff: Kupiec and Christoffersen p",
    "terciles": "cutoffs by the volatility of the 24 moves before them",
}


@dataclass(frozen=True)
class BacktestResult:
    """What a walk-forward backtest leaves behind.

    Attributes:
        refits: one entry per refit, JSON-able.
        forecasts: by model name; all at the same cutoffs. A member that only has a centre has
            quantiles with no level: shape ``(n, horizon, 0)``.
        actual_returns: shape ``(n, horizon)``, log returns; NaN where the outcome is unknown.
        timings: seconds by stage.
    """

    market: str
    interval: str
    horizon: int
    start: datetime
    end: datetime
    refits: list[dict[str, Any]]
    forecasts: dict[str, ReturnForecasts]
    actual_returns: Floats
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def main_model(self) -> str:
        """The model that the report is about: the ensemble, or the first one."""
        return MAIN_MODEL if MAIN_MODEL in self.forecasts else next(iter(self.forecasts))

    @property
    def interval_length(self) -> timedelta:
        """Length of one candle, and of one step."""
        return interval_length(self.interval)

    @property
    def cutoffs_per_week(self) -> int:
        """Cutoffs in seven days, from the usual distance of two of them."""
        cutoffs = next(iter(self.forecasts.values())).cutoffs
        if len(cutoffs) < 2:
            return 1
        distance = pd.Series(cutoffs).diff().median()
        return max(1, round(pd.Timedelta(days=7) / distance))


def has_distribution(forecasts: ReturnForecasts) -> bool:
    """Whether there are quantiles, or only a centre."""
    quantiles: Floats | None = forecasts.quantiles
    return quantiles is not None and quantiles.shape[-1] == len(LEVELS)


def report(result: BacktestResult, refused: Sequence[Quarantined] = ()) -> dict[str, Any]:
    """Every metric per model and step, JSON-able.

    Args:
        result: the backtest.
        refused: rows of its input that are no candles and were left out.
    """
    scores = {
        name: metrics.crps(one.quantiles, LEVELS, result.actual_returns)
        for name, one in result.forecasts.items()
        if has_distribution(one)
    }
    terciles = regimes.volatility_terciles(next(iter(result.forecasts.values())).close)
    models = {name: {"steps": _steps(result, name, scores, terciles)} for name in result.forecasts}
    known = np.isfinite(result.actual_returns).any(axis=1)
    whole: dict[str, Any] = {
        "market": result.market,
        "interval": result.interval,
        "horizon": result.horizon,
        "start": format_rfc3339(result.start),
        "end": format_rfc3339(result.end),
        "cutoffs": int(known.sum()),
        "refused_rows": refused_rows(refused),
        "main_model": result.main_model,
        "alarms": _leak_alarms(models),
        "models": models,
        "quarters": _quarters(result, scores),
        "refits": result.refits,
        "timings_seconds": result.timings,
        "definitions": DEFINITIONS,
    }
    plain: dict[str, Any] = _jsonable(whole)
    return plain


def report_json(contents: Mapping[str, Any]) -> str:
    """Strict JSON text of a report."""
    return json.dumps(contents, indent=1, allow_nan=False) + "\n"


def _steps(
    result: BacktestResult, name: str, scores: dict[str, Floats], terciles: NDArray[np.int8]
) -> list[dict[str, Any]]:
    forecasts, week = result.forecasts[name], result.cutoffs_per_week
    rows = []
    for step in range(1, result.horizon + 1):
        actual = result.actual_returns[:, step - 1]
        row = {"step": step, **center_figures(forecasts.center[:, step - 1], actual, step)}
        if name in scores:
            rivals = Rivals(
                own=scores[name][:, step - 1],
                references={
                    other: scores[other][:, step - 1] for other in REFERENCES if other in scores
                },
            )
            quantiles = forecasts.quantiles[:, step - 1]
            row |= distribution_figures(quantiles, actual, rivals, terciles, step=step, week=week)
        rows.append(row)
    return rows


def _quarters(result: BacktestResult, scores: dict[str, Floats]) -> dict[str, Any]:
    """CRPS and coverage of the 90 % band per calendar quarter of the cutoff."""
    cutoffs = next(iter(result.forecasts.values())).cutoffs
    labels = cutoffs.year.astype(str) + "Q" + cutoffs.quarter.astype(str)
    return {
        str(label): {
            name: _quarter(result, name, crps, np.asarray(labels == label))
            for name, crps in scores.items()
        }
        for label in labels.unique()
    }


def _quarter(
    result: BacktestResult, name: str, scores: Floats, rows: metrics.Bools
) -> dict[str, list[float]]:
    quantiles, actual = result.forecasts[name].quantiles[rows], result.actual_returns[rows]
    low, high = metrics.band(quantiles, LEVELS, 90)
    steps = range(result.horizon)
    return {
        "crps_bps": [1e4 * metrics.mean_of_known(scores[rows, step]) for step in steps],
        "coverage_90": [
            metrics.coverage(low[:, step], high[:, step], actual[:, step]) for step in steps
        ],
    }


def _leak_alarms(models: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = []
    for name, contents in models.items():
        first = contents["steps"][0]
        if first["mase"] < LEAK_MASE:
            found.append(f"{name}: MASE {first['mase']:.3f} at step 1 is a leak until proven")
        direction = first["directional_accuracy"]
        if direction["share"] > LEAK_DIRECTION and direction["low"] > 0.5:
            found.append(
                f"{name}: {direction['share']:.1%} right directions at step 1 are a leak "
                "until proven"
            )
    return found


def _jsonable(value: Any) -> Any:
    """Plain Python, with None for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_jsonable(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


__all__ = ["BANDS", "BacktestResult", "has_distribution", "report", "report_json"]
