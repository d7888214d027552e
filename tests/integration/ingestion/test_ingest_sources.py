from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

NOW = datetime(2025, 3, 10, 12, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEWEST_CLOSED = datetime(2025, 3, 10, 11, tzinfo=UTC)


def _events(bench, kind):
    return [event for event in bench.store.events.read() if event.kind == kind]


def test_source_that_is_down_is_skipped_for_the_next(bench):
    bench.first.fault = (500, {})
    result = bench.ingest()
    assert (result.source, result.inserted) == ("replay:BTC-USD", 240)
    assert [one.source for one in result.failures] == ["coinbase:BTC-USD"]


def test_candle_keeps_the_source_it_came_from(bench):
    bench.ingest(NOW - HOUR)
    bench.first.fault = (500, {})
    bench.ingest(NOW)
    assert bench.store.candles.sources(bench.settings.market) == [
        "replay:BTC-USD",
        "coinbase:BTC-USD",
    ]


@pytest.mark.parametrize("status", [429, 418])
def test_throttled_source_is_not_asked_before_it_said(bench, status):
    bench.first.fault = (status, {"Retry-After": "5400"})
    bench.ingest(NOW)
    bench.first.asked.clear()
    bench.ingest(NOW + HOUR)
    assert bench.first.asked == []
    bench.first.fault = None
    assert bench.ingest(NOW + 2 * HOUR).source == "coinbase:BTC-USD"


def test_refused_source_is_left_alone_for_hours(bench):
    bench.first.fault = (403, {})
    bench.ingest(NOW)
    bench.first.asked.clear()
    bench.ingest(NOW + 5 * HOUR)
    assert bench.first.asked == []


def test_failing_source_makes_one_event_for_one_outage(bench):
    bench.first.fault = (503, {})
    for i in range(4):
        bench.ingest(NOW + i * HOUR)
    (event,) = _events(bench, "SourceFailed")
    assert event.detail["source"] == "coinbase:BTC-USD"


def test_second_outage_of_a_source_makes_a_second_event(bench):
    for hour, fault in enumerate([(503, {}), None, (503, {})]):
        bench.first.fault = fault
        bench.ingest(NOW + 2 * hour * HOUR)
    assert len(_events(bench, "SourceFailed")) == 2


def test_gap_of_the_first_source_is_healed_by_the_next_in_the_same_run(bench, candles):
    missing = candles.index[-30:-25]
    bench.first.candles = candles.drop(missing)
    result = bench.ingest()
    assert (result.gaps, result.lag_candles) == ((), 0)
    pd.testing.assert_frame_equal(bench.stored, candles.iloc[-241:-1])


def test_gap_that_no_source_can_fill_is_listed_and_never_filled(bench, candles):
    missing = candles.index[-30:-25]
    bench.first.candles = bench.second.candles = candles.drop(missing)
    (gap,) = bench.ingest().gaps
    assert (gap.start, gap.end, gap.missing) == (missing[0], missing[-1], 5)
    assert bench.stored.index.intersection(missing).empty


def test_gap_that_is_new_makes_one_event_and_one_of_long_ago_none(bench, candles):
    gaps = candles.index[-30:-25].union(candles.index[-220:-218])
    bench.first.candles = bench.second.candles = candles.drop(gaps)
    bench.ingest(NOW - HOUR)
    bench.ingest(NOW)
    (event,) = _events(bench, "CandleGap")
    assert (event.detail["missing"], event.market) == (5, bench.settings.market)


def test_gap_is_healed_as_soon_as_a_source_has_it(bench, candles):
    bench.first.candles = bench.second.candles = candles.drop(candles.index[-30:-25])
    bench.ingest(NOW - 2 * HOUR)
    bench.first.candles = candles
    assert bench.ingest(NOW).gaps == ()


def test_gap_asked_in_vain_is_asked_ever_more_rarely(bench, candles):
    missing = candles.index[-100:-95]
    bench.first.candles = bench.second.candles = candles.drop(missing)
    asked = []
    for i in range(40):
        bench.first.asked.clear()
        bench.ingest(NOW - (40 - i) * HOUR)
        asked += [i for start, _ in bench.first.asked if start == missing[0] - 3 * HOUR]
    assert asked == [1, 3, 7, 15, 31]


def test_late_candle_of_the_first_source_is_not_taken_from_the_next_at_once(bench, candles):
    bench.ingest(NOW - HOUR)
    bench.first.candles = candles.drop(pd.Timestamp(NEWEST_CLOSED))
    assert bench.ingest(NOW).lag_candles == 1


def test_candle_later_than_a_tenth_of_its_interval_is_taken_from_the_next_source(bench, candles):
    bench.ingest(NOW - HOUR)
    bench.first.candles = candles.drop(pd.Timestamp(NEWEST_CLOSED))
    result = bench.ingest(NOW + timedelta(minutes=7))
    assert result.lag_candles == 0
    assert bench.store.candles.newest(bench.settings.market).source == "replay:BTC-USD"


def test_disagreement_beyond_the_limit_is_flagged_and_the_stored_candle_stays(bench, candles):
    bench.second.candles = candles.copy()
    bench.second.candles.loc[pd.Timestamp(NEWEST_CLOSED), ["high", "close"]] *= 1.05
    result = bench.ingest()
    (found,) = result.disagreements
    assert (found.open_time, found.ratio) == (NEWEST_CLOSED, pytest.approx(0.05))
    assert bench.stored["close"].iloc[-1] == candles["close"].iloc[-2]
    (event,) = _events(bench, "SourceDisagreement")
    assert set(event.detail["closes"]) == {"coinbase:BTC-USD", "replay:BTC-USD"}


def test_disagreement_within_the_limit_is_nothing(bench, candles):
    bench.second.candles = candles * 1.015
    assert bench.ingest().disagreements == ()


def test_second_source_is_compared_once_a_day_not_each_hour(bench):
    for i in range(30):
        bench.ingest(NOW - (30 - i) * HOUR)
    assert len(bench.second.asked) == 2


def test_source_that_takes_over_is_compared_with_what_is_stored(bench, candles):
    bench.ingest(NOW - HOUR)
    bench.first.fault = (500, {})
    bench.second.candles = candles * 1.1
    result = bench.ingest(NOW)
    assert len(result.disagreements) == 3
    assert len(_events(bench, "SourceDisagreement")) == 1
