import math

import numpy as np
import pytest

from tests.unit.features.synthetic_candles import synthetic_candles, with_gaps
from tidecast.features.grid import Grid, step_returns
from tidecast.features.volatility import candle_variance, forward_log_variance, log_returns

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


def test_log_returns_equal_a_naive_loop(gappy):
    grid = Grid.of(gappy, "1h")
    got = log_returns(grid)
    assert math.isnan(got[0])
    for i in range(1, len(grid)):
        assert got[i] == pytest.approx(math.log(grid.close[i] / grid.close[i - 1]), abs=1e-12)
    assert got[10] == 0.0


def test_candle_variance_is_the_mean_of_parkinson_and_garman_klass():
    candles = synthetic_candles(60)
    got = candle_variance(Grid.of(candles, "1h"))
    for value, row in zip(got, candles.itertuples(), strict=True):
        log_range, body = math.log(row.high / row.low), math.log(row.close / row.open)
        parkinson = log_range**2 / (4 * math.log(2))
        garman_klass = 0.5 * log_range**2 - (2 * math.log(2) - 1) * body**2
        assert value == pytest.approx((parkinson + garman_klass) / 2, rel=1e-9)


def test_candle_variance_is_zero_for_a_flat_candle_and_never_below():
    flat = synthetic_candles(3)
    flat[["open", "high", "low", "close"]] = 100.0
    assert (candle_variance(Grid.of(flat, "1h")) == 0).all()
    full = flat.assign(open=100.0, low=100.0, high=110.0, close=110.0)
    assert (candle_variance(Grid.of(full, "1h")) > 0).all()


def test_forward_log_variance_equals_a_naive_loop():
    variances = candle_variance(Grid.of(synthetic_candles(30), "1h")).tolist()
    got = forward_log_variance(np.array(variances), HORIZON)
    for i in range(len(variances)):
        for step in range(1, HORIZON + 1):
            future = variances[i + 1 : i + 1 + step]
            if len(future) < step:
                assert math.isnan(got[i, step - 1])
            else:
                expected = math.log(sum(future) / step + 1e-9)
                assert got[i, step - 1] == pytest.approx(expected, abs=1e-9)
