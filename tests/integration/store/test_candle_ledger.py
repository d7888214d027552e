import json
from datetime import datetime, timedelta, timezone
from functools import partial
from operator import add

import pandas as pd
import pytest

from tidecast.candles import COLUMNS, Gap, Quarantined
from tidecast.price_jumps import JUMP_REASON
from tidecast.store import NewestCandle, Upserted
from tidecast.timeframes import Market

HOUR = timedelta(hours=1)
SOURCE = "coinbase:BTC-USD"


@pytest.fixture
def candles(make_candles):
    return make_candles(100)


@pytest.fixture
def filled(store, market, candles, now):
    store.candles.upsert(market, candles, SOURCE, lambda: now)
    return store


def test_upsert_counts_what_it_inserted(store, market, candles, now):
    assert store.candles.upsert(market, candles, SOURCE, lambda: now) == Upserted(100, 0, 0)


def test_read_gives_the_frame_back_bit_for_bit(filled, market, candles):
    pd.testing.assert_frame_equal(filled.candles.read(market), candles, check_exact=True)


def test_upsert_changes_nothing_when_repeated(filled, market, candles, now):
    again = filled.candles.upsert(market, candles, SOURCE, lambda: now + HOUR)
    assert again == Upserted(0, 0, 100)
    assert filled.candles.version(market) == 100


def test_upsert_of_nothing_writes_nothing(store, market, candles, now):
    assert store.candles.upsert(market, candles[:0], SOURCE, lambda: now) == Upserted(0, 0, 0)
    assert store.candles.markets() == []


@pytest.mark.parametrize("source", [SOURCE, "kraken:BTC-USD", "bitstamp:BTC-USD"])
def test_preview_says_what_upsert_does_where_two_sources_share_a_span(
    store, market, candles, now, source
):
    store.candles.upsert(market, candles[:40], SOURCE, lambda: now)
    store.candles.upsert(market, candles[40:80], "kraken:BTC-USD", lambda: now)
    changed = candles.copy()
    changed.iloc[30:90] *= 1.001
    said = store.candles.preview(market, changed, source, lambda: now)
    assert store.candles.version(market) == 80
    assert store.candles.upsert(market, changed, source, lambda: now) == said


def test_preview_of_the_quarantine_counts_each_new_row_once(store, market, now):
    rows = [Quarantined(now, "row", "bad"), Quarantined(now, "row", "bad")]
    other = Quarantined(now, "other", "bad")
    assert store.candles.preview_quarantine(market, SOURCE, rows) == 1
    store.candles.quarantine(market, SOURCE, rows, now)
    assert store.candles.preview_quarantine(market, SOURCE, [*rows, other]) == 1
    assert store.candles.preview_quarantine(market, "kraken:BTC-USD", rows) == 1


def test_upsert_adds_a_revision_when_a_candle_changed(filled, market, candles, now):
    revised = candles[-3:] * 1.001
    assert filled.candles.upsert(market, revised, SOURCE, lambda: now + HOUR) == Upserted(0, 3, 0)
    assert filled.candles.read(market)[-3:].equals(revised)
    assert filled.candles.count(market) == 100


def test_as_of_shows_the_values_seen_by_then_when_a_candle_was_revised(
    filled, market, candles, now
):
    filled.candles.upsert(market, candles[-1:] * 1.001, SOURCE, lambda: now + HOUR)
    filled.candles.upsert(market, candles[-1:] * 1.002, SOURCE, lambda: now + 2 * HOUR)
    microsecond = timedelta(microseconds=1)
    closes = [
        filled.candles.read(market, as_of=instant)["close"].iloc[-1]
        for instant in (now, now + HOUR - microsecond, now + HOUR, now + 2 * HOUR)
    ]
    close = candles["close"].iloc[-1]
    assert closes == [close, close, close * 1.001, close * 1.002]


def test_as_of_hides_candles_that_came_later(filled, market, candles, make_candles, now):
    filled.candles.upsert(market, make_candles(1, start=now), SOURCE, lambda: now + HOUR)
    assert filled.candles.read(market, as_of=now).equals(candles)
    assert filled.candles.read(market, as_of=now - HOUR).empty


def test_candle_is_not_seen_before_its_close_when_the_clock_is_behind(store, market, candles, now):
    store.candles.upsert(market, candles, SOURCE, lambda: now - 10 * HOUR)
    assert store.candles.read(market, as_of=now - HOUR).equals(candles[:-1])
    assert store.candles.read(market, as_of=now).equals(candles)


