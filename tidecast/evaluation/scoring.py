"""What a served forecast was worth once its target candle is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from tidecast.errors import InvalidParameter
from tidecast.evaluation import metrics
from tidecast.forecasts import LEVELS, Floats, Forecast
from tidecast.timeframes import Market


@dataclass(frozen=True)
class Score:
    """One matured step of one forecast. Everything but ``actual`` is in units of log return.

    Attributes:
        actual: realised close at ``target_time``, in quote currency.
        error: absolute error of the centre, the log of the mean price over the close.
        baseline_error: absolute error of the random walk: the size of the realised return.
        crps: of the forecast distribution.
        baseline_crps: of the random walk with historical simulation.
        pit: level of the forecast distribution at which the actual lies.
        width_90: width of the central 90 % band.
    """

    market: Market
    cutoff: datetime
    step: int
    model_version: str
    target_time: datetime
    actual: float
    error: float
    baseline_error: float
    crps: float
    baseline_crps: float
    pit: float
    width_90: float
    covered_50: bool
    covered_80: bool
    covered_90: bool
    covered_95: bool


def score(forecast: Forecast, steps: Sequence[int], candles: pd.DataFrame) -> list[Score]:
    """Score the steps whose target candle is in the frame, in the order of ``steps``.

    Args:
        forecast: what was served.
        steps: 1..horizon.
        candles: candle frame that holds at least the target candles.

    Raises:
        InvalidParameter: a step is outside the horizon.
    """
    if any(not 1 <= step <= forecast.horizon for step in steps):
        raise InvalidParameter(
            f"steps {list(steps)} of a forecast with horizon {forecast.horizon}",
            field="steps",
            allowed=f"1..{forecast.horizon}",
        )
    target_times = forecast.target_times
    closes = candles["close"].reindex(
        pd.DatetimeIndex([target_times[step - 1] - forecast.market.length for step in steps])
    )
    return [
        _score_step(forecast, step, target_times[step - 1], float(close))
        for step, close in zip(steps, closes, strict=True)
        if np.isfinite(close)
    ]


def _score_step(forecast: Forecast, step: int, target_time: datetime, actual: float) -> Score:
    row = step - 1
    realised = np.array(np.log(actual / forecast.close))
    quantiles = np.log(forecast.quantiles[row] / forecast.close)
    baseline = np.log(forecast.baseline_quantiles[row] / forecast.close)
    low_90, high_90 = metrics.band(quantiles, LEVELS, 90)
    return Score(
        market=forecast.market,
        cutoff=forecast.cutoff,
        step=step,
        model_version=forecast.model_version,
        target_time=target_time,
        actual=actual,
        error=abs(float(np.log(forecast.mean[row] / forecast.close) - realised)),
        baseline_error=abs(float(realised)),
        crps=float(metrics.crps(quantiles, LEVELS, realised)),
        baseline_crps=float(metrics.crps(baseline, LEVELS, realised)),
        pit=float(metrics.pit(quantiles, LEVELS, realised)),
        width_90=float(high_90 - low_90),
        covered_50=_covers(quantiles, realised, 50),
        covered_80=_covers(quantiles, realised, 80),
        covered_90=_covers(quantiles, realised, 90),
        covered_95=_covers(quantiles, realised, 95),
    )


def _covers(quantiles: Floats, realised: Floats, percent: int) -> bool:
    low, high = metrics.band(quantiles, LEVELS, percent)
    return bool(metrics.covered(low, high, realised))
