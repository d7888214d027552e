"""Computes a forecast from the ledger, in the same way to publish it and to recompute it."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from tidecast.clock import Clock
from tidecast.data_quality import candle_problems
from tidecast.errors import ArtefactInvalid, ForecastInvalid
from tidecast.features.matrix import needed_candles
from tidecast.forecasts import Forecast
from tidecast.models.calibration import Calibration
from tidecast.models.forecasting import forecast_at, history_candles
from tidecast.models.ladder import short_history_reason
from tidecast.models.model import Model
from tidecast.store import Basis, LoggedForecast, Store
from tidecast.timeframes import Market

UNCALIBRATED = "calibration state cannot be read: the bands are those of the training"
REPLAY = "replay:"
"""Begins the source of candles that the replay exchange gave."""


@dataclass(frozen=True)
class ComputedForecast:
    """A forecast that can be logged.

    Attributes:
        basis: the candles it was made from; the log checks them.
    """

    logged: LoggedForecast
    basis: Basis


def compute_forecast(
    store: Store,
    market: Market,
    cutoff: datetime,
    model: Model,
    calibration: Calibration,
    version: str,
    clock: Clock,
) -> ComputedForecast:
    """Forecast from the ledger as it is now.

    Args:
        store: where candles and calibration states are.
        market: whose forecast.
        cutoff: end of the newest closed candle.
        model: what to forecast with.
        calibration: the state that came with the model, for as long as none is stored.
        version: of the model.
        clock: says when the forecast is issued.

    Raises:
        StoreUnavailable: the store cannot be read.
        TooFewCandles: the history is too short for the model.
        ForecastInvalid: the model makes an invalid forecast here.
    """
    window = store.candles.window(market, end=cutoff, limit=history_candles(model))
    issued_at = window.basis.issued_at(clock.now())
    sources = store.candles.sources(market, start=cutoff - market.length, end=cutoff)
    source = sources[0] if sources else "unknown"
    stored = _stored_calibration(store, market, version, cutoff)
    calibrated_at = None
    if stored is not None and stored[1] is not None:
        calibrated_at, calibration = stored[0], stored[1]
    forecast = forecast_from(window.candles, market, cutoff, model, calibration, version)
    simulated = clock.simulated or source.startswith(REPLAY)
    logged = LoggedForecast(forecast, issued_at, source, calibrated_at, simulated)
    return ComputedForecast(logged, window.basis)


def forecast_from(
    candles: pd.DataFrame,
    market: Market,
    cutoff: datetime,
    model: Model,
    calibration: Calibration,
    version: str,
) -> Forecast:
    """The forecast of candles that end at the cutoff.

    Raises:
        TooFewCandles: the history is too short for the model.
        ForecastInvalid: the model fails, or makes an invalid forecast.
    """
    try:
        forecast = forecast_at(model, calibration, candles, market, version)
    except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as error:
        raise ForecastInvalid(f"the model fails: {error!r}") from error
    if forecast.cutoff != cutoff:
        raise ForecastInvalid(f"the model forecasts from {forecast.cutoff}, asked was {cutoff}")
    return forecast


def degradations(store: Store, logged: LoggedForecast, model: str | None) -> tuple[str, ...]:
    """What was not normal about a forecast when it was issued.

    Read from the ledger as of then, so that every process says the same, also after a restart and
    after a gap was healed.

    Args:
        store: where candles and calibration states are.
        logged: the forecast.
        model: name of its model in the catalogue, None when it is not known.

    Raises:
        StoreUnavailable: the store cannot be read.
    """
    forecast = logged.forecast
    market, cutoff = forecast.market, forecast.cutoff
    window = store.candles.window(
        market, end=cutoff, as_of=logged.issued_at, limit=needed_candles(market.interval)
    )
    reasons = candle_problems(window.candles, market.interval).reasons
    if logged.calibrated_at is None:
        stored = _stored_calibration(store, market, forecast.model_version, cutoff)
        if stored is not None and stored[1] is None:
            reasons = (UNCALIBRATED, *reasons)
    short = _short_history(store, logged, model)
    return reasons if short is None else (*reasons, short)


def _short_history(store: Store, logged: LoggedForecast, model: str | None) -> str | None:
    if model is None:
        return None
    market, forecast = logged.forecast.market, logged.forecast
    candles = store.candles.count(market, end=forecast.cutoff, as_of=logged.issued_at)
    return short_history_reason(model, market.interval, forecast.horizon, candles)


def _stored_calibration(
    store: Store, market: Market, version: str, cutoff: datetime
) -> tuple[datetime, Calibration | None] | None:
    """The newest stored state and its cutoff; None in place of a state that cannot be read."""
    stored = store.calibrations.get(market, version, as_of=cutoff)
    if stored is None:
        return None
    calibrated_at, text = stored
    try:
        return calibrated_at, Calibration.from_json(text)
    except ArtefactInvalid:
        return calibrated_at, None
