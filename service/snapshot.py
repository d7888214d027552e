"""What is served for one market: computed once per candle and champion, swapped as a whole."""

from dataclasses import dataclass
from datetime import datetime

from service.champion import Champion, Origin
from service.rendering import Rendered, render
from tidecast.clock import Clock
from tidecast.forecasts import Forecast
from tidecast.lifecycle.forecast import compute_forecast, degradations
from tidecast.store import Basis, LoggedForecast, Store
from tidecast.timeframes import Market

REPLAYED = "replayed data"


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
        end=cutoff + datetime.resolution,
        model_version=origin.title.version,
    )
    return build_snapshot(store, found[0], origin, default_levels) if found else None


def compute(
    store: Store,
    market: Market,
    champion: Champion,
    cutoff: datetime,
    *,
    clock: Clock,
    default_levels: tuple[int, ...],
) -> tuple[Snapshot, Basis | None]:
    """Forecast from the ledger as it is now, unless that was done and logged before.

    Args:
        store: where candles, calibration states and logged forecasts are.
        market: whose forecast.
        champion: what to forecast with.
        cutoff: end of the newest closed candle.
        clock: says when the forecast is issued.
        default_levels: positions in ``LEVELS`` of an answer that names none.

    Returns:
        The snapshot, and what the log checks it by; None if it was logged before.

    Raises:
        StoreUnavailable: the store cannot be read.
        TooFewCandles: the history is too short for the model.
        ForecastInvalid: the model makes an invalid forecast here.
    """
    logged = logged_snapshot(store, market, champion.origin, cutoff, default_levels)
    if logged is not None:
        return logged, None
    computed = compute_forecast(
        store,
        market,
        cutoff,
        champion.model,
        champion.calibration,
        champion.title.version,
        clock,
    )
    snapshot = build_snapshot(store, computed.logged, champion.origin, default_levels)
    return snapshot, computed.basis


def build_snapshot(
    store: Store, logged: LoggedForecast, origin: Origin, default_levels: tuple[int, ...]
) -> Snapshot:
    """What is served of a forecast, with the reasons that the ledger gives for it.

    Raises:
        StoreUnavailable: the store cannot be read.
    """
    rendered = render(
        logged.forecast,
        source=logged.source,
        trained_at=origin.trained_at,
        promoted_at=origin.title.promoted_at,
        simulated=logged.simulated,
        default_levels=default_levels,
    )
    replayed = (REPLAYED,) if logged.simulated else ()
    reasons = degradations(store, logged, origin.model)
    return Snapshot(logged, origin, (*replayed, *reasons), rendered)
