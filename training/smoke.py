"""Makes one real forecast with a model version before anybody has to rely on it."""

from datetime import datetime

from tidecast.errors import ForecastInvalid, InvalidParameter, RejectedError
from tidecast.forecasts import Forecast
from tidecast.lifecycle.model_loading import load_version
from tidecast.models.forecasting import forecast_at, history_candles
from tidecast.registry import Registry
from tidecast.store import Store
from tidecast.timeframes import Market

BROKEN_MODEL = (
    RejectedError,
    InvalidParameter,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
)
"""What a model with damaged or foreign parameters raises when it is asked for a forecast."""


def smoke_forecast(
    store: Store, registry: Registry, market: Market, version: str, now: datetime
) -> Forecast:
    """Load a version and forecast from the newest candles known at ``now``.

    Raises:
        ArtefactInvalid: it is damaged, incomplete, of another format or of another market.
        ForecastInvalid: it cannot forecast, or its forecast is not valid.
        TooFewCandles: the store has too few candles to try it.
        InvalidParameter: there is no such version.
        RegistryUnavailable, StoreUnavailable: it could not be tried.
    """
    artefact = load_version(store, registry, market, version, now)
    needed = history_candles(artefact.model)
    candles = store.candles.read(market, as_of=now, limit=needed)
    try:
        return forecast_at(artefact.model, artefact.calibration, candles, market, version)
    except RejectedError:
        raise
    except BROKEN_MODEL as error:
        raise ForecastInvalid(f"version {version} cannot forecast: {error!r}") from error