def test_revision_is_not_seen_before_the_value_it_replaces_when_clocks_differ(
    filled, market, candles, now
):
    filled.candles.upsert(market, candles[-1:] * 1.001, SOURCE, lambda: now - 10 * HOUR)
    assert filled.candles.read(market, as_of=now - HOUR).empty
    assert filled.candles.newest(market).first_seen_at == now


def test_candle_of_another_source_stays(filled, market, candles, now):
    other = filled.candles.upsert(market, candles * 1.01, "bitstamp:btcusd", lambda: now)
    assert other == Upserted(0, 0, 100)
    assert filled.candles.read(market).equals(candles)


def test_revised_back_to_its_first_value_is_a_revision_too(filled, market, candles, now):
    filled.candles.upsert(market, candles[-1:] * 1.001, SOURCE, lambda: now + HOUR)
    back = filled.candles.upsert(market, candles[-1:], SOURCE, lambda: now + 2 * HOUR)
    assert back == Upserted(0, 1, 0)
    assert filled.candles.read(market).equals(candles)


def test_read_takes_the_start_and_stops_before_the_end(filled, market, candles):
    start, end = candles.index[10], candles.index[20]
    found = filled.candles.read(market, start=start.to_pydatetime(), end=end.to_pydatetime())
    assert found.equals(candles[10:20])


def test_limit_counts_candles_and_not_revisions(filled, market, candles, now):
    for k in range(1, 4):
        instant = partial(add, now, k * HOUR)
        filled.candles.upsert(market, candles[-2:] * (1 + k / 100), SOURCE, instant)
    found = filled.candles.read(market, limit=5)
    assert list(found.index) == list(candles.index[-5:])
    assert filled.candles.read(market, limit=5, as_of=now).equals(candles[-5:])


def test_limit_above_the_number_of_candles_gives_all(filled, market, candles):
    assert filled.candles.read(market, limit=1000).equals(candles)


def test_read_of_an_unknown_market_is_an_empty_candle_frame(store):
    found = store.candles.read(Market("ETH-USD", "1h"))
    assert list(found.columns) == list(COLUMNS)
    assert (found.index.name, str(found.index.dtype)) == ("open_time", "datetime64[us, UTC]")


def test_intervals_of_one_symbol_are_kept_apart(filled, make_candles, now):
    daily = Market("BTC-USD", "1d")
    assert filled.candles.read(daily).empty
    filled.candles.upsert(daily, make_candles(1), SOURCE, lambda: now)
    assert filled.candles.count(daily) == 1


def test_newest_is_the_current_value_of_the_last_candle(filled, market, candles, now):
    filled.candles.upsert(market, candles[-1:] * 1.5, SOURCE, lambda: now + HOUR)
    assert filled.candles.newest(market) == NewestCandle(
        open_time=candles.index[-1].to_pydatetime(),
        close=candles["close"].iloc[-1] * 1.5,
        source=SOURCE,
        first_seen_at=now + HOUR,
    )


def test_newest_is_none_when_there_is_no_candle(store, market):
    assert store.candles.newest(market) is None


def test_version_grows_with_inserts_and_revisions(filled, market, candles, now):
    assert filled.candles.version(market) == 100
    filled.candles.upsert(market, candles[-2:] * 1.01, SOURCE, lambda: now + HOUR)
    assert filled.candles.version(market) == 102
    assert filled.candles.version(Market("ETH-USD", "1h")) == 0


def test_gaps_lists_missing_candles(store, market, candles, now):
    store.candles.upsert(market, candles.drop(candles.index[10:13]), SOURCE, lambda: now)
    start, end = candles.index[10].to_pydatetime(), candles.index[12].to_pydatetime()
    assert store.candles.gaps(market) == [Gap(start, end, 3)]


def test_gaps_closes_when_the_candles_come(store, market, candles, now):
    store.candles.upsert(market, candles.drop(candles.index[10:13]), SOURCE, lambda: now)
    store.candles.upsert(market, candles[10:13], "bitstamp:btcusd", lambda: now)
    assert store.candles.gaps(market) == []


def test_gaps_is_empty_when_there_is_no_candle(store, market):
    assert store.candles.gaps(market) == []


def test_sources_are_distinct_and_begin_with_that_of_the_newest_candle(store, market, candles, now):
    store.candles.upsert(market, candles[:50], "kraken:XBTUSD", lambda: now)
    store.candles.upsert(market, candles[50:], SOURCE, lambda: now)
    assert store.candles.sources(market) == [SOURCE, "kraken:XBTUSD"]
    until = candles.index[50].to_pydatetime()
    assert store.candles.sources(market, end=until) == ["kraken:XBTUSD"]


