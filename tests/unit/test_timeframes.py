import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidecast.errors import InvalidParameter
from tidecast.timeframes import (
    INTERVALS,
    Market,
    floor_to_grid,
    format_rfc3339,
    interval_length,
    is_closed,
    last_closed_open_time,
)

SINCE, UNTIL = (datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (2010, 2040))
MOMENTS = st.datetimes(SINCE, UNTIL, timezones=st.just(UTC))


@pytest.fixture(params=["America/New_York", "Asia/Kathmandu", "UTC"])
def machine_timezone(request, monkeypatch):
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_interval_length_refuses_an_unknown_name_and_says_what_is_allowed():
    with pytest.raises(InvalidParameter, match="2h") as caught:
        interval_length("2h")
    assert caught.value.allowed == tuple(INTERVALS)


@given(MOMENTS, st.sampled_from(list(INTERVALS)))
def test_floor_to_grid_is_the_newest_grid_point(moment, interval):
    floored = floor_to_grid(moment, interval)
    assert timedelta(0) <= moment - floored < interval_length(interval)
    assert floor_to_grid(floored, interval) == floored
    assert floored.timestamp() % interval_length(interval).total_seconds() == 0


@given(MOMENTS, st.sampled_from(list(INTERVALS)))
def test_last_closed_open_time_is_closed_and_the_next_is_not(moment, interval):
    newest = last_closed_open_time(moment, interval)
    assert is_closed(newest, interval, moment)
    assert not is_closed(newest + interval_length(interval), interval, moment)


@pytest.mark.parametrize(
    ("server_time", "closed"),
    [
        ("2025-03-09T08:59:59.900000+00:00", False),
        ("2025-03-09T09:00:00+00:00", True),
        ("2025-03-09T09:00:00.500000+00:00", True),
    ],
)
def test_candle_closes_exactly_at_the_end_of_its_interval(server_time, closed):
    opened = datetime(2025, 3, 9, 8, tzinfo=UTC)
    assert is_closed(opened, "1h", datetime.fromisoformat(server_time)) is closed


def test_floor_to_grid_ignores_the_timezone_of_the_machine_on_a_dst_day(machine_timezone):
    moment = datetime(2025, 3, 9, 7, 30, tzinfo=UTC)
    assert floor_to_grid(moment, "1h") == datetime(2025, 3, 9, 7, tzinfo=UTC)
    assert floor_to_grid(moment, "1d") == datetime(2025, 3, 9, tzinfo=UTC)


def test_format_rfc3339_writes_utc_in_any_machine_timezone(machine_timezone):
    moment = datetime(2025, 1, 31, 12, 0, 0, 900_000, tzinfo=timezone(timedelta(hours=2)))
    assert format_rfc3339(moment) == "2025-01-31T10:00:00Z"


def test_market_parses_what_it_prints():
    market = Market.parse("btc-usd:1h")
    assert market == Market("BTC-USD", "1h")
    assert Market.parse(str(market)) == market
    assert market.length == timedelta(hours=1)


@pytest.mark.parametrize(
    "text", ["BTC-USD", "BTCUSD:1h", "-USD:1h", "BTC-USD:2h", "", "BTC-U$D:1h"]
)
def test_market_refuses_a_malformed_name(text):
    with pytest.raises(InvalidParameter):
        Market.parse(text)
