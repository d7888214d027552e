"""Recomputes a published forecast from the ledger as of its publication, and compares the bits."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tidecast.errors import ArtefactInvalid, ForecastUnavailable, InvalidParameter
from tidecast.forecasts import Floats, Forecast
from tidecast.lifecycle.forecast import forecast_from
from tidecast.models.artefact import Artefact
from tidecast.models.calibration import Calibration
from tidecast.models.forecasting import history_candles
from tidecast.registry import Registry
from tidecast.store import LoggedForecast, Store
from tidecast.timeframes import Market, format_rfc3339

COMPARED = ("close", "mean", "quantiles", "baseline_quantiles")


@dataclass(frozen=True)
class Difference:
    """Values of a forecast whose bits differ.

    Attributes:
        name: which part of the forecast.
        values: how many of them differ; all, if the shapes do.
        of: how many there are in the published forecast.
        largest_ratio: largest difference relative to the published value; infinite if the shapes
            differ or a value is not finite.
    """

    name: str
    values: int
    of: int
    largest_ratio: float


@dataclass(frozen=True)
class Recomputation:
    """A published forecast and the one that was computed again."""

    published: LoggedForecast
    forecast: Forecast
    differences: tuple[Difference, ...]

    @property
    def same_bits(self) -> bool:
        """Whether every number is the same to the last bit."""
        return not self.differences


def recompute(
    store: Store,
    registry: Registry,
    market: Market,
    cutoff: datetime,
    version: str | None = None,
) -> Recomputation:
    """Compute a published forecast again: same version, calibration state and candles.

    Args:
        store: where it was published.
        registry: where its model is.
        market: whose forecast.
        cutoff: which one.
        version: of which model; the one issued last if None.

    Raises:
        InvalidParameter: none was published for this cutoff and version.
        ForecastUnavailable: none was published at all, or its calibration state is not kept.
        ArtefactInvalid: its model was deleted or is damaged.
        ForecastInvalid: its model makes no valid forecast of these candles any more.
        RegistryUnavailable: its model is not in the cache and the registry cannot be reached.
        StoreUnavailable: the store cannot be read.
    """
    published = _published(store, market, cutoff, version)
    version = published.forecast.model_version
    artefact = _load(registry, market, version)
    window = store.candles.window(
        market,
        end=cutoff,
        limit=history_candles(artefact.model),
        as_of=published.issued_at,
    )
    calibration = _used_calibration(store, published, artefact)
    forecast = forecast_from(window.candles, market, cutoff, artefact.model, calibration, version)
    return Recomputation(published, forecast, compare(published.forecast, forecast))


def compare(published: Forecast, recomputed: Forecast) -> tuple[Difference, ...]:
    """The parts of two forecasts that differ in any bit."""
    pairs = {
        name: (np.asarray(getattr(published, name)), np.asarray(getattr(recomputed, name)))
        for name in COMPARED
    }
    return tuple(
        _difference(name, before, again)
        for name, (before, again) in pairs.items()
        if before.shape != again.shape or before.tobytes() != again.tobytes()
    )


def _difference(name: str, before: Floats, again: Floats) -> Difference:
    if before.shape != again.shape:
        return Difference(name, before.size, before.size, np.inf)
    differs = np.atleast_1d(before).view(np.uint64) != np.atleast_1d(again).view(np.uint64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratios = np.atleast_1d(np.abs(again - before) / np.abs(before))[differs]
    largest = float(np.nan_to_num(ratios, nan=np.inf, posinf=np.inf).max())
    return Difference(name, int(differs.sum()), before.size, largest)


def _published(
    store: Store, market: Market, cutoff: datetime, version: str | None
) -> LoggedForecast:
    found = store.forecasts.read(
        market, start=cutoff, end=cutoff + datetime.resolution, model_version=version
    )
    if found:
        return max(found, key=lambda logged: logged.issued_at)
    span = store.forecasts.cutoffs(market)
    if span is None:
        raise ForecastUnavailable(f"no forecast of {market} was published yet")
    oldest, newest = map(format_rfc3339, span)
    of_version = "" if version is None else f" by version {version}"
    raise InvalidParameter(
        f"no forecast of {market} was published for the cutoff {format_rfc3339(cutoff)}"
        + of_version,
        field="cutoff",
        allowed=f"cutoffs of published forecasts, oldest {oldest}, newest {newest}",
    )


def _load(registry: Registry, market: Market, version: str) -> Artefact:
    try:
        return registry.load(market, version)
    except InvalidParameter as error:
        raise ArtefactInvalid(f"{error}; it was deleted") from error


def _used_calibration(store: Store, published: LoggedForecast, artefact: Artefact) -> Calibration:
    """The state that the forecast names, which never changes once it is stored."""
    if published.calibrated_at is None:
        return artefact.calibration
    forecast, named = published.forecast, published.calibrated_at
    stored = store.calibrations.get(forecast.market, forecast.model_version, as_of=named)
    if stored is None or stored[0] != named:
        raise ForecastUnavailable(
            f"the calibration state of {format_rfc3339(named)} is not in the store any more"
        )
    return Calibration.from_json(stored[1])
