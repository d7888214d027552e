from datetime import date, timedelta

import numpy as np
import pytest

from tidecast.timeframes import Market

HOUR = timedelta(hours=1)
DAY = date(2026, 1, 1)


def test_calibration_comes_back_with_its_cutoff(store, market, now):
    store.calibrations.put(market, "1", now, '{"offsets": [0.25, "ü"]}')
    assert store.calibrations.get(market, "1") == (now, '{"offsets": [0.25, "ü"]}')


def test_calibration_of_an_instant_is_the_last_one_up_to_it(store, market, now):
    for k in range(3):
        store.calibrations.put(market, "1", now + k * HOUR, str(k))
    assert store.calibrations.get(market, "1") == (now + 2 * HOUR, "2")
    assert store.calibrations.get(market, "1", as_of=now + HOUR) == (now + HOUR, "1")
    assert store.calibrations.get(market, "1", as_of=now - HOUR) is None


def test_calibration_that_a_forecast_may_have_used_stays(store, market, now):
    assert store.calibrations.put(market, "1", now, "first")
    assert not store.calibrations.put(market, "1", now, "second")
    assert store.calibrations.get(market, "1") == (now, "first")


def test_calibrations_of_models_are_kept_apart(store, market, now):
    store.calibrations.put(market, "1", now, "one")
    assert store.calibrations.get(market, "2") is None


def test_promotion_comes_back_with_its_verdict(store, market, now):
    verdict = {"passed": np.False_, "figures": {"t": 1.5, "nan": float("nan")}}
    added = store.promotions.add(
        market, "2", previous="1", at=now, by="anna", reason="test", forced=True, verdict=verdict
    )
    kept = store.promotions.newest(market)
    assert (kept.id, kept.version, kept.previous) == (added.id, "2", "1")
    assert (kept.at, kept.by, kept.reason, kept.forced) == (now, "anna", "test", True)
    assert kept.verdict["passed"] is False
    assert np.isnan(kept.verdict["figures"]["nan"])


def test_promotions_are_listed_newest_first(store, market, now):
    for version in ("1", "2", "1"):
        # All at one instant: the order is that of writing, not that of a clock.
        store.promotions.add(market, version, previous=None, at=now, by="a", reason="r")
    assert [kept.version for kept in store.promotions.history(market, limit=2)] == ["1", "2"]
    assert store.promotions.newest(Market("ETH-USD", "1h")) is None


def test_event_with_a_known_key_is_added_once(store, market, now):
    assert store.events.add("retrained", "retrained:7", {"version": "2"}, now, market)
    assert not store.events.add("retrained", "retrained:7", {}, now + HOUR, market)
    (event,) = store.events.read()
    assert (event.kind, event.key, event.market) == ("retrained", "retrained:7", market)
    assert (event.detail, event.at) == ({"version": "2"}, now)


def test_events_are_selected_by_market_and_time(store, market, now):
    store.events.add("a", "1", {}, now, market)
    store.events.add("a", "2", {}, now + HOUR, market)
    store.events.add("a", "3", {}, now + 2 * HOUR)
    assert [event.key for event in store.events.read()] == ["3", "2", "1"]
    assert [event.key for event in store.events.read(market=market)] == ["2", "1"]
    assert [event.key for event in store.events.read(since=now + HOUR, limit=1)] == ["3"]


def test_sentiment_keeps_new_and_changed_values(store, now):
    day_after = DAY + timedelta(days=1)
    assert store.sentiment.put([(day_after, 7), (DAY, 5)], now) == 2
    assert store.sentiment.put([(DAY, 6), (day_after, 7)], now + HOUR) == 1
    assert store.sentiment.read().to_dict() == {DAY: 6, day_after: 7}
    assert store.sentiment.read(start=day_after).to_dict() == {day_after: 7}
    assert store.sentiment.read(end=day_after).to_dict() == {DAY: 6}


def test_sentiment_without_rows_is_an_empty_integer_series(store, now):
    assert store.sentiment.put([], now) == 0
    assert str(store.sentiment.read().dtype) == "int64"


def test_note_is_replaced(store, now):
    assert store.notes.get("monitor:BTC-USD:1h") is None
    store.notes.put("monitor:BTC-USD:1h", {"rounds": 1}, now)
    store.notes.put("monitor:BTC-USD:1h", {"rounds": [2, None]}, now + HOUR)
    assert store.notes.get("monitor:BTC-USD:1h") == {"rounds": [2, None]}


def test_note_that_is_no_json_is_refused(store, now):
    with pytest.raises(TypeError, match="cannot be written as JSON"):
        store.notes.put("n", {"at": now}, now)


def test_closed_store_can_be_used_again(store, market):
    store.close()
    store.ping()
    assert store.candles.count(market) == 0
