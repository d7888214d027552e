from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidecast.exchange.rows import (
    Unreadable,
    decimal_text,
    in_base_coin,
    iso_time,
    json_number,
    row_text,
    unix_milliseconds,
    unix_seconds,
    unix_seconds_text,
)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_decimal_text_reads_back_every_number_an_exchange_may_write(number):
    assert decimal_text(repr(number)) == number


@given(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())
    )
)
@pytest.mark.parametrize(
    "read",
    [json_number, decimal_text, unix_seconds, unix_seconds_text, unix_milliseconds, iso_time],
)
def test_readers_refuse_whatever_they_cannot_read(read, value):
    try:
        read(value)
    except Unreadable as e:
        assert str(e)


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", " 1", "1 ", "1_0", "٣", "+1", "."])
def test_decimal_text_refuses_what_only_python_calls_a_number(text):
    with pytest.raises(Unreadable):
        decimal_text(text)


@pytest.mark.parametrize("read", [unix_seconds, unix_milliseconds])
def test_time_in_a_wrong_unit_is_refused(read):
    with pytest.raises(Unreadable, match="not unix|not a time"):
        read(1_743_206_400_000_000)


def test_unix_seconds_refuses_text():
    with pytest.raises(Unreadable):
        unix_seconds("1743206400")


def test_iso_time_without_an_offset_is_utc():
    assert iso_time("2025-03-29T00:00:00") == datetime(2025, 3, 29, tzinfo=UTC)
    assert iso_time("2025-03-29T02:00:00+02:00") == datetime(2025, 3, 29, tzinfo=UTC)


def test_in_base_coin_divides_volume_by_price():
    row = {"volume": 1000.0, "close": 50.0}
    assert in_base_coin(row, "volume", "close") == {"volume": 20.0, "close": 50.0}
    assert row["volume"] == 1000.0


@pytest.mark.parametrize("row", [{"volume": 1.0, "close": 0}, {"volume": None, "close": 2}, [], 7])
def test_in_base_coin_leaves_alone_what_it_cannot_read(row):
    assert in_base_coin(row, "volume", "close") == row


def test_row_text_is_short():
    assert len(row_text(["x" * 5000])) == 500
