from datetime import timedelta

import pytest

from service.board import Board
from service.dataplane import DataPlane
from service.snapshot import Snapshot
from tidecast.errors import ForecastUnavailable, InvalidParameter, StoreUnavailable, UnknownMarket
from tidecast.timeframes import Market

STALE = "stale: the newest candle ended 2025-01-31T10:00:00Z, over 2 candles ago"
BEHIND = (
    "clock behind: the newest candle ends 2025-01-31T10:00:00Z, "
    "over 60 s after the time of this machine"
)


@pytest.fixture
def serving(plane: DataPlane, board: Board, market: Market, snapshot: Snapshot) -> DataPlane:
    board.serve(market, snapshot)
    return plane


def test_forecast_answers_all_steps_and_default_levels(serving: DataPlane) -> None:
    answer = serving.forecast("BTC-USD")
    assert (answer.steps, answer.levels) == (4, serving.limits.default_levels)
    assert (answer.data_age_seconds, answer.degraded) == (1800.0, ())


@pytest.mark.parametrize("horizon", [0, -1, 5, 10**9])
def test_forecast_refuses_horizons_it_has_not(serving: DataPlane, horizon: int) -> None:
    with pytest.raises(InvalidParameter) as caught:
        serving.forecast("BTC-USD", horizon=horizon)
    assert (caught.value.field, caught.value.allowed) == ("horizon", "1..4")


@pytest.mark.parametrize(
    ("symbol", "interval", "field", "allowed"),
    [
        ("DOGE-USD", "1h", "symbol", ["BTC-USD", "ETH-USD"]),
        ("btc-usd", "1h", "symbol", ["BTC-USD", "ETH-USD"]),
        ("BTC-USD", "1d", "interval", ["1h"]),
        ("BTC-USD", "2h", "interval", ["5m", "1h", "1d"]),
    ],
)
def test_forecast_names_what_is_wrong_with_the_market(
    serving: DataPlane, symbol: str, interval: str, field: str, allowed: list[str]
) -> None:
    with pytest.raises((UnknownMarket, InvalidParameter)) as caught:
        serving.forecast(symbol, interval)
    assert (caught.value.field, caught.value.allowed) == (field, allowed)


def test_forecast_says_what_is_missing_before_the_first(plane: DataPlane, board: Board) -> None:
    board.trouble(Market("ETH-USD", "1d"), "candle", "no candle in the store yet")
    with pytest.raises(ForecastUnavailable, match="ETH-USD:1d: no candle in the store yet"):
        plane.forecast("ETH-USD", "1d")


def test_forecast_tells_every_reason(
    serving: DataPlane, board: Board, market: Market, clock
) -> None:
    board.trouble(market, "store", "store unavailable")
    clock.moment += timedelta(hours=2)
    reasons = ("store unavailable", STALE)
    assert serving.forecast("BTC-USD").degraded == reasons


def test_forecast_is_refused_beyond_max_staleness(
    serving: DataPlane, board: Board, market: Market, clock
) -> None:
    board.trouble(market, "store", "store unavailable")
    clock.moment += timedelta(hours=24)
    with pytest.raises(ForecastUnavailable, match=r"24\.5 candles ago.* 24; store unavailable"):
        serving.forecast("BTC-USD")


def test_forecasts_lists_what_is_missing(serving: DataPlane) -> None:
    answers, missing = serving.forecasts(horizon=2)
    assert [answer.steps for answer in answers] == [2]
    assert [str(market) for market, _ in missing] == ["ETH-USD:1h", "ETH-USD:1d"]


def test_forecasts_without_any_is_unavailable(plane: DataPlane) -> None:
    with pytest.raises(ForecastUnavailable, match="BTC-USD:1h.*ETH-USD:1d"):
        plane.forecasts()


def test_readiness_says_per_market_what_is_missing(plane: DataPlane, board: Board) -> None:
    readiness = plane.readiness()
    assert not readiness.ready
    assert {market.missing for market in readiness.markets} == {"the service is starting"}


def test_readiness_needs_one_market(serving: DataPlane) -> None:
    readiness = serving.readiness()
    assert readiness.ready
    assert [market.ready for market in readiness.markets] == [True, False, False]


def test_candles_and_scores_of_a_store_without_tables_are_unavailable(plane: DataPlane) -> None:
    with pytest.raises(StoreUnavailable):
        plane.candles("BTC-USD")
    with pytest.raises(StoreUnavailable):
        plane.scores("BTC-USD")


def test_forecast_of_a_service_whose_clock_is_behind_says_so(serving: DataPlane, clock) -> None:
    clock.moment -= timedelta(hours=5)
    answer = serving.forecast("BTC-USD")
    assert answer.data_age_seconds == -16200.0
    assert answer.degraded == (BEHIND,)


def test_forecast_is_no_more_degraded_the_moment_the_clock_has_caught_up(
    serving: DataPlane, clock
) -> None:
    clock.moment -= timedelta(minutes=31, microseconds=1)
    answer = serving.forecast("BTC-USD")
    clock.moment += timedelta(microseconds=1)
    assert answer.degraded == (BEHIND,)
    assert not serving.is_current(answer)
    assert serving.forecast("BTC-USD").degraded == ()
