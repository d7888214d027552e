import numpy as np
import pytest

from tests.unit.features.naive_features import History, naive_feature
from tests.unit.features.synthetic_candles import synthetic_candles
from tidecast.features.grid import Grid
from tidecast.features.matrix import SPANS, build_matrix, needed_candles

TOLERANCE = 1e-9
"""Absolute and relative; TA-Lib's running squares cost the most of it."""


def _names(interval):
    grid = Grid.of(synthetic_candles(2, interval), interval)
    return build_matrix(grid, [1]).names


COLUMNS = [(interval, name) for interval in SPANS for name in _names(interval)]


@pytest.fixture(scope="module")
def both_ways(market):
    """For each interval: features at some cutoffs, and the naive history before each of them."""

    def compute(interval):
        candles = market(interval)
        grid = Grid.of(candles, interval)
        first = grid.active.positions[needed_candles(interval) - 1]
        rows = np.array([first, first + 25, len(grid) - 7, len(grid) - 1])
        cutoffs = grid.ends[rows].to_pydatetime()
        return build_matrix(grid, rows), [History(candles, time, interval) for time in cutoffs]

    return {interval: compute(interval) for interval in SPANS}


@pytest.mark.parametrize(("interval", "name"), COLUMNS)
def test_feature_equals_a_naive_loop(interval, name, both_ways):
    matrix, histories = both_ways[interval]
    for value, history in zip(matrix.column(name), histories, strict=True):
        expected = naive_feature(name, history)
        assert value == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE)


def test_matrix_has_columns_of_every_kind(interval):
    names = _names(interval)
    assert len(set(names)) == len(names)
    spans = SPANS[interval]
    for wanted in (
        *(f"log_variance_{span}" for span in spans.variance),
        *(f"return_{span}" for span in spans.returns),
        *("rsi", "macd_histogram", "sma_distance", "bollinger_position", "bollinger_width"),
    ):
        assert wanted in names


def test_matrix_tells_hour_and_weekday_of_the_cutoff(interval, market):
    grid = Grid.of(market(interval), interval)
    rows = np.arange(len(grid) - 30, len(grid))
    matrix = build_matrix(grid, rows)
    assert matrix.hour.tolist() == [grid.ends[row].to_pydatetime().hour for row in rows]
    assert matrix.weekday.tolist() == [grid.ends[row].to_pydatetime().weekday() for row in rows]


def test_spans_are_those_the_window_of_a_day_and_a_week_claims():
    hours = SPANS["1h"]
    assert (hours.short, hours.day, hours.week, hours.month) == (6, 24, 168, 720)


def test_take_keeps_the_chosen_rows(market):
    grid = Grid.of(market("1h"), "1h")
    rows = np.arange(len(grid) - 6, len(grid))
    chosen = np.array([True, False, True, False, False, True])
    taken, direct = build_matrix(grid, rows).take(chosen), build_matrix(grid, rows[chosen])
    np.testing.assert_array_equal(taken.values, direct.values)
    np.testing.assert_array_equal(taken.hour, direct.hour)
    np.testing.assert_array_equal(taken.weekday, direct.weekday)
