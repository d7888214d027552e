"""When a candle was first seen: what the ledger shows as of an instant was really there then."""

from datetime import UTC, datetime, timedelta

import pandas as pd

from tests.integration.ingestion.conftest import StoppedClock

NOON = datetime(2025, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def _ticking(bench, clock, seconds):
    """Let each answer of the exchanges take some time."""

    def tick():
        clock.at += timedelta(seconds=seconds)
        bench.first.now = bench.second.now = clock.at

    return tick


def test_candle_that_closes_during_a_run_is_not_seen_before_its_close(bench):
    clock = StoppedClock(NOON - 20 * SECOND)
    bench.first.on_request = _ticking(bench, clock, 30)
    bench.ingest_by(clock)
    newest = bench.store.candles.newest(bench.settings.market)
    assert newest.open_time == NOON - HOUR
    assert newest.first_seen_at == NOON + 10 * SECOND


def test_candle_is_not_seen_before_its_close_by_a_clock_that_is_behind(bench):
    bench.first.now = bench.second.now = NOON + SECOND
    bench.ingest_at(NOON - timedelta(minutes=10))
    newest = bench.store.candles.newest(bench.settings.market)
    assert (newest.open_time, newest.first_seen_at) == (NOON - HOUR, NOON)


def test_candle_healed_later_in_a_run_is_not_seen_before_it_was_stored(bench, candles):
    market, clock = bench.settings.market, StoppedClock(NOON + 5 * SECOND)
    hole = candles.index[-5]
    bench.first.candles = candles.drop(hole)
    bench.first.on_request = _ticking(bench, clock, 1)
    between = {}

    def forecast():
        between.setdefault("at", clock.at)
        between.setdefault("frame", bench.store.candles.read(market, end=NOON, limit=200))
        _ticking(bench, clock, 2)()

    bench.second.on_request = forecast
    bench.ingest_by(clock)
    assert hole not in between["frame"].index
    again = bench.store.candles.read(market, end=NOON, limit=200, as_of=between["at"])
    pd.testing.assert_frame_equal(again, between["frame"])
    assert hole in bench.store.candles.read(market, end=NOON, as_of=clock.at).index
