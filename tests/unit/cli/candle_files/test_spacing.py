import pandas as pd
import pytest

from cli.options import Stamped
from tidecast.errors import InvalidParameter

HOUR = pd.Timedelta("1h")


def _moved(table, by):
    return table.assign(timestamp=table["timestamp"] + pd.Timedelta(by))


@pytest.mark.parametrize(
    ("distance", "market", "message"),
    [
        ("1D", "1h", "1d apart, the market's interval is 1h"),
        ("1min", "1h", "1m apart, the market's interval is 1h"),
        ("5min", "1h", "5m apart"),
        ("1h", "5m", "1h apart, the market's interval is 5m"),
        ("1h", "1d", "1h apart, the market's interval is 1d"),
        ("7D", "1d", "1w apart"),
    ],
)
def test_candles_of_another_interval_are_refused(read, table, distance, market, message):
    times = pd.date_range("2025-01-01", periods=len(table), freq=distance, tz="UTC")
    with pytest.raises(InvalidParameter) as caught:
        read(table.assign(timestamp=times), market)
    assert message in str(caught.value)


def test_missing_candles_are_no_other_interval(read, table):
    assert len(read(table[table.index % 3 != 1]).candles) == 16


@pytest.mark.parametrize("before", ["1ns", "1us", "1ms", "1s"])
def test_times_when_candles_close_are_named(read, table, before):
    stamped = table.astype({"timestamp": "datetime64[ns, UTC]"})
    stamped["timestamp"] += HOUR - pd.Timedelta(before)
    with pytest.raises(InvalidParameter, match="when the candles close") as caught:
        read(stamped)
    assert "--stamped close" in caught.value.allowed


@pytest.mark.parametrize("late", ["1h", "59min 59.999s", "59min 59s"])
def test_times_when_candles_close_are_moved_on_request(read, table, late):
    candles = read(_moved(table, late), stamped=Stamped.CLOSE).candles
    pd.testing.assert_frame_equal(candles, read(table).candles)


def test_times_off_the_grid_are_named_with_their_distance(read, table):
    with pytest.raises(InvalidParameter, match="0:30:00 after the grid of 1h candles"):
        read(_moved(table, "30min"))


def test_days_of_another_zone_are_named_with_their_distance(read, table):
    times = pd.date_range("2025-01-01 05:00", periods=len(table), freq="D", tz="UTC")
    with pytest.raises(InvalidParameter, match="5:00:00 after the grid of 1d candles"):
        read(table.assign(timestamp=times), "1d")


def test_single_rows_off_the_grid_are_refused_alone(read, table):
    table.loc[7, "timestamp"] += pd.Timedelta("2s")
    file = read(table)
    assert [row.reason for row in file.refused] == ["open time off the grid"]
    assert len(file.candles) == 23
