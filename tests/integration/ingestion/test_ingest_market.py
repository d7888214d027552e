from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from tidecast.exit_codes import ExitCode
from tidecast.settings import SourceSettings

NOW = datetime(2025, 3, 10, 12, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEWEST_CLOSED = datetime(2025, 3, 10, 11, tzinfo=UTC)


def test_empty_store_is_filled_with_the_history_that_settings_ask_for(bench):
    result = bench.ingest(history_days=10)
    assert (result.inserted, result.source) == (240, "coinbase:BTC-USD")
    assert (result.newest, result.lag_candles, result.gaps) == (NEWEST_CLOSED, 0, ())
    assert result.exit_code is ExitCode.OK
    pd.testing.assert_frame_equal(bench.stored, bench.first.candles.iloc[-241:-1])


def test_unfinished_candle_is_never_stored(bench):
    bench.ingest()
    assert bench.stored.index[-1] == NEWEST_CLOSED


@pytest.mark.parametrize("seconds", [0.0, 0.5, 3599.9])
def test_unfinished_candle_is_not_stored_at_any_second_of_its_hour(bench, seconds):
    now = datetime(2025, 3, 10, 12, tzinfo=UTC) + timedelta(seconds=seconds)
    assert bench.ingest(now).newest == NEWEST_CLOSED


def test_second_run_stores_only_the_new_candle(bench):
    bench.ingest(NOW - HOUR)
    result = bench.ingest(NOW)
    assert (result.inserted, result.revised, result.unchanged) == (1, 0, 3)


def test_second_run_asks_only_for_the_newest_candles(bench):
    bench.ingest(NOW - HOUR)
    bench.first.asked.clear()
    bench.ingest(NOW)
    (asked,) = bench.first.asked
    assert asked == (NEWEST_CLOSED - 3 * HOUR, NEWEST_CLOSED + HOUR)


def test_run_twice_at_the_same_time_changes_nothing(bench):
    bench.ingest()
    version = bench.store.candles.version(bench.settings.market)
    result = bench.ingest()
    assert (result.inserted, result.revised) == (0, 0)
    assert bench.store.candles.version(bench.settings.market) == version


def test_outage_of_thirty_hours_is_backfilled(bench):
    bench.ingest(NOW - 30 * HOUR)
    result = bench.ingest(NOW)
    assert (result.inserted, result.lag_candles, result.gaps) == (30, 0, ())


def test_late_candle_is_stored_when_it_comes(bench, candles):
    late = candles.index == NEWEST_CLOSED
    bench.first.candles = bench.second.candles = candles[~late]
    assert bench.ingest(NOW).lag_candles == 1
    bench.first.candles = candles
    result = bench.ingest(NOW + 40 * timedelta(minutes=1))
    assert (result.inserted, result.lag_candles) == (1, 0)


def test_revised_candle_adds_a_revision_and_the_old_value_stays_readable(bench, candles):
    bench.ingest(NOW)
    bench.first.candles = candles.copy()
    bench.first.candles.loc[pd.Timestamp(NEWEST_CLOSED), "volume"] += 1.5
    later = NOW + timedelta(minutes=10)
    assert bench.ingest(later).revised == 1
    market = bench.settings.market
    before = bench.store.candles.read(market, as_of=NOW)["volume"].iloc[-1]
    assert bench.stored["volume"].iloc[-1] == before + 1.5


def test_longer_history_is_fetched_when_settings_ask_for_more(bench):
    bench.ingest(history_days=5)
    result = bench.ingest(history_days=10)
    assert result.inserted == 120
    assert len(bench.stored) == 240


def test_history_that_a_source_does_not_have_is_asked_once(bench):
    bench.ingest(history_days=100)
    bench.first.asked.clear()
    bench.ingest(history_days=100)
    assert len(bench.first.asked) == 1


def test_long_backfill_tells_its_progress(bench):
    bench.ingest(history_days=100)
    assert bench.steps[0] == "BTC-USD:1h: 1,500 of 2,401 candles asked, coinbase:BTC-USD"


def test_bad_rows_are_quarantined_and_good_ones_stored(bench):
    spike = int((NEWEST_CLOSED - HOUR).timestamp())
    bench.first.candles = bench.first.candles.drop(pd.Timestamp(NEWEST_CLOSED - HOUR))
    bench.first.extra_rows = [[spike, 5e7, 5e7, 5e7, 5e7, 1.0], ["soon", 1, 1, 1, 1, 1]]
    result = bench.ingest()
    reasons = {row.reason for row in bench.store.candles.quarantined(bench.settings.market)}
    assert result.quarantined == 2
    assert "price more than 5 times away from the candles around it" in reasons
    assert bench.stored["close"].max() < 1e6


def test_stored_rows_are_untouched_by_a_hostile_answer(bench):
    bench.ingest(NOW)
    before = bench.stored
    stamps = [int((NEWEST_CLOSED - i * HOUR).timestamp()) for i in range(3)]
    bench.first.candles = bench.first.candles.iloc[:0]
    bench.first.extra_rows = [[stamp, -1, 1e9, 1, 1, 1] for stamp in stamps]
    bench.ingest(NOW + timedelta(minutes=1))
    pd.testing.assert_frame_equal(bench.stored, before)


@pytest.mark.parametrize("minutes", [-10, 10])
def test_skewed_clock_of_the_machine_leads_to_the_same_rows(bench, minutes):
    bench.first.now = bench.second.now = NOW
    bench.ingest_at(NOW + timedelta(minutes=minutes))
    assert bench.stored.index[-1] == NEWEST_CLOSED


def test_source_whose_clock_runs_wild_cannot_close_an_open_candle(bench):
    bench.first.now = NOW + 5 * HOUR
    bench.ingest_at(NOW)
    assert bench.stored.index[-1] == NEWEST_CLOSED


def test_market_without_an_answer_says_why(bench):
    bench.first.fault = bench.second.fault = (503, {})
    result = bench.ingest()
    assert result.source is None
    assert result.exit_code is ExitCode.UNAVAILABLE
    assert [one.source for one in result.failures] == ["coinbase:BTC-USD", "replay:BTC-USD"]
    assert result.lag_candles == 240


def test_market_with_an_unknown_pair_needs_the_operator(bench):
    only = (SourceSettings(exchange="coinbase", pair="NO-PAIR"),)
    bench.settings = bench.settings.model_copy(update={"sources": only})
    bench.first.fault = (404, {})
    assert bench.ingest().exit_code is ExitCode.CONFIGURATION
