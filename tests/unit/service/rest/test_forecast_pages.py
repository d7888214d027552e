import json
from dataclasses import replace
from datetime import timedelta

import pytest

from service.board import Board
from service.dataplane import DataPlane
from service.rest.forecast_pages import ForecastPages
from service.snapshot import Snapshot
from tidecast.errors import ForecastUnavailable
from tidecast.timeframes import Market

STALE = "stale: the newest candle ended 2025-01-31T10:00:00Z, over 2 candles ago"


@pytest.fixture
def pages(plane: DataPlane, board: Board, market: Market, snapshot: Snapshot) -> ForecastPages:
    board.serve(market, snapshot)
    return ForecastPages(plane)


def _age(pages: ForecastPages, market: Market) -> float:
    return json.loads(pages.default(market).body)["data_age_seconds"]


def test_default_page_is_kept_for_a_second(pages: ForecastPages, market: Market, clock) -> None:
    first = pages.default(market)
    clock.moment += timedelta(seconds=0.9)
    assert pages.default(market) is first
    clock.moment += timedelta(seconds=0.1)
    assert _age(pages, market) == 1801


def test_default_page_follows_a_clock_that_is_set_back(
    pages: ForecastPages, market: Market, clock
) -> None:
    pages.default(market)
    clock.moment -= timedelta(seconds=10)
    assert _age(pages, market) == 1790


def test_default_page_is_new_at_once_with_a_new_snapshot(
    pages: ForecastPages, board: Board, market: Market, snapshot: Snapshot
) -> None:
    first = pages.default(market)
    forecast = replace(snapshot.forecast, model_version="8")
    rendered = replace(snapshot.rendered, digest="another")
    board.serve(
        market,
        replace(snapshot, logged=replace(snapshot.logged, forecast=forecast), rendered=rendered),
    )
    assert pages.default(market).etag != first.etag


def test_default_page_tells_a_trouble_at_once(
    pages: ForecastPages, board: Board, market: Market
) -> None:
    first = pages.default(market)
    board.trouble(market, "store", "store unavailable")
    second = pages.default(market)
    assert json.loads(second.body)["degraded"] == ["store unavailable"]
    assert second.etag != first.etag
    board.trouble(market, "store", None)
    assert pages.default(market).etag == first.etag


def test_default_page_is_stale_at_the_right_moment(
    pages: ForecastPages, market: Market, clock
) -> None:
    clock.moment += timedelta(minutes=90) - timedelta(microseconds=1)
    assert json.loads(pages.default(market).body)["degraded"] == []
    clock.moment += timedelta(microseconds=2)
    assert json.loads(pages.default(market).body)["degraded"] == [STALE]


def test_default_page_ends_with_the_last_moment_of_service(
    pages: ForecastPages, market: Market, clock
) -> None:
    clock.moment += timedelta(hours=23.5)
    pages.default(market)
    clock.moment += timedelta(microseconds=1)
    with pytest.raises(ForecastUnavailable):
        pages.default(market)


def test_copies_are_kept_until_the_next_candle(pages: ForecastPages, plane: DataPlane) -> None:
    assert plane.keep_seconds(plane.forecast("BTC-USD")) == 30 * 60 - 1


def test_copies_are_not_kept_once_the_next_candle_is_due(
    pages: ForecastPages, plane: DataPlane, clock
) -> None:
    clock.moment += timedelta(minutes=30)
    assert plane.keep_seconds(plane.forecast("BTC-USD")) == 0


def test_copies_of_a_degraded_answer_are_not_kept(
    pages: ForecastPages, plane: DataPlane, board: Board, market: Market
) -> None:
    board.trouble(market, "store", "store unavailable")
    assert plane.keep_seconds(plane.forecast("BTC-USD")) == 0


def test_copies_of_an_answer_from_candles_with_a_gap_are_kept(
    pages: ForecastPages, plane: DataPlane, board: Board, market: Market, snapshot: Snapshot
) -> None:
    board.serve(market, replace(snapshot, reasons=("gap: 1 of the newest 720 candles missing",)))
    answer = plane.forecast("BTC-USD")
    assert answer.degraded
    assert plane.keep_seconds(answer) == 30 * 60 - 1


def test_copies_of_a_simulated_answer_are_not_kept(
    pages: ForecastPages, plane: DataPlane, board: Board, market: Market, snapshot: Snapshot, clock
) -> None:
    clock.simulated = True
    assert plane.keep_seconds(plane.forecast("BTC-USD")) == 0
    clock.simulated = False
    board.serve(market, replace(snapshot, logged=replace(snapshot.logged, simulated=True)))
    assert plane.keep_seconds(plane.forecast("BTC-USD")) == 0


def test_tag_stands_for_the_part_that_was_asked(pages: ForecastPages, plane: DataPlane) -> None:
    asked = [{}, {"horizon": 2}, {"levels": [0.5]}, {"horizon": 2, "levels": [0.5]}]
    tags = [plane.forecast("BTC-USD", **part).tag() for part in asked]
    assert len(set(tags)) == len(tags)


def test_tag_knows_no_age(pages: ForecastPages, plane: DataPlane, clock) -> None:
    before = plane.forecast("BTC-USD").tag()
    clock.moment += timedelta(minutes=5)
    assert plane.forecast("BTC-USD").tag() == before


def test_page_of_all_has_a_tag_of_all(
    pages: ForecastPages, plane: DataPlane, board: Board, snapshot: Snapshot
) -> None:
    first = pages.all(*plane.forecasts())
    board.trouble(Market("ETH-USD", "1d"), "candle", "no candle in the store yet")
    second = pages.all(*plane.forecasts())
    assert first.etag != second.etag
    assert json.loads(second.body)["missing"][1]["reason"].endswith("no candle in the store yet")
