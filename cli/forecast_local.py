"""The newest forecast, computed here from the store and the champion, as the service would."""

from collections.abc import Sequence

from cli.forecast_view import View
from service.board import NO_CANDLE, NO_CHAMPION, Board
from service.champion import find_origin, load_champion, titles
from service.dataplane import DataPlane, Limits
from service.parameters import level_positions
from service.snapshot import compute
from tidecast.errors import ForecastUnavailable
from tidecast.registry import Registry
from tidecast.settings import Settings
from tidecast.store import Store
from tidecast.timeframes import Market

HISTORY_CANDLES = 200


def newest_view(
    store: Store,
    registry: Registry,
    settings: Settings,
    market: Market,
    horizon: int | None,
    levels: Sequence[float] | None,
) -> View:
    """Compute it; nothing is logged as served.

    Raises:
        ForecastUnavailable: there is no candle or no champion, or the data are too old.
        TidecastError: the champion cannot be loaded or makes no honest forecast.
    """
    newest = store.candles.newest(market)
    if newest is None:
        raise ForecastUnavailable(f"{market}: {NO_CANDLE}; run `tidecast ingest {market}`")
    order = titles(None, store.promotions.history(market))
    if not order:
        raise ForecastUnavailable(f"{market}: {NO_CHAMPION}; run `tidecast train {market}`")
    clock, limits = settings.clock.build(), _limits(settings)
    snapshot, _ = compute(
        store,
        market,
        load_champion(registry, market, find_origin(registry, market, order[0])),
        newest.open_time + market.length,
        clock=clock,
        default_levels=limits.default_levels,
    )
    board = Board([market])
    board.serve(market, snapshot)
    answer = DataPlane(board, store, clock, limits).forecast(
        market.symbol, market.interval, horizon, levels
    )
    history = store.candles.read(market, limit=HISTORY_CANDLES)
    return View(answer.to_json().decode(), snapshot.forecast, history)


def _limits(settings: Settings) -> Limits:
    return Limits(
        horizon=settings.horizon,
        default_levels=level_positions(settings.default_levels),
        max_staleness_candles=settings.service.max_staleness_candles,
        degraded_after_candles=settings.service.degraded_after_candles,
        max_candles=settings.service.max_candles_per_answer,
    )
