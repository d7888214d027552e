"""Jumps of the price, run by run: what is held back, what settles it, and what is refused."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from ingestion.spans import CHUNK_CANDLES
from tests.integration.ingestion.conftest import make_candles
from tidecast.price_jumps import CONFIRMING_CANDLES
from tidecast.settings import SourceSettings
from tidecast.timeframes import Market, interval_length

NOW = datetime(2025, 3, 10, 12, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
PRICES = ["open", "high", "low", "close"]
DOWN = (503, {})


def _scaled(candles, factors, first):
    """Candles with prices multiplied from the row ``first`` on, by the last factor to the end."""
    moved = candles.copy()
    rows = np.arange(len(moved)) - first
    steps = np.array([1.0, *factors])[np.clip(rows + 1, 0, len(factors))]
    moved[PRICES] = moved[PRICES].mul(steps, axis=0)
    return moved


def _events(bench, kind):
    return [event for event in bench.store.events.read() if event.kind == kind]


def _serve(bench, candles):
    bench.first.candles = bench.second.candles = candles


@pytest.fixture
def alone(bench):
    """A bench whose second source is down."""
    bench.second.fault = DOWN
    return bench


def _run_hours(bench, hours, start=NOW):
    return [bench.ingest(start + hour * HOUR) for hour in range(hours)]


@pytest.fixture
def hours(candles):
    """The candles of the bench and of the day after."""
    return pd.concat([candles.iloc[:-1], make_candles(25, candles.index[-1] + 24 * HOUR, seed=2)])


@pytest.mark.parametrize(
    "factors",
    [[1e-3], [1e3], [4.0, 12.0, 30.0], [6.0, 40.0, 250.0], [0.3, 0.02, 1e-3]],
    ids=["split", "merge", "growth", "steps", "crash"],
)
def test_move_that_stays_is_stored_whole_once_it_is_confirmed(alone, hours, factors):
    _serve(alone, _scaled(hours, factors, len(hours) - 25))
    results = _run_hours(alone, len(factors) + CONFIRMING_CANDLES + 1)
    assert (results[-1].held_back, results[-1].lag_candles, results[-1].gaps) == (0, 0, ())
    stored = alone.stored
    pd.testing.assert_frame_equal(stored, alone.first.candles.loc[stored.index])
    assert alone.store.candles.quarantined(alone.settings.market) == []


def test_split_is_held_back_and_stored_in_the_run_that_confirms_it(alone, hours):
    _serve(alone, _scaled(hours, [1e-3], len(hours) - 25))
    results = _run_hours(alone, CONFIRMING_CANDLES + 1)
    assert [result.held_back for result in results] == [0, 1, 2, 0]
    assert [result.lag_candles for result in results] == [0, 1, 2, 0]
    assert [result.confirmed for result in results] == [0, 0, 0, CONFIRMING_CANDLES - 1]
    assert [result.inserted for result in results[1:]] == [0, 0, CONFIRMING_CANDLES]


def test_jump_makes_one_event_when_held_back_and_one_when_confirmed(alone, hours):
    _serve(alone, _scaled(hours, [1e-3], len(hours) - 25))
    _run_hours(alone, CONFIRMING_CANDLES + 3)
    (suspected,), (confirmed,) = (
        _events(alone, kind) for kind in ("JumpSuspected", "JumpConfirmed")
    )
    assert suspected.detail["open_time"] == confirmed.detail["open_time"] == "2025-03-10T12:00:00Z"
    assert suspected.detail["last_close"] == pytest.approx(1000 * suspected.detail["close"], 0.2)
    assert (suspected.detail["candles"], confirmed.detail["candles"]) == (1, 2)


def test_second_source_confirms_a_jump_in_the_same_run(bench, hours):
    _serve(bench, _scaled(hours, [1e-3], len(hours) - 25))
    _, result = _run_hours(bench, 2)
    assert (result.held_back, result.lag_candles, result.confirmed) == (0, 0, 1)
    assert bench.store.candles.newest(bench.settings.market).source == "replay:BTC-USD"


def test_second_source_that_contradicts_a_jump_gives_the_candle(bench, hours):
    bench.first.candles = _scaled(hours, [1e3], len(hours) - 25)
    bench.second.candles = hours
    _, result = _run_hours(bench, 2)
    assert (result.held_back, result.lag_candles, result.confirmed) == (0, 0, 0)
    pd.testing.assert_frame_equal(bench.stored[-1:], hours.loc[bench.stored.index[-1:]])


def test_lower_price_behind_an_outage_recovers(alone, hours):
    first = len(hours) - 25
    moved = _scaled(hours, [1 / 6], first)
    _serve(alone, moved.drop(moved.index[first - 100 : first]))
    alone.ingest(NOW - 101 * HOUR)
    results = _run_hours(alone, CONFIRMING_CANDLES + 1)
    assert [result.held_back for result in results] == [0, 1, 2, 0]
    assert results[-1].lag_candles == 0


def test_page_of_wrong_prices_is_refused_and_leaves_nothing_behind(alone, hours):
    _serve(alone, hours)
    alone.ingest(NOW)
    before = alone.stored
    alone.first.candles = hours.assign(**{name: hours[name] * 1000 for name in PRICES})
    result = alone.ingest(NOW + 6 * HOUR)
    pd.testing.assert_frame_equal(alone.stored, before)
    assert (result.held_back, result.lag_candles) == (6, 6)
    alone.first.candles = hours
    result = alone.ingest(NOW + 6 * HOUR + timedelta(minutes=1))
    assert (result.inserted, result.held_back, result.confirmed) == (6, 0, 0)
    assert _events(alone, "JumpConfirmed") == []


def test_few_wrong_candles_are_refused_and_block_nothing(alone, hours):
    wrong = hours.copy()
    wrong.loc[wrong.index[-24:-22], PRICES] *= 1000
    _serve(alone, wrong)
    results = _run_hours(alone, 6)
    (gap,) = results[-1].gaps
    assert (gap.missing, results[-1].lag_candles, results[-1].held_back) == (2, 0, 0)
    assert _events(alone, "JumpConfirmed") == []


def test_market_that_began_with_wrong_prices_recovers(alone, hours):
    wrong = hours.assign(**{name: hours[name] * 150 for name in PRICES})
    market = alone.settings.market
    alone.store.candles.upsert(market, wrong.iloc[:-25], "coinbase:BTC-JPY", lambda: NOW)
    _serve(alone, hours)
    results = [alone.ingest(NOW + hour * HOUR) for hour in range(1, CONFIRMING_CANDLES + 2)]
    assert [result.lag_candles for result in results] == [1, 2, 3, 0]
    pd.testing.assert_frame_equal(alone.stored[-4:], hours.loc[alone.stored.index[-4:]])


def test_first_candle_that_is_wrong_is_followed_by_right_ones(alone, hours):
    wrong = hours.iloc[-26:-25].assign(**{name: hours[name] * 150 for name in PRICES})
    alone.store.candles.upsert(alone.settings.market, wrong, "coinbase:BTC-JPY", lambda: NOW)
    _serve(alone, hours)
    results = _run_hours(alone, CONFIRMING_CANDLES + 2, NOW + HOUR)
    assert (results[-1].lag_candles, results[-1].held_back) == (0, 0)


@pytest.mark.parametrize("after_the_edge", [-2, -1, 0, 1])
def test_jump_at_the_edge_of_a_chunk_is_stored_in_one_run(alone, after_the_edge):
    days = 130
    candles = make_candles(days * 24 + 1, NOW.replace(minute=0, second=0))
    _serve(alone, _scaled(candles, [1e-3], 2 * CHUNK_CANDLES + after_the_edge))
    result = alone.ingest(NOW, days)
    assert (result.inserted, result.lag_candles, result.gaps) == (days * 24, 0, ())


@pytest.mark.parametrize("first", [-30, -29, -27, -25])
def test_gap_over_a_jump_is_healed(bench, candles, first):
    moved = _scaled(candles, [1e-3], len(candles) + first)
    _serve(bench, moved.drop(moved.index[-30:-25]))
    bench.ingest(NOW - 2 * HOUR)
    _serve(bench, moved)
    assert bench.ingest(NOW).gaps == ()
    pd.testing.assert_frame_equal(bench.stored, moved.loc[bench.stored.index])


@pytest.mark.parametrize("interval", ["5m", "1d"])
def test_other_intervals_recover_too(alone, interval):
    length = interval_length(interval)
    only = (SourceSettings(exchange="coinbase", pair="BTC-USD"),)
    alone.settings = alone.settings.model_copy(update={"interval": interval, "sources": only})
    start = datetime(2025, 3, 10, tzinfo=UTC)
    candles = make_candles(80, start + 10 * length, freq={"5m": "5min", "1d": "1D"}[interval])
    _serve(alone, _scaled(candles, [1e-3], len(candles) - 11))
    instants = [start + step * length + timedelta(seconds=30) for step in range(5)]
    results = [alone.ingest(instant, history_days=60) for instant in instants]
    assert [result.held_back for result in results] == [0, 1, 2, 0, 0]
    assert [result.lag_candles for result in results] == [0, 1, 2, 0, 0]


def test_jump_of_one_market_holds_back_nothing_of_another(alone, hours):
    _serve(alone, _scaled(hours, [1e-3], len(hours) - 25))
    _run_hours(alone, 2)
    assert len(alone.store.candles.held_back(alone.settings.market)) == 1
    assert alone.store.candles.held_back(Market("ETH-USD", "1h")) == []


def test_rounding_in_the_order_of_prices_is_clamped_and_counted(bench, candles):
    rounded = candles.copy()
    rounded.loc[rounded.index[-5], "high"] = np.nextafter(rounded["high"].iloc[-5], 0)
    rounded.loc[rounded.index[-5], "close"] = candles["high"].iloc[-5]
    _serve(bench, rounded)
    result = bench.ingest()
    assert (result.clamped, result.quarantined, result.gaps) == (1, 0, ())
    assert bench.stored["high"].iloc[-4] == candles["high"].iloc[-5]
