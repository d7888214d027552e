import numpy as np
import pandas as pd
import pytest

from tests.unit.features.synthetic_candles import synthetic_candles, with_gaps
from tidecast.candles import COLUMNS, empty_frame, frame_from_rows
from tidecast.errors import InvalidParameter, TooFewCandles
from tidecast.features.grid import Grid
from tidecast.timeframes import interval_length


def test_grid_holds_the_candles_as_they_are(interval):
    candles = synthetic_candles(20, interval)
    grid = Grid.of(candles, interval)
    assert len(grid) == 20
    assert grid.present.all()
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(grid, name), candles[name])


def test_grid_ends_are_open_time_plus_interval(interval):
    candles = synthetic_candles(5, interval)
    expected = [time + interval_length(interval) for time in candles.index]
    assert list(Grid.of(candles, interval).ends) == expected


def test_grid_shows_a_missing_candle_as_flat_and_without_volume(interval):
    candles = with_gaps(synthetic_candles(10, interval), [(4, 2)])
    grid = Grid.of(candles, interval)
    assert len(grid) == 10
    np.testing.assert_array_equal(np.flatnonzero(~grid.present), [4, 5])
    for name in ("open", "high", "low", "close"):
        assert (getattr(grid, name)[4:6] == candles["close"].iloc[3]).all()
    assert (grid.volume[4:6] == 0).all()


def test_grid_leaves_the_frame_alone():
    candles = with_gaps(synthetic_candles(10), [(4, 2)])
    before = candles.copy(deep=True)
    Grid.of(candles, "1h")
    pd.testing.assert_frame_equal(candles, before)


def test_grid_refuses_an_empty_frame():
    with pytest.raises(TooFewCandles):
        Grid.of(empty_frame(), "1h")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_positions_find_cutoffs_of_any_resolution(unit):
    grid = Grid.of(synthetic_candles(10), "1h")
    cutoffs = pd.DatetimeIndex(grid.ends[[7, 3]]).as_unit(unit)
    np.testing.assert_array_equal(grid.positions(cutoffs, 1), [7, 3])


def test_positions_are_the_last_candle_when_no_cutoff_is_named():
    np.testing.assert_array_equal(Grid.of(synthetic_candles(10), "1h").positions(None, 10), [9])


def test_positions_refuse_a_cutoff_on_a_missing_candle():
    grid = Grid.of(with_gaps(synthetic_candles(10), [(4, 2)]), "1h")
    for missing in (4, 5):
        with pytest.raises(InvalidParameter, match="not the end of a candle"):
            grid.positions(grid.ends[[missing]], 1)


@pytest.mark.parametrize("offset", ["-1h", "30min", "10h"])
def test_positions_refuse_a_cutoff_outside_the_frame_or_off_the_grid(offset):
    grid = Grid.of(synthetic_candles(10), "1h")
    cutoff = pd.DatetimeIndex([grid.ends[0] + pd.Timedelta(offset)])
    with pytest.raises(InvalidParameter) as caught:
        grid.positions(cutoff, 1)
    assert caught.value.field == "cutoffs"


def test_positions_say_how_much_history_there_is_and_should_be():
    grid = Grid.of(synthetic_candles(10), "1h")
    with pytest.raises(TooFewCandles) as caught:
        grid.positions(grid.ends[[9, 4]], 6)
    assert (caught.value.needed, caught.value.have) == (6, 5)


def test_positions_count_candles_and_not_the_missing_ones():
    grid = Grid.of(with_gaps(synthetic_candles(10), [(2, 5)]), "1h")
    with pytest.raises(TooFewCandles, match="needs 11 candles, has 5"):
        grid.positions(None, 11)


def test_grid_does_not_depend_on_how_the_frame_lies_in_memory():
    candles = synthetic_candles(50)
    rows = [tuple(row) for row in candles.itertuples()]
    striped, columns = Grid.of(frame_from_rows(rows), "1h"), Grid.of(candles, "1h")
    for name in COLUMNS:
        assert getattr(striped, name).tobytes() == getattr(columns, name).tobytes()
        assert getattr(striped, name).flags.c_contiguous