def test_markets_lists_those_with_candles(filled, candles, now):
    filled.candles.upsert(Market("ADA-USD", "1h"), candles, SOURCE, lambda: now)
    found = filled.candles.markets()
    assert found == [Market("ADA-USD", "1h"), Market("BTC-USD", "1h")]


def test_quarantine_keeps_a_row_and_reason_once(store, market, now):
    rows = [Quarantined(now, '{"close": -1}', "price not above zero")]
    assert store.candles.quarantine(market, SOURCE, rows, now) == 1
    assert store.candles.quarantine(market, SOURCE, rows, now + HOUR) == 0
    (kept,) = store.candles.quarantined(market)
    assert (kept.open_time, kept.row, kept.reason) == (now, rows[0].row, rows[0].reason)
    assert (kept.source, kept.first_seen_at) == (SOURCE, now)


def test_quarantine_takes_the_same_row_twice_in_one_page(store, market, now):
    row = Quarantined(None, "<html>", "not a number")
    assert store.candles.quarantine(market, SOURCE, [row, row], now) == 1


def _jump(open_time, close):
    row = json.dumps({"open": close, "high": close, "low": close, "close": close, "volume": 1.0})
    return Quarantined(open_time, row, JUMP_REASON)


def test_held_back_gives_each_suspect_candle_behind_the_newest_once(filled, market, candles, now):
    old = candles.index[-1].to_pydatetime()
    filled.candles.quarantine(market, SOURCE, [_jump(old, 1.0), _jump(now + HOUR, 2.0)], now)
    filled.candles.quarantine(market, "kraken:XBTUSD", [_jump(now, 3.0), _jump(now, 4.0)], now)
    filled.candles.quarantine(market, SOURCE, [Quarantined(now, "{}", "volume below zero")], now)
    found = [(row.open_time, row.close) for row in filled.candles.held_back(market)]
    assert found == [(now, 4.0), (now + HOUR, 2.0)]


def test_released_row_is_in_quarantine_no_more(store, market, now):
    store.candles.quarantine(market, SOURCE, [_jump(now, 1.0), _jump(now + HOUR, 2.0)], now)
    store.candles.release(store.candles.suspects(market, now, now + HOUR))
    (left,) = store.candles.quarantined(market)
    assert left.open_time == now + HOUR


def test_quarantined_gives_the_newest_first(store, market, now):
    rows = [Quarantined(now, str(k), "bad") for k in range(3)]
    store.candles.quarantine(market, SOURCE, rows, now)
    assert [row.row for row in store.candles.quarantined(market, limit=2)] == ["2", "1"]


def test_quarantine_takes_hostile_text(store, market, now):
    hostile = Quarantined(None, "nul \x00, surrogate \ud800, " + "x" * 1_000_000, "not a number")
    assert store.candles.quarantine(market, SOURCE, [hostile], now) == 1
    kept = store.candles.quarantined(market)[0].row
    assert kept.startswith("nul \\x00, surrogate \\ud800, xxx")
    assert len(kept) < 3000


def test_naive_datetime_is_refused(store, market, candles, now):
    naive = now.replace(tzinfo=None)
    with pytest.raises(TypeError, match="naive"):
        store.candles.upsert(market, candles, SOURCE, lambda: naive)
    with pytest.raises(ValueError, match="naive datetime"):
        store.candles.read(market, as_of=naive)
    assert store.candles.count(market) == 0


def test_times_of_another_zone_come_back_in_utc(store, market, candles):
    there = datetime(2026, 1, 1, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    store.candles.upsert(market, candles.tz_convert("Asia/Kolkata"), SOURCE, lambda: there)
    assert store.candles.read(market).equals(candles)
    assert store.candles.newest(market).first_seen_at.isoformat() == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda frame: frame.tz_localize(None), "time zone"),
        (lambda frame: frame[::-1], "increase"),
        (lambda frame: pd.concat([frame, frame[-1:]]), "unique"),
        (lambda frame: frame.assign(close=float("nan")), "finite"),
    ],
    ids=["naive", "reversed", "duplicate", "nan"],
)
def test_upsert_refuses_what_is_no_candle_frame(store, market, candles, now, spoil, message):
    with pytest.raises(ValueError, match=message):
        store.candles.upsert(market, spoil(candles), SOURCE, lambda: now)
    assert store.candles.count(market) == 0
