from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.candle_files.times import MISSING, OUTSIDE, TOO_OLD, UNREADABLE, read_times
from tidecast.errors import InvalidParameter

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
moments = st.integers(1_230_768_000, 4_102_444_800).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
"""From 2009 to 2100."""
units = st.sampled_from(list(PER_SECOND))
writings = st.sampled_from([int, str, lambda number: f"{number}.0"])


@given(st.lists(st.tuples(moments, units, writings), min_size=1, max_size=20))
def test_number_has_the_unit_of_its_magnitude(rows):
    column = pd.Series(
        [write(int(moment.timestamp()) * PER_SECOND[unit]) for moment, unit, write in rows],
        dtype=object,
    )
    assert list(read_times(column).moments) == [moment for moment, _, _ in rows]


@given(
    st.lists(st.tuples(moments, units), min_size=1, max_size=20),
    st.sampled_from(["open_time", "end of file", "n/a", "-"]),
    st.integers(0, 20),
)
def test_text_among_numbers_has_no_time_and_leaves_the_others_theirs(rows, text, position):
    numbers = [str(int(moment.timestamp()) * PER_SECOND[unit]) for moment, unit in rows]
    position = min(position, len(numbers))
    read = read_times(pd.Series([*numbers[:position], text, *numbers[position:]]))
    assert read.reasons[position] == UNREADABLE
    assert list(read.moments.delete(position)) == [moment for moment, _ in rows]


@given(st.lists(st.tuples(moments, st.booleans()), min_size=1, max_size=20))
def test_numbers_and_text_in_one_column_are_both_read(rows):
    column = [
        int(moment.timestamp()) * 1000 if as_number else moment.isoformat()
        for moment, as_number in rows
    ]
    assert list(read_times(pd.Series(column, dtype=object)).moments) == [m for m, _ in rows]


def test_compact_date_among_numbers_is_a_date():
    read = read_times(pd.Series([1738281600, 20250201]))
    assert list(read.moments) == [
        datetime(2025, 1, 31, tzinfo=UTC),
        datetime(2025, 2, 1, tzinfo=UTC),
    ]


@given(moments, st.integers(1, 999_999))
def test_nanoseconds_before_the_hour_stay_before_it(moment, nanoseconds):
    hour = moment.replace(minute=0, second=0)
    number = int(hour.timestamp()) * 10**9 - nanoseconds
    assert read_times(pd.Series([number])).moments[0] < hour


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-01-31T05:00:00Z", "2025-01-31 05:00"),
        ("January 31, 2025", "2025-01-31 00:00"),
        ("31 January 2025 05:00", "2025-01-31 05:00"),
        ("Jan 31, 2025 05:00 PM", "2025-01-31 17:00"),
        ("2025-01-31", "2025-01-31 00:00"),
        ("20250131", "2025-01-31 00:00"),
        ("2025-01-31T05:00:00.123456789+02:00", "2025-01-31 03:00:00.123456"),
        ("2025-01-31 05-PM", "2025-01-31 17:00"),
        ("31.01.2025 05:00:00.000 GMT+0100", "2025-01-31 04:00"),
        ("Jan 31, 2025", "2025-01-31 00:00"),
        ("31/01/2025 05:00", "2025-01-31 05:00"),
        ("1/31/2025 5:00 PM", "2025-01-31 17:00"),
        ("31-01-2025 05:00:00", "2025-01-31 05:00"),
    ],
)
def test_text_is_read_as_a_time(text, moment):
    assert read_times(pd.Series([text])).moments[0] == pd.Timestamp(moment, tz="UTC")


def test_one_day_above_12_tells_the_order_of_all_dates():
    times = read_times(pd.Series(["03/04/2025", "13/04/2025"]))
    assert list(times.moments.day) == [3, 13]


@pytest.mark.parametrize("dates", [["03/04/2025"], ["13/04/2025", "04/13/2025"]])
def test_dates_that_may_be_day_or_month_first_are_refused(dates):
    with pytest.raises(InvalidParameter, match="may be day/month or month/day"):
        read_times(pd.Series(dates))


@pytest.mark.parametrize(
    ("column", "zone"),
    [
        (pd.Series(["2025-01-01 05:00"]), "no zone, taken as UTC"),
        (pd.Series(pd.to_datetime(["2025-01-01"])), "no zone, taken as UTC"),
        (pd.Series(["2025-01-01 05:00+00:00", None]), "UTC"),
        (pd.Series(["2025-01-01T05:00-05:00"]), "-05:00"),
        (
            pd.Series(["2025-01-01T05:00Z", "2025-01-01"]),
            "UTC; rows without one: no zone, taken as UTC",
        ),
        (pd.Series(pd.date_range("2025-01-01", periods=1, tz="Asia/Tokyo")), "Asia/Tokyo"),
        (pd.Series([1735689600]), "UTC"),
    ],
)
def test_zone_is_named(column, zone):
    assert read_times(column).zone == zone


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (pd.Series(pd.to_datetime([None, "2025-01-01"], utc=True)), MISSING),
        (pd.Series([None, "2025-01-01"]), MISSING),
        (pd.Series(["soon", "2025-01-01"]), UNREADABLE),
        (pd.Series([float("inf"), 1735689600.0]), UNREADABLE),
        (pd.Series([10**40, 1735689600], dtype=object), OUTSIDE),
        (pd.Series([-(10**40), 1735689600], dtype=object), OUTSIDE),
        (pd.Series([2**55, 1735689600000]).astype("datetime64[ms]"), OUTSIDE),
        (pd.Series([2**45, 1735689600]).astype("datetime64[s]"), OUTSIDE),
        (pd.Series([-(2**55), 1735689600000]).astype("datetime64[ms]"), OUTSIDE),
        (pd.Series([1735689600000, 10**18]).astype("datetime64[ns]"), TOO_OLD),
        (pd.Series(["0001-01-01", "2025-01-01"]), TOO_OLD),
        (pd.Series([0, 1735689600]), TOO_OLD),
    ],
)
def test_time_that_cannot_be_is_named_for_what_it_is(column, reason):
    assert read_times(column).reasons[0] == reason


def test_year_9999_is_a_time():
    assert read_times(pd.Series(["9999-12-30"])).moments[0].to_pydatetime().year == 9999
