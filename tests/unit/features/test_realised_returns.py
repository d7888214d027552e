import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.unit.features.synthetic_candles import synthetic_candles, with_gaps, with_still
from tidecast.features.grid import Grid, step_returns, unbroken_returns
from tidecast.features.volatility import (
    candle_variance,
    forward_log_variance,
    interruption_factor,
    log_returns,
)

HORIZON = 7


@pytest.fixture
def gappy():
    return with_gaps(synthetic_candles(40), [(10, 1), (20, 4)])


def test_step_returns_equal_a_naive_loop(gappy):
    closes = dict(zip(gappy.index, gappy["close"], strict=True))
    grid = Grid.of(gappy, "1h")
    got = step_returns(grid, HORIZON)
    for i, end in enumerate(grid.ends):
        for step in range(1, HORIZON + 1):
            origin, target = (
                closes.get(end - grid.length),
                closes.get(end + (step - 1) * grid.length),
            )
            if origin is None or target is None:
                assert math.isnan(got[i, step - 1])
            else:
                assert got[i, step - 1] == pytest.approx(math.log(target / origin), abs=1e-12)


def test_step_returns_are_all_unknown_when_the_horizon_is_longer_than_the_frame():
    assert np.isnan(step_returns(Grid.of(synthetic_candles(3), "1h"), 5)[:, 2:]).all()


def test_log_returns_are_spread_over_the_time_they_took(gappy):
    gappy["open"] = gappy["close"]  # no move inside a candle
    grid = Grid.of(gappy, "1h")
    got = log_returns(grid.active)
    assert math.isnan(got[0])
    rows = list(gappy.itertuples())
    for i in range(1, len(rows)):
        hours = (rows[i].Index - rows[i - 1].Index) / grid.length
        expected = math.log(rows[i].close / rows[i - 1].close) / math.sqrt(hours)
        assert got[i] == pytest.approx(expected, abs=1e-12)


def test_log_return_after_a_gap_is_that_of_the_candle_if_it_moved_further():
    candles = with_gaps(synthetic_candles(30), [(10, 9)])
    row = candles.index.get_loc(candles.index[10])
    candles.iloc[row, :4] = [100.0, 104.0, 99.0, 103.0]
    candles.iloc[row - 1, 3] = 100.5
    assert log_returns(Grid.of(candles, "1h").active)[row] == pytest.approx(math.log(1.03))


@pytest.mark.parametrize("factor", [1000.0, 1 / 1000.0, 6.0])
def test_break_of_the_price_is_neither_active_nor_a_return(factor):
    candles = synthetic_candles(60)
    whole = Grid.of(candles.copy(), "1h")
    candles.iloc[30:, :4] *= factor
    grid = Grid.of(candles, "1h")
    assert set(whole.active.positions) - set(grid.active.positions) == {30}
    got, expected = log_returns(grid.active), log_returns(whole.active)
    np.testing.assert_allclose(got[31:], expected[32:], atol=1e-12)
    variances = candle_variance(grid.active)
    np.testing.assert_allclose(variances[31:], candle_variance(whole.active)[32:], atol=1e-12)


def test_unbroken_returns_are_unknown_across_a_break_only():
    candles = synthetic_candles(40)
    candles.iloc[20:, :4] *= 1000.0
    grid = Grid.of(candles, "1h")
    got, realised = unbroken_returns(grid, HORIZON), step_returns(grid, HORIZON)
    for i in range(len(grid)):
        for step in range(1, HORIZON + 1):
            if i < 20 <= i + step:
                assert math.isnan(got[i, step - 1])
            else:
                np.testing.assert_equal(got[i, step - 1], realised[i, step - 1])


def test_candle_variance_is_the_mean_of_parkinson_and_garman_klass():
    candles = synthetic_candles(60)
    got = candle_variance(Grid.of(candles, "1h").active)
    for value, row in zip(got, candles.itertuples(), strict=True):
        log_range, body = math.log(row.high / row.low), math.log(row.close / row.open)
        parkinson = log_range**2 / (4 * math.log(2))
        garman_klass = 0.5 * log_range**2 - (2 * math.log(2) - 1) * body**2
        assert value == pytest.approx((parkinson + garman_klass) / 2, rel=1e-9)


def test_candle_variance_of_a_single_trade_is_that_of_its_true_range():
    candles = synthetic_candles(3)
    candles.iloc[1, :4] = 1.02 * candles["close"].iloc[0]
    got = candle_variance(Grid.of(candles, "1h").active)
    moved = math.log(1.02) ** 2
    expected = (moved / (4 * math.log(2)) + (0.5 - (2 * math.log(2) - 1)) * moved) / 2
    assert got[1] == pytest.approx(expected, rel=1e-9)


@given(
    prices=arrays(np.float64, (6, 4), elements=st.floats(0.5, 2.0)),
    missing=st.integers(1, 3),
)
def test_candle_variance_is_finite_and_never_below_zero(prices, missing):
    candles = with_gaps(synthetic_candles(9), [(4, missing)]).iloc[:6]
    candles[["open", "close"]] = prices[:, [0, 3]]
    candles["high"], candles["low"] = prices.max(axis=1), prices.min(axis=1)
    got = candle_variance(Grid.of(candles, "1h").active)
    assert np.isfinite(got).all() and (got >= 0).all()


@pytest.mark.parametrize("volume", [0.0, 5.0])
def test_still_candle_is_not_active_whatever_its_volume(volume):
    candles = with_still(synthetic_candles(10), [(4, 2)])
    candles.iloc[4:6, 4] = volume
    active = Grid.of(candles, "1h").active
    assert active.positions.tolist() == [0, 1, 2, 3, 6, 7, 8, 9]
    assert active.elapsed.tolist() == [1, 1, 1, 1, 3, 1, 1, 1]


def test_flat_candle_at_another_price_is_active():
    candles = synthetic_candles(5)
    candles.iloc[2, :4] = 1.01 * candles["close"].iloc[1]
    assert len(Grid.of(candles, "1h").active) == 5


def test_forward_log_variance_equals_a_naive_loop():
    candles = with_still(with_gaps(synthetic_candles(34), [(12, 3), (20, 1)]), [(22, 2)])
    grid = Grid.of(candles, "1h")
    variances = dict(zip(grid.active.positions, candle_variance(grid.active), strict=True))
    got = forward_log_variance(grid, HORIZON)
    for i in range(len(grid)):
        for step in range(1, HORIZON + 1):
            future = [variances[k] for k in range(i + 1, i + 1 + step) if k in variances]
            if i + step >= len(grid) or not future:
                assert math.isnan(got[i, step - 1])
            else:
                expected = math.log(sum(future) / len(future) + 1e-9)
                assert got[i, step - 1] == pytest.approx(expected, abs=1e-9)


def test_interruption_factor_fades_over_a_day():
    candles = with_gaps(synthetic_candles(80), [(20, 5)])
    grid = Grid.of(candles, "1h")
    got = interruption_factor(grid, np.array([19, 25, 36, 47, 48, 49, 79]))
    assert got == pytest.approx([1.0, 1 + 0.2 * 23 / 24, 1.1, 1 + 0.2 / 24, 1.0, 1.0, 1.0])


def test_interruption_factor_is_largest_while_the_price_stands_still():
    grid = Grid.of(with_still(synthetic_candles(40), [(30, 10)]), "1h")
    assert interruption_factor(grid, np.array([29, 30, 39])) == pytest.approx([1.0, 1.2, 1.2])
