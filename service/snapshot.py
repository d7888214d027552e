"""What is served for one market: computed once per candle and champion, swapped as a whole."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from service.champion import Champion, Origin
from service.rendering import Rendered, render
from tidecast.candles import gaps
from tidecast.errors import ArtefactInvalid, ForecastInvalid
from tidecast.forecasts import Forecast
from tidecast.models.calibration import Calibration
from tidecast.models.forecasting import forecast_at, history_candles
from tidecast.models.ladder import short_history_reason
from tidecast.store import LoggedForecast, Store
from tidecast.timeframes import Market

REPLAYED = "replayed data"
UNCALIBRATED = "calibration state cannot be read: the bands are those of the training"
REPLAY = "replay:"
"""Begins the source of candles that the replay exchange gave."""
GAP_CANDLES = 48
"""Newest candles in which a missing one is told in ``degraded``."""


@dataclass(frozen=True)
class Snapshot:
    """One forecast with its facts and its bytes. Immutable.

    Attributes:
        logged: the forecast as it goes into the forecast log.
        reasons: what is wrong with it for as long as it is served.
    """

    logged: LoggedForecast
    origin: Origin
    reasons: tuple[str, ...]
    rendered: Rendered

    @property
    def forecast(self) -> Forecast:
        """The forecast itself."""
        return self.logged.forecast


def logged_snapshot(
    store: Store,
    market: Market,
    origin: Origin,
    cutoff: datetime,
    default_levels: tuple[int, ...],
) -> Snapshot | None:
    """The forecast that was logged for this cutoff and version, without the model that made it.

    It is served again instead of a new one: after a restart, and beside other replicas, what is
    served stays what will be scored.

    Raises:
        StoreUnavailable: the store cannot be read.
    """
    found = store.forecasts.read(
        market,
        start=cutoff,
        end=cutoff + timedelta(seconds=1),
        model_version=origin.title.version,
    )
    if not found:
        return None
    reasons = (
        *_gap_reasons(store, market, cutoff),
        *_history_reasons(store, origin, found[0].forecast),
    )
    return _snapshot(found[0], origin, reasons, default_levels)


def compute(
    store: Store,
    market: Market,
    champion: Champion,
    cutoff: datetime,
    *,
    now: datetime,
    simulated: bool,
    default_levels: tuple[int, ...],
) -> Snapshot:
    """Forecast from the ledger as it is now, unless that was done and logged before.

    Args:
        store: where candles, calibration states and logged forecasts are.
        market: whose forecast.
        champion: what to forecast with.
        cutoff: end of the newest closed candle.
        now: when the forecast is issued.
        simulated: whether the clock is.
        default_levels: positions in ``LEVELS`` of an answer that names none.

    Raises:
        StoreUnavailable: the store cannot be read.
        TooFewCandles: the history is too short for the model.
        ForecastInvalid: the model makes no honest forecast here.
    """
    done = logged_snapshot(store, market, champion.origin, cutoff, default_levels)
    if done is not None:
        return done
    candles = store.candles.read(market, end=cutoff, limit=history_candles(champion.model))
    source = _source(store, market, cutoff)
    calibration, calibrated_at, unreadable = _calibration(store, market, champion, cutoff)
    forecast = _forecast(champion, calibration, candles, market, cutoff)
    simulated = simulated or source.startswith(REPLAY)
    logged = LoggedForecast(forecast, now, source, calibrated_at, simulated)
    reasons = (
        *unreadable,
        *_gap_reasons(store, market, cutoff),
        *_history_reasons(store, champion.origin, forecast),
    )
    return _snapshot(logged, champion.origin, reasons, default_levels)


def _snapshot(
    logged: LoggedForecast,
    origin: Origin,
    reasons: tuple[str, ...],
    default_levels: tuple[int, ...],
) -> Snapshot:
    rendered = render(
        logged.forecast,
        source=logged.source,
        trained_at=origin.trained_at,
        promoted_at=origin.title.promoted_at,
        simulated=logged.simulated,
        default_levels=default_levels,
    )
    replayed = (REPLAYED,) if logged.simulated else ()
    return Snapshot(logged, origin, (*replayed, *reasons), rendered)


def _source(store: Store, market: Market, cutoff: datetime) -> str:
    sources = store.candles.sources(market, start=cutoff - market.length, end=cutoff)
    return sources[0] if sources else "unknown"


def _calibration(
    store: Store, market: Market, champion: Champion, cutoff: datetime
) -> tuple[Calibration, datetime | None, tuple[str, ...]]:
    """The newest stored state, or the artefact's own with the reason if there is a bad one."""
    stored = store.calibrations.get(market, champion.title.version, as_of=cutoff)
    if stored is None:
        return champion.calibration, None, ()
    calibrated_at, text = stored
    try:
        return Calibration.from_json(text), calibrated_at, ()
    except ArtefactInvalid:
        return champion.calibration, None, (UNCALIBRATED,)


def _forecast(
    champion: Champion,
    calibration: Calibration,
    candles: pd.DataFrame,
    market: Market,
    cutoff: datetime,
) -> Forecast:
    try:
        forecast = forecast_at(champion.model, calibration, candles, market, champion.title.version)
    except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError) as error:
        raise ForecastInvalid(f"the model fails: {error!r}") from error
    if forecast.cutoff != cutoff:
        raise ForecastInvalid(f"the model forecasts from {forecast.cutoff}, asked was {cutoff}")
    return forecast


def _history_reasons(store: Store, origin: Origin, forecast: Forecast) -> tuple[str, ...]:
    if origin.model is None:
        return ()
    market, horizon = forecast.market, len(forecast.mean)
    reason = short_history_reason(
        origin.model, market.interval, horizon, store.candles.count(market, end=forecast.cutoff)
    )
    return () if reason is None else (reason,)


def _gap_reasons(store: Store, market: Market, cutoff: datetime) -> tuple[str, ...]:
    newest = store.candles.read(market, end=cutoff, limit=GAP_CANDLES)
    missing = sum(gap.missing for gap in gaps(pd.DatetimeIndex(newest.index), market.interval))
    return (f"{missing} candles missing among the newest {GAP_CANDLES}",) if missing else ()
