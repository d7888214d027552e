"""From a fitted model to the price forecast that is served."""

from datetime import datetime

import numpy as np
import pandas as pd

from tidecast.errors import ForecastInvalid
from tidecast.forecasts import LEVELS, Floats, Forecast, check_quantiles, mean_of
from tidecast.models.baselines import RandomWalk, simulation_candles
from tidecast.models.calibration import Calibration
from tidecast.models.model import Model, ReturnForecasts
from tidecast.timeframes import Market


def history_candles(model: Model) -> int:
    """Candles that ``forecast_at`` looks at: those of the model and those of the baseline."""
    return max(model.needed_candles, simulation_candles(model.interval) + model.horizon)


def to_prices(returns: ReturnForecasts) -> tuple[Floats, Floats]:
    """Means ``(n, horizon)`` and quantiles ``(n, horizon, levels)`` as prices."""
    close = returns.close[:, None, None]
    quantiles = close * np.exp(returns.quantiles)
    return mean_of(quantiles), quantiles


def forecast_at(
    model: Model,
    calibration: Calibration,
    candles: pd.DataFrame,
    market: Market,
    model_version: str,
    cutoff: datetime | None = None,
) -> Forecast:
    """The forecast of one market at one cutoff, the end of the last candle when None.

    The same candles, model and calibration give the same numbers to the last bit.

    Raises:
        ForecastInvalid: the model's answer is not finite, crossed, constant or absurd.
        InvalidParameter: no candle ends at the cutoff.
        TooFewCandles: the history is too short.
    """
    asked = None if cutoff is None else pd.DatetimeIndex([cutoff])
    if asked is not None:
        candles = candles[candles.index < asked[0]]
    candles = candles.iloc[-history_candles(model) :]
    raw = model.predict(candles, asked)
    _check_raw(raw, model.horizon)
    baseline = RandomWalk.fit(candles, market.interval, model.horizon).predict(candles)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
        mean, quantiles = to_prices(calibration.apply(raw))
    forecast = Forecast(
        market=market,
        cutoff=raw.cutoffs[0].to_pydatetime(),
        close=float(raw.close[0]),
        mean=mean[0],
        quantiles=quantiles[0],
        baseline_quantiles=to_prices(baseline)[1][0],
        model_version=model_version,
    )
    check_quantiles(forecast.close, forecast.mean, forecast.quantiles)
    return forecast


def _check_raw(raw: ReturnForecasts, horizon: int) -> None:
    """Refuse what the calibration cannot take, or would put in order again."""
    if raw.quantiles.shape != (1, horizon, len(LEVELS)):
        raise ForecastInvalid(f"shape {raw.quantiles.shape}, expected {(1, horizon, len(LEVELS))}")
    if not np.isfinite(raw.quantiles).all():
        raise ForecastInvalid("a quantile of the model is not finite")
    if (np.diff(raw.quantiles, axis=-1) < 0).any():
        raise ForecastInvalid("quantiles of the model cross")
